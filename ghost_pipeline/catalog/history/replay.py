"""Derive the events that a provider's archived listings would have had, from the rules and without a database.

Used for a catalog whose events begin later than its listings. Known is the state with which the recorded events begin;
what happened before is derived:

- A model arrives with the first listing that contains it. A model that an operator added or that was used first, and
  one that no listing contains, arrives when it was first seen. Its facts are those of the listings, in their order.
- A model that no listing contains for too long is deactivated and deleted by the rules of the sweeps, at the first
  moment at which they select it, while the recorded verdicts hold the provider or not. Where the catalog knows better,
  that counts: a model that is active where the recorded events begin was not deactivated before, a ghost became one
  when its row records it, and a model that an operator added, or that was used after it had been listed, was kept.
- Where the listings end in another state than the recorded events begin with, events without a channel lead to it.
- Implausible values are withheld as those of today's listings are.
- A listing whose bytes can't be read any more proves no absence: every active model counts as seen.
"""

import heapq
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ghost_pipeline.catalog import sweeps
from ghost_pipeline.catalog.results import ListingOutcome
from ghost_pipeline.lifecycle.claims.withheld_facts import (
    HELD_COLUMNS,
    FactChange,
    FactKey,
    WithheldFact,
    differs,
    held_columns,
    is_priced,
    new_doubts,
    withhold,
)
from ghost_pipeline.lifecycle.events import BACKFILLED, Cause, doubt_event, events_between
from ghost_pipeline.lifecycle.facts import FACT_NAMES, Facts
from ghost_pipeline.lifecycle.records import ListedModel, Listing, ModelEvent, ModelRecord, ProviderRecord, Tombstone
from ghost_pipeline.lifecycle.transitions import apply_listing, deactivate, latest_known
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source
from ghost_pipeline.settings import Thresholds

_MOMENT = timedelta(microseconds=1)
"""A sweep selects what is older than a limit, not what is exactly as old."""


Read = Callable[[ListingOutcome], Listing | None]
"""Returns the content of a reconciled listing; None if its bytes can't be read."""


class Replay:
    """The models of one provider while its attempts are replayed, the oldest first.

    Args:
        provider_id: The provider's slug.
        known: The models with which the recorded events begin, by id.
        begins_at: When the first of the recorded events was recorded; the present if there is none.
        thresholds: The limits of the sweeps.
    """

    def __init__(
        self, provider_id: str, known: Mapping[str, ModelRecord], begins_at: datetime, thresholds: Thresholds
    ) -> None:
        self.events: list[ModelEvent] = []
        """What is derived, in the order of time."""
        self._known = known
        self._begins_at = begins_at
        self._thresholds = thresholds
        self._provider = ProviderRecord(provider_id, provider_id)
        self._complete_listing_id: int | None = None
        self._models: dict[str, ModelRecord] = {}
        self._tombstones: dict[str, Tombstone] = {}
        self._withheld: dict[FactKey, WithheldFact] = {}
        self._last_listed: dict[str, datetime] = {}
        self._due: list[datetime] = []
        """When a sweep may select a model, as a heap."""

    def run(self, outcomes: Sequence[ListingOutcome], read: Read, report: Callable[[int, int], None]) -> None:
        """Fill ``events``. ``report`` is called with the number of steps done and in all."""
        total = 2 * len(outcomes)
        for number, outcome in enumerate(outcomes):
            listing = read(outcome) if outcome.verdict.lists_models else None
            for model in () if listing is None else listing.models:
                self._last_listed[model.model_id] = outcome.attempt.observed_at
            report(number, total)
        arrivals = self._arrivals()
        for number, outcome in enumerate(outcomes, len(outcomes)):
            self._let_arrive(arrivals, outcome.attempt.observed_at)
            self._sweep_until(outcome.attempt.observed_at)
            self._apply(outcome, read)
            report(number, total)
        self._let_arrive(arrivals, self._begins_at)
        self._sweep_until(self._begins_at)
        self._end()

    def _arrivals(self) -> list[ModelRecord]:
        """Return the known models that do not arrive with a listing, the latest first."""
        arriving = [
            model
            for model in self._known.values()
            if model.source is not Source.INDEX or model.model_id not in self._last_listed
        ]
        return sorted(arriving, key=lambda model: (model.first_seen_at, model.model_id), reverse=True)

    def _let_arrive(self, arrivals: list[ModelRecord], until: datetime) -> None:
        while arrivals and (arrivals[-1].first_seen_at <= until or until == self._begins_at):
            known = arrivals.pop()
            at = min(known.first_seen_at, self._begins_at)
            self._sweep_until(at)
            if known.model_id not in self._models:
                self._change(known.model_id, self._arrived(known, at), Cause(at, known.source, details=BACKFILLED))
                heapq.heappush(self._due, at + self._thresholds.stale_after + _MOMENT)

    def _arrived(self, known: ModelRecord, at: datetime) -> ModelRecord:
        """Return a model when it was first seen; its facts are unknown if listings state them later.

        When operators stated facts is not known here, so that listings state all but the name.
        """
        unknown: dict[str, Any] = {}
        if known.model_id in self._last_listed:
            unknown = dict.fromkeys((*FACT_NAMES, "provider_data"))
            unknown["name"] = known.name if known.is_name_manual else None
        return msgspec.structs.replace(
            known,
            is_active=True,
            deactivated_at=None,
            last_seen_at=at,
            last_listed_at=None,
            manual_facts=None,
            **unknown,
        )

    def _apply(self, outcome: ListingOutcome, read: Read) -> None:
        at, assessment = outcome.attempt.observed_at, outcome.assessment
        if assessment.sets_hold and self._provider.held_since is None:
            self._provider = replace(self._provider, held_since=at, held_reason=assessment.verdict.value)
        if outcome.verdict.lists_models:
            listing = read(outcome)
            if listing is None:
                self._keep_all(at)
            else:
                self._apply_listing(outcome, listing)
        if assessment.lifts_hold:
            last_complete_at = self._provider.last_complete_at
            if outcome.verdict.lists_models:
                last_complete_at, self._complete_listing_id = at, outcome.listing_id
            self._provider = replace(
                self._provider, held_since=None, held_reason=None, last_complete_at=last_complete_at
            )
        # A hold protects until it is lifted, which may be now, or for so long.
        for limit in (timedelta(0), self._thresholds.stale_after, self._thresholds.hold_protects_for):
            heapq.heappush(self._due, at + limit + _MOMENT)

    def _keep_all(self, at: datetime) -> None:
        for model_id, model in self._models.items():
            if model.is_active:
                self._models[model_id] = msgspec.structs.replace(model, last_seen_at=max(model.last_seen_at, at))

    def _apply_listing(self, outcome: ListingOutcome, listing: Listing) -> None:
        at = outcome.attempt.observed_at
        cause = Cause(at, Source.INDEX, outcome.listing_id, outcome.attempt.run_id, BACKFILLED)
        after: dict[str, ModelRecord] = {}
        for listed in listing.models:
            current, tombstone = self._models.get(listed.model_id), self._tombstones.get(listed.model_id)
            incoming = _incoming(outcome, listing.provider_id, listed)
            after[listed.model_id] = apply_listing(current, incoming, at, is_late=False, tombstone=tombstone)
        self._withhold(listing.provider_id, after, cause)
        for model_id, model in after.items():
            self._change(model_id, model, cause)

    def _withhold(self, provider_id: str, after: dict[str, ModelRecord], cause: Cause) -> None:
        """Keep what stands where a listing changes it implausibly; ``after`` has what the listing leads to."""
        before = {model_id: self._models[model_id] for model_id in after if model_id in self._models}
        changes = [
            FactChange(model_id, _columns(model), _columns(after[model_id]))
            for model_id, model in before.items()
            if model.listing_id is not None and differs(model, after[model_id])
        ]
        known = {key: fact for key, fact in self._withheld.items() if key[0] in after}
        withheld = withhold(
            provider_id,
            changes,
            lambda: sum(is_priced(model, after[model_id]) for model_id, model in before.items()),
            known,
            cause.at,
            cause.listing_id or 0,
            self._thresholds,
        )
        for key in known:
            del self._withheld[key]
        self._withheld |= withheld
        for model_id, doubts in new_doubts(withheld, known).items():
            stated = {one.fact: (getattr(before[model_id], one.fact), one.value, one.reason) for one in doubts}
            self.events.append(doubt_event(provider_id, model_id, cause, stated))
        for model_id in {key[0] for key in withheld}:
            kept = {name: getattr(before[model_id], name) for name in held_columns(model_id, withheld)}
            after[model_id] = msgspec.structs.replace(after[model_id], **kept)

    def _sweep_until(self, until: datetime) -> None:
        """Let the sweeps select models at each moment before ``until`` at which they may, and note known changes."""
        while self._due and self._due[0] < until:
            at = heapq.heappop(self._due)
            for model in list(self._models.values()):
                if sweeps.STALE.rule(model, self._provider, at, self._thresholds):
                    self._deactivate(model, at)
                elif sweeps.PURGE.rule(model, self._provider, at, self._thresholds):
                    self._purge(model, at)

    def _deactivate(self, model: ModelRecord, at: datetime) -> None:
        known = self._known.get(model.model_id)
        if known is not None and self._is_listed_later(model):
            if known.source is Source.MANUAL or _is_after(known.last_used_at, model.last_seen_at):
                return
        elif known is not None:
            if known.is_active:
                return
            at = self._ghost_since(model, known)
        self._change(model.model_id, deactivate(model, at), self._sweep_cause(sweeps.STALE, model, at))
        heapq.heappush(self._due, at + self._thresholds.purge_after + _MOMENT)

    def _purge(self, model: ModelRecord, at: datetime) -> None:
        if model.model_id not in self._known or self._is_listed_later(model):
            self._tombstones[model.model_id] = Tombstone(EventKind.PURGED, model)
            self._change(model.model_id, None, self._sweep_cause(sweeps.PURGE, model, at))

    def _is_listed_later(self, model: ModelRecord) -> bool:
        """Return True if a listing that is still to be replayed contains the model."""
        return _is_after(self._last_listed.get(model.model_id), model.last_listed_at or model.last_seen_at)

    def _ghost_since(self, model: ModelRecord, known: ModelRecord) -> datetime:
        """Return when a known ghost became one."""
        return min(max(known.deactivated_at or self._begins_at, model.last_seen_at), self._begins_at)

    def _sweep_cause(self, sweep: sweeps.Sweep, model: ModelRecord, at: datetime) -> Cause:
        reason = sweep.reason(self._thresholds)
        details = sweeps.selection_details(model, self._provider, reason, self._complete_listing_id)
        return Cause(at, details={**details, **BACKFILLED})

    def _change(self, model_id: str, after: ModelRecord | None, cause: Cause) -> None:
        before = self._models.pop(model_id, None)
        self.events += events_between(before, after, cause, self._tombstones.get(model_id))
        if after is not None:
            self._models[model_id] = after
            return
        for column in HELD_COLUMNS:
            self._withheld.pop((model_id, column), None)

    def _end(self) -> None:
        """Lead to the state with which the recorded events begin."""
        for model_id in sorted(self._models.keys() | self._known.keys()):
            model, known = self._models.get(model_id), self._known.get(model_id)
            if model is not None and known is not None and model.is_active and not known.is_active:
                since = self._ghost_since(model, known)
                self._change(model_id, deactivate(model, since), Cause(since, details=BACKFILLED))
            self._change(model_id, known, Cause(self._begins_at, details=BACKFILLED))
        self.events.sort(key=lambda event: event.at)  # when a known ghost became one may be later than what follows


def _incoming(outcome: ListingOutcome, provider_id: str, listed: ListedModel) -> ModelRecord:
    facts: Facts = listed.facts
    return ModelRecord(
        provider_id=provider_id,
        model_id=listed.model_id,
        source=Source.INDEX,
        is_active=True,
        first_seen_at=outcome.attempt.observed_at,
        last_seen_at=outcome.attempt.observed_at,
        last_listed_at=outcome.attempt.observed_at,
        provider_data=json.loads(listed.provider_data),
        listing_id=outcome.listing_id,
        **{name: getattr(facts, name) for name in FACT_NAMES},
    )


def _columns(model: ModelRecord) -> dict[str, Any]:
    return {name: getattr(model, name) for name in HELD_COLUMNS}


def _is_after(instant: datetime | None, other: datetime) -> bool:
    return latest_known(instant, other) != other


def group_by_instant(events: Iterable[ModelEvent]) -> list[tuple[datetime, list[ModelEvent]]]:
    """Return the events, which are in the order of time, in groups of one instant."""
    groups: list[tuple[datetime, list[ModelEvent]]] = []
    for event in events:
        if not groups or groups[-1][0] != event.at:
            groups.append((event.at, []))
        groups[-1][1].append(event)
    return groups
