"""The changes that were recorded in a span of time, the newest first, and how many there are by day and kind."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.history.changes import CHANGE_COLUMNS, Change, ChangeFilter, join_evidence, to_change
from ghost_pipeline.catalog.storage.tables import event_batches, model_events
from ghost_pipeline.lifecycle.vocabulary import EventKind

_IS_IN_BATCH = sa.and_(
    model_events.c.id.between(event_batches.c.first_id, event_batches.c.last_id),
    # Not by the index of providers and models, which would read all events of the provider.
    sa.func.coalesce(model_events.c.provider_id, "") == event_batches.c.provider_id,
)


def list_newest_changes(connection: sa.Connection, wanted: ChangeFilter, offset: int, limit: int) -> list[Change]:
    """Return at most ``limit`` changes after the first ``offset`` ones, those that were committed last first."""
    query = (
        join_evidence(sa.select(*CHANGE_COLUMNS).select_from(event_batches).join(model_events, _IS_IN_BATCH))
        .where(*_conditions(wanted))
        .order_by(event_batches.c.position.desc(), model_events.c.id.desc())
        .offset(offset)
        .limit(limit)
    )
    return [to_change(row) for row in connection.execute(query)]


def count_changes(connection: sa.Connection, wanted: ChangeFilter) -> dict[EventKind, int]:
    """Return how many changes of each kind there are, without the kinds of which there is none."""
    query = (
        sa.select(model_events.c.kind, sa.func.count())
        .select_from(event_batches)
        .join(model_events, _IS_IN_BATCH)
        .where(*_conditions(wanted))
        .group_by(model_events.c.kind)
    )
    counts = {row[0]: row[1] for row in connection.execute(query)}
    return {kind: counts[kind.value] for kind in EventKind if kind.value in counts}


def count_changes_by_day(
    connection: sa.Connection, since: datetime | None, provider_ids: Sequence[str]
) -> dict[date, int]:
    """Return day, in UTC, -> how many events were recorded then, facts included; without days that have none."""
    batches = event_batches.c
    day = _day(connection.dialect.name)
    query = sa.select(day, sa.func.sum(batches.event_count)).group_by(day).order_by(day)
    if since is not None:
        query = query.where(batches.recorded_at >= since)
    if provider_ids:
        query = query.where(batches.provider_id.in_(provider_ids))
    return {date.fromisoformat(text): int(count) for text, count in connection.execute(query) if count}


def _day(dialect: str) -> sa.ColumnElement[Any]:
    recorded_at = event_batches.c.recorded_at
    if dialect == "postgresql":
        return sa.func.to_char(sa.func.timezone("UTC", recorded_at), "YYYY-MM-DD")
    return sa.func.substr(sa.cast(recorded_at, sa.Text), 1, 10)


def _conditions(wanted: ChangeFilter) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(event_batches.c.recorded_at >= wanted.since)
    if wanted.until is not None:
        found.append(event_batches.c.recorded_at < wanted.until)
    if wanted.provider_ids:
        found.append(event_batches.c.provider_id.in_(wanted.provider_ids))
    if set(wanted.kinds) != set(EventKind):
        found.append(model_events.c.kind.in_([kind.value for kind in wanted.kinds]))
    return found
