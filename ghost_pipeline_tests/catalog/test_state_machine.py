"""Any operations in any order leave the catalog and the oracle equal."""

import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ListingOutcome, ModelFilter
from ghost_pipeline.lifecycle.facts import LISTED_COLUMNS
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import RefusalClass
from ghost_pipeline_tests.catalog.backends import BACKENDS, POSTGRESQL, SQLITE, new_place
from ghost_pipeline_tests.catalog.oracle_driver import EPOCH, MODEL_IDS, PROVIDERS, Pair, listing_bytes
from ghost_pipeline_tests.catalog.oracle_values import Swept

IS_THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
STATEFUL = settings(
    max_examples=1000 if IS_THOROUGH else 40,
    stateful_step_count=60 if IS_THOROUGH else 30,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


providers = st.sampled_from((PROVIDERS[0], *PROVIDERS))
keys = st.tuples(providers, st.sampled_from((MODEL_IDS[0], MODEL_IDS[6], MODEL_IDS[11])))
BACKWARDS = timedelta(minutes=-5)
jumps = st.sampled_from((BACKWARDS, timedelta(hours=-23), timedelta(hours=-25), timedelta(days=-20)))
waits = st.sampled_from((1, 2, 12, 24, 25, 72, 24 * 7, 24 * 8, 24 * 30, 24 * 31)).map(
    lambda hours: timedelta(hours=hours)
)
ages = st.sampled_from((0, 0, 0, 0, 0, 0, -1, 1, 2, 24, 25, 24 * 8, 24 * 31)).map(lambda hours: timedelta(hours=hours))
names = st.sampled_from((None, None, "Name", "Other name"))
accounts = st.sampled_from(("", "", "a", "b"))
metadata = st.sampled_from((None, {"latency": 1}, {"latency": 2, "region": "eu"}))
manual_facts: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    (
        {},
        {"context_window": 1000},
        {"input_price": 0.0, "output_price": 0.0, "capabilities": ("text",)},
        {"input_price": 2.0, "max_output_tokens": 10},
        {"output_price": 0.0},
        {"expires_at": EPOCH + timedelta(days=90)},
    )
)


WHOLE = listing_bytes(dict.fromkeys(MODEL_IDS, 1))
ODD = (
    listing_bytes({}),
    listing_bytes({}, MODEL_IDS[:2]),
    listing_bytes({}, is_cut=True),
    listing_bytes({}, is_broken=True),
    listing_bytes(dict.fromkeys(MODEL_IDS[:3], 1), is_cut=True),
    listing_bytes(dict.fromkeys(MODEL_IDS[3:], 2), is_cut=True),
    listing_bytes(dict.fromkeys(MODEL_IDS[:5], 1), MODEL_IDS[5:]),
    listing_bytes(dict.fromkeys(MODEL_IDS[:5], 1), MODEL_IDS[6:7]),
)


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """Generate listings that are mostly complete or clearly shrunken, and seldom new: the same bytes repeat."""
    size = draw(st.sampled_from((12, 12, 12, 11, 10, 7, 6, 5, 5, 1)))
    ids = draw(st.sampled_from((MODEL_IDS[:size], MODEL_IDS[12 - size :])))
    rows = dict.fromkeys(ids, draw(st.sampled_from((0, 1, 1, 2, 3, 4, 5, 6, 6, 7))))
    rows[ids[0]] = draw(st.sampled_from((rows[ids[0]], rows[ids[0]], 0, 2, 7)))
    return listing_bytes(rows)


REBUILT = ("source", "is_active", "deactivated_at", "refused_since", "refusal_reason")


def as_rebuilt(model: ModelRecord) -> dict[str, object]:
    """Return what events keep of a model: everything but the instants and the metadata of sightings."""
    return {name: getattr(model, name) for name in (*REBUILT, *LISTED_COLUMNS)}


def rebuilt(catalog: ModelCatalog, provider_id: str, at: datetime) -> dict[Any, dict[str, object]]:
    wanted = ModelFilter(provider_ids=(provider_id,), is_active=None)
    models = [past.model for past in catalog.history.iterate_models(at, wanted)]
    stats = catalog.history.count_models(at)["by_provider"].get(provider_id, {"total": 0, "active": 0})
    assert (stats["total"], stats["active"]) == (len(models), sum(model.is_active for model in models))
    return {(model.provider_id, model.model_id): as_rebuilt(model) for model in models}


class Lifecycle(RuleBasedStateMachine):
    """Apply listings, sightings, overrides, sweeps and passing time in any order."""

    backend = SQLITE

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.place = new_place(self.backend, Path(self.home.name))
        self.pair = Pair(self.place.opened)
        self.past: dict[tuple[str, datetime], dict[Any, ModelRecord]] = {}
        self.recorded: dict[str, list[datetime]] = {}

    @rule(duration=st.one_of(waits, waits, waits, jumps))
    def wait(self, duration: timedelta) -> None:
        """Let time pass, or set a clock that was ahead."""
        self.pair.now += duration

    @rule(provider_id=providers, content=contents(), age=ages)
    def submit(self, provider_id: str, content: bytes, age: timedelta) -> None:
        self._tell(self.pair.submit(provider_id, content, self.pair.now - age))

    @rule(provider_id=providers, back=st.sampled_from((0, 0, 0, 1, 2)), hours=st.sampled_from((0, 1, 2, 25)), age=ages)
    def submit_the_same_bytes_again(self, provider_id: str, back: int, hours: int, age: timedelta) -> None:
        submitted = self.pair.submitted[provider_id]
        if submitted:
            self.pair.now += timedelta(hours=hours)
            content = submitted[max(0, len(submitted) - 1 - back)]
            event("submit: same bytes")
            self._tell(self.pair.submit(provider_id, content, self.pair.now - age))

    @rule(provider_id=providers, content=st.sampled_from(ODD), age=ages)
    def submit_an_odd_listing(self, provider_id: str, content: bytes, age: timedelta) -> None:
        self._tell(self.pair.submit(provider_id, content, self.pair.now - age))

    @rule(provider_id=providers, age=ages)
    def the_fetch_failed(self, provider_id: str, age: timedelta) -> None:
        self._tell(self.pair.fail(provider_id, self.pair.now - age))

    @rule(
        provider_id=providers,
        sizes=st.lists(st.sampled_from((4, 5, 5, 5, 6, 7, 12)), min_size=1, max_size=4),
        hours=st.sampled_from((0, 1, 1, 2, 25)),
        between=st.sampled_from((None, None, *ODD)),
    )
    def submit_a_whole_listing_and_then_shrunken_ones(
        self, provider_id: str, sizes: list[int], hours: int, between: bytes | None
    ) -> None:
        shrunken = [listing_bytes(dict.fromkeys(MODEL_IDS[:size], 1)) for size in sizes]
        for content in (WHOLE, shrunken[0], between, *shrunken[1:]):
            if content is not None:
                self._tell(self.pair.submit(provider_id, content, self.pair.now))
                self.pair.compare()
                self.pair.now += timedelta(hours=hours)

    @rule(days=st.sampled_from((30, 31, 31)), is_seen_again=st.booleans(), key=keys)
    def forget_for_long(self, days: int, is_seen_again: bool, key: tuple[str, str]) -> None:
        self.pair.now += timedelta(hours=25)
        event(f"stale sweep: {self._summary(self.pair.sweep_stale())}")
        self.pair.compare()
        self.pair.now += timedelta(days=days)
        event(f"purge sweep: {self._summary(self.pair.sweep_purgeable())}")
        self.pair.compare()
        submitted = self.pair.submitted[key[0]]
        if is_seen_again and submitted:
            self._tell(self.pair.submit(key[0], submitted[-1], self.pair.now))
        elif is_seen_again:
            event(f"track: {self.pair.track(key)}")

    @rule(provider_id=providers, content=st.one_of(contents(), st.sampled_from(ODD)), age=ages)
    def admit_only(self, provider_id: str, content: bytes, age: timedelta) -> None:
        self.pair.admit(provider_id, content, self.pair.now - age)

    @rule(back=st.sampled_from((0, 0, 1, 2, 3, 5, 8)))
    def reconcile_an_earlier_listing(self, back: int) -> None:
        ids = self.pair.listing_ids
        if ids:
            event("reconcile again or late")
            self._tell(self.pair.reconcile(ids[max(0, len(ids) - 1 - back)]))

    @rule(key=keys, name=names, metadata=metadata, age=ages)
    def track(self, key: tuple[str, str], name: str | None, metadata: dict[str, Any] | None, age: timedelta) -> None:
        event(f"track: {self.pair.track(key, name, metadata, self.pair.now - age)}")

    @rule(
        key=keys,
        refusal_class=st.sampled_from((RefusalClass.RETIRED, RefusalClass.NOT_FOUND, RefusalClass.AMBIGUOUS)),
        account=accounts,
        age=ages,
        hours=st.sampled_from((None, 1, 25)),
    )
    def refuse(
        self, key: tuple[str, str], refusal_class: RefusalClass, account: str, age: timedelta, hours: int | None
    ) -> None:
        """Report a refused request, or two with some hours between them."""
        event(f"refuse: {self.pair.refuse(key, refusal_class, account, self.pair.now - age)}")
        if hours is not None:
            self.pair.now += timedelta(hours=hours)
            self.pair.compare()
            event(f"refuse again: {self.pair.refuse(key, refusal_class, account, self.pair.now)}")

    @rule(key=keys, account=accounts, age=ages)
    def use_with_an_account(self, key: tuple[str, str], account: str, age: timedelta) -> None:
        self.pair.track(key, None, None, self.pair.now - age, account)

    @rule(key=keys, name=names, facts=manual_facts, age=ages.filter(lambda age: age >= timedelta(0)))
    def add(self, key: tuple[str, str], name: str | None, facts: dict[str, Any], age: timedelta) -> None:
        self.pair.add(key, name, facts, self.pair.now - age)

    @rule(key=keys, action=st.sampled_from(("reactivate", "remove", "remove", "restore", "restore")))
    def override_model(self, key: tuple[str, str], action: str) -> None:
        actions = {"reactivate": self.pair.reactivate, "remove": self.pair.remove, "restore": self.pair.restore}
        actions[action](key)

    @rule(
        key=keys,
        days=st.sampled_from((90, 90, 10, 200)),
        successor=st.sampled_from((None, None, "model-01", "model-02")),
        facts=st.sampled_from((None, 1, 3, 5)),
    )
    def announce_a_retirement(self, key: tuple[str, str], days: int, successor: str | None, facts: int | None) -> None:
        """Announce the date that some listings state, or another one; sometimes a listing follows."""
        if successor != key[1]:
            event(f"announce: {self.pair.announce(key, EPOCH + timedelta(days=days), successor)}")
            self.pair.compare()
            if facts is not None:
                self.pair.submit(key[0], listing_bytes({**dict.fromkeys(MODEL_IDS, 1), key[1]: facts}), self.pair.now)

    @rule(key=keys, facts=st.sampled_from(((), (), ("input_price",), ("expires_at",), ("name", "context_window"))))
    def withdraw_facts(self, key: tuple[str, str], facts: tuple[str, ...]) -> None:
        self.pair.withdraw_facts(key, facts)

    @rule(key=keys)
    def take_an_announcement_back(self, key: tuple[str, str]) -> None:
        self.pair.withdraw(key)

    @rule(provider_id=providers, action=st.sampled_from(("release",) * 7 + ("remove",)))
    def override_provider(self, provider_id: str, action: str) -> None:
        actions = {"release": self.pair.release, "remove": self.pair.remove_provider}
        actions[action](provider_id)

    @rule(
        hours_before=st.sampled_from((0, 1, 24, 25, 24 * 7, 24 * 8)),
        provider_id=st.one_of(st.none(), st.none(), providers),
        hours=st.sampled_from((None, None, 1, 48)),
        is_dry=st.sampled_from((False, False, True)),
    )
    def sweep_stale(self, hours_before: int, provider_id: str | None, hours: int | None, is_dry: bool) -> None:
        self.pair.now += timedelta(hours=hours_before)
        result = self.pair.sweep_stale(provider_id, hours, is_dry=is_dry)
        event(f"stale sweep: {self._summary(result)}")

    @rule(
        days_before=st.sampled_from((0, 1, 30, 31)),
        provider_id=st.one_of(st.none(), st.none(), providers),
        days=st.sampled_from((None, None, 1, 60)),
        is_dry=st.sampled_from((False, False, True)),
    )
    def sweep_purgeable(self, days_before: int, provider_id: str | None, days: int | None, is_dry: bool) -> None:
        self.pair.now += timedelta(days=days_before)
        result = self.pair.sweep_purgeable(provider_id, days, is_dry=is_dry)
        event(f"purge sweep: {self._summary(result)}")

    @rule(
        key=keys,
        word=st.sampled_from(("submit", "submit", "fail", "track", "release", "reactivate", "remove", "restore")),
        content=st.one_of(st.just(WHOLE), contents()),
        jump=jumps,
    )
    def set_a_clock_that_was_ahead(self, key: tuple[str, str], word: str, content: bytes, jump: timedelta) -> None:
        """Store instants that are in the future a moment later, and let each operation meet them.

        The clock that was set may be the wrong one: then it shows a time of which there may be evidence.
        """
        self.pair.submit(key[0], WHOLE, self.pair.now)
        event(f"track: {self.pair.track(key)}")
        if word == "restore":
            self.pair.remove(key)
        self.pair.now += jump
        self.pair.compare()
        if word == "submit":
            self._tell(self.pair.submit(key[0], content, self.pair.now))
        elif word == "fail":
            self._tell(self.pair.fail(key[0], self.pair.now))
        elif word == "release":
            self.pair.release(key[0])
        else:
            operations = {"restore": self.pair.restore, "remove": self.pair.remove, "reactivate": self.pair.reactivate}
            operations.get(word, self.pair.track)(key)

    @invariant()
    def they_agree(self) -> None:
        self.pair.compare()

    @invariant()
    def remember(self) -> None:
        """Keep the models of each provider under the instant when its latest event was recorded."""
        for provider_id in PROVIDERS:
            events = self.pair.catalog.list_events(provider_id)
            recorded = [event.recorded_at for event in events if event.recorded_at is not None]
            assert len(recorded) == len(events)
            assert recorded == sorted(recorded)
            if recorded:
                # A correction records anew what a clock that was ahead recorded in the future, and a rule that lets
                # time pass may have written at an instant that was remembered.
                before = self.recorded.get(provider_id, [])
                anew = [now for then, now in zip(before, recorded, strict=False) if then != now] + recorded[
                    len(before) :
                ]
                for key in [key for key in self.past if anew and key[0] == provider_id and key[1] >= min(anew)]:
                    del self.past[key]
                self.recorded[provider_id] = recorded
                expected = {key: model for key, model in self.pair.oracle.models.items() if key[0] == provider_id}
                self.past[provider_id, recorded[-1]] = expected

    def teardown(self) -> None:
        self.pair.now = max([self.pair.now, *(at for _, at in self.past)]) + timedelta(days=1)
        try:
            for (provider_id, at), expected in self.past.items():
                assert rebuilt(self.pair.catalog, provider_id, at) == {
                    key: as_rebuilt(model) for key, model in expected.items()
                }
        finally:
            self._close()

    def _close(self) -> None:
        self.pair.catalog.close()
        self.place.remove()
        self.home.cleanup()

    @staticmethod
    def _summary(swept: Swept) -> str:
        return f"changes={bool(swept.models)} passes over={bool(swept.held)}"

    def _tell(self, outcome: ListingOutcome) -> None:
        late = "late " if outcome.assessment.is_late else ""
        accepted = "accepted " if outcome.assessment.is_accepted_empty else ""
        event(f"listing: {late}{accepted}{outcome.verdict}")


class LifecycleOnPostgreSQL(Lifecycle):
    backend = POSTGRESQL


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = STATEFUL
TestLifecycleOnPostgreSQL = LifecycleOnPostgreSQL.TestCase
# What differs there is SQL, which a quarter of the stories reaches; a step takes three times as long.
TestLifecycleOnPostgreSQL.settings = settings(STATEFUL, max_examples=STATEFUL.max_examples // 4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_that_was_seen_and_removed_in_the_future_is_restored_with_instants_of_now(
    backend: str, tmp_path: Path
) -> None:
    place = new_place(backend, tmp_path)
    pair = Pair(place.opened)
    try:
        pair.track((PROVIDERS[0], "seen"))
        pair.remove((PROVIDERS[0], "seen"))
        pair.now += BACKWARDS
        pair.restore((PROVIDERS[0], "seen"))
        pair.compare()
        pair.track((PROVIDERS[0], "other"))
        pair.compare()
        [model] = [one for one in pair.catalog.list_inactive_models() if one.model_id == "seen"]
        assert model.last_seen_at < pair.now
    finally:
        pair.catalog.close()
        place.remove()
