"""The lifecycle rules over dictionaries: an independent, slow and plain reading of the design.

Nothing of ``lifecycle/`` but its vocabulary and frozen values is used here, so that a mistake there cannot hide behind
the same mistake here. Listing ids are the caller's.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from msgspec.structs import replace

from ghost_pipeline.catalog.results import ListingCounts
from ghost_pipeline.errors import ModelExists, UnknownAnnouncement, UnknownModel, UnknownProvider, UnknownStatement
from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.lifecycle.records import ListedModel, Listing, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind, RefusalClass, Source, Verdict
from ghost_pipeline_tests.catalog.oracle_refusals import WEEK, Refusals
from ghost_pipeline_tests.catalog.oracle_values import (
    PRICE_FACTS,
    Announced,
    Attempt,
    Doubts,
    Event,
    Judgement,
    Key,
    Metadata,
    OperatorStatements,
    Outcome,
    Provider,
    Swept,
    count,
    fresh_model,
    is_expired,
    is_overdue,
    is_shrunken,
    known_prices,
    listed_facts,
    merged_metadata,
    seen,
    with_history,
)

LOCAL = ("ollama", "vllm", "lmstudio")
WITHOUT_MODELS = (Verdict.FAILED, Verdict.MALFORMED, Verdict.EMPTY)

STATED_FACTS = (
    "name",
    "is_free",
    "context_window",
    "max_output_tokens",
    "input_price",
    "output_price",
    "capabilities",
    "expires_at",
    "prices",
    "replaced_by",
)


LONG_AFTER = datetime(9000, 1, 1, tzinfo=UTC)
"""A current time before which all instants lie, so that none is corrected."""

INSTANTS = ("first_seen_at", "last_seen_at", "last_listed_at", "last_used_at", "deactivated_at")


@dataclass
class Oracle:
    """The catalog that the design describes."""

    providers: dict[str, Provider] = field(default_factory=dict)
    models: dict[Key, ModelRecord] = field(default_factory=dict)
    tombstones: dict[Key, tuple[EventKind, ModelRecord]] = field(default_factory=dict)
    attempts: dict[int, Attempt] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    announced: dict[Key, Announced] = field(default_factory=dict)
    corrections: dict[Key, list[datetime]] = field(default_factory=dict)
    """Instants that were corrected, and may have been right."""
    refusals: Refusals = field(default_factory=Refusals)
    stated: defaultdict[Key, OperatorStatements] = field(default_factory=lambda: defaultdict(OperatorStatements))
    """What operators stated of each model."""
    doubts: dict[Key, Doubts] = field(default_factory=dict)
    """What listings state implausibly of each model."""

    def admit(self, listing_id: int, listing: Listing, observed_at: datetime, now: datetime = LONG_AFTER) -> Outcome:
        """Record a listing, and hold its provider where the verdict asks for it."""
        provider = self.providers.setdefault(listing.provider_id, Provider())
        self._correct_future(listing.provider_id, observed_at, now)
        judged = self._judge(listing, observed_at)
        self.attempts[listing_id] = Attempt(
            *(listing.provider_id, listing, observed_at, judged.verdict, judged.is_late, judged.missing),
            is_accepted_empty=judged.is_accepted_empty,
        )
        provider.last_listing_at = max(provider.last_listing_at or observed_at, observed_at)
        self._hold(provider, judged, observed_at)
        return Outcome(*judged[:3], ListingCounts() if judged.verdict in WITHOUT_MODELS else None)

    def fail(self, listing_id: int, provider_id: str, attempted_at: datetime, now: datetime = LONG_AFTER) -> Outcome:
        """Record an attempt without a listing, and hold the provider as for an empty one."""
        provider = self.providers.setdefault(provider_id, Provider())
        self._correct_future(provider_id, attempted_at, now)
        is_late = provider.last_listing_at is not None and attempted_at < provider.last_listing_at
        self.attempts[listing_id] = Attempt(provider_id, Listing(provider_id), attempted_at, Verdict.FAILED, is_late)
        provider.last_listing_at = max(provider.last_listing_at or attempted_at, attempted_at)
        if not is_late:
            provider.is_held_by_models = provider.is_held_by_models and provider.held_since is not None
            self._begin_hold(provider, attempted_at)
        return Outcome(Verdict.FAILED, is_late, False, ListingCounts())

    def reconcile(self, listing_id: int, now: datetime = LONG_AFTER) -> Outcome:
        """Reconcile an admitted listing, assessed against the current models."""
        attempt = self.attempts[listing_id]
        if attempt.verdict is Verdict.FAILED:
            return Outcome(Verdict.FAILED, attempt.is_late, False, ListingCounts())
        provider = self.providers[attempt.provider_id]
        judged = self._judge(attempt.listing, attempt.observed_at)
        if judged.verdict in WITHOUT_MODELS:  # admission recorded the verdict, and that stays
            return Outcome(attempt.verdict, attempt.is_late, attempt.is_accepted_empty, ListingCounts())
        is_news = not attempt.is_reconciled and attempt.verdict is Verdict.COMPLETE
        if not attempt.is_reconciled:
            attempt.verdict, attempt.is_late, attempt.missing = judged.verdict, judged.is_late, judged.missing
            attempt.is_reconciled = True
        repriced = not judged.is_late and self._are_most_repriced(attempt)
        effects = [
            self._see_listed(listing_id, row, is_late=judged.is_late, is_repriced=repriced)
            for row in attempt.listing.models
        ]
        if is_news:  # else admission held the provider, and an operator may have released it since
            self._hold(provider, judged, attempt.observed_at)
        if judged.verdict is Verdict.COMPLETE and not judged.is_late:
            provider.last_complete_at = max(provider.last_complete_at or attempt.observed_at, attempt.observed_at)
            provider.held_since = None
        if not judged.is_late:
            self._settle(self._of(attempt.provider_id), attempt.observed_at, Source.INDEX, now)
        counts = count([effect for effect in effects if effect], len(judged.missing))
        return Outcome(*judged[:3], counts)

    def track(
        self,
        key: Key,
        name: str | None,
        metadata: Metadata | None,
        observed_at: datetime,
        now: datetime = LONG_AFTER,
        account: str = "",
    ) -> str:
        """Record a successful inference."""
        self.providers.setdefault(key[0], Provider())
        self._correct_future(key[0], now, now)
        effect = self._track(key, name, metadata, observed_at)
        self.refusals.use(key, account, observed_at)
        self._settle([key], observed_at, Source.INFERENCE, now)
        return effect

    def _track(self, key: Key, name: str | None, metadata: Metadata | None, observed_at: datetime) -> str:
        model, effect = self._found(key, Source.INFERENCE, observed_at)
        if model is None:
            return "ignored"
        if not model.is_active:
            effect = "reactivated"
            self._note(key, EventKind.REACTIVATED, observed_at, Source.INFERENCE)
        is_named = model.name is not None and effect != "restored"
        is_newer = model.last_used_at is None or observed_at >= model.last_used_at
        model = model if key in self.models else self._as_announced(key, model)
        if effect in ("updated", "reactivated") and model.name is None and name is not None:
            self._note(key, EventKind.CHANGED, observed_at, Source.INFERENCE)
        self.models[key] = replace(
            seen(model, observed_at),
            is_active=True,
            deactivated_at=None,
            last_used_at=max(model.last_used_at or observed_at, observed_at),
            name=model.name if name is None or is_named else name,
            inference_metadata=merged_metadata(model.inference_metadata, metadata, is_newer=is_newer),
        )
        return effect

    def refuse(self, key: Key, refusal_class: RefusalClass, account: str, at: datetime, now: datetime) -> str:
        """Record a refused request."""
        if key[0] in self.providers:
            self.refusals.forget(self._of(key[0], with_refusals=True), self.models, now)
        if now - at > WEEK:
            return "ignored"
        if key not in self.models:
            return "unknown"
        before = self.models[key]
        self.refusals.add(key, refusal_class, account, at)
        self._settle([key], at, Source.INFERENCE, now)
        if self.models[key].refused_since is None:
            return "recorded"
        return "refused" if before.refused_since is None else "still_refused"

    def _of(self, provider_id: str, *, with_refusals: bool = False) -> list[Key]:
        known = {*self.models, *self.refusals.rows, *self.refusals.uses, *self.refusals.cleared}
        return [key for key in (known if with_refusals else self.models) if key[0] == provider_id]

    def _settle(self, keys: Iterable[Key], at: datetime, source: Source | None, now: datetime) -> None:
        """Bring the columns of refused models in line with the refusals."""
        for key in keys:
            before = self.models.get(key)
            if before is None or not (before.refused_since or self.refusals.rows.get(key)):
                continue
            complete_at = self.providers[key[0]].last_complete_at
            after = replace(before, **self.refusals.columns(key, before, complete_at, now))
            self.models[key] = after
            self.refusals.drop_dead(key, before, now)
            if before.refused_since is None and after.refused_since is not None:
                self._note(key, EventKind.REFUSED, at, source)
            elif before.refused_since is not None and after.refused_since is None:
                was_used = before.last_used_at is not None and before.last_used_at >= (before.last_refused_at or now)
                self._note(key, EventKind.ANSWERS_AGAIN if was_used else EventKind.REFUSAL_ENDED, at, source)
            elif (before.refused_since, before.refusal_reason) != (after.refused_since, after.refusal_reason):
                self._note(key, EventKind.CHANGED, at, source)

    def add(
        self,
        key: Key,
        name: str | None,
        facts: Mapping[str, Any],
        observed_at: datetime,
        now: datetime = LONG_AFTER,
    ) -> None:
        """Add a model by hand: from now on it is MANUAL."""
        self.providers.setdefault(key[0], Provider())
        self._correct_future(key[0], now, now)
        before = model = self.models.get(key)
        if model is None:
            model = fresh_model(key, Source.MANUAL, observed_at)
            if key in self.tombstones:
                model = replace(with_history(model, self.tombstones[key][1]), source=Source.MANUAL)
        model = replace(seen(model, observed_at), source=Source.MANUAL, is_active=True, deactivated_at=None)
        given = facts if name is None else {**facts, "name": name}
        self.stated[key].state(given, before, self.announced.get(key), observed_at)
        model = self.stated[key].over(model)
        if before is None:
            model = self._entering(key, model, observed_at if "expires_at" in facts else None)
        self.models[key] = model
        self._note(key, EventKind.ADDED, observed_at, Source.MANUAL)
        if before is None:
            return
        if not before.is_active:
            self._note(key, EventKind.REACTIVATED, observed_at, Source.MANUAL)
        if any(getattr(before, fact) != getattr(model, fact) for fact in STATED_FACTS):
            self._note(key, EventKind.CHANGED, observed_at, Source.MANUAL)

    def reactivate(self, key: Key, now: datetime) -> None:
        """Mark the model as active, on an operator's request."""
        if key not in self.models:
            raise UnknownModel
        model = self.models[key]
        if not model.is_active:
            self._note(key, EventKind.REACTIVATED, now, Source.MANUAL)
        self.models[key] = replace(seen(model, now), is_active=True, deactivated_at=None)
        self.refusals.clear(key, now)
        self._settle([key], now, Source.MANUAL, now)

    def remove(self, key: Key, now: datetime) -> None:
        """Remove a model and keep it out."""
        if key not in self.models and key not in self.tombstones:
            raise UnknownModel
        if key in self.models:
            self._bury(key, EventKind.REMOVED, self.models.pop(key), now, Source.MANUAL)
        elif self.tombstones[key][0] is EventKind.PURGED:
            self._bury(key, EventKind.REMOVED, self.tombstones[key][1], now, Source.MANUAL)

    def remove_provider(self, provider_id: str, now: datetime) -> None:
        """Remove each model of a provider."""
        self._known(provider_id)
        for key in [key for key in self.models if key[0] == provider_id]:
            self.remove(key, now)

    def restore(self, key: Key, now: datetime) -> None:
        """Restore the row of a tombstone, as a ghost."""
        if key in self.models:
            raise ModelExists
        if key not in self.tombstones:
            raise UnknownModel
        row, listed_at = self._entering(key, self.tombstones[key][1], None), self.providers[key[0]].last_listing_at
        since = max(now, row.last_seen_at, listed_at or now)
        self.models[key] = replace(row, is_active=False, deactivated_at=since)
        self._note(key, EventKind.RESTORED, now, Source.MANUAL)
        if not self._may_be_behind(now):
            self._correct_model(key, self.models[key], partial(self._corrected, now, now), now)

    def withdraw_facts(self, key: Key, facts: Collection[str], now: datetime) -> None:
        """Take back what operators stated of a model: what the listing states counts."""
        if key not in self.models:
            raise UnknownModel
        stated = self.stated[key]
        if not stated.rows or set(facts) - stated.rows.keys():
            raise UnknownStatement
        before = self.models[key]
        announced = self.announced[key].current_date if key in self.announced else None
        after = stated.withdraw(before, facts or tuple(stated.rows), announced)
        self.models[key] = after
        if any(getattr(before, fact) != getattr(after, fact) for fact in STATED_FACTS):
            self._note(key, EventKind.CHANGED, now, Source.MANUAL)

    def _entering(self, key: Key, model: ModelRecord, given_at: datetime | None) -> ModelRecord:
        """Return a model that enters the catalog without a listing, as the newer statement has its end."""
        if key not in self.announced:
            return model
        announced, rows = self.announced[key], self.stated[key].rows
        stated_at = rows["expires_at"].at if given_at is None and "expires_at" in rows else given_at
        if stated_at is not None and stated_at >= announced.at:
            after = replace(model, replaced_by=announced.successor or model.replaced_by)
        elif announced.current_date is not None and "expires_at" in rows:
            after = self._as_announced(key, self.stated[key].withdraw(model, ["expires_at"], None))
        else:
            after = self._as_announced(key, model)
        return after if after == model else replace(after, listing_id=None)

    def announce(self, key: Key, date: datetime, successor: str | None, now: datetime) -> None:
        """Record a retirement that the provider announced elsewhere."""
        self.providers.setdefault(key[0], Provider())
        before, earlier = self.models.get(key), self.announced.get(key)
        if before is not None and "expires_at" in self.stated[key].rows:  # the announcement is newer
            before = self.stated[key].withdraw(before, ["expires_at"], None)
        of_model = (None, None) if before is None else (before.expires_at, before.replaced_by)
        listed = of_model if earlier is None else earlier.listed
        if before is not None and earlier is not None:
            before = self._without(earlier, before)
        is_same = earlier is not None and (earlier.current_date, earlier.successor) == (date, successor)
        self.announced[key] = Announced(date, successor, listed, now if earlier is None or not is_same else earlier.at)
        self._replace_announced(key, self._as_announced(key, before) if before is not None else None, now)

    def withdraw(self, key: Key, now: datetime) -> None:
        """Take the announcement back."""
        if key not in self.announced:
            raise UnknownAnnouncement
        gone, model = self.announced.pop(key), self.models.get(key)
        after = None if model is None else self.stated[key].over(self._without(gone, model))
        self._replace_announced(key, after, now)

    @staticmethod
    def _without(gone: Announced, model: ModelRecord) -> ModelRecord:
        """Return the model with what listings state instead of what came from the announcement."""
        date, successor = gone.listed
        if model.expires_at == gone.current_date:
            model = replace(model, expires_at=date)
        return replace(model, replaced_by=successor) if model.replaced_by == gone.successor else model

    def _replace_announced(self, key: Key, model: ModelRecord | None, now: datetime) -> None:
        current = self.models.get(key)
        if model is None or current is None:
            return
        self.models[key] = model
        if (model.expires_at, model.replaced_by) != (current.expires_at, current.replaced_by):
            self._note(key, EventKind.CHANGED, now, Source.MANUAL)

    def _as_announced(self, key: Key, model: ModelRecord) -> ModelRecord:
        """Return the model with what was announced of it."""
        if key not in self.announced:
            return model
        announced = self.announced[key]
        return replace(
            model,
            expires_at=announced.current_date or model.expires_at,
            replaced_by=announced.successor or model.replaced_by,
        )

    def release(self, provider_id: str, now: datetime = LONG_AFTER) -> None:
        """Accept the provider's latest listing as complete and lift its hold."""
        provider = self._known(provider_id)
        self._correct_future(provider_id, now, now)
        provider.held_since = None
        complete = [
            attempt.observed_at
            for attempt in self.attempts.values()
            if attempt.provider_id == provider_id
            and not attempt.is_late
            and attempt.verdict not in (Verdict.MALFORMED, Verdict.FAILED)
            and (attempt.is_reconciled or attempt.verdict is Verdict.EMPTY)
        ]
        if provider.last_complete_at is not None:
            complete.append(provider.last_complete_at)
        provider.last_complete_at = max(complete, default=None)
        for key in [key for key in self.doubts if key[0] == provider_id]:
            doubts, model = self.doubts.pop(key), self.models[key]
            accepted = self.stated[key].over(replace(model, **doubts.stated))
            if model.listing_id is not None:
                self.stated[key].accept(doubts.stated)
            if model.listing_id is not None and accepted != model:
                self.models[key] = accepted
                self._note(key, EventKind.CHANGED, now, Source.INDEX)
        self._settle(self._of(provider_id), now, Source.MANUAL, now)

    def sweep_stale(self, provider_id: str | None, hours: float, now: datetime, *, is_dry: bool = False) -> Swept:
        """Deactivate models that were not seen for long."""
        if provider_id is not None:
            self._known(provider_id)
        if not is_dry:
            self._settle([key for key in self.models if self._has_expired(key, provider_id, now)], now, None, now)
        before = now - timedelta(hours=hours)
        due = [key for key, model in self.models.items() if is_overdue(model, before)]
        swept = self._pass_over(due, provider_id, protected_since=now - timedelta(days=7))
        self._leave_doubtful(swept, before, now)
        for key in () if is_dry else swept.models:
            self.models[key] = replace(self.models[key], is_active=False, deactivated_at=now)
            self._note(key, EventKind.DEACTIVATED, now, None)
        return swept

    def _has_expired(self, key: Key, provider_id: str | None, now: datetime) -> bool:
        """Return True if the model is refused for a reason that expires, and was not refused within a week."""
        model = self.models[key]
        is_end = (model.refusal_reason or "").startswith("retired")
        is_old = model.last_refused_at is not None and model.last_refused_at < now - WEEK
        return provider_id in (None, key[0]) and is_old and not is_end

    def sweep_purgeable(self, provider_id: str | None, days: float, now: datetime, *, is_dry: bool = False) -> Swept:
        """Replace old ghosts by tombstones."""
        before = now - timedelta(days=days)
        due = [key for key, model in self.models.items() if is_expired(model, before)]
        swept = self._pass_over(due, provider_id, protected_since=None)
        self._leave_doubtful(swept, before, now)
        for key in () if is_dry else swept.models:
            self._bury(key, EventKind.PURGED, self.models.pop(key), now, None)
        return swept

    def _leave_doubtful(self, swept: Swept, before: datetime, now: datetime) -> None:
        """Leave models of which a corrected instant has passed and is not old: it may have been right."""
        corrected = [(key, at) for key in swept.models for at in self.corrections.get(key, ())]
        swept.models.difference_update(key for key, at in corrected if before <= at <= now)

    def expected(self, provider_id: str) -> frozenset[str]:
        """Return the models that the last complete listing, or any later one, contains."""
        since = self.providers[provider_id].last_complete_at
        return frozenset(
            model.model_id
            for model in self.models.values()
            if model.provider_id == provider_id
            and since is not None
            and model.last_listed_at is not None
            and model.last_listed_at >= since
        )

    def unlisted(self, now: datetime) -> frozenset[Key]:
        """Return the models that were used in the last 24 hours and are not expected of their provider."""
        return frozenset(
            (provider_id, model_id)
            for (provider_id, model_id), model in self.models.items()
            if model.last_used_at is not None
            and now - model.last_used_at <= timedelta(hours=24)
            and model_id not in self.expected(provider_id)
        )

    def _correct_future(self, provider_id: str, observed_at: datetime, now: datetime) -> None:
        """Set what a clock that was ahead has stored to just before the evidence, which then is not late."""
        corrected = partial(self._corrected, observed_at, now)
        provider = self.providers[provider_id]
        provider.last_listing_at = corrected(provider.last_listing_at)
        if self._may_be_behind(now):
            return
        provider.held_since = self._corrected(now, now, provider.held_since)
        provider.last_complete_at = corrected(provider.last_complete_at)
        for attempt in self.attempts.values():
            if attempt.provider_id == provider_id:
                attempt.observed_at = corrected(attempt.observed_at) or attempt.observed_at
        for key, model in self.models.items():
            if key[0] == provider_id:
                self._correct_model(key, model, corrected, now)

    def _may_be_behind(self, now: datetime) -> bool:
        """Return True if there is evidence of the 24 hours after the present, which the clock then may be behind."""
        evidence = [attempt.observed_at for attempt in self.attempts.values()]
        evidence += [model.last_seen_at for model in self.models.values() if model.is_active]
        after = [at - now - timedelta(seconds=5) for at in evidence]
        return any(timedelta() < late <= timedelta(hours=24) for late in after)

    @staticmethod
    def _corrected(observed_at: datetime, now: datetime, at: datetime | None) -> datetime | None:
        is_future = at is not None and at > now + timedelta(seconds=5)
        return min(observed_at, now) - timedelta(microseconds=1) if is_future else at

    def _correct_model(
        self, key: Key, model: ModelRecord, corrected: Callable[[datetime | None], datetime | None], now: datetime
    ) -> None:
        instants = {name: corrected(getattr(model, name)) for name in INSTANTS}
        for name in ("last_seen_at", "last_used_at", "deactivated_at"):  # of which late evidence shows nothing
            instants[name] = self._corrected(now, now, getattr(model, name))
        after = replace(model, **instants)
        if after != model:
            changed = [getattr(model, name) for name in INSTANTS if instants[name] != getattr(model, name)]
            self.corrections.setdefault(key, []).extend(changed)
            self._note(key, EventKind.CHANGED, now, None)
            self.models[key] = replace(after, first_seen_at=min(after.first_seen_at, after.last_seen_at))

    def _judge(self, listing: Listing, observed_at: datetime) -> Judgement:
        last_at = self.providers[listing.provider_id].last_listing_at
        is_late = last_at is not None and observed_at < last_at
        expected = self.expected(listing.provider_id)
        if listing.malformed_reason is not None:
            return Judgement(Verdict.MALFORMED, is_late, False, frozenset())
        if not listing.models:
            return Judgement(Verdict.EMPTY, is_late, self._may_be_empty(listing.provider_id), frozenset())
        missing = expected - {row.model_id for row in listing.models} - set(listing.inactive_ids)
        verdict = Verdict.COMPLETE
        if listing.incomplete_reasons:
            verdict = Verdict.PARTIAL
        elif is_shrunken(len(missing), len(expected)) and (
            is_late or not self._confirms(listing, observed_at, missing)
        ):
            verdict = Verdict.SHRUNKEN
        return Judgement(verdict, is_late, False, missing)

    def _confirms(self, listing: Listing, observed_at: datetime, missing: frozenset[str]) -> bool:
        expected = self.expected(listing.provider_id)
        complete_at = self.providers[listing.provider_id].last_complete_at
        listed = {row.model_id for row in listing.models}
        return any(
            earlier.provider_id == listing.provider_id
            and earlier.is_reconciled
            and earlier.verdict is Verdict.SHRUNKEN
            and not earlier.is_late
            and (complete_at is None or earlier.observed_at > complete_at)
            and observed_at >= earlier.observed_at + timedelta(hours=1)
            and not earlier.missing & listed
            and not is_shrunken(len(missing - earlier.missing), len(expected - earlier.missing))
            for earlier in self.attempts.values()
        )

    @staticmethod
    def _begin_hold(provider: Provider, at: datetime) -> None:
        provider.held_since = provider.held_since or max(at, provider.last_complete_at or at)

    def _is_withdrawn(self, model: ModelRecord) -> bool:
        """Return True if the model is refused as retired, and the last listing that can show its absence lacks it."""
        provider = self.providers[model.provider_id]
        shown = [provider.last_complete_at, provider.held_since if provider.is_held_by_models else None]
        is_missing = any(at is not None and (model.last_listed_at or at) < at for at in shown)
        return is_missing and (model.refusal_reason or "").startswith("retired")

    def _hold(self, provider: Provider, judged: Judgement, observed_at: datetime) -> None:
        if judged.verdict is not Verdict.COMPLETE and not judged.is_late and not judged.is_accepted_empty:
            if provider.held_since is None:
                provider.is_held_by_models = judged.verdict not in WITHOUT_MODELS
            self._begin_hold(provider, observed_at)
        if judged.is_accepted_empty and not judged.is_late:
            provider.held_since = None

    def _may_be_empty(self, provider_id: str) -> bool:
        """Return True for a local server that never listed a model, or none since its empty listing was released."""
        if provider_id not in LOCAL:
            return False
        complete_at = self.providers[provider_id].last_complete_at
        is_released = any(
            attempt.verdict is Verdict.EMPTY and not attempt.is_late and attempt.observed_at == complete_at
            for attempt in self.attempts.values()
            if attempt.provider_id == provider_id
        )
        listed_at = [
            model.last_listed_at
            for model in self.models.values()
            if model.provider_id == provider_id and model.last_listed_at is not None
        ]
        return all(is_released and complete_at is not None and at < complete_at for at in listed_at)

    def _are_most_repriced(self, attempt: Attempt) -> bool:
        """Return True if prices of more than half of the models change, and of more than five."""
        priced = repriced = 0
        for row in attempt.listing.models:
            model = self.models.get((attempt.provider_id, row.model_id))
            stated = self.stated[attempt.provider_id, row.model_id]
            both = [] if model is None else known_prices(model, stated.over(listed_facts(model, row)))
            priced += bool(both)
            is_judged = model is not None and model.listing_id is not None
            repriced += is_judged and any(old != new for old, new in both)
        return repriced > 5 and repriced * 2 > priced

    def _doubt(
        self, key: Key, known: ModelRecord, fresh: ModelRecord, at: datetime, *, is_repriced: bool
    ) -> ModelRecord:
        """Return the model without what is implausible, which is remembered until it is stated an hour later."""
        before = self.doubts.pop(key, Doubts())
        if known.listing_id is None:
            return fresh
        after = before.next(known, fresh, at, is_repriced=is_repriced)
        if after.since:
            self.doubts[key] = after
        if any(before.since.get(fact, (None, at))[0] != value for fact, (value, _) in after.since.items()):
            self._note(key, EventKind.DOUBTED, at, Source.INDEX)
        return after.kept(known, fresh)

    def _see_listed(self, listing_id: int, row: ListedModel, *, is_late: bool, is_repriced: bool) -> set[str]:
        attempt = self.attempts[listing_id]
        at = attempt.observed_at
        key = (attempt.provider_id, row.model_id)
        stated_before = deepcopy(self.stated[key])
        if not is_late:
            self.stated[key].listed(row.facts)
            self._compare_with_announced(key, row)
            self._clear_if_back(key, at)
        model, effect = self._found(key, Source.INDEX, at)
        if model is None:
            return set()
        known = seen(model, at)
        known = replace(known, last_listed_at=max(known.last_listed_at or at, at))
        if is_late and effect == "updated":
            self.models[key] = known
            return {"confirmed"}
        effects = {"created"} if effect != "updated" else {"confirmed"}
        fresh = self._listed_or_announced(key, known, row, is_late)
        if effect == "updated":
            fresh = self.stated[key].over(fresh)
            fresh = self._doubt(key, known, fresh, at, is_repriced=is_repriced)
            self._keep_prices_beside_operators(key, stated_before, row.facts)
        fresh = replace(fresh, is_active=True, deactivated_at=None)
        if fresh != replace(known, is_active=True, deactivated_at=None) and "created" not in effects:
            effects = {"updated"}
            self._note(key, EventKind.CHANGED, at, Source.INDEX)
        if not known.is_active:
            effects.add("reactivated")
            self._note(key, EventKind.REACTIVATED, at, Source.INDEX)
        self.models[key] = replace(fresh, listing_id=listing_id)
        return effects

    def _keep_prices_beside_operators(self, key: Key, before: OperatorStatements, facts: Facts) -> None:
        """Let what a listing states of prices that operators stated wait if another price is doubted."""
        if key in self.doubts and PRICE_FACTS & self.doubts[key].since.keys():
            self.stated[key] = before
            before.listed(facts, is_price_doubted=True)
            names = [*(PRICE_FACTS & before.rows.keys()), *(["prices"] if before.has_price else [])]
            self.doubts[key].stated |= {name: getattr(facts, name) for name in names}

    def _clear_if_back(self, key: Key, at: datetime) -> None:
        """Let earlier refusals of a model not count that the latest complete listing lacked, or that was purged."""
        complete_at, model = self.providers[key[0]].last_complete_at, self.models.get(key)
        if model is None:
            is_back = key in self.tombstones and self.tombstones[key][0] is EventKind.PURGED
        else:
            listed_at = model.last_listed_at
            is_back = complete_at is not None and (listed_at is None or listed_at < complete_at)
        if is_back:
            self.refusals.clear(key, at)

    def _compare_with_announced(self, key: Key, row: ListedModel) -> None:
        if key in self.announced:
            announced, date = self.announced[key], row.facts.expires_at
            announced.listed = (date, row.facts.replaced_by)
            announced.is_over = announced.is_over or (date is not None and date != announced.date)

    def _listed_or_announced(self, key: Key, known: ModelRecord, row: ListedModel, is_late: bool) -> ModelRecord:
        """Return the model as the listing states it, and as it was announced where the listing states nothing."""
        listed = listed_facts(known, row)
        if key not in self.announced:
            return listed
        if is_late:
            return self._as_announced(key, listed)
        announced = self.announced[key]
        return replace(
            listed,
            expires_at=listed.expires_at or announced.current_date,
            replaced_by=listed.replaced_by or announced.successor,
        )

    def _found(self, key: Key, source: Source, at: datetime) -> tuple[ModelRecord | None, str]:
        """Return the row to advance, created or restored where there is none; None if an operator removed it."""
        if key in self.models:
            return self.models[key], "updated"
        if key not in self.tombstones:
            self._note(key, EventKind.DISCOVERED, at, source)
            return fresh_model(key, source, at), "created"
        kind, row = self.tombstones[key]
        if kind is EventKind.REMOVED:
            return None, "ignored"
        self._note(key, EventKind.RESTORED, at, source)
        return with_history(fresh_model(key, source, at), row), "restored"

    def _pass_over(self, due: Iterable[Key], provider_id: str | None, protected_since: datetime | None) -> Swept:
        if provider_id is not None:
            self._known(provider_id)
        swept = Swept(set(), set())
        for key in due:
            held_since = self.providers[key[0]].held_since
            is_held = held_since is not None and (protected_since is None or held_since >= protected_since)
            if provider_id not in (None, key[0]):
                continue
            is_withdrawn = protected_since is not None and self._is_withdrawn(self.models[key])
            if is_held and self.models[key].last_listed_at is not None and not is_withdrawn:
                swept.held.add(key[0])
            else:
                swept.models.add(key)
        return swept

    def _bury(self, key: Key, kind: EventKind, row: ModelRecord, at: datetime, source: Source | None) -> None:
        self.doubts.pop(key, None)
        self.tombstones[key] = (kind, row)
        self._note(key, kind, at, source)

    def _note(self, key: Key, kind: EventKind, at: datetime, source: Source | None) -> None:
        self.events.append(Event(*key, kind, at, source))

    def _known(self, provider_id: str) -> Provider:
        if provider_id not in self.providers:
            raise UnknownProvider
        return self.providers[provider_id]
