"""The stale sweep and the purge sweep.

The conditions are ``lifecycle.absence.is_stale`` and ``is_purgeable`` once more, in SQL, and part of the very
statement that changes the rows, so that a sighting that lands meanwhile wins. Tests prove them equal.

A sweep changes one provider at a time, each in a transaction of its own, so that it holds nobody else's sightings up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ghost_pipeline.catalog.results import SweepResult
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.repository import MODEL_COLUMNS, model_record, write_events
from ghost_pipeline.catalog.storage.tables import models, providers
from ghost_pipeline.lifecycle.events import tombstone_details
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source
from ghost_pipeline.settings import Thresholds

_Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep looks for, and how it changes what it finds; both say the same condition."""

    find: Callable[[sa.Connection, str | None, datetime, Thresholds], SweepResult]
    change: Callable[[sa.Connection, str | None, datetime, Thresholds, str | None], SweepResult]


def run(
    database: Database,
    sweep: Sweep,
    provider_id: str | None,
    now: datetime,
    thresholds: Thresholds,
    run_id: str | None = None,
    *,
    is_dry_run: bool = False,
) -> SweepResult:
    """Find what is due, of one provider or of all, and change it unless it is a dry run.

    Raises UnknownProvider, CatalogError.
    """
    with database.reading() as connection:
        if provider_id is not None:
            repository.read_provider(connection, provider_id)
        found = sweep.find(connection, provider_id, now, thresholds)
    if is_dry_run:
        return found

    def changed(slug: str) -> SweepResult:
        def change(connection: sa.Connection) -> SweepResult:
            repository.require_provider(connection, slug)
            return sweep.change(connection, slug, now, thresholds, run_id)

        return database.write(change)

    results = [changed(slug) for slug in sorted({slug for slug, _ in found.models})]
    held = {slug: reason for result in (found, *results) for slug, reason in result.held.items()}
    return SweepResult(tuple(model for result in results for model in result.models), held)


def find_stale(
    connection: sa.Connection, provider_id: str | None, now: datetime, thresholds: Thresholds
) -> SweepResult:
    """What the stale sweep would change now."""
    return _found(connection, provider_id, _overdue(now, thresholds), _protected(now, thresholds))


def sweep_stale(
    connection: sa.Connection, provider_id: str | None, now: datetime, thresholds: Thresholds, run_id: str | None
) -> SweepResult:
    """Make ghosts of the models that were not seen for too long."""
    overdue, protected = _overdue(now, thresholds), _protected(now, thresholds)
    swept = (
        sa.update(models)
        .where(_of(provider_id), overdue, sa.not_(protected))
        .values(is_active=False, deactivated_at=now)
        .returning(*MODEL_COLUMNS)
    )
    records = _records(connection, swept)
    write_events(connection, (_event(record, EventKind.DEACTIVATED, now, run_id) for record in records))
    return SweepResult(_names(records), _held(connection, provider_id, overdue, protected))


def find_purgeable(
    connection: sa.Connection, provider_id: str | None, now: datetime, thresholds: Thresholds
) -> SweepResult:
    """What the purge sweep would change now."""
    return _found(connection, provider_id, _expired(now, thresholds), _held_and_listed())


def sweep_purgeable(
    connection: sa.Connection, provider_id: str | None, now: datetime, thresholds: Thresholds, run_id: str | None
) -> SweepResult:
    """Delete the models that were ghosts for too long, each with a tombstone."""
    expired, held = _expired(now, thresholds), _held_and_listed()
    purged = sa.delete(models).where(_of(provider_id), expired, sa.not_(held)).returning(*MODEL_COLUMNS)
    records = _records(connection, purged)
    write_events(
        connection,
        (_event(record, EventKind.PURGED, now, run_id, tombstone_details(record)) for record in records),
    )
    return SweepResult(_names(records), _held(connection, provider_id, expired, held))


STALE = Sweep(find_stale, sweep_stale)
PURGE = Sweep(find_purgeable, sweep_purgeable)


def _overdue(now: datetime, thresholds: Thresholds) -> _Condition:
    return sa.and_(
        models.c.is_active == sa.true(),
        models.c.source != Source.MANUAL.value,
        models.c.last_seen_at < now - thresholds.stale_after,
    )


def _expired(now: datetime, thresholds: Thresholds) -> _Condition:
    before = now - thresholds.purge_after
    return sa.and_(
        models.c.is_active == sa.false(),
        models.c.source != Source.MANUAL.value,
        models.c.deactivated_at < before,
        models.c.last_seen_at < before,
    )


def _protected(now: datetime, thresholds: Thresholds) -> _Condition:
    return _listed_of(providers.c.held_since >= now - thresholds.hold_protects_for)


def _held_and_listed() -> _Condition:
    return _listed_of(providers.c.held_since.is_not(None))


def _listed_of(which: _Condition) -> _Condition:
    held = sa.select(providers.c.id).where(which)
    return sa.and_(models.c.last_listed_at.is_not(None), models.c.provider_id.in_(held))


def _of(provider_id: str | None) -> _Condition:
    # Naming the providers lets the indexes serve, which begin with provider_id.
    which = sa.select(providers.c.id)
    return models.c.provider_id.in_(which) if provider_id is None else models.c.provider_id == provider_id


def _records(connection: sa.Connection, statement: sa.UpdateBase) -> list[ModelRecord]:
    records = [model_record(row) for row in connection.execute(statement)]
    return sorted(records, key=lambda record: (record.provider_id, record.model_id))


def _names(records: list[ModelRecord]) -> tuple[tuple[str, str], ...]:
    return tuple((record.provider_id, record.model_id) for record in records)


def _held(connection: sa.Connection, provider_id: str | None, due: _Condition, kept: _Condition) -> dict[str, str]:
    passed_over = sa.select(models.c.provider_id).where(_of(provider_id), due, kept)
    query = sa.select(providers.c.id, providers.c.held_reason).where(providers.c.id.in_(passed_over))
    return dict(connection.execute(query.order_by(providers.c.id)).tuples().all())


def _found(connection: sa.Connection, provider_id: str | None, due: _Condition, kept: _Condition) -> SweepResult:
    query = (
        sa.select(models.c.provider_id, models.c.model_id)
        .where(_of(provider_id), due, sa.not_(kept))
        .order_by(models.c.provider_id, models.c.model_id)
    )
    found = tuple((row.provider_id, row.model_id) for row in connection.execute(query))
    return SweepResult(found, _held(connection, provider_id, due, kept))


def _event(
    record: ModelRecord, kind: EventKind, now: datetime, run_id: str | None, details: dict[str, object] | None = None
) -> ModelEvent:
    return ModelEvent(record.provider_id, record.model_id, kind, now, run_id=run_id, details=details)
