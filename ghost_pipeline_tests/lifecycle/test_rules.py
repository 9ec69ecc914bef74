"""The rules at their limits: thresholds, edges, and the design's tables."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from ghost_pipeline.errors import InvalidMetadata, InvalidModelId, InvalidProvider
from ghost_pipeline.lifecycle.absence import is_protection_ending, is_purgeable, is_stale
from ghost_pipeline.lifecycle.identity import LOCAL_PROVIDERS, PROVIDER_ALIASES, canonical_model_id, provider_slug
from ghost_pipeline.lifecycle.prices import is_free
from ghost_pipeline.lifecycle.records import ListedModel, Listing, ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.validation import merge_metadata, validate_metadata
from ghost_pipeline.lifecycle.verdicts import Assessment, Expectation, ShrunkenListing, assess, is_shrunken
from ghost_pipeline.lifecycle.vocabulary import Source, Verdict
from ghost_pipeline.settings import Thresholds

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR, DAY, TICK = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
RULES = Thresholds()
FREE_PROVIDER = ProviderRecord("openai", "OpenAI")
THIRTY = frozenset(f"m{number}" for number in range(30))


def judged(model_ids: frozenset[str], at: datetime = NOW, provider: str = "openai", **expected: object) -> Assessment:
    rows = tuple(ListedModel(model_id, "{}") for model_id in sorted(model_ids))
    return assess(Listing(provider, rows), at, Expectation(**expected), RULES)  # type: ignore[arg-type]


def model(**facts: object) -> ModelRecord:
    seen = NOW - 2 * DAY
    return replace(
        ModelRecord("openai", "m", Source.INDEX, True, seen, seen, last_listed_at=seen),
        **facts,
    )


@pytest.mark.parametrize(
    ("missing", "expected", "is_so"),
    [(5, 10, False), (6, 30, False), (6, 29, True), (7, 30, True), (20, 100, False), (21, 100, True), (0, 0, False)],
)
def test_shrunken_means_more_than_a_fifth_and_more_than_five(missing: int, expected: int, is_so: bool) -> None:
    assert is_shrunken(missing, expected, RULES) is is_so


def test_verdicts_are_tried_in_order() -> None:
    bad = Listing("openai", (ListedModel("m0", "{}"),), malformed_reason="cut off", incomplete_reasons=("has_more",))
    assert assess(bad, NOW, Expectation(THIRTY), RULES).verdict is Verdict.MALFORMED
    assert judged(frozenset(), expected_ids=THIRTY).verdict is Verdict.EMPTY
    cut = dataclasses.replace(bad, malformed_reason=None)
    assert assess(cut, NOW, Expectation(THIRTY), RULES).verdict is Verdict.PARTIAL
    assert judged(frozenset({"m0"}), expected_ids=THIRTY).verdict is Verdict.SHRUNKEN
    assert judged(THIRTY, expected_ids=THIRTY).verdict is Verdict.COMPLETE


def test_inactive_rows_are_not_missing() -> None:
    listing = Listing("openai", (ListedModel("m0", "{}"),), inactive_ids=tuple(THIRTY - {"m0"}))
    assessment = assess(listing, NOW, Expectation(THIRTY), RULES)
    assert (assessment.verdict, assessment.missing_ids) == (Verdict.COMPLETE, frozenset())


def test_a_shrunken_listing_is_confirmed_an_hour_later_and_not_before() -> None:
    gone = frozenset(f"m{number}" for number in range(10))
    earlier = (ShrunkenListing(NOW, gone),)
    for wait, verdict in ((HOUR - TICK, Verdict.SHRUNKEN), (HOUR, Verdict.COMPLETE)):
        assert judged(THIRTY - gone, NOW + wait, expected_ids=THIRTY, shrunken=earlier).verdict is verdict


def test_a_model_that_came_back_or_many_more_that_left_confirm_nothing() -> None:
    gone = frozenset(f"m{number}" for number in range(10))
    earlier = (ShrunkenListing(NOW, gone),)
    back = (THIRTY - gone) | {"m3"}
    assert judged(back, NOW + HOUR, expected_ids=THIRTY, shrunken=earlier).verdict is Verdict.SHRUNKEN
    fewer = frozenset(sorted(THIRTY - gone)[:14])
    assert judged(fewer, NOW + HOUR, expected_ids=THIRTY, shrunken=earlier).verdict is Verdict.SHRUNKEN
    few_more = frozenset(sorted(THIRTY - gone)[:15])
    assert judged(few_more, NOW + HOUR, expected_ids=THIRTY, shrunken=earlier).verdict is Verdict.COMPLETE


def test_a_late_listing_sets_lifts_and_confirms_nothing() -> None:
    gone = frozenset(f"m{number}" for number in range(10))
    for model_ids in (frozenset[str](), THIRTY - gone, THIRTY):
        assessment = judged(
            model_ids,
            NOW + HOUR,
            expected_ids=THIRTY,
            last_listing_at=NOW + 2 * HOUR,
            shrunken=(ShrunkenListing(NOW, gone),),
        )
        assert (assessment.is_late, assessment.sets_hold, assessment.lifts_hold) == (True, False, False)
    assert judged(THIRTY - gone, NOW, expected_ids=THIRTY, last_listing_at=NOW + HOUR).verdict is Verdict.SHRUNKEN


def test_an_empty_listing_of_a_local_server_is_accepted_without_listed_models_or_after_a_release() -> None:
    for provider in LOCAL_PROVIDERS:
        accepted = judged(frozenset(), provider=provider)
        assert (accepted.is_refused, accepted.sets_hold, accepted.lifts_hold) == (False, False, True)
        refused = judged(frozenset(), provider=provider, has_listed_models=True)
        assert (refused.is_refused, refused.sets_hold, refused.lifts_hold) == (True, True, False)
        released: dict[str, Any] = {"has_listed_models": True, "is_released_empty": True}
        assert not judged(frozenset(), provider=provider, **released).is_refused
        assert judged(frozenset(), provider=provider, expected_ids=frozenset({"m"}), **released).is_refused
    assert judged(frozenset(), provider="openai").sets_hold
    assert not judged(frozenset(), provider="ollama", last_listing_at=NOW + HOUR).lifts_hold


def test_a_model_goes_stale_after_24_hours_and_not_at_24_hours() -> None:
    assert not is_stale(model(last_seen_at=NOW - DAY), FREE_PROVIDER, NOW, RULES)
    assert is_stale(model(last_seen_at=NOW - DAY - TICK), FREE_PROVIDER, NOW, RULES)
    assert not is_stale(model(source=Source.MANUAL), FREE_PROVIDER, NOW, RULES)


def test_a_hold_protects_listed_models_for_seven_days() -> None:
    for held_for, is_so in ((7 * DAY, False), (7 * DAY + TICK, True)):
        held = dataclasses.replace(FREE_PROVIDER, held_since=NOW - held_for, held_reason="empty")
        assert is_stale(model(), held, NOW, RULES) is is_so
        assert is_stale(model(last_listed_at=None), held, NOW, RULES)
    assert is_protection_ending(dataclasses.replace(FREE_PROVIDER, held_since=NOW - 6 * DAY), NOW, RULES)
    assert not is_protection_ending(dataclasses.replace(FREE_PROVIDER, held_since=NOW - 6 * DAY + TICK), NOW, RULES)


def test_a_ghost_is_purged_30_days_after_both_its_instants_and_never_while_held() -> None:
    long_ago = NOW - 30 * DAY - TICK
    ghost = model(is_active=False, deactivated_at=long_ago, last_seen_at=long_ago)
    assert is_purgeable(ghost, FREE_PROVIDER, NOW, RULES)
    assert not is_purgeable(replace(ghost, deactivated_at=NOW - 30 * DAY), FREE_PROVIDER, NOW, RULES)
    assert not is_purgeable(replace(ghost, last_seen_at=NOW - 30 * DAY), FREE_PROVIDER, NOW, RULES)
    assert not is_purgeable(replace(ghost, source=Source.MANUAL), FREE_PROVIDER, NOW, RULES)
    held = dataclasses.replace(FREE_PROVIDER, held_since=NOW - 300 * DAY)
    assert not is_purgeable(ghost, held, NOW, RULES)
    assert is_purgeable(replace(ghost, last_listed_at=None), held, NOW, RULES)


@pytest.mark.parametrize(
    ("prices", "free"),
    [((0, 0), True), ((0, None), None), ((None, None), None), ((0, 1), False), ((None, 2), False), ((3, 4), False)],
)
def test_free_means_that_both_prices_are_known_to_be_zero(prices: tuple[float, float], free: bool | None) -> None:
    assert is_free(*prices) is free


def test_every_alias_leads_to_a_slug_that_is_not_an_alias() -> None:
    for alias, slug in PROVIDER_ALIASES.items():
        assert provider_slug(alias.upper()) == slug == provider_slug(slug)
    assert provider_slug(" Together_AI ") == "together"


@pytest.mark.parametrize("name", ["", " ", "a b", "-x", "x-", "ü", "x" * 65, "../x", "a\n"[0:0]])
def test_an_invalid_provider_name_is_rejected(name: str) -> None:
    with pytest.raises(InvalidProvider):
        provider_slug(name)


@pytest.mark.parametrize("model_id", ["", "  ", "a\x00b", "\ud800", "x" * 513, "models/"])
def test_an_invalid_model_id_is_rejected(model_id: str) -> None:
    with pytest.raises(InvalidModelId):
        canonical_model_id("google", model_id)


def test_google_has_one_spelling_of_a_model() -> None:
    assert canonical_model_id("google", "models/gemini-x") == canonical_model_id("google", " gemini-x ") == "gemini-x"
    assert canonical_model_id("openai", "models/x") == "models/x"


def test_empty_and_absent_metadata_merge_alike_in_either_order() -> None:
    assert merge_metadata(None, {}) == merge_metadata({}, None) == {}


def test_metadata_is_a_small_json_object_of_its_own() -> None:
    cyclic: dict[str, object] = {}
    cyclic["self"] = cyclic
    for bad in ({"x": float("nan")}, {"x": b"bytes"}, cyclic, {"x": "\ud800"}, {"x": "y" * 70_000}, ["list"]):
        with pytest.raises(InvalidMetadata):
            validate_metadata(bad)  # type: ignore[arg-type]
    mine = {"nested": {"n": 1}}
    kept = validate_metadata(mine)
    mine["nested"]["n"] = 2
    assert kept == {"nested": {"n": 1}}
