"""The changes of the catalog in the order of commits, with a cursor that misses none and repeats none.

A page is read from one snapshot and in two steps: the batches after the cursor by their position, then the events of as
many of them as fit the page by ranges of ids. No statement reads more events than the page may have.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, overload

import msgspec
import sqlalchemy as sa

from ghost_pipeline.catalog.history.descriptions import changed_values, describe_event
from ghost_pipeline.catalog.storage.tables import (
    catalog_identity,
    event_batches,
    listings,
    model_events,
    models,
    providers,
)
from ghost_pipeline.errors import InvalidCursor
from ghost_pipeline.lifecycle.validation import parse_instant
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source

MAX_PAGE = 1_000
"""Changes that are in memory at a time."""

RECENT_USE = timedelta(hours=24)
"""How long before a change a use of the model is worth a remark."""

_CURSOR = re.compile(r"c1-([0-9a-f]{32})-(-?[0-9]{1,18})-(-?[0-9]{1,18})")


_LAST_ID = 10**18 - 1
"""No event has a higher id."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the changes of one catalog: after an event of a batch, and after everything before that batch."""

    catalog_id: str
    position: int = 0
    event_id: int = 0

    def __str__(self) -> str:
        return f"c1-{self.catalog_id}-{self.position}-{self.event_id}"


def parse_cursor(text: str) -> Cursor:
    """Return the cursor in a text that a page of changes had. Raises InvalidCursor."""
    match = _CURSOR.fullmatch(text.strip())
    if match is None:
        raise InvalidCursor(f"{text[:100]!r} is not a cursor", "pass on the cursor of an earlier answer as it was")
    return Cursor(match[1], int(match[2]), int(match[3]))


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which changes a page has. Instants are those when a change was recorded."""

    provider_ids: tuple[str, ...] = ()
    """Slugs; empty for all."""
    kinds: tuple[EventKind, ...] = tuple(EventKind)
    since: datetime | None = None
    """The earliest instant."""
    until: datetime | None = None
    """The instant before which they were recorded."""


class Change(msgspec.Struct, frozen=True):
    """One change of one model. A struct and not a dataclass, because millions of them may be read."""

    id: int
    at: datetime
    """When it happened, by its evidence."""
    kind: EventKind
    provider_id: str
    model_id: str
    name: str | None
    reason: str
    """Why, in a few words."""
    old: Mapping[str, Any] | None
    """Fact -> value before, of the facts that changed; None for a change of another kind."""
    new: Mapping[str, Any] | None
    listing_id: int | None
    sha256: str | None
    """The digest of the listing."""
    run_id: str | None
    was_used_within_24h: bool | None
    """Whether the model was used in the 24 hours before; None if that is not known any more."""


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Consecutive changes, the oldest first, and where to continue."""

    changes: Sequence[Change]
    cursor: str
    """Passed as ``since``, it gives what follows, also what was not committed yet."""
    is_end: bool
    """Nothing else was committed when the page was read."""
    cursors: Sequence[str] = ()
    """The cursor after each change, to continue from within the page."""


def find_cursor(connection: sa.Connection, since: Cursor | datetime | None) -> Cursor:
    """Return the cursor from which changes are read: ``since`` itself, or before the first one since an instant.

    None is before all changes. Raises InvalidCursor if it is of another catalog, or newer than this one.
    """
    catalog_id = connection.execute(sa.select(catalog_identity.c.id)).scalar_one()
    if isinstance(since, Cursor):
        _require_own(connection, since, catalog_id)
        return since
    if since is None:
        first = connection.execute(sa.select(sa.func.min(event_batches.c.position))).scalar()
        return Cursor(catalog_id) if first is None else _before(catalog_id, first)
    # Of each provider one look-up: its batches are recorded in the order of their positions.
    earliest = (
        sa.select(event_batches.c.position)
        .where(event_batches.c.provider_id == providers.c.id, event_batches.c.recorded_at >= since)
        .order_by(event_batches.c.recorded_at, event_batches.c.position)
        .limit(1)
    )
    positions = [row[0] for row in connection.execute(sa.select(earliest.scalar_subquery())) if row[0] is not None]
    return _before(catalog_id, min(positions)) if positions else find_end(connection, catalog_id)


def _before(catalog_id: str, position: int) -> Cursor:
    """Return the cursor before a position, which is negative or 0 if the history was backfilled."""
    return Cursor(catalog_id, position - 1, _LAST_ID)


def find_end(connection: sa.Connection, catalog_id: str) -> Cursor:
    """Return the cursor after everything that is committed."""
    newest = sa.select(event_batches.c.position, event_batches.c.last_id).order_by(event_batches.c.position.desc())
    row = connection.execute(newest.limit(1)).one_or_none()
    return Cursor(catalog_id) if row is None else Cursor(catalog_id, row.position, row.last_id)


def _require_own(connection: sa.Connection, cursor: Cursor, catalog_id: str) -> None:
    if cursor.catalog_id != catalog_id:
        raise InvalidCursor(
            "the cursor is of another catalog", "start again with an instant such as 24h, or set GHOST_DATABASE_URL"
        )
    if cursor.position > find_end(connection, catalog_id).position:
        raise InvalidCursor(
            "the cursor is newer than this catalog, which was restored from an older copy",
            "start again with an instant such as 24h",
        )


def read_change_page(connection: sa.Connection, wanted: ChangeFilter, after: Cursor, limit: int) -> ChangePage:
    """Return at most ``limit`` changes after a cursor of this catalog. The connection reads from one snapshot."""
    changes: list[Change] = []
    positions: list[int] = []
    is_end = False
    size = _FEW_BATCHES
    while len(changes) < limit and not is_end:
        size = min(size, limit)
        batches = read_batches(connection, wanted, after, size)
        taken = _take(batches, limit - len(changes))
        placed = _read_events(connection, wanted, taken, after, limit - len(changes))
        changes += [to_change(row) for _, row in placed]
        positions += [position for position, _ in placed]
        if len(changes) == limit:
            cursors = _Cursors(after.catalog_id, positions, changes)
            return ChangePage(changes, cursors[-1], is_end=False, cursors=cursors)
        if taken:
            after = Cursor(after.catalog_id, taken[-1].position, taken[-1].last_id)
        if len(taken) == len(batches):
            is_end = len(batches) < size
            size *= 4
    end = str(find_end(connection, after.catalog_id))
    return ChangePage(changes, end, is_end=True, cursors=_Cursors(after.catalog_id, positions, changes))


_FEW_BATCHES = 16
"""Batches that are read first: one may fill the page, or each may have a single event."""


class _Cursors(Sequence[str]):
    """The cursor after each change, formatted when it is read: most readers need only the last one."""

    def __init__(self, catalog_id: str, positions: Sequence[int], changes: Sequence[Change]) -> None:
        self._catalog_id = catalog_id
        self._positions = positions
        self._changes = changes

    def __len__(self) -> int:
        return len(self._changes)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        return str(Cursor(self._catalog_id, self._positions[index], self._changes[index].id))


def read_batches(connection: sa.Connection, wanted: ChangeFilter, after: Cursor, limit: int) -> Sequence[sa.Row[Any]]:
    """Return the first batches after a cursor, in the order of commits; the first one may be that of the cursor."""
    batches = event_batches.c
    query = (
        sa.select(batches.position, batches.provider_id, batches.first_id, batches.last_id, batches.event_count)
        .where(
            batches.position >= after.position,
            sa.or_(batches.position > after.position, batches.last_id > after.event_id),
        )
        .order_by(batches.position)
        .limit(limit)
    )
    if wanted.provider_ids:
        query = query.where(batches.provider_id.in_(wanted.provider_ids))
    if wanted.since is not None:
        query = query.where(batches.recorded_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(batches.recorded_at < wanted.until)
    return connection.execute(query).all()


def _take(batches: Sequence[sa.Row[Any]], room: int) -> Sequence[sa.Row[Any]]:
    """Return the first batches that are read together: one of any size, or as many whole ones as there is room for.

    Their ids are close together, so that the range of all of them has few other events.
    """
    taken = count = 0
    low, high = (batches[0].first_id, batches[0].last_id) if batches else (0, 0)
    for batch in batches:
        low, high = min(low, batch.first_id), max(high, batch.last_id)
        count += batch.event_count
        if taken and (count > room or high - low > _SPREAD * room):
            break
        taken += 1
    return batches[:taken]


_SPREAD = 4


def _read_events(
    connection: sa.Connection, wanted: ChangeFilter, taken: Sequence[sa.Row[Any]], after: Cursor, limit: int
) -> list[tuple[int, sa.Row[Any]]]:
    """Return the events of the batches after the cursor with their positions, in order; of one batch ``limit``."""
    if not taken:
        return []
    low = min(batch.first_id for batch in taken)
    if len(taken) == 1 and taken[0].position == after.position:
        low = max(low, after.event_id + 1)
    events = model_events.c
    query = _EVENTS.where(events.id.between(low, max(batch.last_id for batch in taken))).order_by(events.id)
    if set(wanted.kinds) != set(EventKind):
        query = query.where(events.kind.in_([kind.value for kind in wanted.kinds]))
    slugs = {batch.provider_id for batch in taken}
    if len(slugs) == 1:
        # Not by the index of providers and models, which would read all events of the provider.
        query = query.where(sa.func.coalesce(events.provider_id, "") == slugs.pop())
    if len(taken) == 1:
        return [(taken[0].position, row) for row in connection.execute(query.limit(limit)).all()]
    placed = _place(connection.execute(query).all(), taken)
    return [one for one in placed if one[0] > after.position or one[1].id > after.event_id]


def _place(rows: Iterable[sa.Row[Any]], taken: Sequence[sa.Row[Any]]) -> list[tuple[int, sa.Row[Any]]]:
    """Return the rows of the batches with the positions of those, by position and id; rows of others are left out."""
    ranges: dict[str, list[sa.Row[Any]]] = {}
    for batch in taken:  # of one provider their ids follow their positions
        ranges.setdefault(batch.provider_id, []).append(batch)
    current = dict.fromkeys(ranges, 0)
    placed = []
    for row in rows:
        of_provider = ranges.get(row.provider_id, ())
        index = current.get(row.provider_id, 0)
        while index < len(of_provider) and row.id > of_provider[index].last_id:
            index += 1
        current[row.provider_id] = index
        if index < len(of_provider) and row.id >= of_provider[index].first_id:
            placed.append((of_provider[index].position, row))
    placed.sort(key=_by_position)
    return placed


def _by_position(placed: tuple[int, sa.Row[Any]]) -> int:
    return placed[0]


CHANGE_COLUMNS = (
    *(model_events.c[name] for name in ("id", "at", "kind", "provider_id", "model_id")),
    *(model_events.c[name] for name in ("source", "listing_id", "run_id", "details")),
    models.c.id.is_not(None),
    models.c.name,
    models.c.last_used_at,
    listings.c.sha256,
)
"""The columns that ``to_change`` takes."""


def join_evidence(query: sa.Select[Any]) -> sa.Select[Any]:
    """Return a query of events that also has the model and the listing of each, as CHANGE_COLUMNS needs."""
    is_model = sa.and_(models.c.provider_id == model_events.c.provider_id, models.c.model_id == model_events.c.model_id)
    return query.outerjoin(models, is_model).outerjoin(listings, listings.c.id == model_events.c.listing_id)


_EVENTS = join_evidence(sa.select(*CHANGE_COLUMNS).select_from(model_events))


_KINDS = {kind.value: kind for kind in EventKind}
_SOURCES: Mapping[str | None, Source] = {source.value: source for source in Source}
"""Look-ups, which cost less than the calls of an enumeration."""


_NO_DETAILS: Mapping[str, Any] = {}


def to_change(row: sa.Row[Any]) -> Change:
    """Return the change in a row of CHANGE_COLUMNS."""
    id_, at, kind, provider_id, model_id, source, listing_id, run_id, details, is_known, name, last_used_at, sha256 = (
        row
    )
    details = details or _NO_DETAILS
    if "row" in details:  # what the model was when it left
        is_known, name, last_used_at = True, details["row"].get("name"), details["row"].get("last_used_at")
        last_used_at = None if last_used_at is None else parse_instant(last_used_at)
    event_kind = _KINDS[kind]
    old, new = changed_values(event_kind, details)
    was_used = _was_used(last_used_at, at) if is_known else None
    reason = describe_event(event_kind, _SOURCES.get(source), details)
    # By position, which costs a third of what names cost.
    return Change(
        id_, at, event_kind, provider_id, model_id, name, reason, old, new, listing_id, sha256, run_id, was_used
    )


def _was_used(last_used_at: datetime | None, at: datetime) -> bool | None:
    if last_used_at is None:
        return False
    return at - last_used_at <= RECENT_USE if last_used_at <= at else None
