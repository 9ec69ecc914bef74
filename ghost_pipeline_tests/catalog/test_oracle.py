"""The oracle agrees with the lifecycle rules, row by row."""

from datetime import timedelta

import pytest

from ghost_pipeline.errors import ModelExists, UnknownModel
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source, Verdict
from ghost_pipeline_tests.catalog.oracle import Oracle
from ghost_pipeline_tests.catalog.oracle_driver import EPOCH, MODEL_IDS, listing_bytes, parse
from ghost_pipeline_tests.catalog.oracle_values import Outcome

KEY = ("openai", MODEL_IDS[0])
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class OracleOfBytes(Oracle):
    """An oracle that takes listings as bytes."""

    def submit(self, content: bytes, hour: float = 0, provider_id: str = "openai") -> Outcome:
        """Admit and reconcile what was observed at an hour."""
        listing_id = len(self.attempts) + 1
        self.admit(listing_id, parse(provider_id, content), EPOCH + hour * HOUR)
        return self.reconcile(listing_id)

    def lists(self, size: int, hour: float = 0) -> Outcome:
        """Return a readable listing of the first ``size`` models."""
        return self.submit(listing_bytes(dict.fromkeys(MODEL_IDS[:size], 0)), hour)

    def kinds(self) -> list[EventKind]:
        """Return the events of KEY."""
        return [event.kind for event in self.events if event[:2] == KEY]


@pytest.fixture
def oracle() -> OracleOfBytes:
    return OracleOfBytes()


def active(oracle: OracleOfBytes) -> ModelRecord:
    """KEY, first listed at EPOCH."""
    oracle.lists(1)
    return oracle.models[KEY]


def ghost(oracle: OracleOfBytes) -> ModelRecord:
    """KEY, listed at EPOCH and stale a day and an hour later."""
    active(oracle)
    oracle.sweep_stale(None, 24, EPOCH + 25 * HOUR)
    return oracle.models[KEY]


def purged(oracle: OracleOfBytes) -> None:
    """KEY, listed and used, then gone for long."""
    oracle.track(KEY, None, {"region": "eu"}, EPOCH)
    ghost(oracle)
    oracle.sweep_purgeable(None, 30, EPOCH + 40 * DAY)


def test_an_index_sighting_creates_advances_and_reactivates(oracle: OracleOfBytes) -> None:
    created = active(oracle)
    assert (created.source, created.is_active, created.last_listed_at) == (Source.INDEX, True, EPOCH)
    assert not ghost(oracle).is_active
    outcome = oracle.lists(1, hour=26)
    model = oracle.models[KEY]
    assert (model.is_active, model.deactivated_at, model.last_seen_at) == (True, None, EPOCH + 26 * HOUR)
    assert outcome.counts is not None
    assert (outcome.counts.confirmed, outcome.counts.reactivated) == (1, 1)


def test_an_inference_creates_advances_and_reactivates(oracle: OracleOfBytes) -> None:
    other = ("openai", "unlisted")
    assert oracle.track(other, None, None, EPOCH) == "created"
    assert oracle.models[other].source is Source.INFERENCE
    ghost(oracle)
    assert oracle.track(KEY, None, None, EPOCH) == "reactivated"
    assert (oracle.models[KEY].source, oracle.models[KEY].last_used_at) == (Source.INDEX, EPOCH)


def test_an_added_model_is_manual_and_outlives_every_sweep(oracle: OracleOfBytes) -> None:
    ghost(oracle)
    oracle.add(KEY, None, {}, EPOCH + 26 * HOUR)
    assert (oracle.models[KEY].source, oracle.models[KEY].is_active) == (Source.MANUAL, True)
    assert not oracle.sweep_stale(None, 24, EPOCH + 400 * DAY).models
    assert not oracle.sweep_purgeable(None, 30, EPOCH + 400 * DAY).models


@pytest.mark.parametrize("content", [listing_bytes({}), listing_bytes({}, is_broken=True)])
def test_a_refused_listing_changes_no_model_and_holds_the_provider(oracle: OracleOfBytes, content: bytes) -> None:
    before = active(oracle)
    assert oracle.submit(content, hour=1).verdict in (Verdict.EMPTY, Verdict.MALFORMED)
    assert oracle.models == {KEY: before}
    assert oracle.providers["openai"].held_since == EPOCH + HOUR


def test_exactly_24_hours_are_not_stale_and_a_second_more_is(oracle: OracleOfBytes) -> None:
    active(oracle)
    assert not oracle.sweep_stale(None, 24, EPOCH + DAY).models
    assert oracle.sweep_stale(None, 24, EPOCH + DAY + timedelta(seconds=1)).models == {KEY}


def test_a_hold_protects_for_seven_days_from_staleness_and_as_long_as_it_lasts_from_the_purge(
    oracle: OracleOfBytes,
) -> None:
    active(oracle)
    oracle.submit(listing_bytes({}), hour=1)
    assert oracle.sweep_stale(None, 24, EPOCH + HOUR + 7 * DAY) == (set(), {"openai"})
    assert oracle.sweep_stale(None, 24, EPOCH + 2 * HOUR + 7 * DAY) == ({KEY}, set())
    assert oracle.sweep_purgeable(None, 30, EPOCH + 90 * DAY) == (set(), {"openai"})
    oracle.release("openai")
    assert oracle.sweep_purgeable(None, 30, EPOCH + 90 * DAY) == ({KEY}, set())


def test_no_ghost_is_purged_before_thirty_days(oracle: OracleOfBytes) -> None:
    assert ghost(oracle).deactivated_at == EPOCH + 25 * HOUR
    assert not oracle.sweep_purgeable(None, 30, EPOCH + 25 * HOUR + 30 * DAY).models
    assert oracle.sweep_purgeable(None, 30, EPOCH + 26 * HOUR + 30 * DAY).models == {KEY}


def test_a_purged_model_that_is_seen_again_has_its_past_back(oracle: OracleOfBytes) -> None:
    purged(oracle)
    assert KEY not in oracle.models
    outcome = oracle.lists(1, hour=24 * 41)
    model = oracle.models[KEY]
    assert (model.source, model.first_seen_at, model.last_used_at) == (Source.INFERENCE, EPOCH, EPOCH)
    assert model.inference_metadata == {"region": "eu"}
    assert outcome.counts is not None
    assert outcome.counts.created == 1
    assert oracle.kinds()[-2:] == [EventKind.PURGED, EventKind.RESTORED]


def test_a_removed_model_stays_out_until_it_is_restored(oracle: OracleOfBytes) -> None:
    active(oracle)
    oracle.remove(KEY, EPOCH)
    outcome = oracle.lists(1, hour=1)
    assert outcome.counts is not None
    assert outcome.counts.models == 0
    assert oracle.track(KEY, None, None, EPOCH) == "ignored"
    oracle.restore(KEY, EPOCH + HOUR)
    assert (oracle.models[KEY].is_active, oracle.models[KEY].deactivated_at) == (False, EPOCH + HOUR)
    with pytest.raises(ModelExists):
        oracle.restore(KEY, EPOCH + HOUR)


def test_a_purged_model_can_be_removed_and_an_unknown_one_cannot(oracle: OracleOfBytes) -> None:
    purged(oracle)
    oracle.remove(KEY, EPOCH)
    oracle.remove(KEY, EPOCH)
    assert oracle.kinds()[-2:] == [EventKind.PURGED, EventKind.REMOVED]
    with pytest.raises(UnknownModel):
        oracle.remove(("openai", "never-known"), EPOCH)


@pytest.mark.parametrize(
    ("expected", "listed", "verdict"),
    [
        (12, 7, Verdict.COMPLETE),  # 5 missing are not more than 5
        (12, 6, Verdict.SHRUNKEN),
        (12, 12, Verdict.COMPLETE),
    ],
)
def test_more_than_a_fifth_and_more_than_five_missing_make_a_listing_shrunken(
    oracle: OracleOfBytes, expected: int, listed: int, verdict: Verdict
) -> None:
    oracle.lists(expected)
    assert oracle.lists(listed, hour=1).verdict is verdict


@pytest.mark.parametrize(("listed", "verdict"), [(24, Verdict.COMPLETE), (23, Verdict.SHRUNKEN)])
def test_exactly_a_fifth_missing_is_not_shrunken(oracle: OracleOfBytes, listed: int, verdict: Verdict) -> None:
    ids = [f"m{number}" for number in range(30)]
    oracle.submit(listing_bytes(dict.fromkeys(ids, 0)))
    assert oracle.submit(listing_bytes(dict.fromkeys(ids[:listed], 0)), hour=1).verdict is verdict


@pytest.mark.parametrize(
    ("listed", "hour", "verdict"),
    [
        (5, 2, Verdict.COMPLETE),
        (5, 1.99, Verdict.SHRUNKEN),  # sooner than an hour after the first
        (4, 2, Verdict.COMPLETE),  # one more is missing, which is not shrunken by itself
        (6, 2, Verdict.SHRUNKEN),  # one of the missing came back
    ],
)
def test_a_shrunken_listing_is_confirmed_by_an_equal_one_an_hour_later(
    oracle: OracleOfBytes, listed: int, hour: float, verdict: Verdict
) -> None:
    oracle.lists(12)
    assert oracle.lists(5, hour=1).verdict is Verdict.SHRUNKEN
    oracle.submit(listing_bytes({}, is_broken=True), hour=1.5)
    assert oracle.lists(listed, hour=hour).verdict is verdict
    assert (oracle.providers["openai"].held_since is None) is (verdict is Verdict.COMPLETE)


def test_a_late_listing_creates_and_widens_and_does_nothing_else(oracle: OracleOfBytes) -> None:
    ghost(oracle)
    outcome = oracle.submit(listing_bytes({MODEL_IDS[0]: 1, MODEL_IDS[1]: 1}, is_cut=True), hour=-1)
    known, created = oracle.models[KEY], oracle.models["openai", MODEL_IDS[1]]
    assert (outcome.is_late, known.is_active, known.name, known.first_seen_at) == (True, False, None, EPOCH - HOUR)
    assert (created.is_active, created.name, created.last_seen_at) == (True, "Listed", EPOCH - HOUR)
    assert oracle.providers["openai"].held_since is None


def test_a_release_makes_the_latest_listing_the_last_complete_one(oracle: OracleOfBytes) -> None:
    oracle.lists(12)
    oracle.lists(5, hour=1)
    oracle.release("openai")
    assert oracle.expected("openai") == set(MODEL_IDS[:5])
    assert oracle.lists(5, hour=1.1).verdict is Verdict.COMPLETE


def test_a_local_server_may_serve_nothing_until_it_lists_something_and_again_once_it_is_released(
    oracle: OracleOfBytes,
) -> None:
    nothing = listing_bytes({})
    assert oracle.submit(nothing, 0, "ollama").is_accepted_empty
    oracle.submit(listing_bytes({"llama": 0}), 1, "ollama")
    assert not oracle.submit(nothing, 2, "ollama").is_accepted_empty
    oracle.release("ollama")
    assert oracle.submit(nothing, 3, "ollama").is_accepted_empty
    assert oracle.providers["ollama"].held_since is None
    oracle.submit(listing_bytes({"llama": 0}, is_cut=True), 4, "ollama")
    assert not oracle.submit(nothing, 5, "ollama").is_accepted_empty
    assert not oracle.submit(nothing, 0, "openai").is_accepted_empty


def test_a_manual_name_stays_and_a_missing_name_clears_none(oracle: OracleOfBytes) -> None:
    oracle.submit(listing_bytes({MODEL_IDS[0]: 1}))
    oracle.lists(1, hour=1)
    assert oracle.models[KEY].name == "Listed"
    oracle.add(KEY, "Mine", {}, EPOCH + HOUR)
    oracle.submit(listing_bytes({MODEL_IDS[0]: 2}), hour=2)
    assert (oracle.models[KEY].name, oracle.models[KEY].is_free) == ("Mine", True)


def test_a_failed_attempt_holds_a_provider_and_is_never_its_last_complete_listing(oracle: OracleOfBytes) -> None:
    oracle.lists(2)
    assert not oracle.fail(2, "openai", EPOCH + HOUR).is_late
    assert oracle.providers["openai"].held_since == EPOCH + HOUR
    assert oracle.fail(3, "openai", EPOCH).is_late
    assert oracle.reconcile(2).verdict is Verdict.FAILED
    oracle.release("openai")
    assert oracle.providers["openai"].last_complete_at == EPOCH
