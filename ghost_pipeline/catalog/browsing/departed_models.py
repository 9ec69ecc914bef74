"""The models that left the catalog and can be restored: their newest tombstones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.filtering import contains_sql
from ghost_pipeline.catalog.history.descriptions import describe_event
from ghost_pipeline.catalog.storage.repository import EVENT_COLUMNS, model_event, tombstone_of
from ghost_pipeline.catalog.storage.tables import model_events, models
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import TOMBSTONE_KINDS, EventKind


@dataclass(frozen=True, slots=True)
class DepartedModel:
    """A model that is not in the catalog any more."""

    model: ModelRecord
    """As it was when it left."""
    kind: EventKind
    """``purged`` by a sweep or ``removed`` by an operator."""
    left_at: datetime
    reason: str
    run_id: str | None


def list_departed(
    connection: sa.Connection,
    provider_ids: Sequence[str],
    kind: EventKind | None,
    search: str | None,
    offset: int,
    limit: int,
) -> list[DepartedModel]:
    """Return at most ``limit`` models that left after the first ``offset`` ones, those that left last first."""
    events, newer = model_events, model_events.alias("newer")
    tombstones = [one.value for one in TOMBSTONE_KINDS]
    query = (
        sa.select(*EVENT_COLUMNS)
        .where(
            events.c.kind.in_(tombstones),
            ~_has_same_key(models, events).exists(),
            ~_has_same_key(newer, events).where(newer.c.kind.in_(tombstones), newer.c.id > events.c.id).exists(),
        )
        .order_by(events.c.id.desc())
        .offset(offset)
        .limit(limit)
    )
    if provider_ids:
        query = query.where(events.c.provider_id.in_(provider_ids))
    if kind is not None:
        query = query.where(events.c.kind == kind.value)
    if search is not None:
        query = query.where(contains_sql(events.c.model_id, search, connection.dialect.name))
    return [_departed(row) for row in connection.execute(query)]


def _has_same_key(table: sa.FromClause, events: sa.Table) -> sa.Select[Any]:
    return sa.select(sa.literal(1)).where(
        table.c.provider_id == events.c.provider_id, table.c.model_id == events.c.model_id
    )


def _departed(row: sa.Row[Any]) -> DepartedModel:
    event = model_event(row)
    return DepartedModel(
        model=tombstone_of(event).record,
        kind=event.kind,
        left_at=event.at,
        reason=describe_event(event.kind, event.source, event.details or {}),
        run_id=event.run_id,
    )
