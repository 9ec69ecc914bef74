"""The write path: a fixed number of statements for a batch, and events with old and new values."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ghost_pipeline.catalog import sweeps
from ghost_pipeline.catalog.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter, SubmittedListing
from ghost_pipeline.catalog.storage.repository import model_record
from ghost_pipeline.lifecycle.records import Inference, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source
from ghost_pipeline_tests.catalog.backends import Place
from ghost_pipeline_tests.catalog.oracle_driver import READER, listing_bytes

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def catalog(place: Place, clock: Clock) -> Iterator[ModelCatalog]:
    with place.opened(clock, READER) as catalog:
        yield catalog


def sightings(count: int, at: datetime = NOON) -> list[Inference]:
    slugs = ("openai", "google", "groq")
    return [Inference(slugs[number % 3], f"model-{number // 3}", at, at, name="N") for number in range(count)]


def count_statements(catalog: ModelCatalog, inferences: list[Inference]) -> int:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    engine = catalog._database.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        catalog.record_inferences(inferences)
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    return len(statements)


def test_a_batch_takes_the_same_number_of_statements_whatever_its_size(catalog: ModelCatalog, clock: Clock) -> None:
    counted = [count_statements(catalog, sightings(3))]
    catalog.remove_provider("openai")
    catalog.remove_provider("google")
    catalog.remove_provider("groq")
    for slug in ("openai", "google", "groq"):
        catalog.add_manual_model(slug, "model-0")
    counted.append(count_statements(catalog, sightings(900)))
    counted.append(count_statements(catalog, sightings(900, NOON + DAY)))
    assert max(counted) <= 14  # one of them looks for refusals
    assert len(catalog.find_models()) == 900


def test_results_are_in_the_order_of_the_sightings_and_later_ones_build_on_earlier_ones(catalog: ModelCatalog) -> None:
    first = Inference("openai", "m", NOON, NOON, metadata={"region": "eu"})
    other = Inference("google", "g", NOON, NOON)
    again = Inference("openai", "m", NOON + DAY, NOON + DAY, name="M", metadata={"latency": 1})
    results = catalog.record_inferences([first, other, again])
    assert [(one.model_id, one.effect) for one in results] == [("m", "created"), ("g", "created"), ("m", "updated")]
    [model] = catalog.find_models(ModelFilter(("openai",)))
    assert (model.name, model.inference_metadata) == ("M", {"region": "eu", "latency": 1})
    assert [event.kind for event in catalog.list_events("openai")] == [EventKind.DISCOVERED, EventKind.CHANGED]


def test_a_second_addition_with_another_price_keeps_the_old_one_in_an_event(catalog: ModelCatalog) -> None:
    catalog.add_manual_model("openai", "m", input_price=1.0, expires_at=NOON)
    catalog.add_manual_model("openai", "m", input_price=2.0, expires_at=NOON + DAY)
    *_, changed = catalog.list_events("openai", "m")
    assert (changed.kind, changed.source) == (EventKind.CHANGED, Source.MANUAL)
    assert changed.details is not None
    assert changed.details["input_price"] == {"old": 1.0, "new": 2.0}
    assert changed.details["expires_at"] == {"old": "2026-05-01T12:00:00Z", "new": "2026-05-02T12:00:00Z"}


def test_adding_a_ghost_records_that_it_is_active_again(catalog: ModelCatalog, clock: Clock) -> None:
    catalog.track_successful_inference("openai", "m")
    clock.now += 2 * DAY
    catalog.mark_stale_models_inactive()
    catalog.add_manual_model("openai", "m")
    kinds = [event.kind for event in catalog.list_events("openai", "m")]
    assert kinds == [EventKind.DISCOVERED, EventKind.DEACTIVATED, EventKind.ADDED, EventKind.REACTIVATED]


def test_a_ghost_s_event_holds_the_rule_the_run_the_last_sighting_and_the_listing_that_lacked_it(
    catalog: ModelCatalog, clock: Clock
) -> None:
    for hours, rows in ((0, {"gone": 1, "kept": 1}), (1, {"kept": 1, "new": 1})):
        clock.now = NOON + hours * HOUR
        submission = SubmittedListing("openai", "f.json", listing_bytes(rows), clock.now)
        outcome = catalog.reconcile(catalog.admit(submission).listing_id)
    catalog.track_successful_inference("groq", "used", observed_at=NOON)
    clock.now += 2 * DAY
    catalog.track_successful_inference("openai", "kept")
    catalog.mark_stale_models_inactive(run_id="run-7")
    reason = {"rule": "stale", "limit_hours": 24.0}
    [*_, gone] = catalog.list_events("openai", "gone")
    assert (gone.kind, gone.run_id) == (EventKind.DEACTIVATED, "run-7")
    assert gone.details == {
        **reason,
        "last_seen_at": "2026-05-01T12:00:00Z",
        "missing_from_listing_id": outcome.listing_id,
    }
    [*_, new] = catalog.list_events("openai", "new")
    assert new.details == {**reason, "last_seen_at": "2026-05-01T13:00:00Z"}, "the last complete listing shows it"
    [*_, used] = catalog.list_events("groq", "used")
    assert used.details == {**reason, "last_seen_at": "2026-05-01T12:00:00Z"}, "no listing could show it"


def test_a_sweep_loads_no_listed_model_of_a_held_provider_but_one(
    catalog: ModelCatalog, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = dict.fromkeys((f"m{number}" for number in range(50)), 1)
    submission = SubmittedListing("openai", "f.json", listing_bytes(rows), NOON)
    catalog.reconcile(catalog.admit(submission).listing_id)
    clock.now += 2 * DAY
    catalog.record_failed_attempt("openai", "no connection")
    fetched: list[str] = []

    def note(row: Any) -> ModelRecord:
        fetched.append(row.model_id)
        return model_record(row)

    monkeypatch.setattr(sweeps, "model_record", note)
    result = catalog.mark_stale_models_inactive()
    assert (result.models, list(result.held)) == ((), ["openai"])
    assert len(fetched) == 1
