"""The order of the events: when each was recorded, and the positions in which transactions were committed.

PostgreSQL numbers an event when it is written, so an event with a lower id may become visible after one with a higher
id. Just before a transaction commits, the events that it wrote take the next position of ``event_batches``, under a
lock that is held until the commit is visible. So a reader that sees a position sees every lower one, and a position is
a cursor without gaps. It is plain data: it survives a dump into another server, which transaction ids do not.

An event is recorded at the instant of its operation, but never before an earlier event of its provider. So of each
provider the events that are recorded after any instant are the last ones by id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.storage.tables import event_batches, model_events, providers

COMMIT_LOCK = 0x67686F7375
"""PostgreSQL's advisory lock for the next position. SQLite has one writer at a time."""

PREPEND_LOCK = 0x67686F7376
"""PostgreSQL's advisory lock for a lowest position, which no other writer waits for."""

_OPTION = "event_log"

_NEWEST = sa.select(
    providers.c.id,
    sa.select(sa.func.coalesce(sa.func.max(model_events.c.id), 0)).scalar_subquery(),
    sa.select(sa.func.max(event_batches.c.recorded_at))
    .where(event_batches.c.provider_id == providers.c.id)
    .scalar_subquery(),
)
"""The newest event of all, and when the latest event of each provider was recorded."""


def slugs_of(count: int) -> list[sa.BindParameter[str]]:
    """Return the parameters of a statement about ``count`` providers, for ``slug_parameters``.

    Unlike a list as one parameter, which SQLAlchemy expands again whenever the statement is executed.
    """
    return [sa.bindparam(f"slug_{number}") for number in range(count)]


def slug_parameters(slugs: Sequence[str]) -> dict[str, str]:
    """Return the values of ``slugs_of``."""
    return {f"slug_{number}": slug for number, slug in enumerate(slugs)}


@lru_cache(maxsize=20)
def _newest_of(count: int) -> sa.Select[Any]:
    return _NEWEST.where(providers.c.id.in_(slugs_of(count)))


@dataclass(slots=True)
class _Recording:
    """What one transaction records of one provider."""

    after_id: int
    """The newest event before its first one."""
    at: datetime
    """When its latest event was recorded."""


@dataclass(slots=True)
class _EventLog:
    """What one transaction records, by provider."""

    recordings: dict[str, _Recording] = field(default_factory=dict)


def begin() -> dict[str, Any]:
    """Return the option of a connection whose transaction may record events."""
    return {_OPTION: _EventLog()}


def recording_instant(connection: sa.Connection, provider_id: str, at: datetime) -> datetime:
    """Return when an event of an operation ``at`` is recorded. The caller holds the provider's lock."""
    return recording_instants(connection, {provider_id: at})[provider_id]


def recording_instants(connection: sa.Connection, operations: Mapping[str, datetime]) -> dict[str, datetime]:
    """Return provider -> when an event of its operation is recorded. Call it before the events are written."""
    recordings = connection.get_execution_options()[_OPTION].recordings
    new = [slug for slug in operations if slug not in recordings]
    if new:
        for slug, after_id, recorded_at in connection.execute(_newest_of(len(new)), slug_parameters(new)):
            recordings[slug] = _Recording(after_id, recorded_at or operations[slug])
    for slug, at in operations.items():
        recordings[slug].at = max(recordings[slug].at, at)
    return {slug: recordings[slug].at for slug in operations}


def take_positions(connection: sa.Connection) -> None:
    """Give the events of the transaction their positions. Nothing but the commit may follow."""
    recordings = connection.get_execution_options()[_OPTION].recordings
    if not recordings:
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({COMMIT_LOCK})")
    parameters: dict[str, object] = {"lowest": min(one.after_id for one in recordings.values())}
    for number, (slug, one) in enumerate(recordings.items()):
        parameters |= {f"slug_{number}": slug, f"after_{number}": one.after_id}
    connection.execute(_insert_batches(len(recordings)), parameters)


def cap_recorded_at(connection: sa.Connection, provider_id: str, limit: datetime, corrected: datetime) -> None:
    """Set when the provider's events were recorded to ``corrected`` where that is after ``limit``; keep their order.

    For events that were recorded while some machine's clock was ahead: without it, every later event would be recorded
    in the future too. Call it before the transaction records events of the provider.
    """
    batches = event_batches.c
    is_of_provider = batches.provider_id == provider_id
    query = sa.select(sa.func.min(batches.first_id)).where(is_of_provider, batches.recorded_at > limit)
    first_id = connection.execute(query).scalar()
    if first_id is None:
        return
    query = sa.select(sa.func.max(batches.recorded_at)).where(is_of_provider, batches.recorded_at <= limit)
    capped = max(connection.execute(query).scalar() or corrected, corrected)
    is_future = (model_events.c.provider_id == provider_id, model_events.c.id >= first_id)
    connection.execute(sa.update(model_events).where(*is_future).values(recorded_at=capped))
    connection.execute(
        sa.update(event_batches).where(is_of_provider, batches.recorded_at > limit).values(recorded_at=capped)
    )


def prepend_batches(
    connection: sa.Connection,
    provider_id: str,
    first_id: int | None,
    begins_at: datetime,
    groups: Sequence[tuple[datetime, int]],
) -> int:
    """Add batches for events that go before all others. Return the id of the first of these events.

    Positions and ids are lower than any, so both are negative or 0. Batches of events of the provider that were deleted
    are removed, since they would come between; the newest batch of all stays, so that no position is given twice.

    Args:
        connection: In a transaction that holds the provider's lock.
        provider_id: The provider's slug.
        first_id: The provider's first event; None if it has none.
        begins_at: When that was recorded; none of the new events is recorded later.
        groups: When the new events are recorded and how many there are, in order.
    """
    batches = event_batches.c
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({PREPEND_LOCK})")
    newest = connection.execute(sa.select(sa.func.max(batches.position))).scalar()
    is_empty = (batches.provider_id == provider_id, sa.true() if first_id is None else batches.last_id < first_id)
    connection.execute(sa.delete(event_batches).where(*is_empty, batches.position != newest))
    connection.execute(sa.update(event_batches).where(*is_empty).values(recorded_at=begins_at, event_count=0))
    lowest = sa.select(
        sa.select(sa.func.min(model_events.c.id)).scalar_subquery(),
        sa.select(sa.func.min(batches.position)).scalar_subquery(),
    )
    lowest_id, lowest_position = (min(1, 1 if found is None else found) for found in connection.execute(lowest).one())
    next_id = begin = lowest_id - sum(count for _, count in groups)
    rows = []
    for position, (recorded_at, count) in enumerate(groups, lowest_position - len(groups)):
        rows.append(
            {
                "position": position,
                "provider_id": provider_id,
                "recorded_at": recorded_at,
                "first_id": next_id,
                "last_id": next_id + count - 1,
                "event_count": count,
            }
        )
        next_id += count
    if rows:
        connection.execute(sa.insert(event_batches), rows)
    return begin


@lru_cache(maxsize=20)
def _insert_batches(count: int) -> sa.Insert:
    """Return the statement that gives the transaction's events of ``count`` providers the next positions.

    A position is of one provider and instant. While it holds a provider's lock, no other transaction writes events of
    that provider.
    """
    events = model_events.c
    first_id = sa.func.min(events.id)
    last_position = sa.select(sa.func.coalesce(sa.func.max(event_batches.c.position), 0)).scalar_subquery()
    # A CASE can't be looked up in an index, so that both databases read the newest rows and not all of a provider.
    after_id = sa.case(
        *(
            (events.provider_id == sa.bindparam(f"slug_{number}"), sa.bindparam(f"after_{number}", type_=sa.BigInteger))
            for number in range(count)
        )
    )
    batches = (
        sa.select(
            last_position + sa.func.row_number().over(order_by=first_id),
            events.provider_id,
            events.recorded_at,
            first_id,
            sa.func.max(events.id),
            sa.func.count(),
        )
        .where(events.id > sa.bindparam("lowest", type_=sa.BigInteger), events.id > after_id)
        .group_by(events.provider_id, events.recorded_at)
    )
    columns = ["position", "provider_id", "recorded_at", "first_id", "last_id", "event_count"]
    return sa.insert(event_batches).from_select(columns, batches)
