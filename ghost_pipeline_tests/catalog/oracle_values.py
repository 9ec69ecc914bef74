"""The oracle's values, and its arithmetic on single rows."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from json import loads
from typing import Any, NamedTuple

from msgspec.structs import replace

from ghost_pipeline.catalog.results import ListingCounts
from ghost_pipeline.lifecycle.facts import FACT_NAMES, Facts
from ghost_pipeline.lifecycle.records import ListedModel, Listing, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source, Verdict

Key = tuple[str, str]
Metadata = Mapping[str, Any]


class Event(NamedTuple):
    """An event that the audit trail must contain."""

    provider_id: str
    model_id: str
    kind: EventKind
    at: datetime
    source: Source | None


@dataclass
class Provider:
    """The state of a provider."""

    held_since: datetime | None = None
    last_listing_at: datetime | None = None
    last_complete_at: datetime | None = None
    is_held_by_models: bool = field(default=False, compare=False)
    """A listing with models set its hold."""


@dataclass
class Attempt:
    """One admitted listing; verdict, lateness and missing ids are of when it was first reconciled."""

    provider_id: str
    listing: Listing
    observed_at: datetime
    verdict: Verdict
    is_late: bool
    missing: frozenset[str] = frozenset()
    is_reconciled: bool = False
    is_accepted_empty: bool = False


@dataclass
class Announced:
    """A retirement that an operator announced: date and successor, and what listings state of both."""

    date: datetime
    successor: str | None
    listed: tuple[datetime | None, str | None]
    at: datetime
    is_over: bool = False
    """A listing stated another date."""

    @property
    def current_date(self) -> datetime | None:
        return None if self.is_over else self.date


class Outcome(NamedTuple):
    """The outcome of a listing."""

    verdict: Verdict
    is_late: bool
    is_accepted_empty: bool
    counts: ListingCounts | None


class Judgement(NamedTuple):
    """The verdict on a listing, given the current catalog."""

    verdict: Verdict
    is_late: bool
    is_accepted_empty: bool
    missing: frozenset[str]


class Swept(NamedTuple):
    """What a sweep changed and which providers it skipped."""

    models: set[Key]
    held: set[str]


def is_shrunken(missing: int, expected: int) -> bool:
    """More than a fifth of the expected models, and more than five of them."""
    return missing > 5 and missing * 5 > expected


def is_overdue(model: ModelRecord, before: datetime) -> bool:
    """Active, and not seen since."""
    return model.is_active and model.source is not Source.MANUAL and model.last_seen_at < before


def is_expired(model: ModelRecord, before: datetime) -> bool:
    """Return True if the model became a ghost, and was last seen, before ``before``."""
    assert model.is_active is (model.deactivated_at is None)
    is_gone = model.deactivated_at is not None and model.deactivated_at < before
    return is_gone and model.source is not Source.MANUAL and model.last_seen_at < before


def fresh_model(key: Key, source: Source, at: datetime) -> ModelRecord:
    """Return an active model that is first seen now."""
    return ModelRecord(*key, source=source, is_active=True, first_seen_at=at, last_seen_at=at)


def with_history(model: ModelRecord, row: ModelRecord) -> ModelRecord:
    """Return the model with the values of its tombstone."""
    return replace(
        model,
        source=row.source,
        name=row.name,
        is_name_manual=row.is_name_manual,
        first_seen_at=min(model.first_seen_at, row.first_seen_at),
        last_seen_at=max(model.last_seen_at, row.last_used_at or model.last_seen_at),
        last_used_at=row.last_used_at,
        inference_metadata=row.inference_metadata,
    )


def seen(model: ModelRecord, at: datetime) -> ModelRecord:
    """Return the model with its evidence widened to ``at``."""
    return replace(model, first_seen_at=min(model.first_seen_at, at), last_seen_at=max(model.last_seen_at, at))


def listed_facts(model: ModelRecord, row: ListedModel) -> ModelRecord:
    """Return the model with the facts of a listing; a name is never cleared, nor a manual one overwritten."""
    keeps_name = model.is_name_manual or row.facts.name is None
    return replace(
        model,
        name=model.name if keeps_name else row.facts.name,
        **{fact: getattr(row.facts, fact) for fact in FACT_NAMES if fact != "name"},
        provider_data=loads(row.provider_data),
    )


PRICE_FACTS = {"input_price", "output_price"}


@dataclass
class Stated:
    """A fact that an operator stated, when, and what listings state of it."""

    value: Any
    at: datetime
    listed: Any


@dataclass
class OperatorStatements:
    """What operators stated of one model."""

    rows: dict[str, Stated] = field(default_factory=dict)
    price_sheet: Any = None
    """What listings state of ``prices``, as long as an operator states a price."""

    @property
    def has_price(self) -> bool:
        return bool(PRICE_FACTS & self.rows.keys())

    def state(
        self, facts: Mapping[str, Any], before: ModelRecord | None, announced: Announced | None, at: datetime
    ) -> None:
        """Add what an operator states. What the listing stated is kept if the model is as a listing left it."""
        stood = before if before is not None and before.listing_id is not None else None
        if stood is not None and announced is not None:
            stood = replace(stood, expires_at=announced.listed[0])
        if not self.has_price and PRICE_FACTS & facts.keys():
            self.price_sheet = None if stood is None else stood.prices
        for fact, value in facts.items():
            row = self.rows.setdefault(fact, Stated(value, at, None if stood is None else getattr(stood, fact)))
            if row.value != value:
                row.value, row.at = value, at

    def listed(self, facts: Facts, *, is_price_doubted: bool = False) -> None:
        """Keep what a listing states; of prices only if none of the model is doubted."""
        for fact, row in self.rows.items():
            if fact not in PRICE_FACTS or not is_price_doubted:
                row.listed = getattr(facts, fact)
        if not is_price_doubted:
            self.price_sheet = facts.prices if self.has_price else None

    def accept(self, stated: Mapping[str, Any]) -> None:
        """Keep what was withheld as what listings state."""
        for fact in self.rows.keys() & stated.keys():
            self.rows[fact].listed = stated[fact]
        if self.has_price and "prices" in stated:
            self.price_sheet = stated["prices"]

    def over(self, model: ModelRecord) -> ModelRecord:
        """Return the model with what operators stated."""
        marks = [fact for fact in FACT_NAMES if fact in self.rows and fact != "name"]
        return replace(
            model,
            **{fact: row.value for fact, row in self.rows.items()},
            prices=None if self.has_price else model.prices,
            is_name_manual="name" in self.rows,
            manual_facts=" ".join(marks) or None,
        )

    def withdraw(self, model: ModelRecord, facts: Collection[str], announced: datetime | None) -> ModelRecord:
        """Return the model with what listings state instead, and the announced date where they state none."""
        had_price = self.has_price
        freed = {fact: self.rows.pop(fact).listed for fact in tuple(facts)}
        if "expires_at" in freed:
            freed["expires_at"] = freed["expires_at"] or announced
        if had_price and not self.has_price:
            freed["prices"], self.price_sheet = self.price_sheet, None
        return self.over(replace(model, **freed))


def known_prices(model: ModelRecord, after: ModelRecord) -> list[tuple[float, float]]:
    """Return the prices of a model that are known, and stated now: old and new."""
    pairs = ((model.input_price, after.input_price), (model.output_price, after.output_price))
    return [(old, new) for old, new in pairs if old is not None and new is not None]


@dataclass
class Doubts:
    """What listings state of a model that does not stand yet."""

    since: dict[str, tuple[float, datetime]] = field(default_factory=dict)
    """Fact -> the value, and when a listing stated it first."""
    stated: dict[str, Any] = field(default_factory=dict)
    """Everything that is withheld, as the newest listing states it."""

    def next(self, known: ModelRecord, fresh: ModelRecord, at: datetime, *, is_repriced: bool) -> "Doubts":
        """Return the doubts after another listing."""
        after = Doubts()
        waiting = {}
        for fact in ("input_price", "output_price", "context_window"):
            old, new = getattr(known, fact), getattr(fresh, fact)
            if old is None or new is None or old == new:
                continue
            value, since = self.since.get(fact, (None, at))
            is_known = value == new
            since = min(since, at) if is_known else at
            is_odd = is_implausible(fact, old, new) or (is_repriced and fact != "context_window") or is_known
            if is_known:
                waiting[fact] = (new, since)
            if is_odd and not (is_known and at >= since + timedelta(hours=1)):
                after.since[fact] = (new, since)
        if {"input_price", "output_price"} & after.since.keys():
            # What is confirmed of the prices waits for the other.
            after.since |= {fact: one for fact, one in waiting.items() if fact != "context_window"}
            after.stated |= {name: getattr(fresh, name) for name in ("input_price", "output_price", "prices")}
        if "context_window" in after.since:
            after.stated["context_window"] = fresh.context_window
        return after

    def kept(self, known: ModelRecord, fresh: ModelRecord) -> ModelRecord:
        """Return the model with what stands of a listing."""
        return replace(fresh, **{name: getattr(known, name) for name in self.stated})


def is_implausible(fact: str, old: float, new: float) -> bool:
    """Return True for a price to or from zero or by more than ten times, a context window by more than half."""
    if fact == "context_window":
        return new < old / 2
    return (old == 0) != (new == 0) or max(old, new) > 10 * min(old, new)


def merged_metadata(old: Metadata | None, new: Metadata | None, *, is_newer: bool) -> Metadata | None:
    """Merge both by key; where they differ, the newer value wins."""
    if not new or not old:
        return new or old
    return {**old, **new} if is_newer else {**new, **old}


def count(effects: Collection[set[str]], missing: int) -> ListingCounts:
    """Return the counts of a listing, summed over its rows."""
    totals = {name: sum(name in row for row in effects) for name in ("created", "updated", "confirmed", "reactivated")}
    return ListingCounts(models=len(effects), missing=missing, **totals)
