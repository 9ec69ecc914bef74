"""What users rely on, checked against the truth of the world. None of the catalog's own rules is used here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ghost_pipeline import ModelCatalog
from ghost_pipeline.lifecycle.records import ModelEvent
from simulation import numbers
from simulation.plan import LARGEST_SWEEP_CLOCK_ERROR, Step
from simulation.states import REFUSAL_COLUMNS, Row, State, StateReader
from simulation.witness import AFTER_ALL, BEFORE_ALL, REFUSALS_EXPIRE, Feed, Known, Witness
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
    _clock_was_wrong: bool = False
    """For a while after this host's clock was wrong: a sweep may have gone by it."""
    _last_rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    """What the catalog held of each provider at the last check."""

    def check(self, catalog: ModelCatalog, step: Step) -> None:
        """Compare every provider that the step can have touched with the truth. Raises InvariantBroken."""
        touches_all = step.action in ("sweep", "purge", "read_inbox")
        world = self.witness.world
        self._steps += 1
        wrong_at = self.witness.wrong_clock_at
        self._clock_was_wrong = wrong_at is not None and step.at - wrong_at < SETTLED
        is_thorough = self._steps % THOROUGH_EVERY == 0
        touched = None if touches_all else world[step.provider].provider_id
        rows = self.reader.read_rows(touched, is_anew=is_thorough)
        for provider in world if touches_all else [world[step.provider]]:
            if provider.provider_id in self.witness.known:
                self._check_provider(catalog, provider, rows.get(provider.provider_id, {}), step)

    def _check_provider(self, catalog: ModelCatalog, provider: TrueProvider, rows: dict[str, Row], step: Step) -> None:
        all_known = self.witness.known[provider.provider_id]
        if step.action == "refuse":
            self._check_unchanged(provider.provider_id, rows)
        is_unchanged = rows is self._last_rows.get(provider.provider_id)
        self._last_rows[provider.provider_id] = rows
        is_thorough, at = self._steps % THOROUGH_EVERY == 0, step.at
        for model_id, known in all_known.items():
            row = rows.get(model_id)
            is_settled = at < known.settled_until and row is not None and row == known.settled_row
            if known.is_uncertain or (is_settled and not is_thorough):
                continue
            self.count += 1
            if row != known.row:  # most rows are those of the step before
                known.row, known.record = row, None if row is None else self.reader.state(row)
            self._check_model(catalog, provider, model_id, known, known.record, step)
            known.settled_row, known.settled_until = (
                row,
                self._right_until(provider, model_id, known, known.record, step),
            )
        for model_id in () if is_unchanged else rows.keys() - all_known.keys():
            if model_id not in provider.models:
                raise InvariantBroken("no model is invented", f"{provider.provider_id} {model_id} exists nowhere")
        if step.crash is not None or step.database_fault is not None:
            self._check_events(provider.provider_id, rows)

    def _right_until(
        self, provider: TrueProvider, model_id: str, known: Known, record: State | None, step: Step
    ) -> datetime:
        """Return until when the state stays right if neither it nor what is known changes: that of an active model.

        It may be active while it is served, for as long as it likes; a ghost is compared at every step.
        """
        truth = provider.models.get(model_id)
        if record is None or not record.is_active or self._clock_was_wrong:
            return step.at
        if record.refused_since is not None or known.refusals:
            return step.at
        if known.is_manual:
            return AFTER_ALL
        return step.at if truth is None or not truth.is_served(step.at) else truth.served_until(step.at)

    def _check_model(
        self,
        catalog: ModelCatalog,
        provider: TrueProvider,
        model_id: str,
        known: Known,
        record: State | None,
        step: Step,
    ) -> None:
        if known.is_removed:
            if record is not None:
                raise InvariantBroken("a removed model stays away", f"{provider.provider_id} {model_id} is back")
            return
        if record is None:
            self._check_absent(catalog, provider, model_id, known, step)
            return
        if known.absent is not None:
            known.absent, known.returned_at = None, step.at
        name = f"{provider.provider_id} {model_id}"
        self._check_evidence(name, known, record)
        self._check_refusals(name, known, record, step)
        if record.is_active:
            known.ghost_since = None
        elif known.ghost_since is None:
            since = min(step.at, step.host_time)  # documentation: by the clock of the host
            known.ghost_since, known.is_doubtful_ghost = since, self._clock_was_wrong
        self._check_activity(provider, model_id, known, record, step)

    def _check_evidence(self, name: str, known: Known, record: State) -> None:
        if known.first_at is not None and record.first_seen_at > known.first_at:
            raise InvariantBroken("first evidence is kept", f"{name} of {known.first_at}, now {record.first_seen_at}")
        if known.last_used_at is not None and (record.last_used_at is None or record.last_used_at < known.last_used_at):
            raise InvariantBroken(
                "an acknowledged use is kept", f"{name} at {known.last_used_at}, now {record.last_used_at}"
            )
        if known.is_statement_uncertain:
            return
        if known.stated_price is not None:
            if record.input_price != known.stated_price:
                raise InvariantBroken(
                    "what an operator stated stands until it is withdrawn",
                    f"{name} was stated to cost {known.stated_price}, stored {record.input_price}",
                )
        elif known.price is not None and record.input_price != known.price and not self._clock_was_wrong:
            raise InvariantBroken(
                "facts are those of the latest listing", f"{name} costs {known.price}, stored {record.input_price}"
            )

    def _check_refusals(self, name: str, known: Known, record: State, step: Step) -> None:
        if record.refused_since is None:
            if self._is_refused(known, step):
                raise InvariantBroken("acknowledged refusals count", f"{name} is not refused, {known.refusals[-1]}")
            return
        if known.refused_until <= (known.last_used_at or BEFORE_ALL):
            raise InvariantBroken(
                "a model that answers is not refused",
                f"{name}, refused until {known.refused_until}, used {known.last_used_at}",
            )
        swept_at = self.witness.last_sweep_at
        if swept_at is None or self._clock_was_wrong or str(record.refusal_reason).startswith("retired"):
            return
        # Documentation: the sweep ends what has expired, also of a model that comes back with its refusals.
        is_back = swept_at - known.returned_at <= SETTLED
        if not is_back and swept_at - max(known.refused_until, record.refused_since) > REFUSALS_EXPIRE + SETTLED:
            raise InvariantBroken("refusals expire", f"{name}, last refused {known.refused_until}")

    def _is_refused(self, known: Known, step: Step) -> bool:
        """Return True if the refusals that the catalog acknowledged count by themselves. Documentation."""
        if not known.refusals or known.first_at is None or self._clock_was_wrong:
            return False
        counted = sorted(one for one in known.refusals if one.at > known.used_until)
        if not counted:
            return False
        times = [one.at for one in counted if one.at - known.first_at >= NOT_REFUSED_BEFORE]
        is_repeated = len(times) > 1 and times[-1] - times[0] >= REFUSALS_APART
        is_recent = is_repeated and step.at - times[-1] <= REFUSALS_EXPIRE - FRESH
        return counted[0].is_retired or (is_recent and times[-1] - times[-2] <= REFUSALS_EXPIRE)

    def _check_unchanged(self, provider_id: str, rows: dict[str, Row]) -> None:
        """Check that refusals have changed nothing but whether models are refused."""
        before = self._last_rows.get(provider_id, {})
        for model_id in sorted(before.keys() | rows.keys()):
            old, new = (some.get(model_id, ())[:-REFUSAL_COLUMNS] for some in (before, rows))
            if old != new:
                raise InvariantBroken("refusals change no lifecycle", f"{provider_id} {model_id} was {old}, is {new}")

    def check_history(self) -> None:
        """Check that events explain the state of every model. Raises InvariantBroken."""
        for provider in self.witness.world:
            rows = self.reader.read_rows(provider.provider_id, is_anew=True)
            self._check_events(provider.provider_id, rows.get(provider.provider_id, {}), is_anew=True)

    def _check_events(self, provider_id: str, rows: dict[str, Row], *, is_anew: bool = False) -> None:
        kinds = self.reader.read_latest_kinds(provider_id, is_anew=is_anew)
        for model_id in sorted(rows.keys() | kinds.keys()):
            self.count += 1
            row, kind = rows.get(model_id), kinds.get(model_id)
            expected = STATES.get(kind or "", "gone" if kind in ("purged", "removed") else "unexplained")
            state = "gone" if row is None else "active" if self.reader.state(row).is_active else "ghost"
            if state != expected and not (expected == "either" and row is not None):
                raise InvariantBroken(
                    "events explain every state", f"{provider_id} {model_id}, {state} after event {kind}"
                )

    def _check_absent(
        self, catalog: ModelCatalog, provider: TrueProvider, model_id: str, known: Known, step: Step
    ) -> None:
        if known.first_at is None or known.absent == (known.first_at, known.last_at):
            return
        name = f"{provider.provider_id} {model_id}"
        if known.is_manual:
            raise InvariantBroken("a manual model is never gone", f"{name} is")
        events = catalog.list_events(provider.provider_id, model_id)
        if not events or events[-1].kind.value != "purged":
            raise InvariantBroken(
                "acknowledged evidence is kept", f"{name} of {known.first_at}, events {_kinds(events)}"
            )
        if known.ghost_since is None or step.at - known.ghost_since < KEPT - TOLERANCE:
            raise InvariantBroken("a ghost is kept for 30 days", f"{name}, a ghost since {known.ghost_since}")
        truth = provider.models.get(model_id)
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

    def _check_activity(self, provider: TrueProvider, model_id: str, known: Known, record: State, step: Step) -> None:
        if known.last_at is None:
            return
        truth = provider.models.get(model_id)
        is_served = truth is not None and truth.is_served(step.at)
        if (record.is_active and (is_served or known.is_manual)) or self._clock_was_wrong:
            return
        name, age = f"{provider.provider_id} {model_id}", step.at - known.last_at
        if not record.is_active:
            if known.is_manual:
                raise InvariantBroken("a manual model stays active", f"{name} is inactive")
            if age <= FRESH:
                raise InvariantBroken("fresh evidence means active", f"{name}, {age} ago")
            if is_served and self._is_protected(provider, model_id, known, step):
                raise InvariantBroken("bad listings cost no model", f"{name} is inactive")
        elif truth is not None and not known.was_manual:
            self._check_retired(provider, name, truth.retired_at, known, step)

    def _feed(self, provider: TrueProvider) -> Feed:
        return self.witness.feed(provider.provider_id)

    def _check_retired(self, provider: TrueProvider, name: str, retired_at: datetime, known: Known, step: Step) -> None:
        feed, swept_at = self._feed(provider), self.witness.last_sweep_at
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

    def _is_protected(self, provider: TrueProvider, model_id: str, known: Known, step: Step) -> bool:
        held_since = self._feed(provider).may_hold_since  # a hold protects for so long from when it began
        return (
            held_since is not None
            and not known.is_doubtful_ghost
            and step.at - held_since <= PROTECTED - numbers.FETCH_JITTER
            and self._is_behind_bad_listings(provider, provider.models[model_id], known)
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


def _kinds(events: Sequence[ModelEvent]) -> list[str]:
    return [event.kind.value for event in events]
