"""Add the history before a provider's first recorded event, derived from listings that were archived before.

``replay`` defines what is derived. This module finds where a history is missing, and puts the events before all others:
their ids and positions are lower than any in the catalog, so that of each provider the events that were recorded after
an instant stay the last ones by id. A cursor that was handed out before does not give them, because they are not new.

Nothing else changes: no model, provider, listing or recorded event, and nothing in the archive. Only the batches of
events that are not there any more are removed. Each provider is one transaction. Repeating it changes nothing: a
provider whose first event was derived, or whose events begin with its first listing, is complete.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.history.replay import Replay, group_by_instant
from ghost_pipeline.catalog.ingestion import attempts
from ghost_pipeline.catalog.results import ListingOutcome
from ghost_pipeline.catalog.storage import event_log, repository
from ghost_pipeline.catalog.storage.archive import Archive
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.repository import EVENT_COLUMNS, MODEL_COLUMNS, model_event, model_record
from ghost_pipeline.catalog.storage.tables import model_events, models
from ghost_pipeline.errors import ArchiveError
from ghost_pipeline.lifecycle.events import BACKFILLED, rebuild
from ghost_pipeline.lifecycle.records import Listing, ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline.listings.parsing import ListingReader
from ghost_pipeline.settings import Thresholds

CHUNK = 1_000
"""Models that are read, and events that are written, by one statement."""


@dataclass(frozen=True, slots=True)
class BackfilledProvider:
    """What was derived of one provider, or would be in a dry run."""

    provider_id: str
    events: int
    """Events that were added; 0 if nothing is missing."""
    listings: int
    """Reconciled listings that were read again."""
    unreadable_listings: int
    """Those among them whose bytes are not in the archive, or can't be read any more."""
    begins_at: datetime | None
    """When its history begins now; None without a change."""


@dataclass(frozen=True, slots=True)
class _Gap:
    """What is missing before a provider's first recorded event."""

    provider_id: str
    first_id: int | None
    """The first recorded event; None if there is none."""
    begins_at: datetime
    known: Mapping[str, ModelRecord]
    """The models with which the recorded events begin."""
    outcomes: Sequence[ListingOutcome]
    """The attempts before, the oldest first."""


@dataclass(slots=True)
class _ArchiveReader:
    """Reads reconciled listings from the archive, and remembers the last one, which is often repeated."""

    archive: Archive
    reader: ListingReader
    unreadable: set[int] = field(default_factory=set)
    last: tuple[str | None, Listing | None] = (None, None)

    def read(self, outcome: ListingOutcome) -> Listing | None:
        """Return the listing; None if its bytes are missing, damaged or malformed for today's reader."""
        digest = outcome.attempt.sha256
        if digest is not None and self.last[0] != digest:
            self.last = (digest, self._load(outcome.provider_id, digest))
        if self.last[1] is None:
            self.unreadable.add(outcome.listing_id)
        return self.last[1]

    def _load(self, provider_id: str, digest: str) -> Listing | None:
        try:
            content = self.archive.load(digest)
        except ArchiveError as error:
            if error.__cause__ is None or isinstance(error.__cause__, FileNotFoundError):
                return None
            raise
        listing = self.reader.parse(provider_id, content)
        return listing if listing.malformed_reason is None else None


def backfill(
    database: Database,
    archive: Archive,
    reader: ListingReader,
    thresholds: Thresholds,
    provider_ids: Sequence[str],
    now: datetime,
    report: Callable[[str, int, int], None],
    *,
    is_dry_run: bool,
) -> list[BackfilledProvider]:
    """Add the missing history of the providers, each in a transaction of its own; a dry run only derives it.

    ``report`` is called with a provider's slug and the number of steps done and in all. Raises ArchiveError if the
    archive can't be reached, CatalogError.
    """
    results = []
    for slug in provider_ids:
        is_written = False
        while not is_written:
            with database.reading() as connection:
                gap = _find_gap(connection, slug, now)
            if gap is None:
                results.append(BackfilledProvider(slug, 0, 0, 0, None))
                break
            listings = _ArchiveReader(archive, reader)
            replay = Replay(slug, gap.known, gap.begins_at, thresholds)
            replay.run(gap.outcomes, listings.read, partial(report, slug))
            # Not written if the first event of the provider was recorded meanwhile.
            is_written = is_dry_run or database.write(partial(_prepend, gap=gap, events=replay.events))
            if is_written:
                read = sum(outcome.verdict.lists_models for outcome in gap.outcomes)
                begins_at = replay.events[0].at if replay.events else None
                results.append(BackfilledProvider(slug, len(replay.events), read, len(listings.unreadable), begins_at))
    return results


def _find_gap(connection: sa.Connection, provider_id: str, now: datetime) -> _Gap | None:
    """Return what is missing of a provider; None if its recorded events begin with its first model."""
    events = model_events.c
    first_id = connection.execute(sa.select(sa.func.min(events.id)).where(events.provider_id == provider_id)).scalar()
    begins_at = now
    if first_id is not None:
        first = connection.execute(sa.select(*EVENT_COLUMNS).where(events.id == first_id)).one()
        begins_at = first.recorded_at
        if (first.details or {}).items() >= BACKFILLED.items():
            return None
    known = _read_known(connection, provider_id)
    outcomes = attempts.list_attempts_before(connection, provider_id, begins_at)
    listed = [outcome.listing_id for outcome in outcomes if outcome.verdict.lists_models]
    if listed and first_id is not None:
        caused = sa.select(events.listing_id).where(events.provider_id == provider_id, events.listing_id.is_not(None))
        recorded = set(connection.execute(caused.distinct()).scalars())
        outcomes = [outcome for outcome in outcomes if outcome.listing_id not in recorded]
    is_missing = known or any(outcome.verdict.lists_models for outcome in outcomes)
    return _Gap(provider_id, first_id, begins_at, known, outcomes) if is_missing else None


def _read_known(connection: sa.Connection, provider_id: str) -> dict[str, ModelRecord]:
    """Return the provider's models before its first recorded event: those whose arrival is not recorded."""
    events = model_events.c
    is_of_provider = events.provider_id == provider_id
    firsts = sa.select(sa.func.min(events.id)).where(is_of_provider).group_by(events.model_id)
    arrivals = (EventKind.DISCOVERED.value, EventKind.RESTORED.value)
    departed = sa.select(events.model_id).where(is_of_provider, events.id.in_(firsts), events.kind.not_in(arrivals))
    is_recorded = sa.exists().where(is_of_provider, events.model_id == models.c.model_id)
    unrecorded = sa.select(models.c.model_id).where(models.c.provider_id == provider_id, ~is_recorded)
    ids = [*connection.execute(departed).scalars(), *connection.execute(unrecorded).scalars()]
    known: dict[str, ModelRecord] = {}
    for begin in range(0, len(ids), CHUNK):
        some = ids[begin : begin + CHUNK]
        query = sa.select(*MODEL_COLUMNS).where(models.c.provider_id == provider_id, models.c.model_id.in_(some))
        current = {row.model_id: model_record(row) for row in connection.execute(query)}
        newest_first = sa.select(*EVENT_COLUMNS).where(is_of_provider, events.model_id.in_(some))
        undone: dict[str, list[ModelEvent]] = {model_id: [] for model_id in some}
        for row in connection.execute(newest_first.order_by(events.id.desc())):
            undone[row.model_id].append(model_event(row))
        before = {model_id: rebuild(current.get(model_id), undone[model_id]) for model_id in some}
        known.update((model_id, record) for model_id, record in before.items() if record is not None)
    return known


def _prepend(connection: sa.Connection, gap: _Gap, events: Sequence[ModelEvent]) -> bool:
    """Write events before all others. Return False if the provider's first event is not the one that it was."""
    repository.get_or_create_provider(connection, gap.provider_id)
    of_provider = sa.select(sa.func.min(model_events.c.id)).where(model_events.c.provider_id == gap.provider_id)
    if connection.execute(of_provider).scalar() != gap.first_id:
        return False
    groups = [(at, len(some)) for at, some in group_by_instant(events)]
    next_id = event_log.prepend_batches(connection, gap.provider_id, gap.first_id, gap.begins_at, groups)
    for begin in range(0, len(events), CHUNK):
        some = enumerate(events[begin : begin + CHUNK], next_id + begin)
        values: list[dict[str, Any]] = [{"id": number, **repository.event_values(one, one.at)} for number, one in some]
        connection.execute(sa.insert(model_events), values)
    return True
