"""What users rely on, checked against the truth of the world. None of the catalog's own rules is used here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.storage.tables import model_events, models
from ghost_pipeline.lifecycle.records import ModelEvent
from simulation import numbers
from simulation.actors import Happened
from simulation.faults import Delivered
from simulation.plan import LARGEST_SWEEP_CLOCK_ERROR, Step
from simulation.world import TrueModel, TrueProvider

FRESH = timedelta(hours=24)
"""A model that was listed or used within this time is active. Documentation."""
PROTECTED = timedelta(days=7)
"""For this long, bad listings cost no model. Documentation."""
KEPT = timedelta(days=30)
"""Nothing is deleted sooner after its last evidence. Documentation."""
TOLERANCE = 2 * LARGEST_SWEEP_CLOCK_ERROR + timedelta(hours=8)
"""How far two sweeps with wrong clocks, and the time between two looks, may shorten what is kept."""
STATES = {
    "discovered": "active",
    "added": "active",
    "reactivated": "active",
    "deactivated": "ghost",
    "restored": "either",  # a sighting brings a purged model back active, an operator as a ghost
}
"""What each event makes of a model."""
SETTLED = timedelta(hours=60)
"""A day until a retired model is stale, and time for a shrunken listing to be confirmed and for sweeps to come by."""


class InvariantBroken(Exception):
    """The catalog contradicts the truth."""

    def __init__(self, invariant: str, details: str) -> None:
        super().__init__(f"{invariant}: {details}")
        self.invariant = invariant
        self.subject = " ".join(details.split()[:2]).rstrip(",")


class State(NamedTuple):
    """What the catalog holds of one model, as far as the invariants ask."""

    model_id: str
    is_active: bool
    first_seen_at: datetime
    last_used_at: datetime | None
    input_price: float | None


_STATES = sa.select(*(models.c[name] for name in State._fields)).where(models.c.provider_id == sa.bindparam("provider"))


def read_states(catalog: ModelCatalog, provider_id: str) -> dict[str, State]:
    """Return model id -> state. Reads the table itself: whole records cost most of the simulation's time."""
    with catalog._database.reading() as connection:
        rows = connection.execute(_STATES, {"provider": provider_id})
        return {row.model_id: State(*row) for row in rows}


_KINDS = (
    sa.select(model_events.c.model_id, model_events.c.kind)
    .where(model_events.c.provider_id == sa.bindparam("provider"))
    .order_by(model_events.c.id)
)


def read_latest_kinds(catalog: ModelCatalog, provider_id: str) -> dict[str, str]:
    """Return model id -> kind of its latest event among STATES and those of models that left."""
    with catalog._database.reading() as connection:
        rows = connection.execute(_KINDS, {"provider": provider_id})
        return {model_id: kind for model_id, kind in rows if kind != "changed"}


@dataclass(slots=True)
class Known:
    """Evidence of one model that the catalog has acknowledged, and what operators did to it."""

    first_at: datetime | None = None
    last_at: datetime | None = None
    """By evidence that was not late."""
    last_used_at: datetime | None = None
    is_manual: bool = False
    is_removed: bool = False
    price: float | None = None
    """In the latest listing that was not late, USD per million tokens; None if it is not certain."""
    is_uncertain: bool = False
    """An operator's change ended without an answer: it may be done or not."""

    def add(self, at: datetime, *, is_use: bool = False, is_late: bool = False) -> None:
        """Record evidence of ``at``."""
        self.first_at = at if self.first_at is None else min(self.first_at, at)
        if not is_late:
            self.last_at = at if self.last_at is None else max(self.last_at, at)
        if is_use:
            self.last_used_at = at if self.last_used_at is None else max(self.last_used_at, at)


@dataclass(slots=True)
class Feed:
    """The quality of a provider's recent listings."""

    good_since: datetime | None = None
    """Since when every listing that came was true and reconciled."""
    bad_since: datetime | None = None
    """Since when no listing was both true and reconciled."""
    last_listed_at: datetime | None = None
    """The latest instant for which a listing was delivered, so that an earlier one is late."""
    acknowledged_at: datetime | None = None
    """The latest instant of a listing that was acknowledged."""
    is_released: bool = False
    """An operator lifted the hold since ``bad_since``."""
    shrunken: list[frozenset[str]] = field(default_factory=list)
    """What shrunken listings showed since the last good one. One that shows nothing more confirms an earlier one."""
    was_good: bool = False
    """Whether any listing was true so far: before that nothing can be missed."""


@dataclass(slots=True)
class Witness:
    """Everything that has happened, and the checks on it."""

    world: list[TrueProvider]
    known: dict[tuple[str, str], Known] = field(default_factory=dict)
    feeds: dict[str, Feed] = field(default_factory=dict)
    last_sweep_at: datetime | None = None
    wrong_clock_at: datetime | None = None
    """When the clock of this host was wrong last: what depends on "within 24 hours" is checked again a while later."""
    slowest_ghost: timedelta = timedelta()
    """The longest time that a retired model stayed active with good listings."""
    checks: int = 0
    ghosts: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Since when a model was seen to be inactive."""

    def note(self, step: Step, happened: Happened) -> None:
        """Remember what a step did."""
        if step.clock_error:
            self.wrong_clock_at = step.at
        if step.clock_error < timedelta():
            evidence_at = min(step.host_time, happened.listed_at or step.host_time)
            self._note_slow_clock(happened.provider_id, evidence_at - timedelta(microseconds=1))
        if step.action in ("sweep", "purge") and happened.is_acknowledged:
            self.last_sweep_at = step.at if step.action == "sweep" else self.last_sweep_at
        if step.action == "fetch":
            self._note_fetch(step, happened)
        elif happened.is_acknowledged:
            for provider_id, model_id, at in happened.used:
                known = self._of(provider_id, model_id)
                if not (known.is_removed or known.is_uncertain):  # a removed model stays away whatever is reported
                    known.add(at, is_use=True)
        if happened.model_id is not None and happened.provider_id is not None:
            self._note_override(step, happened, self._of(happened.provider_id, happened.model_id))
        if step.action == "release" and happened.provider_id is not None:
            self._feed(happened.provider_id).is_released = True

    def _of(self, provider_id: str, model_id: str) -> Known:
        return self.known.setdefault((provider_id, model_id), Known())

    def _feed(self, provider_id: str) -> Feed:
        return self.feeds.setdefault(provider_id, Feed())

    def _note_slow_clock(self, provider_id: str | None, corrected: datetime) -> None:
        """Lower what is known to the time of a host whose clock is behind: to it, later instants are in the future.

        Of all providers if the step names none.
        """
        for (of_provider, _), known in self.known.items():
            if provider_id in (None, of_provider) and known.last_used_at is not None:
                known.last_used_at = min(known.last_used_at, corrected)

    def _note_fetch(self, step: Step, happened: Happened) -> None:
        delivered, listed_at = happened.delivered, happened.listed_at
        if delivered is None or listed_at is None or happened.provider_id is None:
            return
        feed = self._feed(happened.provider_id)
        is_late = feed.last_listed_at is not None and listed_at < feed.last_listed_at
        if happened.is_acknowledged:
            for model_id in sorted(delivered.model_ids):
                known = self._of(happened.provider_id, model_id)
                if not (known.is_removed or known.is_uncertain):
                    known.add(min(listed_at, step.at), is_late=is_late)
        self._note_prices(happened.provider_id, delivered, listed_at, is_done=happened.is_acknowledged)
        if not is_late:
            feed.last_listed_at = min(listed_at, step.at)
        if delivered.is_true and not delivered.model_ids:
            feed.good_since = None  # an empty listing shows nothing, also that of a local server that is really empty
        elif delivered.is_true and happened.is_acknowledged and not is_late:
            feed.good_since, feed.was_good = feed.good_since or step.at, True
            feed.bad_since, feed.is_released = None, False
            feed.shrunken.clear()
        else:
            feed.good_since = None
            # Neither old news nor a fetch that died shows more of the present than no fetch at all.
            if step.fault == "shrunken" and delivered.model_ids and not is_late:
                feed.is_released |= any(delivered.model_ids <= earlier for earlier in feed.shrunken)
                feed.shrunken.append(delivered.model_ids)
            if happened.is_acknowledged and not is_late:
                feed.bad_since = feed.bad_since or step.at

    def _note_prices(self, provider_id: str, delivered: Delivered, listed_at: datetime, *, is_done: bool) -> None:
        """Remember the prices of a listing, unless it is late; forget those of which it is not certain."""
        feed = self._feed(provider_id)
        is_late = feed.acknowledged_at is not None and listed_at < feed.acknowledged_at
        is_newest = feed.last_listed_at is None or listed_at >= feed.last_listed_at
        for model_id in delivered.model_ids if not is_late else ():
            known = self._of(provider_id, model_id)
            is_certain = is_done and is_newest and not (known.is_removed or known.is_uncertain)
            known.price = delivered.prices.get(model_id) if is_certain else None
        if is_done and not is_late:
            feed.acknowledged_at = listed_at

    def _note_override(self, step: Step, happened: Happened, known: Known) -> None:
        known.price = None
        if not happened.is_acknowledged:
            known.is_uncertain |= happened.error in ("CatalogUnavailable", "CatalogError") or step.crash is not None
        elif step.action == "add":
            known.is_manual, known.is_removed, known.is_uncertain = True, False, False
            known.add(step.at)
        elif step.action == "remove":
            known.is_removed, known.is_uncertain, known.is_manual = True, False, False
        elif step.action in ("restore", "reactivate"):
            known.is_removed, known.is_uncertain = False, False
            if step.action == "reactivate":
                known.add(step.at)

    def check(self, catalog: ModelCatalog, step: Step) -> None:
        """Compare every provider that the step can have touched with the truth. Raises InvariantBroken."""
        touches_all = step.action in ("sweep", "purge", "read_inbox")
        providers = self.world if touches_all else [self.world[step.provider]]
        for provider in providers:
            if any(key[0] == provider.provider_id for key in self.known):
                self._check_provider(catalog, provider, step)

    def _check_provider(self, catalog: ModelCatalog, provider: TrueProvider, step: Step) -> None:
        records = read_states(catalog, provider.provider_id)
        for (provider_id, model_id), known in self.known.items():
            if provider_id == provider.provider_id and not known.is_uncertain:
                self.checks += 1
                self._check_model(catalog, provider, model_id, known, records.get(model_id), step)
        if step.crash is not None or step.database_fault is not None:
            self._check_events(catalog, provider.provider_id, records)

    def _check_model(
        self,
        catalog: ModelCatalog,
        provider: TrueProvider,
        model_id: str,
        known: Known,
        record: State | None,
        step: Step,
    ) -> None:
        name = f"{provider.provider_id} {model_id}"
        if known.is_removed:
            if record is not None and not known.is_uncertain:
                raise InvariantBroken("a removed model stays away", f"{name} is back")
            return
        if record is None:
            self._check_absent(catalog, provider, model_id, known, step)
            return
        if known.first_at is not None and record.first_seen_at > known.first_at:
            raise InvariantBroken("first evidence is kept", f"{name} of {known.first_at}, now {record.first_seen_at}")
        if known.last_used_at is not None and (record.last_used_at is None or record.last_used_at < known.last_used_at):
            raise InvariantBroken(
                "an acknowledged use is kept", f"{name} at {known.last_used_at}, now {record.last_used_at}"
            )
        if known.price is not None and record.input_price != known.price and not self._clock_was_wrong(step):
            raise InvariantBroken(
                "facts are those of the latest listing", f"{name} costs {known.price}, stored {record.input_price}"
            )
        key = (provider.provider_id, model_id)
        if record.is_active:
            self.ghosts.pop(key, None)
        else:
            self.ghosts.setdefault(key, step.at)
        self._check_activity(provider, model_id, known, record, step)

    def check_history(self, catalog: ModelCatalog) -> None:
        """Check that events explain the state of every model. Raises InvariantBroken."""
        for provider in self.world:
            self._check_events(catalog, provider.provider_id, read_states(catalog, provider.provider_id))

    def _check_events(self, catalog: ModelCatalog, provider_id: str, records: dict[str, State]) -> None:
        kinds = read_latest_kinds(catalog, provider_id)
        for model_id in sorted(records.keys() | kinds.keys()):
            self.checks += 1
            record, kind = records.get(model_id), kinds.get(model_id)
            expected = STATES.get(kind or "", "gone" if kind in ("purged", "removed") else "unexplained")
            state = "gone" if record is None else "active" if record.is_active else "ghost"
            if state != expected and not (expected == "either" and record is not None):
                raise InvariantBroken(
                    "events explain every state", f"{provider_id} {model_id}, {state} after event {kind}"
                )

    def _check_absent(
        self, catalog: ModelCatalog, provider: TrueProvider, model_id: str, known: Known, step: Step
    ) -> None:
        if known.first_at is None:
            return
        name = f"{provider.provider_id} {model_id}"
        if known.is_manual:
            raise InvariantBroken("a manual model is never gone", f"{name} is")
        events = catalog.list_events(provider.provider_id, model_id)
        if not events or events[-1].kind.value != "purged":
            raise InvariantBroken(
                "acknowledged evidence is kept", f"{name} of {known.first_at}, events {_kinds(events)}"
            )
        ghost_since = self.ghosts.get((provider.provider_id, model_id))
        if ghost_since is None or step.at - ghost_since < KEPT - TOLERANCE:
            raise InvariantBroken("a ghost is kept for 30 days", f"{name}, a ghost since {ghost_since}")
        truth = provider.models.get(model_id)
        if truth is not None and truth.is_served(step.at) and self._is_behind_bad_listings(provider, truth, known):
            raise InvariantBroken("bad listings delete no model", f"{name} exists and was purged")
        if known.last_at is not None and step.at - known.last_at < KEPT - TOLERANCE:
            raise InvariantBroken(
                "nothing is purged early", f"{name}, {step.at - known.last_at} after its last evidence"
            )

    def _check_activity(self, provider: TrueProvider, model_id: str, known: Known, record: State, step: Step) -> None:
        if known.last_at is None or self._clock_was_wrong(step):
            return
        name, truth = f"{provider.provider_id} {model_id}", provider.models.get(model_id)
        is_served = truth is not None and truth.is_served(step.at)
        age = step.at - known.last_at
        if not record.is_active:
            if known.is_manual:
                raise InvariantBroken("a manual model stays active", f"{name} is inactive")
            if age <= FRESH:
                raise InvariantBroken("fresh evidence means active", f"{name}, {age} ago")
            if is_served and self._is_protected(provider, model_id, known, step):
                raise InvariantBroken("bad listings cost no model", f"{name} is inactive")
        elif not known.is_manual and truth is not None and not is_served:
            self._check_retired(provider, name, truth.retired_at, known, step)

    def _check_retired(self, provider: TrueProvider, name: str, retired_at: datetime, known: Known, step: Step) -> None:
        good_since = self._feed(provider.provider_id).good_since
        if good_since is None or self.last_sweep_at is None or known.last_at is None:
            return
        if provider.is_local and not provider.listed(step.at):
            return  # an empty listing after a filled one waits for an operator. Documentation
        since = max(good_since, retired_at, known.last_at)
        if self.last_sweep_at > since:
            self.slowest_ghost = max(self.slowest_ghost, self.last_sweep_at - since)
        if self.last_sweep_at - since > SETTLED:
            raise InvariantBroken(
                "a retired model becomes a ghost", f"{name}, retired {retired_at}, listings good since {good_since}"
            )

    def _is_protected(self, provider: TrueProvider, model_id: str, known: Known, step: Step) -> bool:
        bad_since = self._feed(provider.provider_id).bad_since
        return (
            bad_since is not None
            and step.at - bad_since <= PROTECTED - numbers.FETCH_JITTER
            and self._is_behind_bad_listings(provider, provider.models[model_id], known)
        )

    def _is_behind_bad_listings(self, provider: TrueProvider, truth: TrueModel, known: Known) -> bool:
        """Return True if the model was fresh when the listings went bad, and all since then were bad."""
        feed = self._feed(provider.provider_id)
        if (
            provider.is_local
            or feed.bad_since is None
            or feed.is_released
            or known.last_at is None
            or not feed.was_good
        ):
            return False
        return truth.is_listed and feed.bad_since - known.last_at <= FRESH - numbers.FETCH_JITTER

    def _clock_was_wrong(self, step: Step) -> bool:
        """Return True for a while after this host's clock was wrong: a sweep may have gone by it."""
        return self.wrong_clock_at is not None and step.at - self.wrong_clock_at < SETTLED


def _kinds(events: Sequence[ModelEvent]) -> list[str]:
    return [event.kind.value for event in events]
