"""What absence means: stale and purgeable models, holds, unlisted models, overdue providers."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ghost_pipeline.lifecycle.records import ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.vocabulary import Source, Verdict
from ghost_pipeline.settings import Thresholds


def is_older(instant: datetime, now: datetime, limit: timedelta) -> bool:
    """Whether ``instant`` lies more than ``limit`` before ``now``; exactly ``limit`` is not older."""
    return instant < now - limit


def is_protected_from_staleness(provider: ProviderRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Whether a hold still keeps the stale sweep from the provider's listed models."""
    return provider.held_since is not None and not is_older(provider.held_since, now, thresholds.hold_protects_for)


def protection_ends_at(provider: ProviderRecord, thresholds: Thresholds) -> datetime | None:
    """The instant after which a held provider's listed models go stale all the same; None if it isn't held."""
    return None if provider.held_since is None else provider.held_since + thresholds.hold_protects_for


def is_protection_ending(provider: ProviderRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Whether people should be warned that a hold is about to stop protecting, or has stopped."""
    ends_at = protection_ends_at(provider, thresholds)
    return ends_at is not None and now >= ends_at - thresholds.hold_warns_before


def is_unseen_too_long(model: ModelRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Whether an active model has not been seen for so long that it becomes a ghost, holds apart."""
    return (
        model.is_active
        and model.source is not Source.MANUAL
        and is_older(model.last_seen_at, now, thresholds.stale_after)
    )


def is_stale(model: ModelRecord, provider: ProviderRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Whether the stale sweep makes the model a ghost. A hold covers listed models only."""
    is_covered = model.last_listed_at is not None and is_protected_from_staleness(provider, now, thresholds)
    return is_unseen_too_long(model, now, thresholds) and not is_covered


def is_purgeable(model: ModelRecord, provider: ProviderRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Whether the purge sweep deletes the ghost. A hold covers listed models for as long as it lasts."""
    return (
        not model.is_active
        and model.source is not Source.MANUAL
        and model.deactivated_at is not None
        and is_older(model.deactivated_at, now, thresholds.purge_after)
        and is_older(model.last_seen_at, now, thresholds.purge_after)
        and not (model.last_listed_at is not None and provider.held_since is not None)
    )


def is_used(model: ModelRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Whether the model answered within the window: as far back as a model may go unseen without going stale."""
    return model.last_used_at is not None and not is_older(model.last_used_at, now, thresholds.stale_after)


def is_listed(model: ModelRecord, provider: ProviderRecord) -> bool:
    """Whether the provider's latest complete listing shows the model, or a listing of any kind after it.

    A provider without a complete listing lists nothing: of such a one nobody knows what it leaves out.
    """
    return (
        provider.last_complete_at is not None
        and model.last_listed_at is not None
        and model.last_listed_at >= provider.last_complete_at
    )


def is_unlisted(model: ModelRecord, provider: ProviderRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Whether the model works, yet its provider does not list it. Says nothing of ``is_active``."""
    return is_used(model, now, thresholds) and not is_listed(model, provider)


def is_delisted(model: ModelRecord, provider: ProviderRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Whether the model was listed once, is no longer, and works all the same."""
    return (
        model.last_listed_at is not None
        and provider.last_complete_at is not None
        and is_unlisted(model, provider, now, thresholds)
    )


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """A provider with its attempts, late ones apart. ``provider.last_listing_at`` is when the last one was made."""

    provider: ProviderRecord
    last_verdict: Verdict | None = None
    """Of the last attempt; None if there was none."""
    last_reason: str | None = None
    last_seconds: float | None = None
    """How long the last attempt took, all pages and repetitions; None if it was not fetched here."""
    consecutive_failures: int = 0
    """Attempts since the last of which anything reached the models; a local server that may serve nothing fails not."""
    first_attempt_at: datetime | None = None
    has_listed_models: bool = False
    """Whether the catalog has a model that the provider ever listed."""


def incomplete_since(health: ProviderHealth) -> datetime | None:
    """Since when the provider's models are not wholly known; None where nobody waits for a listing.

    It is waited for while the provider is held or has listed models, so one that was given up turns green in the end.
    """
    if health.provider.held_since is None and not health.has_listed_models:
        return None
    return health.provider.last_complete_at or health.first_attempt_at


def is_complete_listing_overdue(health: ProviderHealth, now: datetime, thresholds: Thresholds) -> bool:
    """Whether the provider has been without a complete listing for longer than it may be."""
    since = incomplete_since(health)
    return since is not None and is_older(since, now, thresholds.complete_within)
