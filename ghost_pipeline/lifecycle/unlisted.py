"""Models that work though no list shows them.

``catalog/unlisted.py`` says ``is_unlisted`` and ``has_left_the_list`` once more in SQL; the tests drive both side by
side.
"""

from datetime import datetime

from ghost_pipeline.lifecycle.absence import is_older
from ghost_pipeline.lifecycle.records import ModelRecord, ProviderRecord
from ghost_pipeline.settings import Thresholds


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


def has_left_the_list(model: ModelRecord, provider: ProviderRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Whether the model was listed once, is no longer, and works all the same."""
    return (
        model.last_listed_at is not None
        and provider.last_complete_at is not None
        and is_unlisted(model, provider, now, thresholds)
    )
