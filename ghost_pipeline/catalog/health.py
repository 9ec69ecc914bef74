"""Provider health, in one statement that reads by index however long the history is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.ingestion.attempts import NEWEST_FIRST, is_refused_sql
from ghost_pipeline.catalog.refusals.refusal_rows import UNKNOWN_MODELS
from ghost_pipeline.catalog.storage.repository import PROVIDER_COLUMNS
from ghost_pipeline.catalog.storage.tables import listings, models, providers, refusals
from ghost_pipeline.lifecycle.absence import ProviderHealth
from ghost_pipeline.lifecycle.records import ProviderRecord
from ghost_pipeline.lifecycle.vocabulary import Verdict

_ON_TIME = sa.and_(listings.c.provider_id == providers.c.id, listings.c.is_late.is_(False))


def _first(column: sa.Column[Any], order: Sequence[sa.ColumnElement[Any]], *which: sa.ColumnElement[bool]) -> Any:
    return sa.select(column).where(_ON_TIME, *which).order_by(*order).limit(1).scalar_subquery()


_KNOWN = sa.select(
    *PROVIDER_COLUMNS,
    _first(listings.c.id, NEWEST_FIRST).label("last_id"),
    _first(listings.c.id, NEWEST_FIRST, sa.not_(is_refused_sql())).label("good_id"),
    _first(listings.c.observed_at, (listings.c.observed_at,)).label("first_attempt_at"),
    sa.select(models.c.id)
    .where(models.c.provider_id == providers.c.id, models.c.last_listed_at.is_not(None))
    .exists()
    .label("has_listed_models"),
    sa.select(sa.func.sum(refusals.c["count"]))
    .where(
        refusals.c.provider_id == providers.c.id,
        refusals.c.model_id == UNKNOWN_MODELS,
        refusals.c.last_at >= sa.bindparam("refused_since", type_=refusals.c.last_at.type),
    )
    .scalar_subquery()
    .label("refusals_unknown"),
).subquery()


def list_health(connection: sa.Connection, refused_since: datetime) -> list[ProviderHealth]:
    """Return the health of every provider, by slug; it counts refusals of unknown models from ``refused_since`` on."""
    last, good = listings.alias(), listings.alias()
    query = (
        sa.select(_KNOWN, last.c.verdict, last.c.reason, last.c.seconds, _failures_after(good).label("failures"))
        .outerjoin(last, last.c.id == _KNOWN.c.last_id)
        .outerjoin(good, good.c.id == _KNOWN.c.good_id)
        .order_by(_KNOWN.c.id)
    )
    return [_health(row) for row in connection.execute(query, {"refused_since": refused_since})]


def _failures_after(good: sa.FromClause) -> sa.ScalarSelect[int]:
    """Count the refused attempts since the last one that was not refused, or all of them."""
    is_later = sa.or_(
        listings.c.observed_at > good.c.observed_at,
        sa.and_(listings.c.observed_at == good.c.observed_at, listings.c.id > good.c.id),
    )
    return (
        sa.select(sa.func.count())
        .select_from(listings)
        .where(
            listings.c.provider_id == _KNOWN.c.id,
            listings.c.is_late.is_(False),
            is_refused_sql(),
            sa.or_(good.c.id.is_(None), is_later),
        )
        .scalar_subquery()
    )


def _health(row: sa.Row[tuple[object, ...]]) -> ProviderHealth:
    values = row._mapping
    return ProviderHealth(
        provider=ProviderRecord(**{column.name: values[column.name] for column in PROVIDER_COLUMNS}),
        last_verdict=None if values["verdict"] is None else Verdict(values["verdict"]),
        last_reason=values["reason"],
        last_duration_seconds=values["seconds"],
        consecutive_failures=values["failures"],
        first_attempt_at=values["first_attempt_at"],
        has_listed_models=bool(values["has_listed_models"]),
        refusals_unknown=int(values["refusals_unknown"] or 0),
    )
