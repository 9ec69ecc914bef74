"""How much of what the catalog holds."""

from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.tables import models, providers
from ghost_pipeline.lifecycle.vocabulary import Source


def discovery_stats(connection: sa.Connection, unlisted: sa.ColumnElement[bool]) -> dict[str, Any]:
    """``total``, ``by_source``, ``active``, ``inactive``, ``unlisted``, and the same per provider in ``by_provider``.

    ``unlisted`` is the condition that unlisted models meet.
    """
    query = (
        sa.select(
            models.c.provider_id,
            models.c.source,
            models.c.is_active,
            sa.func.count(),
            sa.func.sum(sa.case((unlisted, 1), else_=0)),
        )
        .group_by(models.c.provider_id, models.c.source, models.c.is_active)
        .order_by(models.c.provider_id)
    )
    by_provider = {
        provider_id: _nothing()
        for provider_id in connection.execute(sa.select(providers.c.id).order_by(providers.c.id)).scalars()
    }
    everything = _nothing()
    for provider_id, source, is_active, count, unlisted_count in connection.execute(query):
        for stats in (everything, by_provider[provider_id]):
            stats["total"] += count
            stats["by_source"][source] += count
            stats["active" if is_active else "inactive"] += count
            stats["unlisted"] += unlisted_count
    return {**everything, "by_provider": by_provider}


def _nothing() -> dict[str, Any]:
    return {"total": 0, "by_source": {source.value: 0 for source in Source}, "active": 0, "inactive": 0, "unlisted": 0}
