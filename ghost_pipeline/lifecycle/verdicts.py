"""Assess listings: the verdict on each, whether it is late, and what it does to its provider's hold."""

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime

from ghost_pipeline.lifecycle.identity import LOCAL_PROVIDERS
from ghost_pipeline.lifecycle.records import Listing
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline.settings import Thresholds


@dataclass(frozen=True, slots=True)
class ShrunkenListing:
    """A reconciled shrunken listing that a later one may confirm."""

    observed_at: datetime
    missing_ids: Set[str]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the catalog expects of a provider's next listing."""

    expected_ids: Set[str] = frozenset()
    """The models that ``absence.is_listed`` selects: those of the last complete listing or a later one."""
    last_listing_at: datetime | None = None
    shrunken: tuple[ShrunkenListing, ...] = ()
    """The shrunken listings since the last complete one."""
    has_listed_models: bool = False
    """True if the catalog has a model of the provider with a ``last_listed_at``: listed, adopted or imported."""
    is_released_empty: bool = False
    """True if the last complete listing is empty, which it can be only after a release."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdict on one attempt, with what follows from it."""

    verdict: Verdict
    reason: str | None = None
    """What is wrong and what to do, in one line; None if nothing is wrong."""
    missing_ids: frozenset[str] = field(default_factory=frozenset)
    """Expected, but not in the listing; empty for refused listings."""
    is_late: bool = False
    """Observed before the provider's latest listing: it neither sets, lifts nor confirms anything."""
    is_accepted_empty: bool = False
    """An empty listing that is accepted, see ``accepts_empty_listing``."""

    @property
    def is_refused(self) -> bool:
        """True if the attempt changes no model and an operator should look at it."""
        return not self.verdict.lists_models and not self.is_accepted_empty

    @property
    def sets_hold(self) -> bool:
        """True if models that the provider does not list are protected because of this attempt."""
        return self.verdict is not Verdict.COMPLETE and not self.is_late and not self.is_accepted_empty

    @property
    def lifts_hold(self) -> bool:
        """True if models that the provider does not list are no longer protected."""
        return (self.verdict is Verdict.COMPLETE or self.is_accepted_empty) and not self.is_late


def is_late(observed_at: datetime, last_listing_at: datetime | None) -> bool:
    """Return True if a listing was observed before the provider's latest listing or attempt."""
    return last_listing_at is not None and observed_at < last_listing_at


def is_shrunken(missing: int, expected: int, thresholds: Thresholds) -> bool:
    """Return True if so many of the expected models are missing that their absence is not trusted."""
    return missing > thresholds.shrunken_above_count and missing * 100 > expected * thresholds.shrunken_above_percent


def accepts_empty_listing(provider_id: str, expectation: Expectation) -> bool:
    """Return True if an empty listing of the provider is accepted: it is not a failure and sets no hold.

    A local server may really serve nothing. Its empty listing is accepted while the catalog has no model that was
    listed, adopted or imported; with such models it is refused until an operator releases the provider, and accepted
    from then on until something is listed again.
    """
    if provider_id not in LOCAL_PROVIDERS:
        return False
    is_still_released = expectation.is_released_empty and not expectation.expected_ids
    return is_still_released or not expectation.has_listed_models


def assess(listing: Listing, observed_at: datetime, expectation: Expectation, thresholds: Thresholds) -> Assessment:
    """Return the verdict on ``listing``: the first of malformed, empty, partial, shrunken, complete that fits."""
    late = is_late(observed_at, expectation.last_listing_at)
    if listing.malformed_reason is not None:
        return Assessment(Verdict.MALFORMED, listing.malformed_reason, is_late=late)
    if not listing.models:
        return _assess_empty(listing, expectation, late)
    missing = frozenset(
        expectation.expected_ids - {model.model_id for model in listing.models} - set(listing.inactive_ids)
    )
    if listing.incomplete_reasons:
        return Assessment(Verdict.PARTIAL, _join(*listing.incomplete_reasons, *listing.warnings), missing, late)
    if is_shrunken(len(missing), len(expectation.expected_ids), thresholds):
        return _assess_shrunken(listing, observed_at, expectation, thresholds, missing, late)
    return Assessment(Verdict.COMPLETE, _join(*listing.warnings), missing, late)


def assess_failed_attempt(reason: str, attempted_at: datetime, last_listing_at: datetime | None) -> Assessment:
    """Return the verdict on an attempt that produced no listing; it is never accepted, as an idle server answers."""
    return Assessment(Verdict.FAILED, reason, is_late=is_late(attempted_at, last_listing_at))


def _assess_empty(listing: Listing, expectation: Expectation, late: bool) -> Assessment:
    count = len(listing.inactive_ids)
    marked = "the only model is" if count == 1 else f"all {count} models are"
    finding = f"{marked} marked inactive" if count else "the listing contains no models"
    is_accepted_empty = accepts_empty_listing(listing.provider_id, expectation)
    advice = (
        "no model is expected of this local server, so it is accepted"
        if is_accepted_empty
        else f"fetch it again, or run 'ghost-pipeline release {listing.provider_id}' if that is correct"
    )
    return Assessment(Verdict.EMPTY, _join(finding, advice), is_late=late, is_accepted_empty=is_accepted_empty)


def _assess_shrunken(
    listing: Listing,
    observed_at: datetime,
    expectation: Expectation,
    thresholds: Thresholds,
    missing: frozenset[str],
    late: bool,
) -> Assessment:
    share = f"{len(missing)} of {len(expectation.expected_ids)} expected models are missing"
    present = {model.model_id for model in listing.models}
    confirmed = (
        earlier
        for earlier in expectation.shrunken
        if _confirms(present, missing, observed_at, earlier, expectation, thresholds)
    )
    earlier = None if late else next(confirmed, None)
    if earlier is not None:
        finding = f"{share}, as in the shrunken listing of {earlier.observed_at:%Y-%m-%d %H:%M} UTC: confirmed"
        return Assessment(Verdict.COMPLETE, _join(finding, *listing.warnings), missing, late)
    advice = (
        "their absence is not trusted until another listing confirms it or you run "
        f"'ghost-pipeline release {listing.provider_id}'"
    )
    return Assessment(Verdict.SHRUNKEN, _join(share, advice, *listing.warnings), missing, late)


def _confirms(
    present: Set[str],
    missing: frozenset[str],
    observed_at: datetime,
    earlier: ShrunkenListing,
    expectation: Expectation,
    thresholds: Thresholds,
) -> bool:
    """Return True if the listing lacks all that ``earlier`` lacked, and hardly more than that."""
    if observed_at < earlier.observed_at + thresholds.confirm_after or present & earlier.missing_ids:
        return False
    additional = missing - earlier.missing_ids
    still_expected = expectation.expected_ids - earlier.missing_ids
    return not is_shrunken(len(additional), len(still_expected), thresholds)


def _join(*parts: str) -> str | None:
    return "; ".join(parts) or None
