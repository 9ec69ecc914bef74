"""Pages of models, attempts, events and departures against the whole of the same, on both databases."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.browsing import recorded_days, selection
from ghost_pipeline.catalog.browsing.recorded_days import CountedDays
from ghost_pipeline.catalog.history.changes import ChangeFilter
from ghost_pipeline.catalog.results import ModelFilter, SubmittedListing
from ghost_pipeline.errors import UnknownListing, UnknownProvider
from ghost_pipeline.lifecycle.records import Inference
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline_tests.catalog.backends import BACKENDS, Place, new_place

BEGIN = datetime(2026, 3, 1, 10, tzinfo=UTC)
NOW = BEGIN + timedelta(days=40)
DAY = timedelta(days=1)


def listing(*ids: str, price: str = "0.000001", context: int = 8_192) -> bytes:
    rows = [
        {
            "id": one,
            "context_length": context,
            "pricing": {"prompt": price, "completion": price},
            "expiration_date": None,
        }
        for one in ids
    ]
    return json.dumps({"data": rows}).encode()


class Story:
    """A catalog in which everything happened that pages show."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.now = BEGIN
        self.catalog = place.opened(clock=lambda: self.now)
        self.listings: list[int] = []

    def submit(self, provider: str, content: bytes, at: datetime) -> int:
        self.now = at
        admitted = self.catalog.admit(SubmittedListing(provider, f"{provider}_models.json", content, at))
        if not admitted.is_finished:
            self.catalog.reconcile(admitted.listing_id)
        self.listings.append(admitted.listing_id)
        return admitted.listing_id

    def unfold(self) -> "Story":
        many = [f"lab/model-{number}" for number in range(12)]
        self.submit("openrouter", listing(*many), BEGIN)
        self.submit("groq", listing("lab/model-1"), BEGIN)
        self.submit("openrouter", listing(*many, price="0.000002", context=16_384), BEGIN + DAY)
        self.submit("openrouter", listing(*many[:3], price="0.000002", context=16_384), BEGIN + 2 * DAY)
        self.submit("openrouter", b"<html>", BEGIN + 3 * DAY)
        self.submit("openrouter", listing(*many[:10], "lab/new", price="0.000002"), BEGIN + 4 * DAY)
        used_at = BEGIN + 5 * DAY
        self.catalog.record_inferences([Inference("openrouter", "lab/model-11", used_at, used_at)])
        self.now = BEGIN + 6 * DAY
        self.catalog.mark_stale_models_inactive()
        self.catalog.remove_model("groq", "lab/model-1")
        self.submit("openrouter", listing(*many[:10], "lab/new", price="0.000002"), BEGIN + 30 * DAY)
        self.now = NOW
        self.catalog.delete_old_inactive_models()
        self.catalog.restore_model("openrouter", "lab/model-10")
        self.catalog.add_manual_model("openrouter", "lab/by-hand", observed_at=NOW)
        return self


@pytest.fixture(scope="module", params=BACKENDS)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    place = new_place(request.param, tmp_path_factory.mktemp("browsing"))
    story = Story(place).unfold()
    yield story
    story.catalog.close()
    place.remove()


FILTERS: list[dict[str, Any]] = [
    {"is_active": None},
    {"is_active": None, "sort": "-last_seen_at"},
    {"is_active": None, "search": "MODEL-1"},
    {"is_active": None, "is_cost_unknown": True},
    {"is_active": None, "max_input_price": 1.0},
    {"is_active": True, "is_unlisted": True},
    {"is_active": None, "provider_ids": ["groq"]},
]


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_pages_of_models_are_the_selection_and_count_it(story: Story, wanted: dict[str, Any]) -> None:
    expected = story.catalog.find_models(ModelFilter(**wanted))
    pages = [story.catalog.browsing.list_models(ModelFilter(**wanted), offset, 5) for offset in range(0, 30, 5)]
    found = [one for page in pages for one in page.models]
    assert [one.model_id for one in found] == [one.model_id for one in expected]
    assert [one.is_free for one in found] == [one.is_free for one in expected]
    assert {page.count for page in pages if page.models or page is pages[0]} == {len(expected)}
    assert pages[0].is_counted_whole
    assert pages[0].undecided == story.catalog.count_undecided_models(ModelFilter(**wanted))


def test_a_large_selection_is_counted_up_to_a_limit(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MOST_COUNTED", 3)
    page = story.catalog.browsing.list_models(ModelFilter(is_active=None), limit=2)
    assert (len(page.models), page.count, page.is_counted_whole) == (2, 3, False)


def test_attempts_come_newest_first_with_everything_that_is_recorded(story: Story) -> None:
    browsing = story.catalog.browsing
    every = browsing.list_attempts("openrouter")
    assert [one.verdict.value for one in every] == [
        "complete",
        "complete",
        "malformed",
        "shrunken",
        "complete",
        "complete",
    ]
    pages: list[Any] = browsing.list_attempts("openrouter", limit=2)
    while more := browsing.list_attempts("openrouter", 2, before=(pages[-1].observed_at, pages[-1].id)):
        pages += more
    assert pages == every
    assert [browsing.get_attempt(one.id) for one in every] == every
    shrunken = every[3]
    assert (shrunken.missing_count, len(shrunken.missing_ids or ())) == (9, 9)


def test_the_bytes_of_a_listing_come_from_the_archive_and_what_has_none_is_refused(story: Story) -> None:
    with pytest.raises(UnknownListing, match="has no listing 4000"):
        story.catalog.browsing.get_attempt(4000)
    with pytest.raises(UnknownProvider):
        story.catalog.browsing.list_attempts("nobody")
    first = story.catalog.browsing.get_attempt(story.listings[0])
    assert story.catalog.browsing.read_bytes(first) == listing(*[f"lab/model-{number}" for number in range(12)])


def test_the_events_of_a_listing_are_those_that_name_it(story: Story) -> None:
    for listing_id in story.listings:
        expected = [event for event in story.catalog.list_events() if event.listing_id == listing_id]
        attempt = story.catalog.browsing.get_attempt(listing_id)
        counts, events = story.catalog.browsing.read_listing_events(attempt)
        assert counts == Counter(event.kind for event in expected)
        key = lambda event: (event.kind.value, event.model_id)  # noqa: E731
        assert sorted(events, key=key) == sorted(expected, key=key)
        assert len(story.catalog.browsing.read_listing_events(attempt, limit=2)[1]) == min(2, len(expected))


def test_the_newest_changes_are_all_changes_backwards(story: Story) -> None:
    every = list(reversed(story.catalog.list_changes().changes))
    browsing = story.catalog.browsing
    assert [
        one for offset in range(0, len(every), 7) for one in browsing.list_changes(ChangeFilter(), offset, 7)
    ] == every
    wanted = ChangeFilter(("openrouter",), (EventKind.DISCOVERED, EventKind.PURGED), BEGIN + DAY, NOW + DAY)
    some = [
        one
        for one in story.catalog.list_changes(BEGIN + DAY, NOW + DAY, ["openrouter"]).changes
        if one.kind in wanted.kinds
    ]
    assert some
    assert browsing.list_changes(wanted) == some[::-1]
    assert browsing.count_changes(wanted) == Counter(one.kind for one in some)


def test_changes_are_counted_by_day(story: Story) -> None:
    recorded = [event.recorded_at for event in story.catalog.list_events() if event.recorded_at is not None]
    expected = Counter(at.astimezone(UTC).date() for at in recorded)
    assert story.catalog.browsing.count_changes_by_day(None) == expected
    assert story.catalog.browsing.count_changes_by_day(NOW - DAY) == {NOW.date(): expected[NOW.date()]}
    assert date(2026, 3, 1) in story.catalog.browsing.count_changes_by_day(None, ["groq"])


def test_changes_of_some_kinds_are_counted_by_day_as_far_as_is_affordable(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    browsing = story.catalog.browsing
    every = [(one.kind, one.recorded_at.date()) for one in story.catalog.list_events() if one.recorded_at is not None]
    for kinds in ([EventKind.PURGED], [EventKind.DISCOVERED, EventKind.DEACTIVATED], list(EventKind)):
        expected = Counter(day for kind, day in every if kind in kinds)
        for around in (None, min(expected), NOW.date(), date(2020, 1, 1), date.max):
            assert browsing.count_kinds_around(kinds, around=around) == CountedDays(expected, None, None)
    days = sorted({day for _, day in every})
    monkeypatch.setattr(recorded_days, "MOST_COUNTED", 1)  # so that a day is all that is counted at once
    last = browsing.count_kinds_around([EventKind.PURGED])
    purged = sorted({day for kind, day in every if kind is EventKind.PURGED})
    assert list(last.counts) == purged[-1:]  # days without any are passed over
    assert last.uncounted_before == max(day for day in days if day < purged[-1])
    monkeypatch.setattr(recorded_days, "MOST_SEARCHED", 1)
    middle = days[len(days) // 2]
    found = browsing.count_kinds_around([EventKind.ANSWERED_BY_ANOTHER], around=middle)
    assert found == CountedDays({}, days[days.index(middle) - 1], days[days.index(middle) + 2])


def test_changes_of_a_day_are_read_by_their_batches_also_without_statistics(tmp_path: Path) -> None:
    plans: list[str] = []
    with Place(tmp_path, f"sqlite:///{tmp_path / 'catalog.db'}").opened() as catalog:

        @sa.event.listens_for(catalog._database.engine, "before_cursor_execute")
        def explain(connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
            if "JOIN model_events" in statement:
                asked = connection.connection.cursor()
                asked.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans.append(" ".join(str(row[-1]) for row in asked.fetchall()))

        catalog.add_manual_model("acme", "one")
        for kind in (EventKind.ADDED, EventKind.PURGED):
            wanted = ChangeFilter((), (kind,), BEGIN)
            catalog.browsing.list_changes(wanted)
            catalog.browsing.count_changes(wanted)
            catalog.browsing.count_kinds_around([kind])
    assert len(plans) == 6
    assert all("SEARCH model_events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in plan for plan in plans), plans


def test_departed_models_are_those_that_left_and_did_not_come_back(story: Story) -> None:
    browsing = story.catalog.browsing
    present = {(one.provider_id, one.model_id) for one in story.catalog.find_models(ModelFilter(is_active=None))}
    left = {
        (event.provider_id, event.model_id): event for event in story.catalog.list_events() if event.kind.is_tombstone
    }
    expected = {key: event.kind for key, event in left.items() if key not in present}
    found = browsing.list_departed()
    assert {(one.model.provider_id, one.model.model_id): one.kind for one in found} == expected
    assert [one for offset in range(len(found)) for one in browsing.list_departed(offset=offset, limit=1)] == found
    assert {one.kind for one in browsing.list_departed(kind="removed")} == {EventKind.REMOVED}
    assert [one.model.model_id for one in browsing.list_departed(["groq"], search="MODEL-1")] == ["lab/model-1"]


def test_the_timeline_of_a_model_has_the_listing_behind_each_event(story: Story) -> None:
    browsing = story.catalog.browsing
    every = browsing.list_events("openrouter", "lab/model-3")
    assert [one.event for one in every] == story.catalog.list_events("openrouter", "lab/model-3")[::-1]
    digests = {one.id: one.sha256 for one in browsing.list_attempts("openrouter")}
    assert {one.event.listing_id: one.sha256 for one in every if one.event.listing_id} == {
        one.event.listing_id: digests[one.event.listing_id] for one in every if one.event.listing_id
    }
    assert browsing.list_events("openrouter", "lab/model-3", 3, every[0].id) == every[1:4]


def test_facts_hold_since_the_event_that_stated_them(story: Story) -> None:
    [model] = story.catalog.find_models(ModelFilter(is_active=None, search="lab/model-2"))
    facts = story.catalog.browsing.read_fact_history(model)
    assert facts.since["input_price"] == BEGIN + 2 * DAY  # all prices change, so a second listing has to state them
    assert facts.since["context_window"] == BEGIN + 4 * DAY
    assert facts.since["source"] == BEGIN
    assert [(one.value, one.since) for one in facts.context_windows] == [
        (8_192, BEGIN),
        (16_384, BEGIN + DAY),
        (8_192, BEGIN + 4 * DAY),
    ]


def test_a_catalog_without_anything_has_empty_pages(tmp_path: Path) -> None:
    with ModelCatalog.open(Place(tmp_path, f"sqlite:///{tmp_path / 'catalog.db'}").settings) as catalog:
        assert catalog.browsing.list_models(ModelFilter()).count == 0
        assert not catalog.browsing.list_departed()
        assert not catalog.browsing.list_changes(ChangeFilter())
        assert not catalog.browsing.count_changes_by_day(None)
