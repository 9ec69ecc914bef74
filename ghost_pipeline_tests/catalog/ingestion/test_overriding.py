"""What operators state of a model stands whatever listings state, until it is withdrawn."""

from datetime import timedelta
from itertools import count
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from ghost_pipeline.catalog.history.descriptions import describe_event
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.catalog.storage.tables import models, stated_by_operators
from ghost_pipeline.errors import UnknownModel, UnknownStatement
from ghost_pipeline.lifecycle.claims.operator_facts import OPERATOR_FACTS
from ghost_pipeline.lifecycle.facts import LISTED_COLUMNS
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.transitions import apply_listing
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline_tests.catalog.backends import Place
from ghost_pipeline_tests.catalog.ingestion.test_events_agree_with_rule import Stage
from ghost_pipeline_tests.catalog.oracle_driver import EPOCH, FACTS

HOUR = timedelta(hours=1)
OPENAI = ("openai", "m")


@pytest.fixture
def stage(place: Place) -> Any:
    stage = Stage(place)
    yield stage
    stage.database.close()
    stage.catalog.close()


def list_model(stage: Stage, facts: int) -> None:
    """Let openai list its model an hour later with other facts, by their number."""
    stage.now += HOUR
    stage.list("openai", {"m": facts}, stage.now)


def model(stage: Stage) -> ModelRecord:
    return stage.models("openai")["m"]


def claims(stage: Stage, fact: str) -> list[tuple[str, Any, Any]]:
    """Return source, value and first instant of each claim, the strongest first."""
    of_model = stage.catalog.references.list_claims(*OPENAI)
    return [(one.source, one.value, one.first_stated_at) for one in of_model if one.fact == fact]


def test_an_operator_counts_before_every_listing_and_what_those_state_is_kept(stage: Stage) -> None:
    list_model(stage, 1)
    first = stage.now
    stage.now += HOUR
    stage.catalog.add_manual_model(*OPENAI, context_window=1_000)
    added = stage.now
    assert claims(stage, "context_window") == [("manual", 1_000, added), ("listing", 8_192, first)]
    list_model(stage, 1)
    list_model(stage, 6)
    changed = stage.now
    list_model(stage, 6)
    assert (model(stage).context_window, model(stage).input_price) == (1_000, 0.6)
    assert claims(stage, "context_window") == [("manual", 1_000, added), ("listing", 4_096, changed)]
    assert model(stage).manual_facts == "context_window"
    [conflict] = stage.catalog.references.list_conflicts("context_window", ["openai"])
    assert (conflict.winner.value, conflict.others[0].value, conflict.since) == (1_000, 4_096, changed)
    assert conflict.reason == "an operator counts before every other source"
    changes = [one.details or {} for one in stage.catalog.list_events("openai") if one.kind == "changed"]
    assert [one["context_window"]["new"] for one in changes if "context_window" in one] == [1_000]


def test_what_is_withdrawn_is_as_the_listing_states_it_at_once(stage: Stage) -> None:
    list_model(stage, 1)
    stage.catalog.add_manual_model(*OPENAI, "Mine", context_window=1_000, max_output_tokens=7)
    list_model(stage, 6)
    since = stage.now
    stage.now += HOUR
    done = stage.catalog.withdraw_facts(*OPENAI, ["context_window"])
    assert (done.model.context_window, done.withdrawn) == (4_096, {"context_window": 1_000})
    assert claims(stage, "context_window") == [("listing", 4_096, since)]
    assert (model(stage).name, model(stage).manual_facts, model(stage).source) == (
        "Mine",
        "max_output_tokens",
        Source.MANUAL,
    )
    event = stage.catalog.list_events("openai")[-1]
    assert describe_event(event.kind, event.source, event.details or {}) == "withdrawn by an operator"
    stage.catalog.withdraw_facts(*OPENAI)
    assert (model(stage).name, model(stage).max_output_tokens, model(stage).manual_facts) == ("Repriced", None, None)
    with pytest.raises(UnknownStatement, match="no operator stated a fact of openai m; there is nothing to withdraw"):
        stage.catalog.withdraw_facts(*OPENAI)
    with pytest.raises(UnknownModel):
        stage.catalog.withdraw_facts("openai", "n")


def test_a_fact_that_nobody_else_states_is_unknown_when_it_is_withdrawn(stage: Stage) -> None:
    stage.catalog.add_manual_model(*OPENAI, input_price=1.0, capabilities=("tools",), expires_at=EPOCH)
    assert claims(stage, "capabilities") == [("manual", ("tools",), EPOCH)]
    with pytest.raises(UnknownStatement, match="no operator stated name of openai m; they stated: input_price, cap"):
        stage.catalog.withdraw_facts(*OPENAI, ["name", "input_price"])
    stage.catalog.withdraw_facts(*OPENAI)
    assert [getattr(model(stage), fact) for fact in OPERATOR_FACTS] == [None] * len(OPERATOR_FACTS)


def test_what_was_stated_comes_back_with_a_model_that_was_removed(stage: Stage) -> None:
    list_model(stage, 1)
    stage.catalog.add_manual_model(*OPENAI, context_window=1_000)
    stage.catalog.remove_model(*OPENAI)
    list_model(stage, 6)
    with pytest.raises(UnknownModel, match="removed or purged; restore it"):
        stage.catalog.withdraw_facts(*OPENAI)
    stage.catalog.restore_model(*OPENAI)
    list_model(stage, 6)
    assert model(stage).context_window == 1_000
    stage.catalog.remove_provider("openai")
    stage.catalog.add_manual_model(*OPENAI, input_price=2.0)
    assert (model(stage).context_window, model(stage).manual_facts) == (1_000, "context_window input_price")
    stage.catalog.withdraw_facts(*OPENAI, ["context_window"])
    assert model(stage).context_window == 4_096


def test_the_past_before_an_operator_stated_something_has_none_of_it(stage: Stage) -> None:
    list_model(stage, 1)
    before = stage.now
    stage.now += HOUR
    stage.catalog.add_manual_model(*OPENAI, "Mine", context_window=1_000)
    added = stage.now
    list_model(stage, 1)
    first, second = (
        [one.model for one in stage.catalog.history.iterate_models(at, ModelFilter(is_active=None))]
        for at in (before, added)
    )
    assert [(one.context_window, one.manual_facts, one.is_name_manual) for one in first] == [(8_192, None, False)]
    assert [(one.context_window, one.manual_facts, one.is_name_manual) for one in second] == [
        (1_000, "context_window", True)
    ]


def test_a_retirement_that_is_announced_later_replaces_a_date_that_was_stated(stage: Stage) -> None:
    days = [EPOCH + timedelta(days=number) for number in (10, 20, 90)]
    list_model(stage, 3)
    stage.catalog.add_manual_model(*OPENAI, expires_at=days[0])
    stage.catalog.announce_retirement(*OPENAI, days[1])
    assert (model(stage).expires_at, model(stage).manual_facts) == (days[1], None)
    stage.catalog.withdraw_retirement(*OPENAI)
    assert model(stage).expires_at == days[2]
    stage.catalog.announce_retirement(*OPENAI, days[1])
    stage.catalog.add_manual_model(*OPENAI, expires_at=days[1])
    stage.catalog.withdraw_retirement(*OPENAI)
    list_model(stage, 3)
    assert model(stage).expires_at == days[1]
    stage.catalog.withdraw_facts(*OPENAI, ["expires_at"])
    assert model(stage).expires_at == days[2]


def test_what_was_stated_comes_through_an_export_and_an_operator_here_counts_first(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stage.catalog.add_manual_model(*OPENAI, "Theirs", input_price=2.0, context_window=1_000)
    row = {name: getattr(model(stage), name) for name in model(stage).__struct_fields__}
    row |= {name: None if row[name] is None else row[name].isoformat() for name in row if name.endswith("_at")}
    stage.catalog.remove_model(*OPENAI)
    for provider in ("mistral", "groq"):
        stage.list(provider, {"m": 1}, stage.now)
    stage.catalog.add_manual_model("groq", "m", "Ours", context_window=9)
    for _ in range(2):
        stage.catalog.import_models([{**row, "provider_id": provider} for provider in ("mistral", "groq")])
    for provider in ("mistral", "groq"):
        stage.now += HOUR
        stage.list(provider, {"m": 6}, stage.now)
    found = {one.provider_id: one for one in stage.catalog.find_models(ModelFilter())}
    assert [(one.name, one.input_price, one.context_window) for one in (found["mistral"], found["groq"])] == [
        ("Theirs", 2.0, 1_000),
        ("Ours", 2.0, 9),
    ]
    assert found["mistral"].manual_facts == "context_window input_price"
    assert stage.catalog.withdraw_facts("mistral", "m").model.context_window == 4_096


def test_nothing_is_written_when_an_operator_or_a_listing_repeats_itself(stage: Stage) -> None:
    list_model(stage, 1)
    seen = []
    for _ in range(2):
        stage.now += HOUR
        stage.catalog.add_manual_model(*OPENAI, context_window=1_000)
        list_model(stage, 6)
        with stage.database.reading() as connection:
            seen.append(connection.execute(sa.select(stated_by_operators)).all())
    assert seen[0] == seen[1]


def test_a_price_that_is_withdrawn_waits_with_the_price_that_is_doubted(stage: Stage) -> None:
    list_model(stage, 1)
    stage.catalog.add_manual_model(*OPENAI, input_price=5.0)
    list_model(stage, 2)
    assert [one.fact for one in stage.catalog.list_doubts()] == ["output_price"]
    of_model = stage.catalog.references.list_claims(*OPENAI)
    [listed] = [one for one in of_model if (one.source, one.fact) == ("listing", "input_price")]
    assert (listed.value, listed.last_stated_at, listed.sha256) == (0.5, None, None)
    after = stage.catalog.withdraw_facts(*OPENAI).model
    assert (after.input_price, after.output_price, after.is_free) == (0.5, 1.5, False)
    stage.catalog.release_provider("openai")
    assert (model(stage).input_price, model(stage).output_price, model(stage).is_free) == (0.0, 0.0, True)


def test_an_operator_who_accepts_a_doubt_withdraws_to_what_was_accepted(stage: Stage) -> None:
    list_model(stage, 1)
    stage.catalog.add_manual_model(*OPENAI, input_price=5.0)
    list_model(stage, 2)
    free = stage.now
    stage.catalog.release_provider("openai")
    assert (model(stage).input_price, model(stage).output_price) == (5.0, 0.0)
    list_model(stage, 2)
    assert stage.catalog.withdraw_facts(*OPENAI).model.is_free is True
    assert claims(stage, "input_price") == [("listing", 0.0, free)]


def test_what_waits_beside_an_operator_is_recorded_when_the_doubt_ends(stage: Stage) -> None:
    list_model(stage, 1)
    stage.catalog.add_manual_model(*OPENAI, input_price=5.0)
    for _ in range(2):
        list_model(stage, 2)
    assert claims(stage, "input_price") == [("manual", 5.0, EPOCH + HOUR), ("listing", 0.0, stage.now)]
    assert stage.catalog.withdraw_facts(*OPENAI).model.is_free is True


given_facts = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("Mine"),
        "context_window": st.sampled_from((8_192, 5_000)),
        "max_output_tokens": st.just(9),
        "input_price": st.sampled_from((0.0, 0.5)),
        "output_price": st.sampled_from((0.0, 1.0)),
        "capabilities": st.just(("tools",)),
        "expires_at": st.just(EPOCH),
    },
)
numbers = count()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(before=st.integers(-1, len(FACTS) - 1), facts=given_facts, listed=st.integers(0, len(FACTS) - 1))
def test_the_sql_keeps_what_the_rule_keeps(stage: Stage, before: int, facts: dict[str, Any], listed: int) -> None:
    slug = f"provider-{next(numbers)}"
    if before >= 0:
        stage.list(slug, {"m": before}, stage.now)
    stage.catalog.add_manual_model(slug, "m", **facts)
    known = stage.models(slug)["m"]
    stage.now += HOUR
    stage.list(slug, {"fresh": listed}, stage.now)
    incoming = stage.models(slug)["fresh"]
    stage.now += 2 * HOUR
    for _ in range(2):  # what is implausible stands after an hour
        stage.list(slug, {"m": listed, "fresh": listed}, stage.now)
        stage.now += 2 * HOUR
    expected = apply_listing(known, incoming, stage.now, is_late=False)
    after = stage.models(slug)["m"]
    names = [name for name in LISTED_COLUMNS if name != "provider_data"]
    assert [getattr(after, name) for name in names] == [getattr(expected, name) for name in names]
    with stage.database.reading() as connection:  # a record derives it from the prices
        of_model = (models.c.provider_id == slug, models.c.model_id == "m")
        assert connection.execute(sa.select(models.c.is_free).where(*of_model)).scalar_one() is expected.is_free
