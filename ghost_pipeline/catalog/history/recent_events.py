"""Read the audit trail forward for sensors: events after a cursor, or their number, and what was used since an instant.

The cursors are those of ``changes``: they follow the order of commits, so that an event whose transaction was slow is
not missed.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.history.changes import (
    ChangeFilter,
    Cursor,
    find_cursor,
    find_end,
    parse_cursor,
    read_batches,
    read_change_page,
)
from ghost_pipeline.catalog.storage.repository import EVENT_COLUMNS, model_event
from ghost_pipeline.catalog.storage.tables import catalog_identity, event_batches, model_events, models
from ghost_pipeline.errors import InvalidCursor
from ghost_pipeline.lifecycle.records import ModelEvent
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source

MAX_BATCHES = 2_000
"""Batches whose events are counted at a time, so that a tick stays short after a long pause."""

_BATCHES_A_STATEMENT = 50
"""Ranges of ids in one statement, few enough for databases to look each of them up."""


@dataclass(frozen=True, slots=True)
class EventCount:
    """How many events of one sort a provider's models had."""

    provider_id: str
    kind: EventKind
    source: Source | None
    is_of_run: bool
    """A Dagster run wrote them."""
    count: int


def find_sensor_cursor(connection: sa.Connection, stored: str, last_event_id: int = 0) -> Cursor:
    """Return where a sensor continues: at the cursor that it stored, else at the start.

    At the start also if the cursor was edited, is of another catalog, or is newer than the catalog, which was restored
    from an older copy: what is reported twice does no harm.

    Args:
        connection: In a transaction that reads.
        stored: The cursor; empty if there is none.
        last_event_id: Without a cursor, the last event that was reported by a version that counted ids. What committed
            after an event with a higher id is reported too.
    """
    start = Cursor(connection.execute(sa.select(catalog_identity.c.id)).scalar_one())
    if stored:
        try:
            return find_cursor(connection, parse_cursor(stored))
        except InvalidCursor:
            return start
    if last_event_id <= 0:
        return start
    batches = event_batches.c
    following = sa.select(sa.func.min(batches.position)).where(batches.last_id > last_event_id)
    position = connection.execute(following).scalar()
    return (
        find_end(connection, start.catalog_id)
        if position is None
        else Cursor(start.catalog_id, position, last_event_id)
    )


def list_events_after(
    connection: sa.Connection, after: Cursor, limit: int, left_out: Sequence[EventKind] = ()
) -> tuple[list[ModelEvent], Cursor]:
    """Return at most ``limit`` events after a cursor in the order of commits, and the cursor after them."""
    kinds = tuple(kind for kind in EventKind if kind not in left_out)
    page = read_change_page(connection, ChangeFilter(kinds=kinds), after, limit)
    ids = [change.id for change in page.changes]
    query = sa.select(model_events.c.id, *EVENT_COLUMNS).where(model_events.c.id.in_(ids))
    events = {row.id: model_event(row) for row in connection.execute(query)} if ids else {}
    return [events[id_] for id_ in ids], parse_cursor(page.cursor)


def count_events_after(connection: sa.Connection, after: Cursor) -> tuple[list[EventCount], Cursor]:
    """Count the events of at most MAX_BATCHES batches after a cursor, by provider, kind and source.

    Return the counts and the cursor after these batches.
    """
    batches = read_batches(connection, ChangeFilter(), after, MAX_BATCHES)
    if not batches:
        return [], after
    counts: Counter[tuple[Any, ...]] = Counter()
    is_of_run = model_events.c.run_id.is_not(None)
    groups = (model_events.c.provider_id, model_events.c.kind, model_events.c.source, is_of_run)
    for condition in _conditions(batches, after):
        for *group, count in connection.execute(sa.select(*groups, sa.func.count()).where(condition).group_by(*groups)):
            counts[tuple(group)] += count
    found = [
        EventCount(provider_id, EventKind(kind), source and Source(source), bool(is_run), count)
        for (provider_id, kind, source, is_run), count in counts.items()
    ]
    found.sort(key=lambda one: (one.provider_id, one.kind.value))
    return found, Cursor(after.catalog_id, batches[-1].position, batches[-1].last_id)


def _conditions(batches: Sequence[sa.Row[Any]], after: Cursor) -> Iterator[sa.ColumnElement[bool]]:
    """Yield conditions that together select the events of the batches, each once."""
    events = model_events.c
    for begin in range(0, len(batches), _BATCHES_A_STATEMENT):
        yield sa.or_(
            *(
                sa.and_(
                    events.id.between(_first_id(batch, after), batch.last_id),
                    # Not by the index of providers and models, which would read all events of the provider.
                    sa.func.coalesce(events.provider_id, "") == batch.provider_id,
                )
                for batch in batches[begin : begin + _BATCHES_A_STATEMENT]
            )
        )


def _first_id(batch: sa.Row[Any], after: Cursor) -> int:
    first: int = batch.first_id
    return max(first, after.event_id + 1) if batch.position == after.position else first


def count_used_models(connection: sa.Connection, since: datetime) -> list[tuple[str, int, datetime]]:
    """Return each provider with models that were used after ``since``: how many, and the latest use."""
    query = (
        sa.select(models.c.provider_id, sa.func.count(), sa.func.max(models.c.last_used_at))
        .where(models.c.last_used_at > since)
        .group_by(models.c.provider_id)
        .order_by(models.c.provider_id)
    )
    return [(provider_id, count, used_at) for provider_id, count, used_at in connection.execute(query)]
