"""How far a provider's word can be had: what its attempts add up to, and when the next complete listing is overdue."""

from dataclasses import dataclass
from datetime import datetime

from ghost_pipeline.lifecycle.absence import is_older
from ghost_pipeline.lifecycle.records import ProviderRecord
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline.settings import Thresholds


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


def complete_listing_missed_since(health: ProviderHealth) -> datetime | None:
    """Since when the provider's models are not wholly known; None where nobody waits for a listing.

    It is waited for while the provider is held or has listed models, so one that was given up turns green in the end.
    """
    if health.provider.held_since is None and not health.has_listed_models:
        return None
    return health.provider.last_complete_at or health.first_attempt_at


def is_complete_listing_overdue(health: ProviderHealth, now: datetime, thresholds: Thresholds) -> bool:
    """Whether the provider has been without a complete listing for longer than it may be."""
    since = complete_listing_missed_since(health)
    return since is not None and is_older(since, now, thresholds.complete_within)
