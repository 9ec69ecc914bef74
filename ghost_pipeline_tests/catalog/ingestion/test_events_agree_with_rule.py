"""The events that a listing's set-based statements write are those that ``lifecycle.events`` derives from the rows."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter, SubmittedListing
from ghost_pipeline.catalog.storage.repository import newest_tombstones
from ghost_pipeline.catalog.storage.tables import canonical_json
from ghost_pipeline.lifecycle.events import Cause, events_between
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source
from ghost_pipeline_tests.catalog.backends import Place
from ghost_pipeline_tests.catalog.oracle_driver import EPOCH, FACTS, READER, listing_bytes

IDS = ("a", "b", "c", "d")
LATENESS = (timedelta(0), timedelta(microseconds=1), timedelta(hours=3), timedelta(days=40))

rows = st.dictionaries(st.sampled_from(IDS), st.integers(0, len(FACTS) - 1), max_size=len(IDS))
steps = st.one_of(
    st.tuples(st.just("list"), rows),
    st.tuples(st.sampled_from(("use", "add", "remove", "reactivate", "import")), st.sampled_from(IDS)),
    st.tuples(st.just("age"), st.sampled_from((timedelta(microseconds=1), timedelta(hours=25), timedelta(days=31)))),
)
numbers = count()


class Stage:
    """One catalog, of which each example has a provider of its own."""

    def __init__(self, place: Place) -> None:
        self.now = EPOCH
        self.catalog: ModelCatalog = place.opened(lambda: self.now, READER)
        self.database = place.database()

    def do(self, slug: str, step: str, about: Any) -> None:
        """Take one step of a provider's history, if it is possible."""
        known = {
            model.model_id
            for model in self.catalog.find_models(ModelFilter(is_active=None))
            if model.provider_id == slug
        }
        if step == "list":
            self.list(slug, about, self.now)
        elif step == "age":
            self.now += about
            if slug in {provider.id for provider in self.catalog.list_providers()}:
                self.catalog.mark_stale_models_inactive(slug)
                self.catalog.delete_old_inactive_models(slug)
        elif step == "use":
            self.catalog.track_successful_inference(slug, about, name="Used", metadata={"region": "x"})
        elif step == "add":
            self.catalog.add_manual_model(slug, about, name="Added", input_price=1.0)
        elif step == "import":
            at = (self.now - timedelta(days=2, microseconds=1)).isoformat()
            row = {"provider_id": slug, "model_id": about, "source": "INDEX", "is_active": True}
            self.catalog.import_models([{**row, "first_seen_at": at, "last_seen_at": at}])
        elif about in known:
            (self.catalog.remove_model if step == "remove" else self.catalog.reactivate_model)(slug, about)

    def list(self, slug: str, listed: dict[str, int], at: datetime) -> int:
        """Admit a listing and reconcile it; return its id."""
        content = listing_bytes(listed)
        admitted = self.catalog.admit(SubmittedListing(slug, "file.json", content, at, run_id="run"))
        self.catalog.reconcile(admitted.listing_id)
        return admitted.listing_id

    def models(self, slug: str) -> dict[str, ModelRecord]:
        """Return the provider's models by id."""
        found = self.catalog.find_models(ModelFilter(is_active=None))
        return {model.model_id: model for model in found if model.provider_id == slug}


@pytest.fixture
def stage(place: Place) -> Iterator[Stage]:
    stage = Stage(place)
    yield stage
    stage.database.close()
    stage.catalog.close()


def comparable(events: list[ModelEvent]) -> list[tuple[Any, ...]]:
    """Return the events without their order, which a set of rows does not have, and with details as JSON."""
    return sorted(
        (event.kind, event.at, event.source, event.listing_id, event.run_id, canonical_json(event.details))
        for event in events
    )


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=st.lists(steps, max_size=6), listed=rows, lateness=st.sampled_from(LATENESS))
def test_a_listing_writes_the_events_that_lead_from_each_row_to_the_next(
    stage: Stage, history: list[tuple[str, Any]], listed: dict[str, int], lateness: timedelta
) -> None:
    slug = f"provider-{next(numbers)}"
    for step, about in history:
        stage.do(slug, step, about)
    stage.now += timedelta(hours=1)
    before, written = stage.models(slug), len(stage.catalog.list_events(slug))
    with stage.database.reading() as connection:
        tombstones = newest_tombstones(connection, [(slug, model_id) for model_id in IDS])
    at = stage.now - lateness
    listing_id = stage.list(slug, listed, at)
    after = stage.models(slug)
    events = defaultdict(list)
    for event in stage.catalog.list_events(slug)[written:]:
        events[event.model_id].append(event)
    cause = Cause(at, Source.INDEX, listing_id, "run")
    for model_id in IDS:
        was, became = before.get(model_id), after.get(model_id)
        tombstone = tombstones.get((slug, model_id)) if was is None else None
        expected = events_between(was, became, cause, tombstone)
        written_now = [event for event in events[model_id] if event.kind is not EventKind.DOUBTED]
        assert comparable(written_now) == comparable(expected)
