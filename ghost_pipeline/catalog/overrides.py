"""A person's word: this model lives, this provider's absences are real, out of my catalog, take it back."""

from datetime import datetime

import sqlalchemy as sa

from ghost_pipeline.catalog.ingestion.attempts import latest_readable_at
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.repository import (
    MODEL_COLUMNS,
    model_record,
    newest_tombstone,
    read_model,
    tombstone_details,
    write_events,
    write_model,
)
from ghost_pipeline.catalog.storage.tables import models
from ghost_pipeline.errors import ModelExists, UnknownModel
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.transitions import reactivate, restore
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source


def reactivate_model(connection: sa.Connection, provider_id: str, model_id: str, now: datetime) -> ModelRecord:
    """The model lives: seen now, active. Raises UnknownModel."""
    repository.lock_if_known(connection, provider_id)
    known = read_model(connection, provider_id, model_id)
    if known is None:
        raise _unknown_model_error(connection, provider_id, model_id)
    record = reactivate(known, now)
    write_model(connection, known, record)
    if not known.is_active:
        write_events(connection, [_override_event(record, EventKind.REACTIVATED, now)])
    return record


def remove_model(connection: sa.Connection, provider_id: str, model_id: str, now: datetime) -> int:
    """Out of the catalog, and no sighting brings it back. Gives how many left. Raises UnknownModel.

    A model that was purged can be removed as well: then it stays out too.
    """
    repository.lock_if_known(connection, provider_id)
    which = sa.and_(models.c.provider_id == provider_id, models.c.model_id == model_id)
    removed = _remove(connection, which, now)
    if removed:
        return removed
    past = newest_tombstone(connection, provider_id, model_id)
    if past is None:
        raise _unknown_model_error(connection, provider_id, model_id)
    if past.kind is EventKind.PURGED:
        details = tombstone_details(past.record)
        write_events(connection, [_override_event(past.record, EventKind.REMOVED, now, details)])
    return 0


def remove_provider(connection: sa.Connection, provider_id: str, now: datetime) -> int:
    """Every model that the catalog has of the provider, as remove_model. Raises UnknownProvider."""
    repository.require_provider(connection, provider_id)
    return _remove(connection, models.c.provider_id == provider_id, now)


def restore_model(connection: sa.Connection, provider_id: str, model_id: str, now: datetime) -> ModelRecord:
    """Back as a ghost, whole as it was when it left. Raises ModelExists, UnknownModel."""
    repository.lock_if_known(connection, provider_id)
    if read_model(connection, provider_id, model_id) is not None:
        raise ModelExists(
            f"{provider_id} {model_id} is in the catalog, there is nothing to restore: "
            "'reactivate' makes a ghost active"
        )
    past = newest_tombstone(connection, provider_id, model_id)
    if past is None:
        raise _unknown_model_error(connection, provider_id, model_id)
    record = restore(past, now)
    write_model(connection, None, record)
    write_events(connection, [_override_event(record, EventKind.RESTORED, now)])
    return record


def release_provider(connection: sa.Connection, provider_id: str) -> ProviderRecord:
    """The provider's absences are real: no hold, and its latest readable listing is its last complete one.

    An error page that came after it says nothing about models, so it can't become one. Gives the provider as it was
    before. Raises UnknownProvider.
    """
    provider = repository.require_provider(connection, provider_id)
    repository.lift_hold(connection, provider, latest_readable_at(connection, provider_id))
    return provider


def _remove(connection: sa.Connection, which: sa.ColumnElement[bool], now: datetime) -> int:
    rows = connection.execute(sa.delete(models).where(which).returning(*MODEL_COLUMNS)).all()
    records = sorted((model_record(row) for row in rows), key=lambda record: record.model_id)
    write_events(
        connection, (_override_event(record, EventKind.REMOVED, now, tombstone_details(record)) for record in records)
    )
    return len(records)


def _override_event(
    record: ModelRecord, kind: EventKind, now: datetime, details: dict[str, object] | None = None
) -> ModelEvent:
    return ModelEvent(record.provider_id, record.model_id, kind, now, Source.MANUAL, details=details)


def _unknown_model_error(connection: sa.Connection, provider_id: str, model_id: str) -> UnknownModel:
    if newest_tombstone(connection, provider_id, model_id) is not None:
        return UnknownModel(
            f"{provider_id} {model_id} has left the catalog: 'ghost-pipeline restore {provider_id} {model_id}' "
            "takes it back"
        )
    return UnknownModel(
        f"the catalog has no model {model_id!r} of {provider_id}: 'ghost-pipeline models --provider {provider_id}' "
        "lists those that it has"
    )
