"""``is_unlisted`` and ``has_left_the_list`` once more, as conditions on rows of ``models``. Tests prove them equal."""

from datetime import datetime

import sqlalchemy as sa

from ghost_pipeline.catalog.tables import models, providers
from ghost_pipeline.lifecycle.records import ProviderRecord
from ghost_pipeline.settings import Thresholds


def unlisted(now: datetime, thresholds: Thresholds) -> sa.ColumnElement[bool]:
    """Used within the window before ``now``, and not listed. Never NULL, so it can be negated."""
    used = sa.and_(models.c.last_used_at.is_not(None), models.c.last_used_at >= now - thresholds.stale_after)
    listed = sa.exists().where(
        providers.c.id == models.c.provider_id,
        models.c.last_listed_at >= providers.c.last_complete_at,
    )
    return sa.and_(used, sa.not_(listed))


def left_the_list(provider: ProviderRecord, now: datetime, thresholds: Thresholds) -> sa.ColumnElement[bool]:
    """Of ``provider``, listed once, unlisted now. A range of an index: few models are behind the latest listing."""
    if provider.last_complete_at is None:
        return sa.false()
    return sa.and_(
        models.c.provider_id == provider.id,
        models.c.last_listed_at < provider.last_complete_at,
        unlisted(now, thresholds),
    )
