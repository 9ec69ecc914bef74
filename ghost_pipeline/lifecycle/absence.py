"""Rules on absence: stale and purgeable models, holds, unlisted models, overdue providers; what becomes of a model."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from ghost_pipeline.lifecycle.records import ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.refusals.state import is_refused_as_retired
from ghost_pipeline.lifecycle.transitions import latest_known
from ghost_pipeline.lifecycle.vocabulary import Source, Verdict
from ghost_pipeline.settings import Thresholds

TICK = timedelta(microseconds=1)
"""The limits of the rules are exclusive, so a model is due this long after them."""


def is_older(instant: datetime, now: datetime, limit: timedelta) -> bool:
    """Return True if ``instant`` is more than ``limit`` before ``now``; exactly ``limit`` is not older."""
    return instant < now - limit


def is_protected_from_staleness(provider: ProviderRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Return True if a hold still protects the provider's listed models from the stale sweep."""
    return provider.held_since is not None and not is_older(provider.held_since, now, thresholds.hold_protects_for)


def protection_ends_at(provider: ProviderRecord, thresholds: Thresholds) -> datetime | None:
    """Return the instant after which a held provider's listed models become stale anyway; None if it is not held."""
    return None if provider.held_since is None else provider.held_since + thresholds.hold_protects_for


def is_protection_ending(provider: ProviderRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Return True if a warning is due because a hold is about to stop protecting models, or has stopped."""
    ends_at = protection_ends_at(provider, thresholds)
    return ends_at is not None and now >= ends_at - thresholds.hold_warns_before


def is_stale(model: ModelRecord, provider: ProviderRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Return True if the stale sweep makes the model a ghost at ``now``."""
    return _is_reached(stale_due_at(model, provider, thresholds), now)


def is_purgeable(model: ModelRecord, provider: ProviderRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Return True if the purge sweep deletes the ghost at ``now``."""
    return _is_reached(purge_due_at(model, provider, thresholds), now)


def _is_reached(due_at: datetime | None, now: datetime) -> bool:
    return due_at is not None and now >= due_at


def stale_due_at(model: ModelRecord, provider: ProviderRecord, thresholds: Thresholds) -> datetime | None:
    """Return the first instant at which an active model is stale if nothing happens; None if it never is.

    That is when it has not been seen for more than ``stale_after``. A hold covers listed models, for a limited time,
    but none whose withdrawal two kinds of evidence show: ``is_withdrawn``.
    """
    if not model.is_active or model.source is Source.MANUAL:
        return None
    limits = [(model.last_seen_at, thresholds.stale_after)]
    if model.last_listed_at is not None and provider.held_since is not None and not is_withdrawn(model, provider):
        limits.append((provider.held_since, thresholds.hold_protects_for))
    return _latest_end(limits)


_HOLDS_BY_READ_LISTINGS = tuple(f"{verdict.value}: " for verdict in (Verdict.PARTIAL, Verdict.SHRUNKEN))
"""How the reason of a hold begins that was set by a listing with models."""


def missing_before(provider: ProviderRecord) -> datetime | None:
    """Return the instant before which the last listing of a missing model was; None if no model counts as missing.

    That is the latest complete listing, or the listing that set the provider's hold, if it had models.
    """
    is_set_by_listing = provider.held_reason is not None and provider.held_reason.startswith(_HOLDS_BY_READ_LISTINGS)
    return latest_known(provider.last_complete_at, provider.held_since if is_set_by_listing else None)


def is_missing(model: ModelRecord, provider: ProviderRecord) -> bool:
    """Return True if the model was listed once, and the newest listing that can show its absence lacks it."""
    limit = missing_before(provider)
    return limit is not None and model.last_listed_at is not None and model.last_listed_at < limit


def is_withdrawn(model: ModelRecord, provider: ProviderRecord) -> bool:
    """Return True if the provider neither lists the model nor answers for it: it states that it has withdrawn it."""
    return is_refused_as_retired(model) and is_missing(model, provider)


class Sighted(Protocol):
    """What of a model decides when it can be purged: a ``ModelRecord`` or a part of one."""

    @property
    def is_active(self) -> bool:
        """Return False for a ghost."""

    @property
    def source(self) -> Source:
        """Return the channel of the first sighting."""

    @property
    def last_seen_at(self) -> datetime:
        """Return when it was last seen."""

    @property
    def last_listed_at(self) -> datetime | None:
        """Return when it was last listed; None if it never was."""

    @property
    def deactivated_at(self) -> datetime | None:
        """Return since when it is a ghost; None for an active model."""


def purge_due_at(model: Sighted, provider: ProviderRecord, thresholds: Thresholds) -> datetime | None:
    """Return the first instant at which a ghost can be purged if nothing happens; None if it never can.

    That is when it has been a ghost, and not been seen, for more than ``purge_after``. A hold covers listed models for
    as long as it lasts, and its end is not known.
    """
    if model.is_active or model.source is Source.MANUAL or model.deactivated_at is None:
        return None
    if model.last_listed_at is not None and provider.held_since is not None:
        return None
    return _latest_end([(model.deactivated_at, thresholds.purge_after), (model.last_seen_at, thresholds.purge_after)])


def _latest_end(limits: list[tuple[datetime, timedelta]]) -> datetime | None:
    """Return the first instant at which more time than each span has passed since its beginning; None if none is."""
    try:
        return max(begin + span for begin, span in limits) + TICK
    except OverflowError:  # after the end of the calendar
        return None


def may_have_been_seen(corrected: Iterable[datetime], now: datetime, limit: timedelta) -> bool:
    """Return True if one of a model's corrected instants may be a sighting that is not older than ``limit``.

    Each was corrected because it lay in the future of some clock. While it still does, it is wrong; once it has passed,
    it may have been right and the clock that corrected it behind. So no wrong clock makes a sweep act early.
    """
    return any(at <= now and not is_older(at, now, limit) for at in corrected)


def postpone(due_at: datetime | None, corrected: Iterable[datetime], limit: timedelta) -> datetime | None:
    """Return the first instant from ``due_at`` on at which ``may_have_been_seen`` is False; None if there is none."""
    for at in sorted(corrected):
        if due_at is not None and may_have_been_seen([at], due_at, limit):
            due_at = _latest_end([(at, limit)])
    return due_at


def is_used(model: ModelRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Return True if the model was used within ``stale_after`` before ``now``."""
    return model.last_used_at is not None and not is_older(model.last_used_at, now, thresholds.stale_after)


def is_listed(model: ModelRecord, provider: ProviderRecord) -> bool:
    """Return True if the provider's latest complete listing contains the model, or any listing after it.

    Without a complete listing no model counts as listed: nothing shows which models the provider left out.
    """
    return (
        provider.last_complete_at is not None
        and model.last_listed_at is not None
        and model.last_listed_at >= provider.last_complete_at
    )


def is_unlisted(model: ModelRecord, provider: ProviderRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Return True if the model is used, but its provider does not list it. Ghosts can be unlisted as well."""
    return is_used(model, now, thresholds) and not is_listed(model, provider)


def is_delisted(model: ModelRecord, provider: ProviderRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Return True if the model was listed once, is not listed any more, and is still used."""
    return (
        model.last_listed_at is not None
        and provider.last_complete_at is not None
        and is_unlisted(model, provider, now, thresholds)
    )


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """A provider with a summary of its attempts, without late ones; ``last_listing_at`` is the instant of the last."""

    provider: ProviderRecord
    last_verdict: Verdict | None = None
    """The verdict on the last attempt; None if there was none."""
    last_reason: str | None = None
    last_duration_seconds: float | None = None
    """Duration of the last attempt, with all pages and retries; None if it was not fetched by this program."""
    consecutive_failures: int = 0
    """Refused attempts since the last one that was not refused. An accepted empty listing is not refused."""
    first_attempt_at: datetime | None = None
    has_listed_models: bool = False
    """True if the catalog has a model of the provider that was ever listed."""
    refusals_unknown: int = 0
    """Refusals of models that the catalog does not know, as recent as those that count."""


def incomplete_since(health: ProviderHealth) -> datetime | None:
    """Return the instant since when the provider has no complete listing; None if no listing is expected.

    One is expected while the provider is held or has listed models, so the check of an abandoned provider passes again
    once its models are purged.
    """
    if health.provider.held_since is None and not health.has_listed_models:
        return None
    return health.provider.last_complete_at or health.first_attempt_at


def is_complete_listing_overdue(health: ProviderHealth, now: datetime, thresholds: Thresholds) -> bool:
    """Return True if the provider has had no complete listing for longer than ``complete_within``."""
    since = incomplete_since(health)
    return since is not None and is_older(since, now, thresholds.complete_within)


class Presence(StrEnum):
    """Whether the catalog has a model, and how it left."""

    ACTIVE = "active"
    GHOST = "ghost"
    PURGED = "purged"
    REMOVED = "removed"


class WayBack(StrEnum):
    """What makes a model active, or brings it back into the catalog."""

    LISTING = "listing"
    USE = "use"
    ADD = "add"
    REACTIVATE = "reactivate"
    RESTORE = "restore"
    """As a ghost."""


_WAYS_BACK = {
    Presence.ACTIVE: (),
    Presence.GHOST: (WayBack.LISTING, WayBack.USE, WayBack.ADD, WayBack.REACTIVATE),
    Presence.PURGED: (WayBack.LISTING, WayBack.USE, WayBack.ADD, WayBack.RESTORE),
    Presence.REMOVED: (WayBack.ADD, WayBack.RESTORE),
}


def ways_back(presence: Presence) -> tuple[WayBack, ...]:
    """Return what would make a model active or bring it back, none for an active one."""
    return _WAYS_BACK[presence]
