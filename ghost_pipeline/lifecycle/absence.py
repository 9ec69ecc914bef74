"""When absence counts: holds, and the two sweeps.

``catalog/sweeps.py`` says ``is_stale`` and ``is_purgeable`` once more in SQL; the tests drive both side by side.
"""

from datetime import datetime, timedelta

from ghost_pipeline.lifecycle.records import ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.vocabulary import Source
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


def is_overdue(model: ModelRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Whether an active model has not been seen for so long that it becomes a ghost, holds apart."""
    return (
        model.is_active
        and model.source is not Source.MANUAL
        and is_older(model.last_seen_at, now, thresholds.stale_after)
    )


def is_stale(model: ModelRecord, provider: ProviderRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Whether the stale sweep makes the model a ghost. A hold covers listed models only."""
    is_covered = model.last_listed_at is not None and is_protected_from_staleness(provider, now, thresholds)
    return is_overdue(model, now, thresholds) and not is_covered


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
