"""What users rely on, checked against the truth of the world. None of the catalog's own rules is used here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ghost_pipeline import ModelCatalog
from ghost_pipeline.lifecycle.records import ModelEvent
from simulation import numbers
from simulation.plan import LARGEST_SWEEP_CLOCK_ERROR, Step
from simulation.states import IS_ACTIVE, REFUSAL_COLUMNS, STATE_COLUMNS, Row, State, StateReader
from simulation.witness import BEFORE_ALL, REFUSALS_EXPIRE, Feed, Known, Witness
from simulation.world import AFTER_ALL, TrueModel, TrueProvider

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

NOT_REFUSED_BEFORE = timedelta(hours=48)
"""So long after its first sighting no model is refused as not found. Documentation."""
REFUSALS_APART = timedelta(minutes=10)
"""How far apart two such answers must be. Documentation."""
THOROUGH_EVERY = 100
"""Steps after which every model is compared again, also those for which nothing has changed."""


class InvariantBroken(Exception):
    """The catalog contradicts the truth."""

    def __init__(self, invariant: str, details: str) -> None:
        super().__init__(f"{invariant}: {details}")
        self.invariant = invariant
        self.subject = " ".join(details.split()[:2]).rstrip(",")


@dataclass(slots=True)
class Checks:
    """The checks on what a witness has seen."""

    witness: Witness
    reader: StateReader
    slowest_ghost: timedelta = timedelta()
    """The longest time that a retired model stayed active with good listings."""
    count: int = 0
    """Comparisons of a model with the truth, without those whose result was known."""
    _steps: int = 0
    _is_thorough: bool = False
    """Compare also what is known to be right."""
    _clock_was_wrong: bool = False
    """For a while after this host's clock was wrong: a sweep may have gone by it."""
    _last_rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    """What the catalog held of each provider at the last check."""
    _settled_until: dict[str, datetime] = field(default_factory=dict)
    """Until when every model of a provider stays right, if neither its row nor what is known of it changes."""

    def check(self, catalog: ModelCatalog, step: Step) -> None:
        """Compare every provider that the step can have touched with the truth. Raises InvariantBroken."""
        self._steps += 1
        self._is_thorough = self._steps % THOROUGH_EVERY == 0
        wrong_at = self.witness.wrong_clock_at
        self._clock_was_wrong = wrong_at is not None and step.at - wrong_at < SETTLED
        self._check_providers(
            catalog, step, is_all=self._is_thorough or step.action in ("sweep", "purge", "read_inbox")
        )

    def check_end(self, catalog: ModelCatalog, step: Step) -> None:
        """Compare every model after the last step, and check that events explain its state. Raises InvariantBroken."""
        self._is_thorough = True
        self._check_providers(catalog, step, is_all=True)
        for provider in self.witness.world:
            rows = self._last_rows.get(provider.provider_id, {})
            self._check_events(provider.provider_id, rows, is_anew=True)

    def _check_providers(self, catalog: ModelCatalog, step: Step, *, is_all: bool) -> None:
        world = self.witness.world
        touched = None if is_all else world[step.provider].provider_id
        rows = self.reader.read_rows(touched, is_anew=self._is_thorough)
        for provider in world if is_all else (world[step.provider],):
            if provider.provider_id in self.witness.known:
                self._check_provider(catalog, provider, rows.get(provider.provider_id, {}), step)

    def _check_provider(self, catalog: ModelCatalog, provider: TrueProvider, rows: dict[str, Row], step: Step) -> None:
        provider_id = provider.provider_id
        if step.action == "refuse":
            self._check_unchanged(provider_id, rows)
        is_changed = rows is not self._last_rows.get(provider_id)
        self._last_rows[provider_id] = rows
        if is_changed or provider_id in self.witness.changed or self._is_due(provider_id, step):
            self._compare(catalog, provider, rows, step)
        if step.crash is not None or step.database_fault is not None:
            self._check_events(provider_id, rows)

    def _is_due(self, provider_id: str, step: Step) -> bool:
        return self._is_thorough or step.at >= self._settled_until[provider_id]

    def _compare(self, catalog: ModelCatalog, provider: TrueProvider, rows: dict[str, Row], step: Step) -> None:
        """Compare each model of the provider with the truth, unless it is known to be right still."""
        all_known = self.witness.known[provider.provider_id]
        for model_id, known in all_known.items():
            if known.is_uncertain:
                continue
            row = rows.get(model_id)
            columns = None if row is None else row[STATE_COLUMNS]
            if columns != known.columns:
                known.columns, known.record = columns, None if columns is None else self.reader.state(columns)
                known.settled_until = BEFORE_ALL
            if step.at >= known.settled_until or self._is_thorough:
                self.count += 1
                truth = provider.models.get(model_id)
                self._check_model(catalog, provider, truth, known, step)
                known.settled_until = self._right_until(truth, known, step.at)
        self.witness.changed.discard(provider.provider_id)
        untils = [known.settled_until for known in all_known.values() if not known.is_uncertain]
        self._settled_until[provider.provider_id] = min(untils, default=AFTER_ALL)
        if not rows.keys() <= all_known.keys():
            for model_id in sorted(rows.keys() - all_known.keys() - provider.models.keys()):
                raise InvariantBroken("no model is invented", f"{provider.provider_id} {model_id} exists nowhere")

    def _right_until(self, truth: TrueModel | None, known: Known, at: datetime) -> datetime:
        """Return until when the state stays right if neither it nor what is known changes; ``at`` if that is open.

        Time only makes old evidence and refusals count less, but it ends refusals, unless the provider stated the end
        of the model. An active model is right while it is served, a ghost while it is not: whether it may be a ghost
        while it is served depends on the listings of other models, too.
        """
        record = known.record
        if self._clock_was_wrong:
            return at
        if record is None:
            return AFTER_ALL
        if record.refused_since is not None and not _is_stated(record):
            return at
        if known.is_manual:
            return AFTER_ALL
        if truth is None or truth.is_served(at) != record.is_active:
            return at
        return truth.served_alike_until(at)

    def _check_model(
        self, catalog: ModelCatalog, provider: TrueProvider, truth: TrueModel | None, known: Known, step: Step
    ) -> None:
        record = known.record
        if known.is_removed:
            if record is not None:
                raise InvariantBroken("a removed model stays away", f"{known.name} is back")
            return
        if record is None:
            self._check_absent(catalog, provider, truth, known, step)
            return
        if known.absent is not None:
            known.absent, known.returned_at = None, step.at
        self._check_evidence(known, record)
        self._check_refusals(known, record, step)
        if record.is_active:
            known.ghost_since = None
        elif known.ghost_since is None:
            since = min(step.at, step.host_time)  # documentation: by the clock of the host
            known.ghost_since, known.is_doubtful_ghost = since, self._clock_was_wrong
        self._check_activity(provider, truth, known, record, step)

    def _check_evidence(self, known: Known, record: State) -> None:
        if known.first_at is not None and record.first_seen_at > known.first_at:
            raise InvariantBroken(
                "first evidence is kept", f"{known.name} of {known.first_at}, now {record.first_seen_at}"
            )
        if known.last_used_at is not None and (record.last_used_at is None or record.last_used_at < known.last_used_at):
            raise InvariantBroken(
                "an acknowledged use is kept", f"{known.name} at {known.last_used_at}, now {record.last_used_at}"
            )
        if known.is_statement_uncertain:
            return
        if known.stated_price is not None:
            if record.input_price != known.stated_price:
                raise InvariantBroken(
                    "what an operator stated stands until it is withdrawn",
                    f"{known.name} was stated to cost {known.stated_price}, stored {record.input_price}",
                )
        elif known.price is not None and record.input_price != known.price and not self._clock_was_wrong:
            raise InvariantBroken(
                "facts are those of the latest listing",
                f"{known.name} costs {known.price}, stored {record.input_price}",
            )

    def _check_refusals(self, known: Known, record: State, step: Step) -> None:
        if record.refused_since is None:
            if known.refusals and self._is_refused(known, step):
                raise InvariantBroken(
                    "acknowledged refusals count", f"{known.name} is not refused, {known.refusals[-1]}"
                )
            return
        if known.refused_until <= (known.last_used_at or BEFORE_ALL):
            raise InvariantBroken(
                "a model that answers is not refused",
                f"{known.name}, refused until {known.refused_until}, used {known.last_used_at}",
            )
        swept_at = self.witness.last_sweep_at
        if swept_at is None or self._clock_was_wrong or _is_stated(record):
            return
        # Documentation: the sweep ends what has expired, also of a model that comes back with its refusals.
        is_back = swept_at - known.returned_at <= SETTLED
        if not is_back and swept_at - max(known.refused_until, record.refused_since) > REFUSALS_EXPIRE + SETTLED:
            raise InvariantBroken("refusals expire", f"{known.name}, last refused {known.refused_until}")

    def _is_refused(self, known: Known, step: Step) -> bool:
        """Return True if the refusals that the catalog acknowledged count by themselves. Documentation."""
        if known.first_at is None or self._clock_was_wrong:
            return False
        counted = sorted(one for one in known.refusals if one.at > known.cleared_until)
        if not counted:
            return False
        times = [one.at for one in counted if one.at - known.first_at >= NOT_REFUSED_BEFORE]
        is_repeated = len(times) > 1 and times[-1] - times[0] >= REFUSALS_APART
        is_recent = is_repeated and step.at - times[-1] <= REFUSALS_EXPIRE - FRESH
        return counted[0].is_retired or (is_recent and times[-1] - times[-2] <= REFUSALS_EXPIRE)

    def _check_unchanged(self, provider_id: str, rows: dict[str, Row]) -> None:
        """Check that refusals have changed nothing but whether models are refused."""
        before = self._last_rows.get(provider_id, {})
        if before is rows:
            return
        for model_id in sorted(before.keys() | rows.keys()):
            old, new = (some.get(model_id, ())[:-REFUSAL_COLUMNS] for some in (before, rows))
            if old != new:
                raise InvariantBroken("refusals change no lifecycle", f"{provider_id} {model_id} was {old}, is {new}")

    def _check_events(self, provider_id: str, rows: dict[str, Row], *, is_anew: bool = False) -> None:
        kinds = self.reader.read_latest_kinds(provider_id, is_anew=is_anew)
        for model_id in sorted(rows.keys() | kinds.keys()):
            self.count += 1
            row, kind = rows.get(model_id), kinds.get(model_id)
            expected = STATES.get(kind or "", "gone" if kind in ("purged", "removed") else "unexplained")
            state = "gone" if row is None else "active" if row[IS_ACTIVE] else "ghost"
            if state != expected and not (expected == "either" and row is not None):
                raise InvariantBroken(
                    "events explain every state", f"{provider_id} {model_id}, {state} after event {kind}"
                )

    def _check_absent(
        self, catalog: ModelCatalog, provider: TrueProvider, truth: TrueModel | None, known: Known, step: Step
    ) -> None:
        if known.first_at is None or known.absent == (known.first_at, known.last_at):
            return
        name = known.name
        if known.is_manual:
            raise InvariantBroken("a manual model is never gone", f"{name} is")
        events = catalog.list_events(known.provider_id, known.model_id)
        if not events or events[-1].kind.value != "purged":
            raise InvariantBroken(
                "acknowledged evidence is kept", f"{name} of {known.first_at}, events {_kinds(events)}"
            )
        if known.ghost_since is None or step.at - known.ghost_since < KEPT - TOLERANCE:
            raise InvariantBroken("a ghost is kept for 30 days", f"{name}, a ghost since {known.ghost_since}")
        if truth is not None and truth.is_served(step.at) and self._is_behind_bad_listings(provider, truth, known):
            raise InvariantBroken("bad listings delete no model", f"{name} exists and was purged")
        if known.last_at is not None and step.at - known.last_at < KEPT - TOLERANCE:
            raise InvariantBroken(
                "nothing is purged early", f"{name}, {step.at - known.last_at} after its last evidence"
            )
        known.absent = (known.first_at, known.last_at)
        known.refusals.clear()
        # Documentation: a purged model comes back without its facts, and as one that is not listed.
        known.price, known.was_listed, known.may_have_price = None, False, False

    def _check_activity(
        self, provider: TrueProvider, truth: TrueModel | None, known: Known, record: State, step: Step
    ) -> None:
        if known.last_at is None or self._clock_was_wrong:
            return
        is_served = truth is not None and truth.is_served(step.at)
        if record.is_active and (is_served or known.is_manual):
            return
        if not record.is_active:
            name, age = known.name, step.at - known.last_at
            if known.is_manual:
                raise InvariantBroken("a manual model stays active", f"{name} is inactive")
            if age <= FRESH:
                raise InvariantBroken("fresh evidence means active", f"{name}, {age} ago")
            if truth is not None and is_served and self._is_protected(provider, truth, known, step):
                raise InvariantBroken("bad listings cost no model", f"{name} is inactive")
        elif truth is not None and not known.was_manual:
            self._check_retired(provider, truth.retired_at, known, step)

    def _feed(self, provider: TrueProvider) -> Feed:
        return self.witness.feed(provider.provider_id)

    def _check_retired(self, provider: TrueProvider, retired_at: datetime, known: Known, step: Step) -> None:
        feed, swept_at, name = self._feed(provider), self.witness.last_sweep_at, known.name
        if swept_at is None or known.last_at is None:
            return
        seen_at = max(known.last_at, known.arrived_at or known.last_at)
        if (
            swept_at - max(seen_at, retired_at, feed.held_by or seen_at, feed.lifted_at or seen_at)
            > PROTECTED + SETTLED
        ):
            raise InvariantBroken("no hold lasts longer than 7 days", f"{name}, retired {retired_at}, is active")
        good_since = feed.good_since
        if good_since is None:
            return
        if provider.is_local and not provider.listed(step.at):
            return  # an empty listing after a filled one waits for an operator. Documentation
        since = max(good_since, retired_at, seen_at)
        if swept_at > since:
            self.slowest_ghost = max(self.slowest_ghost, swept_at - since)
        if swept_at - since > SETTLED:
            raise InvariantBroken(
                "a retired model becomes a ghost", f"{name}, retired {retired_at}, listings good since {good_since}"
            )

    def _is_protected(self, provider: TrueProvider, truth: TrueModel, known: Known, step: Step) -> bool:
        held_since = self._feed(provider).may_hold_since  # a hold protects for so long from when it began
        return (
            held_since is not None
            and not known.is_doubtful_ghost
            and step.at - held_since <= PROTECTED - numbers.FETCH_JITTER
            and self._is_behind_bad_listings(provider, truth, known)
        )

    def _is_behind_bad_listings(self, provider: TrueProvider, truth: TrueModel, known: Known) -> bool:
        """Return True if the model was fresh when the listings went bad, and all since then were bad."""
        feed = self._feed(provider)
        if (
            provider.is_local
            or feed.bad_since is None
            or feed.is_released
            or known.last_at is None
            or not feed.was_good
            or not known.was_listed  # documentation: a hold covers listed models
        ):
            return False
        return truth.is_listed and feed.bad_since - known.last_at <= FRESH - numbers.FETCH_JITTER


def _is_stated(record: State) -> bool:
    """Return True if the provider stated the end of a refused model. Documentation: then the refusal does not end."""
    return str(record.refusal_reason).startswith("retired")


def _kinds(events: Sequence[ModelEvent]) -> list[str]:
    return [event.kind.value for event in events]
