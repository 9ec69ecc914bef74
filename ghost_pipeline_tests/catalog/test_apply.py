"""The write path: a fixed number of statements for a batch, and events with old and new values."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ghost_pipeline.catalog.catalog import ModelCatalog
from ghost_pipeline.lifecycle.records import Inference
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source
from ghost_pipeline_tests.catalog.backends import Place

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
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
    with place.opened(clock) as catalog:
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
    assert max(counted) <= 8
    assert len(catalog.find_models()) == 900


def test_results_are_in_the_order_of_the_sightings_and_later_ones_build_on_earlier_ones(catalog: ModelCatalog) -> None:
    first = Inference("openai", "m", NOON, NOON, metadata={"region": "eu"})
    other = Inference("google", "g", NOON, NOON)
    again = Inference("openai", "m", NOON + DAY, NOON + DAY, name="M", metadata={"latency": 1})
    results = catalog.record_inferences([first, other, again])
    assert [(one.model_id, one.effect) for one in results] == [("m", "created"), ("g", "created"), ("m", "updated")]
    [model] = catalog.find_models("openai")
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
