"""References in the catalog: what an import replaces, what it never touches, and what contradicts what."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.claims.ended_claims import prune_ended_claims, read_ended_claims
from ghost_pipeline.catalog.claims.references import ImportOutcome
from ghost_pipeline.catalog.importing.export_file import exported_record
from ghost_pipeline.catalog.results import ModelFilter, SubmittedListing
from ghost_pipeline.catalog.storage.tables import (
    ended_claims,
    metadata,
    reference_claims,
    reference_facts,
    reference_imports,
)
from ghost_pipeline.documents import facts_document
from ghost_pipeline.errors import UnknownProvider, UsageError
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline_tests.catalog.backends import Place

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OF_REFERENCES = (ended_claims, reference_claims, reference_facts, reference_imports)


class Story:
    """A catalog in which each step is an hour after the one before."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.now = NOON
        self.catalog = place.opened(lambda: self.now)
        self.references = self.catalog.references

    def list_models(self, *ids: str, context: int | None = None, price: str | None = None) -> None:
        """Let OpenRouter list models."""
        self.now += HOUR
        rows = [{"id": one, "context_length": context, "pricing": {"prompt": price}} for one in ids]
        content = json.dumps({"data": rows}).encode()
        listed = self.catalog.admit(SubmittedListing("openrouter", "openrouter.json", content, self.now))
        self.catalog.reconcile(listed.listing_id)

    def models_dev(self, models: dict[str, dict[str, Any]], *, is_accepted: bool = False) -> ImportOutcome:
        """Import what models.dev states of OpenRouter's models."""
        self.now += HOUR
        content = json.dumps({"openrouter": {"models": models}}).encode()
        return self.references.import_content("models-dev", "api.json", content, is_accepted=is_accepted)

    def litellm(self, models: dict[str, dict[str, Any]]) -> ImportOutcome:
        """Import what LiteLLM states of OpenRouter's models."""
        self.now += HOUR
        entries = {f"openrouter/{one}": {"litellm_provider": "openrouter", **stated} for one, stated in models.items()}
        return self.references.import_content("litellm", "map.json", json.dumps(entries).encode())

    def resolved(self, model_id: str) -> dict[str, tuple[Any, str]]:
        """Return fact -> value and source."""
        found = self.references.resolve_model("openrouter", model_id)
        return {fact: (claim.value, claim.source) for fact, claim in found.items()}

    def rows(self, *, is_of_references: bool) -> dict[str, list[Any]]:
        """Return the rows of the tables of references, or of all others."""
        database = self.place.database()
        tables = [one for one in metadata.sorted_tables if (one in OF_REFERENCES) is is_of_references]
        with database.reading() as connection:
            found = {
                table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
                for table in tables
            }
        database.close()
        return found


@pytest.fixture
def story(place: Place) -> Story:
    return Story(place)


def models_dev(price: float | None = None, context: int | None = None) -> dict[str, Any]:
    return {"cost": {"input": price}, "limit": {"context": context}}


def test_a_reference_fills_gaps_and_the_listing_counts_before_it(story: Story) -> None:
    story.list_models("a", "b", context=8_000)
    story.list_models("a", "b", context=16_000)
    story.models_dev({"a": models_dev(2, 128_000), "unknown": models_dev(1)})
    assert story.resolved("a") == {
        "context_window": (16_000, "listing"),
        "input_price": (2.0, "reference:models-dev"),
    }
    claims = {
        claim.source: claim for claim in story.references.list_claims("openrouter", "a") if "window" in claim.fact
    }
    listed, stated = claims["listing"], claims["reference:models-dev"]
    assert (listed.first_stated_at, listed.last_stated_at) == (NOON + 2 * HOUR, NOON + 2 * HOUR)
    assert (stated.value, stated.first_stated_at) == (128_000, NOON + 3 * HOUR)
    history = story.catalog.get_model_history("openrouter", "a")
    assert history.listing is not None
    assert listed.sha256 == history.listing["sha256"] != stated.sha256
    assert story.references.find_unmatched("models-dev") == [("openrouter", "unknown")]
    assert history.model is not None
    assert (history.model.input_price, history.model.is_free) == (None, None)


def test_a_value_that_an_operator_gave_is_a_claim_of_the_operator(story: Story) -> None:
    story.list_models("a", context=8_000)
    story.now += HOUR
    story.catalog.add_manual_model("openrouter", "a", context_window=9_000)
    story.models_dev({"a": models_dev(2, 128_000)})
    assert story.resolved("a")["context_window"] == (9_000, "manual")
    story.catalog.add_manual_model("openai", "new", name="New")
    assert story.references.resolve_model("openai", "new")["name"].source == "manual"


def test_a_model_that_was_used_has_its_name_from_the_use(story: Story) -> None:
    story.catalog.track_successful_inference("openrouter", "a", name="A")
    assert story.resolved("a") == {"name": ("A", "inference")}


def test_a_reference_never_touches_what_evidence_states(story: Story) -> None:
    """Lifecycle, facts and events are the same with references and without them."""
    story.list_models("a", "b")
    story.catalog.track_successful_inference("openai", "used")
    story.now += timedelta(days=2)
    story.catalog.mark_stale_models_inactive()
    before = story.rows(is_of_references=False)
    story.models_dev({"a": models_dev(2, 5), "never-seen": models_dev(1)})
    story.litellm({"b": {"input_cost_per_token": 1e-06}})
    story.references.remove("litellm")
    assert story.rows(is_of_references=False) == before
    models = story.catalog.find_models(ModelFilter(is_active=None))
    assert [(one.model_id, one.is_active) for one in models] == [("used", False), ("a", False), ("b", False)]


def test_references_add_capabilities_except_those_that_the_format_of_a_listing_decides(story: Story) -> None:
    """OpenRouter's parameters are a complete list, Google's methods have nothing of tools."""
    rows = {
        "openrouter": {"id": "g", "supported_parameters": ["reasoning"]},
        "google": {"name": "models/g", "supportedGenerationMethods": ["generateContent"]},
    }
    for provider_id, row in rows.items():
        content = json.dumps({"models" if provider_id == "google" else "data": [row]}).encode()
        listed = story.catalog.admit(SubmittedListing(provider_id, "models.json", content, story.now))
        story.catalog.reconcile(listed.listing_id)
    story.now += HOUR
    stated = {"models": {"g": {"tool_call": True, "reasoning": True}}}
    content = json.dumps(dict.fromkeys(rows, stated)).encode()
    story.references.import_content("models-dev", "api.json", content)
    with_tools = ModelFilter(capabilities=["tools"], is_stated_only=False)
    [found] = story.catalog.find_models(with_tools)
    assert (found.provider_id, found.capabilities) == ("google", ("reasoning", "text", "tools"))
    assert story.catalog.count_undecided_models(with_tools) == 0
    assert not story.catalog.find_models(ModelFilter(capabilities=["tools"]))
    columns = ("provider_id", "capabilities", "capabilities_source")
    assert list(story.catalog.iterate_columns(ModelFilter(is_stated_only=False), columns)) == [
        ("google", ["reasoning", "text", "tools"], "listing, reference:models-dev"),
        ("openrouter", ["reasoning"], "listing"),
    ]
    for provider_id, expected in (("google", found.capabilities), ("openrouter", ("reasoning",))):
        assert story.references.resolve_model(provider_id, "g")["capabilities"].value == expected
    again = exported_record(msgspec.to_builtins(found), story.now)
    assert again.capabilities == ("text",)


def test_a_date_of_retirement_from_a_reference_is_a_claim_and_starts_nothing(story: Story) -> None:
    story.list_models("a")
    stated = {"deprecation_date": "2026-06-01", "input_cost_per_token": 1e-06, "cache_read_input_token_cost": 1e-07}
    story.litellm({"a": stated})
    story.litellm({"a": stated})
    claims = {claim.fact: claim for claim in story.references.list_claims("openrouter", "a")}
    assert claims["expires_at"].value == datetime(2026, 6, 1, 23, 59, 59, tzinfo=UTC)
    assert claims["prices"].value == {"input": "1", "cache_read": "0.1"}
    assert (claims["expires_at"].first_stated_at, claims["expires_at"].last_stated_at) == (
        NOON + 2 * HOUR,
        NOON + 3 * HOUR,
    )
    assert story.resolved("a") == {"input_price": (1.0, "reference:litellm")}
    assert story.catalog.list_retiring() == []
    assert not story.catalog.find_models(ModelFilter(is_retiring=True, is_stated_only=False))
    [model] = story.catalog.find_models(ModelFilter(is_stated_only=False))
    assert (model.input_price, model.prices, model.expires_at) == (1.0, None, None)
    facts = facts_document(list(claims.values()), ("litellm",))
    assert facts["expires_at"]["value"] is facts["expires_at"]["source"] is None
    assert [one["source"] for one in facts["expires_at"]["others"]] == ["reference:litellm"]
    story.catalog.announce_retirement("openrouter", "a", datetime(2026, 7, 1, tzinfo=UTC))
    [conflict] = story.references.list_conflicts("expires_at")
    assert (conflict.winner.source, conflict.others[0].source) == ("manual", "reference:litellm")


def test_each_source_has_the_last_instant_and_the_bytes_that_state_its_value(story: Story) -> None:
    """Listing, operator and use: when each stated last, and by which bytes."""
    story.list_models("a", context=8_000, price="0.000001")
    story.list_models("a", context=8_000, price="0.000001")
    history = story.catalog.get_model_history("openrouter", "a")
    assert history.listing is not None
    claims = {one.fact: one for one in story.references.list_claims("openrouter", "a")}
    assert {one.sha256 for one in claims.values()} == {history.listing["sha256"]}
    assert (claims["input_price"].first_stated_at, claims["input_price"].last_stated_at) == (NOON + HOUR, story.now)
    story.list_models("a", context=8_000, price="0.0001")
    claims = {one.fact: one for one in story.references.list_claims("openrouter", "a")}
    doubted, window = claims["input_price"], claims["context_window"]
    assert (doubted.value, doubted.first_stated_at) == (1.0, NOON + HOUR)
    assert (doubted.last_stated_at, doubted.sha256) == (None, None)
    assert window.last_stated_at == story.now
    assert window.sha256 != history.listing["sha256"]
    story.catalog.add_manual_model("openrouter", "a", context_window=9_000)
    [stated] = [one for one in story.references.list_claims("openrouter", "a") if one.source == "manual"]
    assert (stated.fact, stated.last_stated_at, stated.sha256) == ("context_window", story.now, None)
    story.catalog.track_successful_inference("openrouter", "used", name="Used")
    [used] = story.references.list_claims("openrouter", "used")
    assert (used.source, used.last_stated_at, used.sha256) == ("inference", story.now, None)


def test_what_a_reference_stated_before_stays_answerable(story: Story) -> None:
    story.list_models("a")
    story.models_dev({"a": models_dev(2, 5_000), "unknown": models_dev(1)})
    first = story.now
    story.models_dev({"a": models_dev(2, 5_000), "unknown": models_dev(1)})
    second = story.now
    story.models_dev({"a": models_dev(3), "unknown": models_dev(2)})
    window, price = story.references.list_ended_claims("openrouter", "a")
    assert (window.fact, window.value, window.ended_at) == ("context_window", 5_000, story.now)
    assert (price.value, price.source, price.first_stated_at, price.last_stated_at) == (
        2.0,
        "reference:models-dev",
        first,
        second,
    )
    imported = [one.newest.sha256 for one in story.references.list_states()]
    assert price.sha256 not in imported
    assert story.references.list_ended_claims("openrouter", "unknown") == []
    facts = facts_document([], (), story.references.list_ended_claims("openrouter", "a"))
    assert (facts["context_window"]["value"], facts["context_window"]["ended"][0]["value"]) == (None, 5_000)
    story.models_dev({"a": models_dev(300)})
    [doubted] = [one for one in story.references.list_claims("openrouter", "a") if one.fact == "input_price"]
    assert (doubted.value, doubted.last_stated_at) == (3.0, story.now - HOUR)
    story.models_dev({"a": models_dev(300)})
    newest = story.references.list_ended_claims("openrouter", "a")[0]
    assert (newest.value, newest.last_stated_at, newest.ended_at) == (3.0, story.now - 2 * HOUR, story.now)
    story.references.remove("models-dev")
    assert story.references.list_ended_claims("openrouter", "a") == []


def test_ended_claims_are_kept_as_long_as_listings(story: Story) -> None:
    story.list_models("a")
    for price in (1, 2, 3):
        story.models_dev({"a": models_dev(price)})
        story.now += timedelta(days=10)
    database = story.place.database()
    with database.writing() as connection:
        prune_ended_claims(connection, None, story.now)
        assert len(read_ended_claims(connection, ("openrouter", "a"))) == 2
        prune_ended_claims(connection, timedelta(days=15), story.now)
        assert [one.value for one in read_ended_claims(connection, ("openrouter", "a"))] == [2.0]
    database.close()


def test_importing_the_same_again_writes_one_row(story: Story) -> None:
    stated = {"a": models_dev(2, 5), "b": models_dev(3)}
    story.models_dev(stated)
    before = story.rows(is_of_references=True)
    again = story.models_dev(stated)
    after = story.rows(is_of_references=True)
    assert after["reference_claims"] == before["reference_claims"]
    assert after["reference_facts"] == before["reference_facts"]
    assert len(after["reference_imports"]) == 2
    assert again.imported.is_applied
    assert (again.imported.added_count, again.imported.changed_count, again.imported.ended_count) == (0, 0, 0)
    [claim] = [one for one in story.references.list_claims("openrouter", "b") if one.fact == "input_price"]
    assert (claim.first_stated_at, claim.last_stated_at) == (NOON + HOUR, NOON + 2 * HOUR)


def test_what_a_reference_states_no_more_ends(story: Story) -> None:
    story.models_dev({"a": models_dev(2, 5), "b": models_dev(3)})
    imported = story.models_dev({"a": models_dev(4)}).imported
    assert (imported.added_count, imported.changed_count, imported.ended_count) == (0, 1, 2)
    assert story.resolved("a") == {"input_price": (4.0, "reference:models-dev")}
    assert story.resolved("b") == {}


def test_each_fact_has_the_first_source_that_states_it(story: Story) -> None:
    story.litellm({"a": {"input_cost_per_token": 1e-06, "max_output_tokens": 7}})
    story.models_dev({"a": models_dev(2, 5)})
    story.list_models("a", context=9)
    assert story.resolved("a") == {
        "context_window": (9, "listing"),
        "max_output_tokens": (7, "reference:litellm"),
        "input_price": (2.0, "reference:models-dev"),
    }


entries = st.dictionaries(
    st.sampled_from(["a", "b", "unknown"]),
    st.fixed_dictionaries({}, optional={"price": st.sampled_from([0, 2, 5]), "context": st.sampled_from([5, 7])}),
    min_size=1,
)


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    entries, entries, st.permutations(["models-dev", "litellm", "listing"]), st.sampled_from(["models-dev", "litellm"])
)
def test_any_order_gives_the_same_and_a_removed_reference_leaves_nothing(
    story: Story, of_models_dev: Any, of_litellm: Any, order: list[str], removed: str
) -> None:
    imports: dict[str, Callable[[], object]] = {
        "models-dev": lambda: story.models_dev({name: models_dev(**one) for name, one in of_models_dev.items()}),
        "litellm": lambda: story.litellm(
            {
                name: {"input_cost_per_token": one.get("price", 0) / 1e6, "max_input_tokens": one.get("context")}
                for name, one in of_litellm.items()
            }
        ),
        "listing": lambda: story.list_models("a", "b", context=9),
    }

    def show() -> Any:
        filled = ModelFilter(is_active=None, is_stated_only=False)
        found = [
            (one.model_id, one.input_price, one.context_window, one.is_free)
            for one in story.catalog.find_models(filled)
        ]
        return found, {name: story.resolved(name) for name in ("a", "b", "unknown")}

    def run(names: Sequence[str]) -> Any:
        for state in story.references.list_states():
            story.references.remove(state.name)
        for name in names:
            imports[name]()
        return show()

    in_this_order = run(order)
    story.references.remove(removed)
    left = show()
    assert run([name for name in order if name != removed]) == left
    assert run(["listing", "litellm", "models-dev"]) == in_this_order


def test_removing_a_reference_restores_what_was_there_before(story: Story) -> None:
    story.list_models("a", context=9)
    story.models_dev({"a": models_dev(2, 5)})
    before = (story.rows(is_of_references=True), story.resolved("a"), story.references.list_conflicts())
    story.litellm({"a": {"input_cost_per_token": 1e-06, "max_output_tokens": 7}})
    assert story.resolved("a") != before[1]
    assert story.references.remove("litellm") == 2
    assert (story.rows(is_of_references=True), story.resolved("a"), story.references.list_conflicts()) == before
    with pytest.raises(UsageError, match="the reference litellm was never imported"):
        story.references.remove("litellm")


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (b"{", Verdict.MALFORMED),
        (b'{"openrouter": {"models": {}}}', Verdict.EMPTY),
        (b'{"openrouter": {"models": {"m1": {"name": "M"}}}}', Verdict.SHRUNKEN),
    ],
)
def test_a_bad_file_replaces_nothing_and_is_recorded(story: Story, content: bytes, verdict: Verdict) -> None:
    story.models_dev({f"m{number}": {"name": "M"} for number in range(10)})
    before = story.rows(is_of_references=True)["reference_claims"]
    outcome = story.references.import_content("models-dev", "api.json", content)
    assert (outcome.imported.verdict, outcome.imported.is_applied) == (verdict, False)
    assert story.rows(is_of_references=True)["reference_claims"] == before
    [state] = story.references.list_states()
    assert state.newest.verdict is verdict
    assert state.applied is not None
    assert state.applied.verdict is Verdict.COMPLETE
    accepted = story.references.import_content("models-dev", "api.json", content, is_accepted=True)
    assert accepted.imported.is_applied is (verdict is Verdict.SHRUNKEN)


def test_an_implausible_price_stands_when_it_is_stated_again_or_accepted(story: Story) -> None:
    story.models_dev({"a": models_dev(2), "b": models_dev(2)})
    outcome = story.models_dev({"a": models_dev(50), "b": models_dev(2)})
    assert [(doubt.model_id, doubt.value, doubt.doubted_value) for doubt in outcome.doubts] == [("a", 2.0, 50.0)]
    assert outcome.imported.doubted_count == 1
    assert story.resolved("a")["input_price"] == (2.0, "reference:models-dev")
    assert story.references.list_states()[0].doubted_count == 1
    assert story.models_dev({"a": models_dev(50), "b": models_dev(100)}).imported.changed_count == 1
    assert story.resolved("a")["input_price"] == (50.0, "reference:models-dev")
    assert story.resolved("b")["input_price"] == (2.0, "reference:models-dev")
    story.models_dev({"a": models_dev(50), "b": models_dev(100)}, is_accepted=True)
    assert story.resolved("b")["input_price"] == (100.0, "reference:models-dev")


def test_conflicts_name_who_wins_since_when_and_by_how_much(story: Story) -> None:
    story.list_models("a", "agreed", "unpriced", price="0.000002")
    story.models_dev({"a": models_dev(4), "agreed": models_dev(2), "unlisted": models_dev(3)})
    story.litellm({"a": {"input_cost_per_token": 1e-06}, "unlisted": {"input_cost_per_token": 9e-06}})
    [conflict] = story.references.list_conflicts()
    assert (conflict.provider_id, conflict.model_id, conflict.fact) == ("openrouter", "a", "input_price")
    assert (conflict.winner.value, conflict.winner.source) == (2.0, "listing")
    assert conflict.winner.first_stated_at == NOON + HOUR
    assert [(one.value, one.source) for one in conflict.others] == [
        (4.0, "reference:models-dev"),
        (1.0, "reference:litellm"),
    ]
    assert (conflict.factor, conflict.since) == (4.0, NOON + 3 * HOUR)
    assert story.references.list_conflicts("input_price", ["open-router"]) == [conflict]
    assert story.references.list_conflicts("output_price") == []
    with pytest.raises(UsageError, match="is not compared"):
        story.references.list_conflicts("name")
    with pytest.raises(UnknownProvider):
        story.references.list_conflicts(provider_ids=["nobody"])


def test_an_operator_contradicts_the_listing_whatever_references_state_of_the_model(story: Story) -> None:
    story.list_models("agreed", "other", price="0.000003")
    for one in ("agreed", "other"):
        story.catalog.add_manual_model("openrouter", one, input_price=5.0)
    before = [(one.model_id, one.winner.value, one.others[0].value) for one in story.references.list_conflicts()]
    assert before == [("agreed", 5.0, 3.0), ("other", 5.0, 3.0)]
    story.models_dev({"agreed": models_dev(5), "other": {"limit": {"output": 9}}})
    after = [(one.model_id, one.winner.value, one.others[0].value) for one in story.references.list_conflicts()]
    assert after == before


def test_references_come_in_the_configured_order(place: Place) -> None:
    story = Story(place)
    story.models_dev({"a": models_dev(4)})
    story.litellm({"a": {"input_cost_per_token": 1e-06}})
    assert story.resolved("a")["input_price"] == (4.0, "reference:models-dev")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GHOST_REFERENCES", "LiteLLM, models-dev")
        environment.setenv("GHOST_DATABASE_URL", place.url)
        with ModelCatalog.open() as catalog:
            assert catalog.references.resolve_model("openrouter", "a")["input_price"].source == "reference:litellm"


def test_a_doubt_of_a_reference_is_an_event_of_the_models_of_the_catalog_and_a_change(story: Story) -> None:
    story.list_models("a")
    story.models_dev({"a": models_dev(2, 8_000), "unknown": models_dev(2)})
    before = story.catalog.find_models(ModelFilter(is_active=None))
    doubted = {"a": models_dev(50, 1_000), "unknown": models_dev(0)}
    story.models_dev(doubted)
    story.now -= HOUR  # the same doubt, stated again before it is confirmed
    story.models_dev(doubted)
    [change] = [one for one in story.catalog.list_changes().changes if one.kind == "doubted"]
    assert (change.model_id, change.listing_id) == ("a", None)
    assert change.reason == (
        "context_window stays 8,000, models-dev states 1,000: the context window shrinks by 88 %; "
        "input_price stays 2, models-dev states 50: the price changes by a factor of 25"
    )
    assert story.catalog.find_models(ModelFilter(is_active=None)) == before
    assert story.catalog.list_doubts() == []


def test_an_alias_of_a_reference_that_points_elsewhere_is_an_event_of_the_models_of_the_catalog(story: Story) -> None:
    story.list_models("a", "b")
    for maker in ("one", "one", "two"):
        story.models_dev({key: {"base_model": f"{maker}/x", **models_dev(2)} for key in ("a", "b", "unknown")})
    kept = story.catalog.find_models(ModelFilter(is_active=None))
    changes = [one for one in story.catalog.list_changes().changes if one.kind == "changed"]
    assert [(one.model_id, one.old, one.new, one.at) for one in changes] == [
        (name, {"aliases": "one/x"}, {"aliases": "two/x"}, story.now) for name in ("a", "b")
    ]
    assert {one.reason for one in changes} == {"models-dev states other values"}
    story.models_dev({key: {"base_model": "two/x", **models_dev(3)} for key in ("a", "b")})
    assert len([one for one in story.catalog.list_changes().changes if one.kind == "changed"]) == 2
    assert story.catalog.find_models(ModelFilter(is_active=None)) == kept
