"""What to think of a listing: its verdict, and whether its provider's absences count from here on."""

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
    """What the catalog holds against a provider's next listing."""

    expected_ids: Set[str] = frozenset()
    """What the last complete listing, or anything later, listed; active or not."""
    last_listing_at: datetime | None = None
    shrunken: tuple[ShrunkenListing, ...] = ()
    """The shrunken listings since the last complete one."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdict on one listing, with what follows from it."""

    verdict: Verdict
    reason: str | None = None
    """For a person to act on; None where there is nothing to say."""
    missing_ids: frozenset[str] = field(default_factory=frozenset)
    """Expected, but not in the listing; empty for refused listings."""
    is_late: bool = False
    """Observed before the provider's latest listing: it neither sets, lifts nor confirms anything."""
    is_accepted_empty: bool = False
    """An empty listing that may well be true: a local server that has nothing listed."""

    @property
    def is_refused(self) -> bool:
        """Whether nothing of the listing reaches the models and somebody should look at it."""
        return self.verdict.is_refused and not self.is_accepted_empty

    @property
    def sets_hold(self) -> bool:
        """Whether the provider's absences do not count for now, because of this listing."""
        return self.verdict is not Verdict.COMPLETE and not self.is_late and not self.is_accepted_empty

    @property
    def lifts_hold(self) -> bool:
        """Whether the provider's absences count again."""
        return self.verdict is Verdict.COMPLETE and not self.is_late


def is_shrunken(missing: int, expected: int, thresholds: Thresholds) -> bool:
    """Whether so many of the expected models are missing that the listing is not believed."""
    return missing > thresholds.shrunken_above_count and missing * 100 > expected * thresholds.shrunken_above_percent


def assess(listing: Listing, observed_at: datetime, expectation: Expectation, thresholds: Thresholds) -> Assessment:
    """The verdict on ``listing``: the first of malformed, empty, partial, shrunken, complete that fits."""
    is_late = _is_late(observed_at, expectation.last_listing_at)
    if listing.malformed_reason is not None:
        return Assessment(Verdict.MALFORMED, listing.malformed_reason, is_late=is_late)
    if not listing.models:
        return _assess_empty(listing, expectation, is_late)
    missing = frozenset(
        expectation.expected_ids - {model.model_id for model in listing.models} - set(listing.inactive_ids)
    )
    if listing.incomplete_reasons:
        return Assessment(Verdict.PARTIAL, _sentence(*listing.incomplete_reasons, *listing.remarks), missing, is_late)
    if is_shrunken(len(missing), len(expectation.expected_ids), thresholds):
        return _assess_shrunken(listing, observed_at, expectation, thresholds, missing, is_late)
    return Assessment(Verdict.COMPLETE, _sentence(*listing.remarks), missing, is_late)


def assess_failed_attempt(reason: str, attempted_at: datetime, last_listing_at: datetime | None) -> Assessment:
    """The verdict on an attempt that brought no listing. A local server may serve nothing, but it answers."""
    return Assessment(Verdict.FAILED, reason, is_late=_is_late(attempted_at, last_listing_at))


def _is_late(observed_at: datetime, last_listing_at: datetime | None) -> bool:
    return last_listing_at is not None and observed_at < last_listing_at


def _assess_empty(listing: Listing, expectation: Expectation, is_late: bool) -> Assessment:
    count = len(listing.inactive_ids)
    what = f"all {count} models are marked inactive" if count else "the listing holds no model"
    is_accepted_empty = listing.provider_id in LOCAL_PROVIDERS and not expectation.expected_ids
    advice = (
        "nothing is expected of this local server, so it may be true"
        if is_accepted_empty
        else "a provider without models is not believed; fetch the listing again, "
        f"or say 'ghost-pipeline release {listing.provider_id}' if it is true"
    )
    return Assessment(Verdict.EMPTY, _sentence(what, advice), is_late=is_late, is_accepted_empty=is_accepted_empty)


def _assess_shrunken(
    listing: Listing,
    observed_at: datetime,
    expectation: Expectation,
    thresholds: Thresholds,
    missing: frozenset[str],
    is_late: bool,
) -> Assessment:
    share = f"{len(missing)} of {len(expectation.expected_ids)} expected models are missing"
    present = {model.model_id for model in listing.models}
    confirmed = (
        earlier
        for earlier in expectation.shrunken
        if _confirms(present, missing, observed_at, earlier, expectation, thresholds)
    )
    earlier = None if is_late else next(confirmed, None)
    if earlier is not None:
        said = f"{share}, as in the shrunken listing of {earlier.observed_at:%Y-%m-%d %H:%M} UTC: confirmed"
        return Assessment(Verdict.COMPLETE, _sentence(said, *listing.remarks), missing, is_late)
    advice = (
        "not believed until another listing says the same, or 'ghost-pipeline release "
        f"{listing.provider_id}' says that they are gone"
    )
    return Assessment(Verdict.SHRUNKEN, _sentence(share, advice, *listing.remarks), missing, is_late)


def _confirms(
    present: Set[str],
    missing: frozenset[str],
    observed_at: datetime,
    earlier: ShrunkenListing,
    expectation: Expectation,
    thresholds: Thresholds,
) -> bool:
    """Whether the listing says again what ``earlier`` said, and hardly more than that."""
    if observed_at < earlier.observed_at + thresholds.confirm_after or present & earlier.missing_ids:
        return False
    additional = missing - earlier.missing_ids
    still_expected = expectation.expected_ids - earlier.missing_ids
    return not is_shrunken(len(additional), len(still_expected), thresholds)


def _sentence(*parts: str) -> str | None:
    return "; ".join(parts) or None
