"""What an import of a reference changes, and what is doubted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from ghost_pipeline.lifecycle.claims.plausibility import (
    ClaimKey,
    ReferenceChanges,
    StatedClaim,
    assess_reference,
    compare_claims,
    implausible_reason,
)
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline.settings import Thresholds

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEFAULT = Thresholds()

keys = st.tuples(
    st.sampled_from(("openai", "xai")),
    st.sampled_from("abc"),
    st.sampled_from(("input_price", "output_price", "context_window")),
)
contents = st.dictionaries(keys, st.sampled_from((0, 1, 2, 100)), max_size=8)


def applied(known: dict[ClaimKey, StatedClaim], changes: ReferenceChanges) -> dict[ClaimKey, StatedClaim]:
    """Return the claims after the changes are stored."""
    kept = {key: claim for key, claim in known.items() if key not in changes.ended}
    return kept | changes.added | changes.updated


def import_one(
    known: dict[ClaimKey, StatedClaim], stated: dict[ClaimKey, Any], at: datetime, *, is_accepted: bool = False
) -> dict[ClaimKey, StatedClaim]:
    return applied(known, compare_claims(known, stated, f"{at}", at, DEFAULT, is_accepted=is_accepted))


def values_of(known: dict[ClaimKey, StatedClaim]) -> dict[ClaimKey, Any]:
    return {key: claim.value for key, claim in known.items()}


@given(st.lists(contents, max_size=4), contents)
def test_what_is_stated_again_an_hour_later_stands_whatever_was_stated_before(
    earlier: list[dict[ClaimKey, Any]], newest: dict[ClaimKey, Any]
) -> None:
    known: dict[ClaimKey, StatedClaim] = {}
    for hours, stated in enumerate((*earlier, newest, newest)):
        known = import_one(known, stated, NOON + hours * HOUR)
    assert values_of(known) == newest
    assert all(claim.doubted_at is None for claim in known.values())


@given(contents, contents)
def test_an_operator_s_acceptance_leaves_no_doubt(old: dict[ClaimKey, Any], new: dict[ClaimKey, Any]) -> None:
    known = import_one(import_one({}, old, NOON), new, NOON + HOUR, is_accepted=True)
    assert values_of(known) == new
    assert all(claim.doubted_at is None for claim in known.values())


@given(st.lists(contents, max_size=3))
def test_repeating_an_import_at_once_changes_nothing(imports: list[dict[ClaimKey, Any]]) -> None:
    known: dict[ClaimKey, StatedClaim] = {}
    for hours, stated in enumerate(imports):
        known = import_one(known, stated, NOON + hours * HOUR)
        again = compare_claims(known, stated, "again", NOON + hours * HOUR, DEFAULT)
        assert (again.added, again.updated, again.ended) == ({}, {}, [])


PRICE = ("openai", "m", "input_price")
CONTEXT = ("openai", "m", "context_window")


@pytest.mark.parametrize(
    ("fact", "old", "new", "is_plausible"),
    [
        ("input_price", 1.0, 10.0, True),
        ("input_price", 1.0, 10.5, False),
        ("input_price", 10.5, 1.0, False),
        ("output_price", 1.0, 0.0, False),
        ("output_price", 0.0, 0.01, False),
        ("context_window", 100_000, 50_000, True),
        ("context_window", 100_000, 49_999, False),
        ("context_window", 8_000, 1_000_000, True),
        ("max_output_tokens", 100_000, 1, True),
        ("name", "A", "B", True),
        ("capabilities", ["text"], ["text", "tools"], True),
    ],
)
def test_what_is_hardly_ever_true_is_implausible(fact: str, old: Any, new: Any, is_plausible: bool) -> None:
    assert (implausible_reason(fact, old, new, DEFAULT) is None) is is_plausible


def test_a_doubted_value_does_not_stand_until_it_is_stated_again_an_hour_later() -> None:
    known = import_one({}, {PRICE: 1.0}, NOON)
    known = import_one(known, {PRICE: 50.0}, NOON + HOUR)
    assert (known[PRICE].value, known[PRICE].doubted_value, known[PRICE].doubted_at) == (1.0, 50.0, NOON + HOUR)
    soon = compare_claims(known, {PRICE: 50.0}, "b", NOON + 1.9 * HOUR, DEFAULT)
    assert [doubt.reason for doubt in soon.doubts] == ["the price changes by a factor of 50"]
    assert not soon.updated
    known = import_one(known, {PRICE: 50.0}, NOON + 2 * HOUR)
    assert known[PRICE] == StatedClaim(50.0, NOON + 2 * HOUR, f"{NOON + 2 * HOUR}")


@pytest.mark.parametrize("output", [30.0, None])
@pytest.mark.parametrize("new_output", [4.0, None])
def test_the_prices_of_a_model_wait_for_the_doubted_one(output: float | None, new_output: float | None) -> None:
    other, sheet = ("openai", "m", "output_price"), ("openai", "m", "prices")

    def state(price: float, of_output: float | None) -> dict[ClaimKey, Any]:
        stated: dict[ClaimKey, Any] = {PRICE: price, CONTEXT: int(price * 1000), sheet: {"input": price}}
        return stated if of_output is None else stated | {other: of_output}

    old, new = state(10.0, output), state(0.9, new_output) | {CONTEXT: 20_000}
    known = import_one({}, old, NOON)
    changes = compare_claims(known, new, "b", NOON + HOUR, DEFAULT)
    assert [doubt.fact for doubt in changes.doubts] == ["input_price"]
    assert values_of(applied(known, changes)) == old | {CONTEXT: 20_000}
    assert values_of(import_one(applied(known, changes), new, NOON + 2 * HOUR)) == new
    assert values_of(import_one(known, new, NOON + HOUR, is_accepted=True)) == new


def test_a_doubt_ends_when_the_old_value_is_stated_again() -> None:
    known = import_one({}, {CONTEXT: 200_000}, NOON)
    known = import_one(import_one(known, {CONTEXT: 8_000}, NOON + HOUR), {CONTEXT: 200_000}, NOON + 2 * HOUR)
    assert known[CONTEXT] == StatedClaim(200_000, NOON, f"{NOON}")


def test_prices_of_most_models_of_a_provider_at_once_are_doubted() -> None:
    models = [("openai", f"m{number}", "input_price") for number in range(12)]
    others = [("xai", f"m{number}", "input_price") for number in range(12)]
    known = import_one({}, dict.fromkeys([*models, *others], 1.0), NOON)
    stated = dict.fromkeys([*models, *others], 1.0) | dict.fromkeys(models[:7], 2.0) | dict.fromkeys(others[:6], 2.0)
    changes = compare_claims(known, stated, "b", NOON + HOUR, DEFAULT)
    assert {doubt.provider_id for doubt in changes.doubts} == {"openai"}
    assert {doubt.reason for doubt in changes.doubts} == {"prices of 7 of 12 models of openai change at once"}
    assert sorted(values_of(applied(known, changes))[key] for key in others) == [1.0] * 6 + [2.0] * 6
    # Those that are stated again without their companions stay doubted until the hour is over.
    fewer = stated | dict.fromkeys(models[:3], 1.0)
    later = compare_claims(applied(known, changes), fewer, "c", NOON + 1.5 * HOUR, DEFAULT)
    assert {doubt.reason for doubt in later.doubts} == {"it was doubted before"}


def test_a_provider_with_few_models_may_change_all_its_prices() -> None:
    models = [("openai", f"m{number}", "input_price") for number in range(5)]
    known = import_one({}, dict.fromkeys(models, 1.0), NOON)
    assert not compare_claims(known, dict.fromkeys(models, 2.0), "b", NOON + HOUR, DEFAULT).doubts


def test_a_reference_is_assessed_as_a_listing_is() -> None:
    known = import_one({}, {("openai", f"m{number}", "name"): "M" for number in range(30)}, NOON)

    def verdict(stated: dict[ClaimKey, Any], malformed_reason: str | None = None) -> Verdict:
        return assess_reference(known, stated, malformed_reason, DEFAULT)[0]

    assert verdict({}, "cut off") is Verdict.MALFORMED
    assert verdict({}) is Verdict.EMPTY
    assert verdict({("openai", f"m{number}", "name"): "M" for number in range(23)}) is Verdict.SHRUNKEN
    assert verdict({("openai", f"m{number}", "name"): "M" for number in range(24)}) is Verdict.COMPLETE
    assert verdict({("openai", f"m{number}", "context_window"): 1 for number in range(30)}) is Verdict.COMPLETE
