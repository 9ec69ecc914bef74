"""Which claim counts, and where claims contradict each other."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import hypothesis.strategies as st
from hypothesis import given

from ghost_pipeline.lifecycle.claims.resolution import (
    COMPARED_FACTS,
    Claim,
    find_conflicts,
    group_words,
    is_reference,
    rank_source,
    resolve,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ORDER = ("models-dev", "litellm")
SOURCES = ("manual", "listing", "inference", "reference:models-dev", "reference:litellm", "reference:other")

NUMBERS = [fact for fact in COMPARED_FACTS if fact != "expires_at"]
values = st.sampled_from((None, 0, 1, 2, 3, 10))
words = st.lists(st.sampled_from(("json", "text", "tools")), unique=True).map(lambda found: tuple(sorted(found)))
claims = st.lists(
    st.builds(Claim, st.sampled_from(NUMBERS), values, st.sampled_from(SOURCES), st.just(NOON))
    | st.builds(Claim, st.just("capabilities"), words, st.just("listing"), st.just(NOON), decided_words=words)
    | st.builds(Claim, st.just("capabilities"), words, st.sampled_from(SOURCES), st.just(NOON)),
    unique_by=lambda claim: (claim.fact, claim.source),
)


@given(claims, st.randoms())
def test_the_order_in_which_claims_arrive_never_matters(stated: list[Claim], random: Random) -> None:
    shuffled = list(stated)
    random.shuffle(shuffled)
    assert resolve(shuffled, ORDER) == resolve(stated, ORDER)
    assert find_conflicts("p", "m", shuffled, ORDER) == find_conflicts("p", "m", stated, ORDER)


def sources_of(stated: list[Claim]) -> dict[str, tuple[str, object]]:
    """Return fact or capability -> the source that counts, and its value."""
    found: dict[str, tuple[str, object]] = {}
    for fact, claim in resolve(stated, ORDER).items():
        if fact == "capabilities":
            found |= {word: (source, word) for source, words in group_words(claim).items() for word in words}
        else:
            found[fact] = (claim.source, claim.value)
    return found


@given(claims)
def test_without_its_claims_a_reference_leaves_no_trace(stated: list[Claim]) -> None:
    others = [claim for claim in stated if claim.source != "reference:litellm"]
    resolved, without = sources_of(stated), sources_of(others)
    assert all(without.get(fact) == found for fact, found in resolved.items() if found[0] != "reference:litellm")
    assert resolved.keys() >= without.keys()


@given(claims)
def test_what_a_stronger_source_states_is_never_replaced_by_a_reference(stated: list[Claim]) -> None:
    own = [claim for claim in stated if not is_reference(claim.source)]
    resolved = sources_of(stated)
    assert {fact: found for fact, found in resolved.items() if not is_reference(found[0])} == sources_of(own)


@given(claims)
def test_a_price_of_zero_from_a_reference_never_counts(stated: list[Claim]) -> None:
    for claim in resolve(stated, ORDER).values():
        assert claim.value is not None
        assert not (is_reference(claim.source) and claim.fact.endswith("_price") and claim.value == 0)


def test_an_operator_counts_before_the_listing_and_that_before_references_in_their_order() -> None:
    ranks = [rank_source(source, ORDER) for source in SOURCES]
    assert ranks == sorted(set(ranks))
    assert rank_source("reference:litellm", ("litellm",)) < rank_source("reference:models-dev", ("litellm",))


def conflicts_of(fact: str, stated: Sequence[tuple[str, float]]) -> list[tuple[str, list[str], float | None]]:
    found = find_conflicts("p", "m", [Claim(fact, value, source, NOON) for source, value in stated], ORDER)
    return [(one.winner.source, [other.source for other in one.others], one.factor) for one in found]


def test_a_conflict_names_the_winner_the_others_and_the_factor() -> None:
    stated = [("reference:other", 0.5), ("reference:litellm", 2.0), ("listing", 2.0), ("reference:models-dev", 1.0)]
    assert conflicts_of("input_price", stated) == [("listing", ["reference:models-dev", "reference:other"], 4.0)]


def test_a_conflict_with_zero_has_no_factor_and_zero_never_wins_it() -> None:
    assert conflicts_of("input_price", [("listing", 0.0), ("reference:litellm", 2.0)]) == [
        ("listing", ["reference:litellm"], None)
    ]
    assert conflicts_of("input_price", [("reference:models-dev", 0.0), ("reference:litellm", 2.0)]) == [
        ("reference:litellm", ["reference:models-dev"], None)
    ]


def test_the_same_number_in_another_unit_does_not_conflict() -> None:
    assert not conflicts_of("input_price", [("listing", 3.0), ("reference:litellm", 2.9999999999999996)])


def test_a_context_window_without_the_longest_answer_does_not_conflict() -> None:
    stated = [
        Claim("context_window", 400_000, "reference:models-dev"),
        Claim("context_window", 272_000, "reference:litellm"),
    ]
    answer = Claim("max_output_tokens", 128_000, "reference:litellm")
    assert not find_conflicts("p", "m", [*stated, answer], ORDER)
    assert [one.fact for one in find_conflicts("p", "m", stated, ORDER)] == ["context_window"]


def test_a_conflict_lasts_since_the_newest_of_its_claims() -> None:
    stated = [
        Claim("input_price", 1.0, "listing", NOON),
        Claim("input_price", 2.0, "reference:litellm", NOON + timedelta(days=1)),
        Claim("input_price", 1.0, "reference:other", NOON + timedelta(days=2)),
    ]
    [conflict] = find_conflicts("p", "m", stated, ORDER)
    assert conflict.since == NOON + timedelta(days=1)
    assert conflict.reason == "the provider's own listing counts before references"


def test_a_date_of_retirement_is_compared_by_its_day_and_never_filled() -> None:
    day = datetime(2026, 9, 30, 13, tzinfo=UTC)
    dates = [Claim("expires_at", day + timedelta(hours=9), "reference:litellm", NOON)]
    assert not resolve(dates, ORDER)
    assert not find_conflicts("p", "m", dates, ORDER)
    dates.append(Claim("expires_at", day, "listing", NOON))
    assert not find_conflicts("p", "m", dates, ORDER)
    dates.append(Claim("expires_at", day + timedelta(days=1), "reference:other", NOON))
    [conflict] = find_conflicts("p", "m", dates, ORDER)
    assert (conflict.winner.source, [one.source for one in conflict.others]) == ("listing", ["reference:other"])
    assert conflict.factor is None


def test_names_and_capabilities_are_not_compared() -> None:
    stated = [Claim("name", "A", "listing"), Claim("name", "B", "reference:litellm")]
    stated += [Claim("capabilities", ("text",), "listing"), Claim("capabilities", ("vision",), "reference:litellm")]
    assert not find_conflicts("p", "m", stated, ORDER)
    assert {fact: claim.value for fact, claim in resolve(stated, ORDER).items()} == {
        "name": "A",
        "capabilities": ("text", "vision"),
    }


def words_of(*stated: Claim) -> dict[str, list[str]]:
    winner = resolve(stated, ORDER).get("capabilities")
    return {} if winner is None else group_words(winner)


def can(source: str, *words: str, decided: Sequence[str] = ()) -> Claim:
    return Claim("capabilities", words, source, NOON, decided_words=decided)


def test_each_source_adds_the_capabilities_that_it_states() -> None:
    listed, second = can("listing", "text"), can("reference:x", "json")
    first = can("reference:models-dev", "json", "text")
    assert words_of(second, first, listed) == {"listing": ["text"], "reference:models-dev": ["json"]}
    assert words_of(can("listing"), second) == {"listing": [], "reference:x": ["json"]}
    assert words_of(can("reference:x")) == {}


def test_an_operator_and_a_format_with_complete_lists_deny_what_they_lack() -> None:
    third = can("reference:litellm", "json", "text", "tools", "vision")
    assert words_of(can("manual", "text"), can("listing", "tools"), third) == {"manual": ["text"]}
    listed = can("listing", "text", decided=("text", "tools"))
    assert words_of(listed, third) == {"listing": ["text"], "reference:litellm": ["json", "vision"]}
    assert words_of(third) == {"reference:litellm": ["json", "text", "tools", "vision"]}
