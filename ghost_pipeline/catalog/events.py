"""The audit trail, and the tombstones in it."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.rows import EVENT_COLUMNS, event_values, from_snapshot, model_event, snapshot
from ghost_pipeline.catalog.tables import model_events
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.transitions import Tombstone
from ghost_pipeline.lifecycle.vocabulary import TOMBSTONE_KINDS


def write_events(connection: sa.Connection, events: Iterable[ModelEvent]) -> None:
    """Append the events."""
    values = [event_values(event) for event in events]
    if values:
        connection.execute(sa.insert(model_events), values)


def list_events(
    connection: sa.Connection, provider_id: str | None = None, model_id: str | None = None
) -> list[ModelEvent]:
    """Events in the order in which they were written, of one provider or one model if asked for."""
    query = sa.select(*EVENT_COLUMNS).order_by(model_events.c.id)
    if provider_id is not None:
        query = query.where(model_events.c.provider_id == provider_id)
    if model_id is not None:
        query = query.where(model_events.c.model_id == model_id)
    return [model_event(row) for row in connection.execute(query)]


def tombstone_details(record: ModelRecord) -> dict[str, object]:
    """What a tombstone event keeps of the row that it stands for."""
    return {"row": snapshot(record)}


def tombstone_of(event: ModelEvent) -> Tombstone:
    """The tombstone in an event that is one."""
    return Tombstone(event.kind, from_snapshot((event.details or {})["row"]))


def newest_tombstone(connection: sa.Connection, provider_id: str, model_id: str) -> Tombstone | None:
    """How a model that is not in the catalog left it, if it ever was there."""
    query = _tombstones(provider_id, model_events.c.model_id == model_id)
    row = connection.execute(query.order_by(model_events.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else tombstone_of(model_event(row))


def newest_tombstones(connection: sa.Connection, provider_id: str, model_ids: Sequence[str]) -> dict[str, Tombstone]:
    """Model id -> how it left the catalog, of those that ever did."""
    query = _tombstones(provider_id, model_events.c.model_id.in_(model_ids)).order_by(model_events.c.id)
    return {row.model_id: tombstone_of(model_event(row)) for row in connection.execute(query)}


def _tombstones(provider_id: str, which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    kinds = [kind.value for kind in TOMBSTONE_KINDS]
    return sa.select(*EVENT_COLUMNS).where(
        model_events.c.provider_id == provider_id, which, model_events.c.kind.in_(kinds)
    )
