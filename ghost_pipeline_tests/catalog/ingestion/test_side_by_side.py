"""Single scenarios applied to the catalog and the oracle side by side: exact limits, and former differences."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline_tests.catalog.backends import Place
from ghost_pipeline_tests.catalog.oracle_driver import EPOCH, MODEL_IDS, Pair, listing_bytes
from ghost_pipeline_tests.catalog.test_state_machine import ODD, WHOLE

KEY = ("openai", MODEL_IDS[0])
ONE = listing_bytes({MODEL_IDS[0]: 1})
FIVE = listing_bytes(dict.fromkeys(MODEL_IDS[:5], 1))
EMPTY, CUT = ODD[0], ODD[4]
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def pair(place: Place) -> Iterator[Pair]:
    pair = Pair(place.opened)
    with pair.catalog:
        yield pair
        pair.compare()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"input_price": 0.5, "output_price": 1.5}, {"output_price": 0.0}),
        ({"input_price": 0.0}, {"output_price": 0.0}),
        ({"output_price": 2.0}, {"input_price": 0.0}),
    ],
)
def test_freeness_follows_from_a_manual_price_and_the_other_known_one(
    pair: Pair, first: dict[str, float], second: dict[str, float]
) -> None:
    pair.add(KEY, facts=first)
    pair.add(KEY, facts=second)


def test_an_old_inference_that_brings_a_model_back_does_not_overwrite_newer_metadata(pair: Pair) -> None:
    pair.track(KEY, metadata={"region": "new"})
    pair.now += 25 * HOUR
    pair.sweep_stale()
    pair.now += 31 * DAY
    pair.sweep_purgeable()
    assert (
        pair.track(KEY, metadata={"region": "old", "latency": 1}, observed_at=EPOCH - timedelta(hours=1)) == "restored"
    )


@pytest.mark.parametrize("content", ODD)
def test_reconciling_a_listing_after_a_release_does_not_hold_again(pair: Pair, content: bytes) -> None:
    admitted = pair.admit("openai", content, EPOCH)
    pair.release("openai")
    pair.reconcile(admitted.listing_id)
    pair.reconcile(admitted.listing_id)
    assert pair.catalog.list_providers()[0].held_since is None


@pytest.mark.parametrize(("beyond", "is_swept"), [(timedelta(0), False), (SECOND, True)])
def test_a_model_is_stale_after_more_than_24_hours(pair: Pair, beyond: timedelta, is_swept: bool) -> None:
    pair.submit("openai", ONE, EPOCH)
    pair.now = EPOCH + DAY + beyond
    assert bool(pair.sweep_stale().models) is is_swept


@pytest.mark.parametrize(("beyond", "is_swept"), [(timedelta(0), False), (SECOND, True)])
def test_a_hold_protects_from_the_stale_sweep_for_all_of_seven_days(
    pair: Pair, beyond: timedelta, is_swept: bool
) -> None:
    pair.submit("openai", ONE, EPOCH)
    pair.submit("openai", EMPTY, EPOCH + HOUR)
    pair.now = EPOCH + HOUR + 7 * DAY + beyond
    assert bool(pair.sweep_stale().models) is is_swept


@pytest.mark.parametrize(("beyond", "is_swept"), [(timedelta(0), False), (SECOND, True)])
def test_a_ghost_is_purged_after_more_than_30_days(pair: Pair, beyond: timedelta, is_swept: bool) -> None:
    pair.submit("openai", ONE, EPOCH)
    pair.now = EPOCH + 2 * DAY
    pair.sweep_stale()
    pair.now += 30 * DAY + beyond
    assert bool(pair.sweep_purgeable().models) is is_swept


@pytest.mark.parametrize(("wait", "verdict"), [(HOUR - SECOND, Verdict.SHRUNKEN), (HOUR, Verdict.COMPLETE)])
def test_a_shrunken_listing_is_confirmed_an_hour_later(pair: Pair, wait: timedelta, verdict: Verdict) -> None:
    pair.submit("openai", WHOLE, EPOCH)
    pair.submit("openai", FIVE, EPOCH + HOUR)
    assert pair.submit("openai", FIVE, EPOCH + HOUR + wait).verdict is verdict


def test_a_shrunken_listing_is_not_confirmed_by_one_in_which_a_missing_model_came_back(pair: Pair) -> None:
    pair.submit("openai", WHOLE, EPOCH)
    pair.submit("openai", FIVE, EPOCH + HOUR)
    six = listing_bytes(dict.fromkeys(MODEL_IDS[:6], 1))
    assert pair.submit("openai", six, EPOCH + 2 * HOUR).verdict is Verdict.SHRUNKEN


def test_a_shrunken_listing_that_is_reconciled_again_late_can_still_be_confirmed(pair: Pair) -> None:
    pair.submit("openai", WHOLE, EPOCH)
    shrunken = pair.submit("openai", FIVE, EPOCH + HOUR)
    pair.submit("openai", CUT, EPOCH + 2 * HOUR)
    assert pair.reconcile(shrunken.listing_id).assessment.is_late
    assert pair.submit("openai", FIVE, EPOCH + 3 * HOUR).verdict is Verdict.COMPLETE


def test_what_is_missing_beyond_a_shrunken_listing_is_measured_against_what_that_one_left(pair: Pair) -> None:
    ids = [f"m{number}" for number in range(40)]
    pair.submit("openai", listing_bytes(dict.fromkeys(ids, 1)), EPOCH)
    pair.submit("openai", listing_bytes(dict.fromkeys(ids[:20], 1)), EPOCH + HOUR)
    rest = listing_bytes(dict.fromkeys(ids[:14], 1))  # 6 more: 15 % of the 40, but 30 % of the 20
    assert pair.submit("openai", rest, EPOCH + 2 * HOUR).verdict is Verdict.SHRUNKEN


def test_the_same_bytes_are_looked_into_where_a_late_listing_made_more_expected(pair: Pair) -> None:
    pair.submit("openai", FIVE, EPOCH)
    pair.submit("openai", EMPTY, EPOCH + 2 * HOUR)
    assert pair.submit("openai", WHOLE, EPOCH + HOUR).assessment.is_late
    assert pair.submit("openai", FIVE, EPOCH + 3 * HOUR).verdict is Verdict.SHRUNKEN


def test_a_shrunken_listing_cannot_be_confirmed_once_a_complete_one_came_after_it(pair: Pair) -> None:
    for hour, content in enumerate((WHOLE, FIVE, WHOLE, FIVE)):
        outcome = pair.submit("openai", content, EPOCH + hour * HOUR)
    assert outcome.verdict is Verdict.SHRUNKEN


def test_an_inference_keeps_a_shrunken_listing_from_nothing_because_it_lists_nothing(pair: Pair) -> None:
    pair.submit("openai", WHOLE, EPOCH)
    pair.submit("openai", FIVE, EPOCH + HOUR)
    pair.now = EPOCH + 2 * HOUR
    pair.track(("openai", MODEL_IDS[11]))
    assert pair.submit("openai", FIVE, pair.now).verdict is Verdict.COMPLETE


def test_a_listing_of_removed_models_only_still_counts_as_an_observation(pair: Pair) -> None:
    pair.submit("openai", ONE, EPOCH)
    pair.remove(KEY)
    outcome = pair.submit("openai", ONE, EPOCH + HOUR)
    assert outcome.verdict is Verdict.COMPLETE
    assert outcome.counts is not None
    assert outcome.counts.models == 0


def test_a_failed_attempt_holds_and_only_a_complete_listing_or_a_release_lifts_it(pair: Pair) -> None:
    pair.submit("openai", WHOLE, EPOCH)
    pair.now = EPOCH + 2 * HOUR
    pair.fail("openai", EPOCH + HOUR)
    pair.fail("openai", EPOCH + 2 * HOUR)
    [held] = pair.catalog.list_providers()
    assert (held.held_since, held.held_reason) == (EPOCH + HOUR, "failed: no connection")
    assert held.last_listing_at == EPOCH + 2 * HOUR
    pair.submit("openai", WHOLE, EPOCH)  # late: it was seen before the attempts failed
    assert pair.catalog.list_providers()[0].held_since == EPOCH + HOUR
    pair.submit("openai", WHOLE, EPOCH + 3 * HOUR)
    assert pair.catalog.list_providers()[0].held_since is None


def test_a_late_failed_attempt_does_nothing(pair: Pair) -> None:
    pair.submit("openai", WHOLE, EPOCH)
    assert pair.fail("openai", EPOCH - HOUR).assessment.is_late
    [provider] = pair.catalog.list_providers()
    assert (provider.held_since, provider.last_listing_at) == (None, EPOCH)


def test_a_release_after_a_failed_attempt_accepts_the_listing_before_it(pair: Pair) -> None:
    pair.submit("openai", WHOLE, EPOCH)
    pair.submit("openai", FIVE, EPOCH + HOUR)
    pair.now = EPOCH + 2 * HOUR
    pair.fail("openai", pair.now)
    pair.release("openai")
    [provider] = pair.catalog.list_providers()
    assert (provider.held_since, provider.last_complete_at) == (None, EPOCH + HOUR)


def test_a_failed_attempt_between_two_shrunken_listings_neither_confirms_nor_resets(pair: Pair) -> None:
    pair.submit("openai", WHOLE, EPOCH)
    pair.submit("openai", FIVE, EPOCH + HOUR)
    pair.now = EPOCH + 2 * HOUR
    pair.fail("openai", pair.now)
    assert pair.submit("openai", FIVE, EPOCH + 3 * HOUR).verdict is Verdict.COMPLETE


def test_a_local_server_that_does_not_answer_is_held_although_it_may_serve_nothing(pair: Pair) -> None:
    pair.submit("ollama", EMPTY, EPOCH)
    pair.now = EPOCH + HOUR
    failed = pair.fail("ollama", pair.now)
    assert failed.is_refused
    assert pair.catalog.list_providers()[0].held_since == EPOCH + HOUR
    assert pair.reconcile(failed.listing_id).verdict is Verdict.FAILED
    assert pair.catalog.find_listing("ollama") == pair.listing_ids[0]
