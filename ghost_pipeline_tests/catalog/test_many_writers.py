"""Many processes that list, track, sweep and correct one catalog at once: no deadlock, nothing lost, true sums."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ghost_pipeline.catalog import ModelCatalog, sweeps
from ghost_pipeline.catalog.results import ModelFilter, SweepResult
from ghost_pipeline.catalog.sweeps import Sweep
from ghost_pipeline.lifecycle.records import Inference, ModelEvent
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline.settings import Thresholds
from ghost_pipeline_tests.catalog.backends import Place
from ghost_pipeline_tests.catalog.ingestion.test_crash_and_concurrency import ingest, listing
from ghost_pipeline_tests.processes import Wait, run_together

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
PROVIDERS = ("anthropic", "google", "openai")
MODELS = 40
ROUNDS = 15

Turn = Callable[[ModelCatalog, int, int], None]
"""What a writer, who has a number, does to the catalog in one turn."""


def list_models(catalog: ModelCatalog, number: int, turn: int) -> None:
    """One listing of one provider; every writer lists other models besides those that all list."""
    ids = [f"model-{row}" for row in range(MODELS)] + [f"of-{number}-{row}" for row in range(5)]
    at = NOON + timedelta(minutes=turn)
    ingest(catalog, listing(*ids, version=turn), at, PROVIDERS[(number + turn) % 3])


def track(catalog: ModelCatalog, number: int, turn: int) -> None:
    """Sightings of every provider in one transaction, in an order of the writer's own."""
    at = NOON + timedelta(minutes=turn, seconds=number)
    inferences = [
        Inference(provider_id, f"model-{row}", at, at, metadata={f"by-{number}": turn})
        for provider_id in (PROVIDERS if number % 2 else PROVIDERS[::-1])
        for row in (range(MODELS) if number % 2 else reversed(range(MODELS)))
    ]
    catalog.record_inferences(inferences)


def sweep(catalog: ModelCatalog, number: int, turn: int) -> None:
    """Everything that was not seen within half a minute of ``turn`` goes, and comes back when it is seen again."""
    now = NOON + timedelta(minutes=turn, seconds=40)
    catalog.mark_stale_models_inactive(stale_after_hours=1 / 120, now=now)
    catalog.delete_old_inactive_models(older_than_days=1 / 2880, now=now + timedelta(minutes=2))


def say(catalog: ModelCatalog, number: int, turn: int) -> None:
    """Add, remove and release, as an operator does."""
    catalog.add_manual_model("openai", f"mine-{turn}")
    catalog.add_manual_model("google", "model-1", name=f"turn {turn}")
    catalog.remove_model("openai", f"mine-{turn}")
    catalog.release_provider("openai")


@pytest.mark.parametrize("with_sweeps", [False, True], ids=["without sweeps", "with sweeps between"])
def test_many_writers_lose_nothing_and_never_deadlock(place: Place, with_sweeps: bool) -> None:
    writers = [(list_models, 0), (list_models, 1), (track, 0), (track, 1), (say, 0)]
    if with_sweeps:
        writers += [(sweep, 0), (sweep, 1)]
    with place.opened() as catalog:
        for provider_id in PROVIDERS:
            for model_id in ("model-0", "model-1"):
                catalog.track_successful_inference(provider_id, model_id, observed_at=NOON)
    write_together(place, writers)
    with place.opened() as catalog:
        for provider_id in PROVIDERS:  # what was swept last comes back with all that its tombstone keeps
            catalog.record_inferences([Inference(provider_id, f"model-{row}", NOON, NOON) for row in range(MODELS)])
        everything = catalog.find_models(ModelFilter(is_active=None))
        models = {(model.provider_id, model.model_id): model for model in everything}
        history = catalog.list_events()
    last = NOON + timedelta(minutes=ROUNDS - 1)
    for provider_id in PROVIDERS:
        for row in range(MODELS):
            model = models[provider_id, f"model-{row}"]
            assert model.last_used_at == last + timedelta(seconds=1), "the newest sighting of all writers"
            assert model.last_seen_at >= model.last_used_at
            if not with_sweeps:
                assert model.last_listed_at is not None
                assert model.last_listed_at >= last - timedelta(minutes=1), "of two writers one listed it then"
                assert set(model.inference_metadata or {}) == {"by-0", "by-1"}
    assert not any(model_id.startswith("mine-") for _, model_id in models)
    assert_history_explains(set(models), history)
    assert_counts_add_up(place, Counter((event.provider_id, event.model_id, event.kind) for event in history))


def take_turns(wait: Wait, place: Place, what: Turn, number: int) -> None:
    """Do what one writer does in all its turns."""
    with place.opened() as catalog:
        wait()
        for turn in range(ROUNDS):
            what(catalog, number, turn)


def write_together(place: Place, writers: Sequence[tuple[Turn, int]]) -> None:
    """Let a process for each writer begin at the same moment, and see each end well."""
    assert run_together([(take_turns, (place, what, number)) for what, number in writers]) == []


def assert_history_explains(present: set[tuple[str, str]], history: Sequence[ModelEvent]) -> None:
    """Assert that each model arrives and leaves in turn, and is present if it arrived last."""
    arrived: set[tuple[str, str]] = set()
    for event in history:
        key = (event.provider_id, event.model_id)
        if event.kind in (EventKind.DISCOVERED, EventKind.RESTORED):
            assert key not in arrived, event
            arrived.add(key)
        elif event.kind is EventKind.ADDED:  # of a model that is present, or of one that is not
            arrived.add(key)
        elif event.kind in (EventKind.PURGED, EventKind.REMOVED):
            assert key in arrived, event
            arrived.remove(key)
    assert arrived == present


def assert_counts_add_up(place: Place, events: Counter[tuple[str, str, EventKind]]) -> None:
    """Assert that the counts of the listings equal the events."""
    database = place.database()
    with database.reading() as connection:
        rows = connection.execute(sa.text("SELECT * FROM listings")).mappings().all()
        event_counts = connection.execute(
            sa.text(
                "SELECT listing_id, kind, count(*) AS many FROM model_events WHERE listing_id IS NOT NULL "
                "GROUP BY listing_id, kind"
            )
        ).all()
    database.close()
    done = {(listing_id, kind): many for listing_id, kind, many in event_counts}
    assert len(rows) == 2 * ROUNDS
    for row in rows:
        assert row["model_count"] == row["created_count"] + row["updated_count"] + row["confirmed_count"] == MODELS + 5
        assert row["created_count"] == done.get((row["id"], "discovered"), 0) + done.get((row["id"], "restored"), 0)
        assert row["updated_count"] == done.get((row["id"], "changed"), 0)
        assert row["reactivated_count"] == done.get((row["id"], "reactivated"), 0)


@pytest.mark.parametrize("sweep", [sweeps.STALE, sweeps.PURGE], ids=["stale", "purge"])
def test_a_sighting_that_lands_while_a_sweep_looks_for_its_models_wins(
    place: Place, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = NOON + timedelta(days=90)
    with place.opened(lambda: now) as catalog:
        for model_id in ("seen-meanwhile", "gone"):
            catalog.track_successful_inference("openai", model_id, observed_at=NOON)
        if sweep is sweeps.PURGE:
            catalog.mark_stale_models_inactive(now=NOON + timedelta(days=2))
        database = place.database()
        write = database.write
        found: list[SweepResult] = []

        def write_after_a_sighting(work: Any) -> Any:
            found.append(sweeps.run(database, sweep, None, now, Thresholds(), is_dry_run=True))
            catalog.track_successful_inference("openai", "seen-meanwhile")
            return write(work)

        monkeypatch.setattr(database, "write", write_after_a_sighting)
        swept = sweeps.run(database, sweep, None, now, Thresholds())
        database.close()
        assert found[0].models == (("openai", "gone"), ("openai", "seen-meanwhile"))
        assert swept.models == (("openai", "gone"),)
        [active] = catalog.find_models()
        assert (active.model_id, active.last_used_at) == ("seen-meanwhile", now)
