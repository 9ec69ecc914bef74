"""Which changes of facts are implausible, and what another import of a reference changes.

As with shrunken listings, one file is not enough for what is hardly ever true: a price that goes to or from zero or
moves by a large factor, a context window that shrinks by more than half, prices of most models of a provider at once.
Such a value is doubted: the old one stands until a later file, at least ``confirm_after`` later, states the new one
again, or until an operator accepts it. The other prices of the model wait with a doubted one. ``withheld_facts.py``
applies this to listings.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ghost_pipeline.lifecycle.claims.resolution import COMPARED_FACTS
from ghost_pipeline.lifecycle.facts import FACTS, FactKind
from ghost_pipeline.lifecycle.verdicts import is_shrunken
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline.settings import Thresholds

ClaimKey = tuple[str, str, str]
"""Provider slug, canonical model id, name of the fact."""

PRICES = tuple(fact.name for fact in FACTS if fact.kind is FactKind.PRICE and fact.name in COMPARED_FACTS)
"""Facts that are prices."""

_HELD_TOGETHER = (*PRICES, "prices")
"""What a model costs: if one price is doubted, none changes, so that no two of different files stand together."""


@dataclass(frozen=True, slots=True)
class StatedClaim:
    """What a reference states of a fact, as the catalog keeps it."""

    value: Any
    first_stated_at: datetime
    sha256: str
    """Digest of the file that stated this value first."""
    doubted_value: Any = None
    """Another value that a newer file states and that is not taken over yet."""
    doubted_at: datetime | None = None
    """When that was first stated; None without a doubt."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A change that is not taken over yet, and why."""

    provider_id: str
    model_id: str
    fact: str
    value: Any
    """What stands."""
    doubted_value: Any
    reason: str


@dataclass(frozen=True, slots=True)
class ReferenceChanges:
    """What an import changes."""

    added: dict[ClaimKey, StatedClaim] = field(default_factory=dict)
    updated: dict[ClaimKey, StatedClaim] = field(default_factory=dict)
    """Claims with another value or another doubt."""
    ended: list[ClaimKey] = field(default_factory=list)
    """Claims that the reference does not state any more."""
    doubts: list[Doubt] = field(default_factory=list)


def assess_reference(
    known: Mapping[ClaimKey, StatedClaim],
    stated: Mapping[ClaimKey, Any],
    malformed_reason: str | None,
    thresholds: Thresholds,
) -> tuple[Verdict, str | None]:
    """Return the verdict on a reference and its reason: malformed, empty, shrunken or complete.

    It is shrunken if as many of the models that it stated before are missing as makes a listing shrunken.
    """
    if malformed_reason is not None:
        return Verdict.MALFORMED, malformed_reason
    if not stated:
        return Verdict.EMPTY, "the reference states no fact of any model"
    before, after = ({key[:2] for key in keys} for keys in (known, stated))
    missing = len(before - after)
    if is_shrunken(missing, len(before), thresholds):
        return Verdict.SHRUNKEN, f"{missing:,} of the {len(before):,} models that it stated before are missing"
    return Verdict.COMPLETE, None


def compare_claims(
    known: Mapping[ClaimKey, StatedClaim],
    stated: Mapping[ClaimKey, Any],
    sha256: str,
    now: datetime,
    thresholds: Thresholds,
    *,
    is_accepted: bool = False,
) -> ReferenceChanges:
    """Return what an import ``now`` changes, given what the reference stated before.

    Args:
        known: The claims of the reference so far.
        stated: What it states now.
        sha256: Digest of the file.
        now: When it is imported.
        thresholds: What is implausible, and how much later it can be confirmed.
        is_accepted: An operator accepts what is implausible.
    """
    repriced = _repriced_providers(known, stated, thresholds)
    reasons: dict[ClaimKey, str] = {}
    for key, value in () if is_accepted else stated.items():
        reason = _doubt_reason(key, known[key], value, repriced, now, thresholds) if key in known else None
        if reason is not None:
            reasons[key] = reason
    held = {key[:2] for key in reasons if key[2] in PRICES}

    def is_held(key: ClaimKey) -> bool:
        return key[2] in _HELD_TOGETHER and key[:2] in held

    changes = ReferenceChanges(ended=sorted(key for key in known.keys() - stated.keys() if not is_held(key)))
    for key, value in stated.items():
        before = known.get(key)
        if before is None:
            if not is_held(key):
                changes.added[key] = StatedClaim(value, now, sha256)
            continue
        if key in reasons:
            changes.doubts.append(Doubt(*key, before.value, value, reasons[key]))
        is_doubted = key in reasons or (is_held(key) and value != before.value)
        after = _after(before, value, sha256, now, is_doubted=is_doubted)
        if after != before:
            changes.updated[key] = after
    return changes


def _after(before: StatedClaim, value: Any, sha256: str, now: datetime, *, is_doubted: bool) -> StatedClaim:
    if is_doubted:
        is_same_doubt = before.doubted_at is not None and before.doubted_value == value
        return before if is_same_doubt else replace(before, doubted_value=value, doubted_at=now)
    if value != before.value:
        return StatedClaim(value, now, sha256)
    return replace(before, doubted_value=None, doubted_at=None)


def _doubt_reason(
    key: ClaimKey,
    before: StatedClaim,
    value: Any,
    repriced: Mapping[str, str],
    now: datetime,
    thresholds: Thresholds,
) -> str | None:
    """Return why the value is not taken over yet; None if it is."""
    provider_id, _, fact = key
    doubted_at = before.doubted_at if before.doubted_value == value else None
    return doubt_reason(fact, before.value, value, doubted_at, repriced.get(provider_id), now, thresholds)


def doubt_reason(
    fact: str,
    old: Any,
    new: Any,
    doubted_at: datetime | None,
    repriced: str | None,
    now: datetime,
    thresholds: Thresholds,
) -> str | None:
    """Return why a change is not taken over ``now``; None if it is, or if nothing changes.

    Args:
        fact: Name of the fact.
        old: What stands.
        new: What is stated now.
        doubted_at: Since when the same value is doubted; None if it is not.
        repriced: Why the provider's changes of prices are implausible together; None if they are not.
        now: When the new value is stated.
        thresholds: What is implausible, and how much later it can be confirmed.
    """
    if new == old or (doubted_at is not None and now >= doubted_at + thresholds.confirm_after):
        return None
    reason = implausible_reason(fact, old, new, thresholds)
    if reason is None and fact in PRICES:
        reason = repriced
    # A change that was doubted for its number of companions stays so when it is repeated without them.
    return reason or (None if doubted_at is None else "it was doubted before")


def implausible_reason(fact: str, old: Any, new: Any, thresholds: Thresholds) -> str | None:
    """Return why it is implausible that a fact changes from ``old`` to ``new``; None if it is not."""
    if fact in PRICES:
        if (old == 0) is not (new == 0):
            return "the price goes to or from 0"
        factor = max(old, new) / min(old, new) if min(old, new) > 0 else 1
        if factor > thresholds.implausible_price_factor:
            return f"the price changes by a factor of {factor:,.3g}"
    if fact == "context_window" and new * 100 < old * (100 - thresholds.implausible_context_percent):
        return f"the context window shrinks by {100 - new * 100 / old:.0f} %"
    return None


def _repriced_providers(
    known: Mapping[ClaimKey, StatedClaim], stated: Mapping[ClaimKey, Any], thresholds: Thresholds
) -> dict[str, str]:
    """Return provider -> why its changes of prices are implausible: too many at once."""
    priced = {key[:2] for key in known if key[2] in PRICES and key in stated}
    changed = {key[:2] for key in known if key[2] in PRICES and key in stated and known[key].value != stated[key]}
    totals, counts = (Counter(provider_id for provider_id, _ in models) for models in (priced, changed))
    reasons = {slug: repriced_reason(slug, count, totals[slug], thresholds) for slug, count in counts.items()}
    return {slug: reason for slug, reason in reasons.items() if reason is not None}


def repriced_reason(provider_id: str, changed: int, priced: int, thresholds: Thresholds) -> str | None:
    """Return why it is implausible that prices of so many models of a provider change at once; None if it is not.

    ``priced`` is the number of models whose price was known before and is stated now.
    """
    share = priced * thresholds.implausible_repriced_percent
    if changed <= thresholds.shrunken_above_count or changed * 100 <= share:
        return None
    return f"prices of {changed:,} of {priced:,} models of {provider_id} change at once"
