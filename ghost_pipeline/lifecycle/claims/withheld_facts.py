"""Which facts of a listing are not taken over yet, because their change is implausible.

Only a change of what the provider's own listing stated before is doubted, and only if the same version of the code
read both listings: another version may correct what the one before misread. What an operator, a use or another table
stated is replaced at once, as ever, and so is a fact that was unknown or that the listing does not state any more.

The prices of a model belong together: while one of them is doubted, all of them are withheld.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ghost_pipeline.lifecycle.claims.plausibility import PRICES, doubt_reason, repriced_reason
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.settings import Thresholds

DOUBTED_FACTS = ("context_window", *PRICES)
"""Facts whose changes can be implausible."""

PRICE_COLUMNS = (*PRICES, "prices", "is_free")
"""Columns of ``models`` that keep their values together while a price is doubted."""

_WITHHELD_PRICES = (*PRICES, "prices")
"""Those of them that are kept with the doubt; ``is_free`` follows from them."""

HELD_COLUMNS = ("context_window", *PRICE_COLUMNS)
"""Columns of ``models`` that may keep their values."""

FactKey = tuple[str, str]
"""Canonical model id, name of the fact."""


@dataclass(frozen=True, slots=True)
class FactChange:
    """A model of a listing whose facts differ from what stands, and may be doubted."""

    model_id: str
    old: Mapping[str, Any]
    """Column -> what stands."""
    new: Mapping[str, Any]
    """Column -> what the listing states."""


@dataclass(frozen=True, slots=True)
class WithheldFact:
    """A value that listings state and that does not stand yet."""

    model_id: str
    fact: str
    value: Any
    since: datetime
    """The instant of the listing that stated it first."""
    listing_id: int
    """That listing."""
    reason: str | None
    """Why it is doubted; None for one that is withheld because another price of the model is doubted."""


@dataclass(frozen=True, slots=True)
class DoubtedFact:
    """An implausible value that a provider's listings state, and what stands instead."""

    provider_id: str
    model_id: str
    fact: str
    value: Any
    """What stands."""
    doubted_value: Any
    since: datetime
    """The instant of the listing that stated it first."""
    listing_id: int
    reason: str


def withhold(
    provider_id: str,
    changes: Sequence[FactChange],
    count_priced: Callable[[], int],
    known: Mapping[FactKey, WithheldFact],
    at: datetime,
    listing_id: int,
    thresholds: Thresholds,
) -> dict[FactKey, WithheldFact]:
    """Return what is not taken over of a listing of ``at`` that is not late.

    Args:
        provider_id: Slug of the provider.
        changes: The models whose facts may be doubted.
        count_priced: Returns the number of the listing's models whose price was known before and is stated now.
        known: What was withheld before this listing.
        at: When the listing was observed.
        listing_id: Its id.
        thresholds: What is implausible, and how much later it can be confirmed.
    """
    repriced = _repriced(provider_id, changes, count_priced, thresholds)
    withheld: dict[FactKey, WithheldFact] = {}
    for change in changes:
        doubts = list(_doubts(change, repriced, known, at, listing_id, thresholds))
        withheld |= {(doubt.model_id, doubt.fact): doubt for doubt in doubts}
        if any(doubt.fact in PRICES for doubt in doubts):
            for fact in _WITHHELD_PRICES:
                key = (change.model_id, fact)
                if key not in withheld and change.old[fact] != change.new[fact]:
                    withheld[key] = _as_before(WithheldFact(*key, change.new[fact], at, listing_id, None), known)
    return withheld


def withhold_beside_operators(
    withheld: Mapping[FactKey, WithheldFact],
    listed: Mapping[FactKey, Any],
    known: Mapping[FactKey, WithheldFact],
    at: datetime,
    listing_id: int,
) -> dict[FactKey, WithheldFact]:
    """Return what is withheld of prices that operators stated, because another price of the model is ``withheld``.

    So an operator who withdraws one gets what would stand without the operator. ``listed`` has what the listing states
    anew of facts that operators stated, ``known`` what was withheld before.
    """
    doubted = {model_id for model_id, fact in withheld if fact in PRICES}
    return {
        key: replace(_as_before(WithheldFact(*key, value, at, listing_id, None), known), reason=None)
        for key, value in listed.items()
        if key[0] in doubted and key[1] in _WITHHELD_PRICES
    }


def differs(before: ModelRecord, after: ModelRecord) -> bool:
    """Return True if a fact differs that can be implausible."""
    return any(getattr(before, fact) != getattr(after, fact) for fact in DOUBTED_FACTS)


def is_priced(before: ModelRecord, after: ModelRecord) -> bool:
    """Return True if a price was known before and is stated now."""
    return any(getattr(before, fact) is not None and getattr(after, fact) is not None for fact in PRICES)


def _repriced(
    provider_id: str, changes: Iterable[FactChange], count_priced: Callable[[], int], thresholds: Thresholds
) -> str | None:
    changed = sum(any(_is_changed(change, fact) for fact in PRICES) for change in changes)
    # Counting reads every model of the listing, so it is done only where the number matters.
    is_much = changed > thresholds.shrunken_above_count
    return repriced_reason(provider_id, changed, count_priced(), thresholds) if is_much else None


def _doubts(
    change: FactChange,
    repriced: str | None,
    known: Mapping[FactKey, WithheldFact],
    at: datetime,
    listing_id: int,
    thresholds: Thresholds,
) -> Iterable[WithheldFact]:
    for fact in DOUBTED_FACTS:
        if not _is_changed(change, fact):
            continue
        old, new = change.old[fact], change.new[fact]
        doubt = _as_before(WithheldFact(change.model_id, fact, new, at, listing_id, None), known)
        since = None if doubt.reason is None else doubt.since
        reason = doubt_reason(fact, old, new, since, repriced, at, thresholds)
        if reason is not None:
            yield doubt if since is not None else replace(doubt, since=at, listing_id=listing_id, reason=reason)


def _is_changed(change: FactChange, fact: str) -> bool:
    old, new = change.old[fact], change.new[fact]
    return old is not None and new is not None and old != new


def _as_before(fact: WithheldFact, known: Mapping[FactKey, WithheldFact]) -> WithheldFact:
    """Return what was withheld before if it has the same value, else the fact itself.

    A clock that was ahead may have recorded an instant after this listing: then the doubt begins with this one.
    """
    before = known.get((fact.model_id, fact.fact))
    if before is None or before.value != fact.value:
        return fact
    return replace(before, since=min(before.since, fact.since))


def held_columns(model_id: str, withheld: Mapping[FactKey, WithheldFact]) -> tuple[str, ...]:
    """Return the columns of a model that keep their values."""
    has_price = any((model_id, fact) in withheld for fact in PRICES)
    has_context = (model_id, "context_window") in withheld
    return (*(PRICE_COLUMNS if has_price else ()), *(("context_window",) if has_context else ()))


def new_doubts(
    withheld: Mapping[FactKey, WithheldFact], known: Mapping[FactKey, WithheldFact]
) -> dict[str, list[WithheldFact]]:
    """Return model id -> the doubts that begin with this listing, by name of the fact."""
    found: dict[str, list[WithheldFact]] = {}
    for key, fact in withheld.items():
        before = known.get(key)
        is_known = before is not None and before.reason is not None and before.value == fact.value
        if fact.reason is not None and not is_known:
            found.setdefault(fact.model_id, []).append(fact)
    return found
