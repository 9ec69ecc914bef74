"""What the catalog has acknowledged, and how good each provider's recent listings were: what the checks compare with.

Each exemption here follows from a rule that users can read in docs/reliability.md.
"""

from bisect import bisect_right
from collections.abc import Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from simulation.actors import Happened, Refused
from simulation.faults import Delivered
from simulation.plan import Step
from simulation.states import Columns, State
from simulation.world import AFTER_ALL, TrueProvider

SILENCE = timedelta(hours=24)
"""A clock that goes back to a time after which nothing was fetched for so long looks like a correct one."""
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
SKEW = timedelta(seconds=5)
REFUSALS_EXPIRE = timedelta(days=7)
"""Unless the provider states the end of the model. So long, a success of one account protects. Documentation."""
SHRUNKEN_COUNT, SHRUNKEN_PERCENT = 5, 20
"""More absences than both make a listing shrunken. Documentation."""


CONFIRMED_AFTER = timedelta(hours=1)
"""How much later the listing is that confirms what was not plausible. Documentation."""


def _is_plausible(old: float, new: float) -> bool:
    return min(old, new) > 0 and max(old, new) <= 10 * min(old, new)


@dataclass(slots=True)
class Known:
    """Evidence of one model that the catalog has acknowledged, and what operators did to it."""

    provider_id: str
    model_id: str
    first_at: datetime | None = None
    last_at: datetime | None = None
    """By evidence that was not late."""
    last_used_at: datetime | None = None
    arrived_at: datetime | None = None
    """When evidence of it arrived last, however old: it makes a ghost active until the next sweep. Documentation."""
    is_manual: bool = False
    is_removed: bool = False
    was_manual: bool = False
    """When an operator removed it: a restored model keeps its source. Documentation."""
    price: float | None = None
    """In the latest listing that was not late, USD per million tokens; None if it is not certain that it stands."""
    listed_price: tuple[float, datetime] | None = None
    """The same, even if it does not stand yet, and since when listings state it; None if that is not certain."""
    stated_price: float | None = None
    """What an operator stated, which counts before listings until it is withdrawn. Documentation."""
    is_statement_uncertain: bool = False
    """An operator's statement or its withdrawal ended without an answer."""
    may_have_price: bool = False
    """A listing may have stated its price."""
    was_listed: bool = False
    is_uncertain: bool = False
    """An operator's change ended without an answer: it may be done or not."""
    ghost_since: datetime | None = None
    """Since when it was seen to be inactive."""
    is_doubtful_ghost: bool = False
    """A clock was wrong when it became inactive, and only evidence makes it active again."""
    absent: tuple[datetime | None, datetime | None] | None = None
    """First and last evidence when its absence was found to be right."""
    returned_at: datetime = BEFORE_ALL
    """When it was seen to be back in the catalog."""
    cleared_until: datetime = BEFORE_ALL
    """Refusals up to then may not count: the latest instant of any use that the catalog may have, of a reactivation,
    and of a listing that may have brought the model back."""
    refused_until: datetime = BEFORE_ALL
    """The latest instant that any refusal which may count has there."""
    refusals: list[Refused] = field(default_factory=list)
    """Refusals that certainly count unless the model was used since."""
    columns: Columns | None = None
    """Those of State that the catalog held at the last check."""
    record: State | None = None
    """The same, read."""
    settled_until: datetime = BEFORE_ALL
    """Until when they stay right; the past if something is known since that may contradict them."""

    @property
    def name(self) -> str:
        """Return how messages name the model."""
        return f"{self.provider_id} {self.model_id}"

    def list_price(self, price: float | None, at: datetime) -> None:
        """Record the price in a listing of ``at``; None if it is not certain."""
        before, self.listed_price = self.listed_price, None if price is None else (price, at)
        if price is not None and before is not None and before[0] == price:
            self.listed_price = before
        # Documentation: an implausible price stands when a listing an hour later states it again.
        is_repeated = self.listed_price is not None and at - self.listed_price[1] >= CONFIRMED_AFTER
        is_plausible = self.price is not None and price is not None and _is_plausible(self.price, price)
        old = self.price
        self.price = price if is_repeated or is_plausible or not self.may_have_price else None
        self.may_have_price = True
        if self.price != old:
            self.settled_until = BEFORE_ALL

    def add(
        self, at: datetime, stamped_at: datetime | None = None, *, is_use: bool = False, is_late: bool = False
    ) -> None:
        """Record evidence of ``at``. This host can't date it earlier than ``stamped_at``: its clock was ahead."""
        first_at = stamped_at or at
        if self.first_at is None or first_at < self.first_at:
            self.first_at, self.settled_until = first_at, BEFORE_ALL
        if is_use or self.record is None or not self.record.is_active:  # later evidence confirms what is active
            self.settled_until = BEFORE_ALL
        if not is_late and (self.last_at is None or at > self.last_at):
            self.last_at = at
        if is_use and (self.last_used_at is None or at > self.last_used_at):
            self.last_used_at = at


@dataclass(slots=True)
class Feed:
    """The quality of a provider's recent listings."""

    good_since: datetime | None = None
    """Since when every listing that came was true and reconciled."""
    bad_since: datetime | None = None
    """Since when no listing was both true and reconciled."""
    held_by: datetime | None = None
    """When a hold has begun at the latest, if there is one."""
    may_hold_since: datetime | None = None
    """When it may have begun, with an admission that ended without an answer."""
    lifted_at: datetime | None = None
    """When the last hold may have been lifted."""
    last_listed_at: datetime | None = None
    """The latest instant for which a listing was delivered, so that an earlier one is late."""
    admitted_at: datetime | None = None
    """The latest instant of a listing that was certainly admitted: an earlier one is late for certain."""
    acknowledged_at: datetime | None = None
    """The latest instant of a listing that was acknowledged."""
    is_released: bool = False
    """An operator lifted the hold since ``bad_since``."""
    shrunken: list[frozenset[str]] = field(default_factory=list)
    """What shrunken listings showed since the last good one."""
    was_good: bool = False
    """Whether any listing was true so far: before that nothing can be missed."""

    listed: set[str] = field(default_factory=set)
    """What the last good listing showed, and any later one."""

    def confirms(self, shown: Set[str], expected: Set[str]) -> bool:
        """Return True if a shrunken listing confirms an earlier one: it lacks all that one lacked and hardly more.

        Documentation: two wrong listings that agree count as a mass retirement.
        """
        old = shown & expected
        return any(old <= earlier and not _is_shrunken(earlier & expected, old) for earlier in self.shrunken)


def _is_shrunken(expected: Set[str], shown: Set[str]) -> bool:
    missing = len(expected - shown)
    return missing > SHRUNKEN_COUNT and missing * 100 > len(expected) * SHRUNKEN_PERCENT


@dataclass(slots=True)
class Witness:
    """Everything that has happened."""

    world: list[TrueProvider]
    known: dict[str, dict[str, Known]] = field(default_factory=dict)
    """Provider -> model -> evidence."""
    changed: set[str] = field(default_factory=set)
    """Providers of whose models something else is known since the last check."""
    feeds: dict[str, Feed] = field(default_factory=dict)
    last_sweep_at: datetime | None = None
    wrong_clock_at: datetime | None = None
    """When the clock of this host was wrong last."""
    fetched_at: list[datetime] = field(default_factory=list)
    """When listings were admitted, by the clock of this host, sorted."""

    def note(self, step: Step, happened: Happened) -> None:
        """Remember what a step did."""
        if step.clock_error:
            self.wrong_clock_at = step.at
            if step.host_time < step.at and self._is_silent_after(step.host_time):
                evidence_at = min(step.host_time, happened.listed_at or step.host_time)
                self._note_slow_clock(happened.provider_id, evidence_at - timedelta(microseconds=1))
        if step.action == "sweep" and happened.is_acknowledged:
            self.last_sweep_at = step.at
        if step.action == "fetch":
            self._note_fetch(step, happened)
        else:
            for use in happened.used:
                known = self.of(use.provider_id, use.model_id)
                known.cleared_until = max(known.cleared_until, use.stamped_at)
                # A removed model stays away whatever is reported.
                if happened.is_acknowledged and not (known.is_removed or known.is_uncertain):
                    known.add(use.at, use.stamped_at, is_use=True)
                    known.arrived_at = step.at
        self._note_refusals(step, happened)
        if happened.model_id is not None and happened.provider_id is not None:
            self._note_override(step, happened, self.of(happened.provider_id, happened.model_id))
        if step.action == "release" and happened.provider_id is not None:
            feed = self.feed(happened.provider_id)
            feed.is_released, feed.held_by, feed.lifted_at = True, None, step.at

    def of(self, provider_id: str, model_id: str) -> Known:
        """Return what is known of a model, so that it may change: the next check compares it anew."""
        known = self._listed(provider_id, model_id)
        known.settled_until = BEFORE_ALL
        return known

    def _listed(self, provider_id: str, model_id: str) -> Known:
        """Return what is known of a model that a listing shows: the next check compares what the listing changes."""
        self.changed.add(provider_id)
        models = self.known.setdefault(provider_id, {})
        known = models.get(model_id)
        if known is None:
            known = models[model_id] = Known(provider_id, model_id)
        return known

    def feed(self, provider_id: str) -> Feed:
        """Return the quality of a provider's listings."""
        feed = self.feeds.get(provider_id)
        if feed is None:
            feed = self.feeds[provider_id] = Feed()
        return feed

    def _is_silent_after(self, at: datetime) -> bool:
        index = bisect_right(self.fetched_at, at + SKEW)
        return index == len(self.fetched_at) or self.fetched_at[index] > at + SILENCE

    def _note_slow_clock(self, provider_id: str | None, corrected: datetime) -> None:
        """Lower what is known to the time of a host whose clock is behind: to it, later instants are in the future.

        Of all providers if the step names none.
        """
        for of_provider, models in self.known.items():
            for known in models.values() if provider_id in (None, of_provider) else ():
                if known.last_used_at is not None and known.last_used_at > corrected:
                    known.last_used_at = corrected
                    known.refused_until = AFTER_ALL  # refusals may count that did not
        for of_provider, feed in self.feeds.items():
            if provider_id in (None, of_provider) and feed.may_hold_since is not None:
                feed.may_hold_since = min(feed.may_hold_since, corrected)

    def _note_refusals(self, step: Step, happened: Happened) -> None:
        """Remember what was refused; forget what does not certainly count any more."""
        is_done, provider_id = happened.is_acknowledged, str(happened.provider_id)
        for one in happened.refused:
            known = self.of(provider_id, one.model_id)
            is_used = known.last_used_at is not None and one.at - known.last_used_at <= REFUSALS_EXPIRE - SILENCE
            # Documentation: while another account has a success, the refusal of an account does not count.
            if not (one.is_mistaken and is_used):
                known.refused_until = max(known.refused_until, one.at)
            # Documentation: a refusal that arrives too late does not count.
            is_in_time = step.at - one.at <= REFUSALS_EXPIRE - SILENCE
            # Documentation: nor does that of a model that the catalog does not know.
            is_known = known.first_at is not None and known.absent is None
            is_known &= not (known.is_removed or known.is_uncertain)
            if is_done and is_in_time and is_known and not one.is_mistaken:
                known.refusals.append(one)
        is_ahead = step.fault == "ahead" and step.action == "infer"
        if step.clock_error or (is_ahead and not is_done):  # an unknown use may have any time
            for models in self.known.values():
                for known in models.values():
                    known.refusals.clear()

    def _note_fetch(self, step: Step, happened: Happened) -> None:
        delivered, listed_at = happened.delivered, happened.listed_at
        if delivered is None or listed_at is None or happened.provider_id is None:
            return
        feed = self.feed(happened.provider_id)
        is_late = feed.last_listed_at is not None and listed_at < feed.last_listed_at
        if happened.is_admitted:
            self.fetched_at.insert(bisect_right(self.fetched_at, listed_at), listed_at)
        shown = [self._listed(happened.provider_id, model_id) for model_id in sorted(delivered.model_ids)]
        if happened.is_acknowledged:
            evidence_at = min(listed_at, step.at)
            for known in shown:
                # Documentation: a late listing protects nothing. What it shows first may have been a ghost before.
                known.was_listed |= not is_late
                if not (known.is_removed or known.is_uncertain):
                    known.add(evidence_at, listed_at, is_late=is_late)
                    known.arrived_at = step.at
        _note_prices(feed, shown, delivered, min(listed_at, step.at), is_done=happened.is_acknowledged)
        if is_late and (feed.admitted_at is None or listed_at >= feed.admitted_at):
            feed.is_released = True  # whether it is late depends on an attempt that may not be recorded
        if not is_late:
            feed.last_listed_at = min(listed_at, step.at)
            feed.admitted_at = feed.last_listed_at if happened.is_admitted else feed.admitted_at
        if delivered.is_true and not delivered.model_ids:
            # Documentation: an empty listing shows nothing. That of a local server that is really empty holds it too,
            # until an operator releases it or the hold ends.
            feed.good_since, feed.held_by = None, feed.held_by or step.at
        elif delivered.is_true and happened.is_acknowledged and not is_late:
            feed.was_good = True
            self._note_good(feed, step, happened, delivered.model_ids)
        else:
            self._note_bad(feed, step, happened, delivered, is_late=is_late)

    def _note_good(self, feed: Feed, step: Step, happened: Happened, shown: frozenset[str]) -> None:
        expected = self._expected(feed, happened)
        if _is_shrunken(expected, shown) and not feed.confirms(shown, expected):
            # Documentation: a mass retirement looks shrunken. It holds the provider, or leaves it held, until another
            # listing confirms it.
            feed.good_since = step.at
            feed.bad_since, feed.held_by = feed.bad_since or step.at, feed.held_by or step.at
            feed.may_hold_since = feed.may_hold_since or step.at
            feed.shrunken.append(shown)
            return
        feed.good_since = feed.good_since or step.at
        feed.lifted_at = step.at if feed.held_by is not None else feed.lifted_at
        feed.bad_since = feed.held_by = feed.may_hold_since = None
        feed.is_released = False
        feed.shrunken.clear()
        feed.listed = set(shown)

    def _expected(self, feed: Feed, happened: Happened) -> set[str]:
        """Return what the catalog expects of the provider's listing: what was listed last and not removed."""
        models = self.known.get(str(happened.provider_id), {})
        return {model_id for model_id in feed.listed if model_id in models and not models[model_id].is_removed}

    def _note_bad(self, feed: Feed, step: Step, happened: Happened, delivered: Delivered, *, is_late: bool) -> None:
        feed.good_since = None
        # It may have lifted a hold without an answer, and then the next bad listing begins another one.
        feed.held_by = step.at if delivered.is_true or feed.held_by is None else feed.held_by
        if is_late:
            return  # documentation: a late listing neither sets nor lifts nor confirms anything
        feed.may_hold_since = feed.may_hold_since or step.at
        if step.fault == "shrunken" and delivered.model_ids:
            shown, expected = delivered.model_ids, self._expected(feed, happened)
            # Documentation: a listing that lacks few of the models that the catalog expects is complete.
            if feed.confirms(shown, expected) or not _is_shrunken(expected, shown):
                feed.is_released, feed.held_by = True, step.at
            feed.shrunken.append(delivered.model_ids)
        # Documentation: without an attempt there is no hold, and a fetch that died made none. A complete listing that
        # was admitted and not reconciled sets none either.
        if happened.is_admitted and not delivered.is_true:
            feed.bad_since = feed.bad_since or step.at
        feed.listed |= delivered.model_ids

    def _note_override(self, step: Step, happened: Happened, known: Known) -> None:
        known.price = None
        known.refusals.clear()
        if step.action == "reactivate":
            known.cleared_until = max(known.cleared_until, step.at, step.host_time)
        if step.action == "add":
            known.is_statement_uncertain |= not happened.is_acknowledged
            if happened.is_acknowledged and (happened.is_withdrawn or happened.stated_price is not None):
                known.stated_price, known.is_statement_uncertain = happened.stated_price, False
        if not happened.is_acknowledged:
            known.is_uncertain |= happened.error in ("CatalogUnavailable", "CatalogError") or step.crash is not None
        elif step.action == "add":
            known.is_manual, known.is_removed, known.is_uncertain = True, False, False
            known.add(step.at, max(step.at, step.host_time))
        elif step.action == "remove":
            known.was_manual |= known.is_manual
            known.is_removed, known.is_uncertain, known.is_manual = True, False, False
        elif step.action in ("restore", "reactivate"):
            known.is_removed, known.is_uncertain = False, False
            if step.action == "reactivate":
                known.add(step.at)


def _note_prices(feed: Feed, shown: list[Known], delivered: Delivered, at: datetime, *, is_done: bool) -> None:
    """Remember the prices of a listing of ``at``, unless it is late; forget those of which it is not certain."""
    is_late = feed.acknowledged_at is not None and at < feed.acknowledged_at
    is_newest = feed.last_listed_at is None or at >= feed.last_listed_at
    for known in shown:
        # Documentation: a listing that brings a model back speaks against its refusals.
        known.refusals.clear()
        known.cleared_until = max(known.cleared_until, at)
        if not is_late and delivered.prices:
            is_certain = is_done and is_newest and not (known.is_removed or known.is_uncertain)
            known.list_price(delivered.prices.get(known.model_id) if is_certain else None, at)
    if is_done and not is_late:
        feed.acknowledged_at = at
