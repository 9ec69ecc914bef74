"""The changes that were recorded in a span of time, the newest first, and how many there are by day and kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.history.changes import CHANGE_COLUMNS, Change, ChangeFilter, join_evidence, to_change
from ghost_pipeline.catalog.storage.tables import event_batches, model_events
from ghost_pipeline.lifecycle.vocabulary import EventKind

MOST_COUNTED = 100_000
"""Events that are read to count those of some kinds, before and after a day."""

MOST_SEARCHED = 1_000_000
"""Events that are read until one of the kinds is found."""

_DAYS_AT_A_TIME = 30
"""Days that one statement counts."""

_IS_IN_BATCH = sa.and_(
    model_events.c.id.between(event_batches.c.first_id, event_batches.c.last_id),
    # Not by the index of providers and models, which would read all events of the provider.
    # Neither by that of batches: SQLite without statistics would read all events, and look for the batch of each.
    sa.func.coalesce(model_events.c.provider_id, "") == event_batches.c.provider_id.concat(""),
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


@dataclass(frozen=True, slots=True)
class CountedDays:
    """How many changes of the chosen kinds were recorded on the days around one, as far as they were counted."""

    counts: Mapping[date, int]
    """Day, in UTC, -> count; without days that have none."""
    uncounted_before: date | None
    """The newest earlier day whose kinds were not counted, None if there are none; it has events of some kind."""
    uncounted_after: date | None
    """The oldest such later day."""


def count_kinds_around(
    connection: sa.Connection, kinds: Sequence[EventKind], provider_ids: Sequence[str], around: date | None
) -> CountedDays:
    """Count the changes of some kinds by day: on a day, by default the newest one, and before and after it.

    No index has the kinds. So the events are counted day by day away from ``around``, and no more of them than
    MOST_COUNTED in each direction, or MOST_SEARCHED as long as none of the kinds was found.
    """
    days = count_changes_by_day(connection, None, provider_ids)
    if set(kinds) == set(EventKind):
        return CountedDays(days, None, None)
    middle = around or max(days, default=date.min)
    counts: dict[date, int] = {}
    earlier = sorted((day for day in days if day <= middle), reverse=True)
    later = sorted(day for day in days if day > middle)
    left = [_count_in_turn(connection, wanted, days, kinds, provider_ids, counts) for wanted in (earlier, later)]
    return CountedDays(counts, *left)


def _count_in_turn(
    connection: sa.Connection,
    wanted: Sequence[date],
    days: Mapping[date, int],
    kinds: Sequence[EventKind],
    provider_ids: Sequence[str],
    counts: dict[date, int],
) -> date | None:
    """Add the counts of one day after the other to ``counts``; return the first day that would be too many."""
    read, has_found, begin = 0, False, 0
    while begin < len(wanted):
        if read >= (MOST_COUNTED if has_found else MOST_SEARCHED):
            return wanted[begin]
        end = begin + 1
        size = days[wanted[begin]]
        while end < len(wanted) and end - begin < _DAYS_AT_A_TIME and size + days[wanted[end]] <= MOST_COUNTED:
            size += days[wanted[end]]
            end += 1
        found = _count_kinds(connection, min(wanted[begin:end]), max(wanted[begin:end]), kinds, provider_ids)
        has_found = has_found or bool(found)
        counts.update(found)
        read, begin = read + size, end
    return None


def _count_kinds(
    connection: sa.Connection, first: date, last: date, kinds: Sequence[EventKind], provider_ids: Sequence[str]
) -> dict[date, int]:
    day = _day(connection.dialect.name)
    wanted = ChangeFilter(tuple(provider_ids), tuple(kinds), begin_of(first), end_of(last))
    query = (
        sa.select(day, sa.func.count())
        .select_from(event_batches)
        .join(model_events, _IS_IN_BATCH)
        .where(*_conditions(wanted))
        .group_by(day)
    )
    return {date.fromisoformat(text): int(count) for text, count in connection.execute(query)}


def begin_of(day: date) -> datetime:
    """Return when a day begins, in UTC."""
    return datetime.combine(day, time(), UTC)


def end_of(day: date) -> datetime | None:
    """Return when the next day begins, in UTC; None after the last day that there is."""
    return None if day == date.max else begin_of(day + timedelta(days=1))


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
        # An expression, for which SQLite does not build an index of all events for the length of the statement.
        found.append(model_events.c.kind.concat("").in_([kind.value for kind in wanted.kinds]))
    return found
