"""Read the audit trail forward from a position, and what was used since an instant, for sensors.

A position is the id of an event. PostgreSQL numbers an event before its transaction commits, so an event with a lower
id may appear later: read only up to a ``last_event_id`` that was taken some seconds ago.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ghost_pipeline.catalog.storage.repository import EVENT_COLUMNS, model_event
from ghost_pipeline.catalog.storage.tables import model_events, models
from ghost_pipeline.lifecycle.records import ModelEvent
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source


@dataclass(frozen=True, slots=True)
class EventCount:
    """How many events of one sort a provider's models had."""

    provider_id: str
    kind: EventKind
    source: Source | None
    is_of_run: bool
    """A Dagster run wrote them."""
    count: int


def last_event_id(connection: sa.Connection) -> int:
    """Return the id of the newest event; 0 if there is none."""
    return connection.execute(sa.select(sa.func.max(model_events.c.id))).scalar() or 0


def count_events(connection: sa.Connection, after: int, up_to: int) -> list[EventCount]:
    """Count the events with ids above ``after`` and not above ``up_to``, by provider, kind and source."""
    is_of_run = model_events.c.run_id.is_not(None)
    groups = (model_events.c.provider_id, model_events.c.kind, model_events.c.source, is_of_run)
    query = (
        sa.select(*groups, sa.func.count())
        .where(model_events.c.id > after, model_events.c.id <= up_to)
        .group_by(*groups)
        .order_by(model_events.c.provider_id, model_events.c.kind)
    )
    return [
        EventCount(provider_id, EventKind(kind), source and Source(source), bool(is_run), count)
        for provider_id, kind, source, is_run, count in connection.execute(query)
    ]


def list_events_between(
    connection: sa.Connection, after: int, up_to: int, limit: int, left_out: Sequence[EventKind] = ()
) -> list[tuple[int, ModelEvent]]:
    """Return events with ids above ``after`` and not above ``up_to``, each with its id, the oldest first."""
    query = (
        sa.select(model_events.c.id, *EVENT_COLUMNS)
        .where(model_events.c.id > after, model_events.c.id <= up_to)
        .where(model_events.c.kind.not_in([kind.value for kind in left_out]))
        .order_by(model_events.c.id)
        .limit(limit)
    )
    return [(row.id, model_event(row)) for row in connection.execute(query)]


def count_used_models(connection: sa.Connection, since: datetime) -> list[tuple[str, int, datetime]]:
    """Return each provider with models that were used after ``since``: how many, and the latest use."""
    query = (
        sa.select(models.c.provider_id, sa.func.count(), sa.func.max(models.c.last_used_at))
        .where(models.c.last_used_at > since)
        .group_by(models.c.provider_id)
        .order_by(models.c.provider_id)
    )
    return [(provider_id, count, used_at) for provider_id, count, used_at in connection.execute(query)]
