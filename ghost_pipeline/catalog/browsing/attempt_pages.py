"""Pages of the attempts to list a provider's models, what one listing changed, and what it lacked."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.storage.archive import Archive
from ghost_pipeline.catalog.storage.repository import EVENT_COLUMNS, model_event
from ghost_pipeline.catalog.storage.tables import event_batches, listings, model_events
from ghost_pipeline.errors import ArchiveError
from ghost_pipeline.lifecycle.records import ModelEvent
from ghost_pipeline.lifecycle.vocabulary import EventKind, Verdict
from ghost_pipeline.listings.parsing import ListingReader

MOST_READ = 10
"""Listings that are read from the archive to find what one of them lacks."""

MOST_BYTES = 20_000_000
"""Bytes of them together: they are parsed for everyone who looks at the page."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Everything that a row of ``listings`` records of one attempt."""

    id: int
    provider_id: str
    file_name: str | None
    """None for a failed fetch, as are the digest, the size and the format version."""
    sha256: str | None
    bytes: int | None
    format_version: str | None
    observed_at: datetime
    is_late: bool
    verdict: Verdict
    is_accepted_empty: bool
    reason: str | None
    model_count: int | None
    """None until it is reconciled, as are the other counts."""
    created_count: int | None
    updated_count: int | None
    confirmed_count: int | None
    reactivated_count: int | None
    missing_count: int | None
    inactive: Sequence[str]
    missing_ids: Sequence[str] | None
    """Of a shrunken listing, the expected models that it lacks; None for others."""
    run_id: str | None
    seconds: float | None
    pages: int | None
    status: int | None


_COLUMNS = tuple(listings.c[one.name] for one in fields(Attempt))
_NEWEST_FIRST = (listings.c.observed_at.desc(), listings.c.id.desc())


def _attempt(row: sa.Row[Any]) -> Attempt:
    values = dict(row._mapping)
    return Attempt(**{**values, "verdict": Verdict(values["verdict"])})


def list_attempts(
    connection: sa.Connection, provider_id: str, limit: int, before: tuple[datetime, int] | None = None
) -> list[Attempt]:
    """Return at most ``limit`` attempts of a provider, the newest first; of those before an instant and id."""
    query = sa.select(*_COLUMNS).where(listings.c.provider_id == provider_id).order_by(*_NEWEST_FIRST).limit(limit)
    if before is not None:
        at, listing_id = before
        query = query.where(
            listings.c.observed_at <= at, sa.or_(listings.c.observed_at < at, listings.c.id < listing_id)
        )
    return [_attempt(row) for row in connection.execute(query)]


def find_attempt_by_id(connection: sa.Connection, listing_id: int) -> Attempt | None:
    """Return one attempt; None if there is none with this id."""
    row = connection.execute(sa.select(*_COLUMNS).where(listings.c.id == listing_id)).one_or_none()
    return None if row is None else _attempt(row)


def _ranges(connection: sa.Connection, attempt: Attempt) -> list[tuple[int, int]]:
    """Return the first and the last id of each batch of events that the listing wrote: the batch begins with its own.

    A listing is recorded at the instant at which it was observed or later, so an index finds where to begin.
    """
    batches = event_batches.c
    query = (
        sa.select(batches.first_id, batches.last_id)
        .join(model_events, sa.and_(model_events.c.id == batches.first_id, model_events.c.listing_id == attempt.id))
        .where(batches.provider_id == attempt.provider_id, batches.recorded_at >= attempt.observed_at)
        .order_by(batches.position)
        .limit(10)
    )
    return [(first, last) for first, last in connection.execute(query)]


def _is_of(attempt: Attempt, ranges: Sequence[tuple[int, int]]) -> sa.ColumnElement[bool]:
    events = model_events.c
    return sa.and_(
        sa.or_(*(events.id.between(first, last) for first, last in ranges)),
        sa.func.coalesce(events.provider_id, "") == attempt.provider_id,  # by the ranges, and not by the other index
        events.listing_id == attempt.id,
    )


def read_listing_events(
    connection: sa.Connection, attempt: Attempt, limit: int
) -> tuple[dict[EventKind, int], list[ModelEvent]]:
    """Return how many events of each kind a listing wrote, and at most ``limit`` of them, ``changed`` ones last."""
    ranges = _ranges(connection, attempt)
    if not ranges:
        return {}, []
    which = _is_of(attempt, ranges)
    kinds = sa.select(model_events.c.kind, sa.func.count()).where(which).group_by(model_events.c.kind)
    counts = {EventKind(kind): count for kind, count in connection.execute(kinds)}
    is_change = sa.case((model_events.c.kind == EventKind.CHANGED.value, 1), else_=0)
    query = sa.select(*EVENT_COLUMNS).where(which).order_by(is_change, model_events.c.id).limit(limit)
    return counts, [model_event(row) for row in connection.execute(query)]


def list_preceding(connection: sa.Connection, attempt: Attempt) -> list[Attempt]:
    """Return the listings whose models were expected of this one: the complete one before it, and those in between.

    Equal bytes are returned once. Empty if there is no complete one, or if to read them takes too long.
    """
    found: dict[str | None, Attempt] = {attempt.sha256: attempt}
    for earlier in list_attempts(connection, attempt.provider_id, 10 * MOST_READ, (attempt.observed_at, attempt.id)):
        if earlier.verdict.lists_models and not earlier.is_late:
            found.setdefault(earlier.sha256, earlier)
        if earlier.verdict is Verdict.COMPLETE and not earlier.is_late:
            is_much = len(found) > MOST_READ or sum(one.bytes or 0 for one in found.values()) > MOST_BYTES
            return [] if is_much else [one for one in found.values() if one is not attempt]
    return []


def find_missing(archive: Archive, reader: ListingReader, attempt: Attempt, preceding: Sequence[Attempt]) -> list[str]:
    """Return the models that the preceding listings contain and this one does not, as the archive has their bytes.

    Models that the provider marks as inactive are not missing. Raises ArchiveError for pruned and for damaged bytes.
    """
    present: set[str] = set()
    expected: set[str] = set()
    for one in (attempt, *preceding):
        listing = reader.parse(one.provider_id, archive.load(str(one.sha256)))
        if listing.malformed_reason is not None:
            raise ArchiveError(f"the bytes of listing {one.id} can no longer be read", listing.malformed_reason)
        ids = {model.model_id for model in listing.models}
        if one is attempt:
            present = ids | set(listing.inactive_ids)
        else:
            expected |= ids
    return sorted(expected - present)
