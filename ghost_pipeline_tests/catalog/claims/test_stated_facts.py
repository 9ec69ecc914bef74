"""Who states the facts of a model: as its events tell, and as the columns of its row do."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.lifecycle.claims.resolution import REFERENCE_FACTS, SOURCE_COLUMNS, Claim
from ghost_pipeline_tests.catalog.backends import Place
from ghost_pipeline_tests.catalog.ingestion.test_events_agree_with_rule import Stage
from ghost_pipeline_tests.catalog.oracle_driver import FACTS

HOUR = timedelta(hours=1)
OPENAI = ("openai", "m")


@pytest.fixture
def stage(place: Place) -> Iterator[Stage]:
    stage = Stage(place)
    yield stage
    stage.database.close()
    stage.catalog.close()


def list_model(stage: Stage, facts: int, slug: str = "openai") -> None:
    """Let a provider list its model an hour later with other facts, by their number."""
    stage.now += HOUR
    stage.list(slug, {"m": facts, "other": 0}, stage.now)


def sources_of_events(stage: Stage, slug: str = "openai") -> dict[str, str]:
    resolved = stage.catalog.references.resolve_model(slug, "m")
    return {fact: claim.source for fact, claim in resolved.items() if fact in REFERENCE_FACTS}


def sources_of_row(stage: Stage, slug: str = "openai") -> dict[str, str]:
    wanted = ModelFilter(provider_ids=[slug], is_active=None)
    rows = {row[0]: row[1:] for row in stage.catalog.iterate_columns(wanted, ["model_id", *SOURCE_COLUMNS])}
    found = zip(REFERENCE_FACTS, rows["m"], strict=True)
    return {fact: source for fact, source in found if source is not None}


def listed_claim(stage: Stage, fact: str) -> Claim:
    found = stage.catalog.references.list_claims(*OPENAI)
    [claim] = [one for one in found if one.fact == fact and one.source == "listing"]
    return claim


def exported(stage: Stage, slug: str = "openai") -> dict[str, Any]:
    """Return the row of the model in an export."""
    record = stage.models(slug)["m"]
    row = {name: getattr(record, name) for name in record.__struct_fields__}
    return row | {name: row[name].isoformat() for name in row if name.endswith("_at") and row[name] is not None}


def test_what_a_listing_stated_is_still_the_listings_after_a_model_was_restored(stage: Stage) -> None:
    list_model(stage, 2)
    first = stage.now
    stage.catalog.remove_model(*OPENAI)
    stage.now += HOUR
    stage.catalog.restore_model(*OPENAI)
    for _ in range(2):
        assert set(sources_of_events(stage).values()) == {"listing"}
        assert listed_claim(stage, "input_price").first_stated_at == first
        list_model(stage, 2)


def test_an_import_makes_nothing_an_operators_that_no_operator_stated_there(stage: Stage) -> None:
    list_model(stage, 2)
    stage.catalog.add_manual_model(*OPENAI, context_window=100)
    row = exported(stage)
    list_model(stage, 4, "groq")
    for slug in ("mistral", "groq"):
        stage.catalog.import_models([{**row, "provider_id": slug}])
        for found in (sources_of_events(stage, slug), sources_of_row(stage, slug)):
            assert found.pop("context_window") == "manual"
            assert set(found.values()) == {"listing"}
    stage.catalog.withdraw_facts("groq", "m")
    claims = stage.catalog.references.list_claims("groq", "m")
    assert {one.source for one in claims} == {"listing"}
    assert "prices" in {one.fact for one in claims}


def test_a_row_of_an_older_export_is_an_operators_where_no_listing_stated_it(stage: Stage) -> None:
    row = {"provider_id": "openai", "source": "MANUAL", "is_active": True, "input_price": 2.0, "model_name": "Some"}
    row |= dict.fromkeys(("first_seen_at", "last_seen_at"), stage.now.isoformat())
    instants = {"m": None, "listed": row["first_seen_at"]}
    stage.catalog.import_models([{**row, "model_id": one, "last_listed_at": at} for one, at in instants.items()])
    found = stage.models("openai")
    assert {one: found[one].manual_facts for one in found} == {"m": "input_price", "listed": None}
    assert sources_of_row(stage) == sources_of_events(stage) == {"name": "listing", "input_price": "manual"}


def test_a_name_stays_that_of_its_source_when_an_operator_states_another_fact(stage: Stage) -> None:
    stage.catalog.track_successful_inference(*OPENAI, name="Used")
    stage.catalog.add_manual_model(*OPENAI, context_window=5)
    assert sources_of_row(stage)["name"] == sources_of_events(stage)["name"] == "inference"
    list_model(stage, 1)
    for _ in range(2):
        assert sources_of_row(stage)["name"] == sources_of_events(stage)["name"] == "listing"
        if stage.models("openai")["m"].manual_facts:
            stage.catalog.withdraw_facts(*OPENAI)


def test_a_listing_states_a_value_since_it_first_did_when_an_operator_withdraws_another(stage: Stage) -> None:
    list_model(stage, 4)
    first = stage.now
    stage.catalog.add_manual_model(*OPENAI, input_price=5.0)
    stage.now += HOUR
    stage.catalog.withdraw_facts(*OPENAI)
    list_model(stage, 4)
    assert (listed_claim(stage, "input_price").value, listed_claim(stage, "input_price").first_stated_at) == (
        0.5,
        first,
    )
    assert listed_claim(stage, "prices").first_stated_at == first
    stage.catalog.add_manual_model(*OPENAI, input_price=5.0)
    list_model(stage, 5)
    second = stage.now
    for _ in range(2):
        stage.catalog.withdraw_facts(*OPENAI)
        assert listed_claim(stage, "prices").first_stated_at == second
        stage.catalog.add_manual_model(*OPENAI, input_price=5.0)


def test_a_listing_of_a_model_that_was_out_of_the_catalog_is_dated_as_that_listing(stage: Stage) -> None:
    list_model(stage, 1)
    stage.catalog.add_manual_model(*OPENAI, context_window=5)
    stage.catalog.remove_model(*OPENAI)
    list_model(stage, 6)
    second = stage.now
    stage.catalog.restore_model(*OPENAI)
    claim = listed_claim(stage, "context_window")
    assert (claim.value, claim.first_stated_at, claim.last_stated_at, claim.sha256) == (4_096, second, second, None)


steps = st.one_of(
    st.tuples(st.just("list"), st.integers(0, len(FACTS) - 1)),
    st.tuples(
        st.just("add"),
        st.sampled_from(({"name": "Mine"}, {"context_window": 9}, {"input_price": 1.0}, {"capabilities": ("tools",)})),
    ),
    st.tuples(st.sampled_from(("withdraw", "remove and restore", "remove", "use", "import")), st.none()),
)
numbers = count()


def take(stage: Stage, slug: str, step: str, about: Any) -> str:
    """Take one step of a provider's history, if it is possible. Return the provider to go on with."""
    stage.now += HOUR
    known = stage.models(slug).get("m")
    if step == "list":
        list_model(stage, about, slug)
    elif step == "use":
        stage.catalog.track_successful_inference(slug, "m")
    elif step == "add":
        stage.catalog.add_manual_model(slug, "m", **about)
    elif known is not None and step == "import":
        row, slug = exported(stage, slug), f"provider-{next(numbers)}"
        stage.catalog.import_models([{**row, "provider_id": slug}])
    elif known is not None and step == "withdraw" and (known.manual_facts or known.is_name_manual):
        stage.catalog.withdraw_facts(slug, "m")
    elif known is not None and step.startswith("remove"):
        stage.catalog.remove_model(slug, "m")
        if step != "remove":
            stage.catalog.restore_model(slug, "m")
    return slug


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=st.lists(steps, min_size=2, max_size=6))
def test_the_columns_name_the_sources_that_the_events_show(stage: Stage, history: list[tuple[str, Any]]) -> None:
    slug = f"provider-{next(numbers)}"
    for step, about in history:
        slug = take(stage, slug, step, about)
    if "m" in stage.models(slug):
        of_row, of_events = sources_of_row(stage, slug), sources_of_events(stage, slug)
        if ("use", None) in history:  # whether a use or a later listing stated the name, only the events show
            assert (of_row.pop("name", None) is None) == (of_events.pop("name", None) is None)
        assert of_row == of_events
