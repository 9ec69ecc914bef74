"""Sensors read the audit trail forward: each event once, also one whose transaction was slow to commit."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from ghost_pipeline.catalog.history import recent_events
from ghost_pipeline.catalog.sightings import record_inferences
from ghost_pipeline.catalog.storage.tables import model_events
from ghost_pipeline.lifecycle.records import Inference
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline.settings import Thresholds
from ghost_pipeline_tests.catalog.backends import POSTGRESQL, Place, new_place
from ghost_pipeline_tests.catalog.history.test_changes import NOON, fill

Counts = Counter[tuple[str, EventKind, str | None]]


def count(counts: list[recent_events.EventCount]) -> Counts:
    found: Counts = Counter()
    for one in counts:
        found[one.provider_id, one.kind, one.source] += one.count
    return found


def test_an_event_whose_transaction_is_slow_is_reported_when_it_commits(tmp_path: Path) -> None:
    place = new_place(POSTGRESQL, tmp_path)
    database = place.database()
    with place.opened(lambda: NOON) as catalog:
        listed = counted = ""
        found: list[str] = []
        total: Counts = Counter()

        def tick() -> None:
            nonlocal listed, counted
            events, listed = catalog.list_recent_events(listed, 0, 10)
            counts, counted = catalog.count_recent_events(counted)
            found.extend(event.model_id for event in events)
            total.update(count(counts))

        with database.writing() as connection:
            record_inferences(connection, [Inference("openai", "slow", NOON, NOON)], NOON, Thresholds())
            catalog.track_successful_inference("groq", "quick")
            for _ in range(3):
                tick()
            assert found == ["quick"]
        for _ in range(3):
            tick()
    assert found == ["quick", "slow"]
    assert {slug: number for (slug, _, _), number in total.items()} == {"groq": 1, "openai": 1}
    database.close()
    place.remove()


@pytest.mark.parametrize("batches", [1, 3, 2_000])
def test_every_event_is_listed_and_counted_once(place: Place, monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    monkeypatch.setattr(recent_events, "MAX_BATCHES", batches)
    monkeypatch.setattr(recent_events, "_BATCHES_A_STATEMENT", 2)
    with place.opened() as catalog:
        fill(catalog)
        events = catalog.list_events()
        listed = counted = ""
        found, total = [], Counter[tuple[str, EventKind, str | None]]()
        for _ in range(50):
            page, listed = catalog.list_recent_events(listed, 0, 7)
            counts, counted = catalog.count_recent_events(counted)
            found += page
            total += count(counts)
        assert found == events
        assert total == Counter((event.provider_id, event.kind, event.source) for event in events)
        some, _ = catalog.list_recent_events("", 0, 1_000, (EventKind.CHANGED, EventKind.DEACTIVATED))
        assert some == [one for one in events if one.kind not in (EventKind.CHANGED, EventKind.DEACTIVATED)]


def test_a_cursor_of_ids_is_continued_and_misses_nothing(place: Place) -> None:
    with place.opened() as catalog:
        fill(catalog)
        events = catalog.list_events()
        database = place.database()
        with database.reading() as connection:
            ids = list(connection.scalars(sa.select(model_events.c.id).order_by(model_events.c.id)))
        database.close()
        for number in (0, 1, 39, 40, 43, len(ids) - 2):
            page, listed = catalog.list_recent_events("", ids[number], 1_000)
            counts, counted = catalog.count_recent_events("", ids[number])
            assert page == events[number + 1 :]
            assert sum(one.count for one in counts) == len(page)
            assert (catalog.list_recent_events(listed, 0, 10)[0], catalog.count_recent_events(counted)[0]) == ([], [])
        assert catalog.list_recent_events("", ids[-1], 10)[0] == []
        assert catalog.count_recent_events("", ids[-1])[0] == []


@pytest.mark.parametrize("cursor", ["edited", "c1-" + "0" * 32 + "-1-1"])
def test_a_cursor_that_is_not_of_this_catalog_starts_over(place: Place, cursor: str) -> None:
    with place.opened() as catalog:
        catalog.track_successful_inference("openai", "a", observed_at=datetime(2026, 1, 1, tzinfo=UTC))
        assert [event.model_id for event in catalog.list_recent_events(cursor, 0, 10)[0]] == ["a"]
        assert len(catalog.count_recent_events(cursor)[0]) == 1
