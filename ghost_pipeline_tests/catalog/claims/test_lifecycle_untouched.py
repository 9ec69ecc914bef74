"""Imports of references between any other operations change no model, no provider and no event but their own."""

import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, example, given, settings

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline_tests.catalog.backends import POSTGRESQL, SQLITE, new_place
from ghost_pipeline_tests.catalog.ingestion.test_same_bytes import FIVE, WHOLE, Step, others, perform, repeats
from ghost_pipeline_tests.catalog.oracle_driver import MODEL_IDS, Pair
from ghost_pipeline_tests.catalog.test_state_machine import IS_THOROUGH


def models_dev(price: float, context: int, count: int) -> bytes:
    """Return a file that states facts of listed models, and of one that no provider lists."""
    stated: dict[str, Any] = {"cost": {"input": price, "output": 1}, "limit": {"context": context}}
    stated["base_model"] = f"acme/{price}"
    models = dict.fromkeys((*MODEL_IDS[:count], "of-the-reference-alone"), stated)
    return json.dumps({"openai": {"models": models}, "mistral": {"models": {"also-alone": stated}}}).encode()


FILES = (models_dev(2, 9_000, 12), models_dev(0, 9_000, 12), models_dev(50, 100, 12), models_dev(2, 9_000, 3), b"{")
imports: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("import"), st.sampled_from(FILES), st.booleans()), st.tuples(st.just("remove reference"))
)


def change_references(catalog: ModelCatalog, step: Step) -> None:
    """Import a file of a reference, or remove the reference."""
    if step[0] == "import":
        catalog.references.import_content("models-dev", "api.json", step[1], is_accepted=step[2])
    elif catalog.references.list_states():
        catalog.references.remove("models-dev")


def without_events_of_references(catalog: ModelCatalog) -> tuple[Any, ...]:
    """Return everything that evidence and sweeps decide."""
    events = [
        (one.provider_id, one.model_id, one.kind, one.at, one.source, one.listing_id, one.recorded_at, one.details)
        for one in catalog.list_events()
        if not (one.kind in (EventKind.DOUBTED, EventKind.CHANGED) and "reference" in (one.details or {}))
    ]
    return (
        catalog.find_models(ModelFilter(is_active=None)),
        catalog.list_providers(),
        catalog.list_doubts(),
        catalog.get_discovery_stats(),
        events,
    )


@pytest.mark.parametrize(("backend", "examples"), [(SQLITE, 3), (POSTGRESQL, 3)])
def test_the_lifecycle_is_the_same_with_imports_of_references_between_and_without(backend: str, examples: int) -> None:
    @settings(
        max_examples=examples * (50 if IS_THOROUGH else 1),
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.lists(st.one_of(imports, imports, repeats, others), max_size=12))
    @example(
        [
            ("import", FILES[0], False),
            ("submit", WHOLE, 0),
            ("wait", 2),
            ("import", FILES[2], False),
            ("submit", FIVE, 0),
            ("wait", 25),
            ("sweep",),
            ("wait", 24 * 31),
            ("import", FILES[1], True),
            ("purge",),
            ("remove reference",),
        ]
    )
    def agree(steps: list[Step]) -> None:
        with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as plain_home:
            places = new_place(backend, Path(home)), new_place(backend, Path(plain_home))
            pair, plain = Pair(places[0].opened), Pair(places[1].opened)
            with pair.catalog, plain.catalog:
                for step in steps:
                    if "import" in step or "remove reference" in step:
                        change_references(pair.catalog, step)
                        continue
                    assert perform(pair, step) == perform(plain, step)
                    pair.now += timedelta(seconds=1)
                    plain.now = pair.now
                assert without_events_of_references(pair.catalog) == without_events_of_references(plain.catalog)
            for place in places:
                place.remove()

    agree()
