"""What an operator decides: reactivate or remove a model, restore what was removed, release a held provider."""

from datetime import datetime

import sqlalchemy as sa

from ghost_pipeline.catalog.apply import Change, Rule, Step, apply_step
from ghost_pipeline.catalog.ingestion.attempts import latest_readable_at
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.repository import MODEL_COLUMNS, model_record, write_events
from ghost_pipeline.catalog.storage.tables import models
from ghost_pipeline.errors import ModelExists, UnknownModel, UnknownProvider
from ghost_pipeline.lifecycle.events import Cause, departure_event, events_between
from ghost_pipeline.lifecycle.records import ModelRecord, ProviderRecord, Tombstone
from ghost_pipeline.lifecycle.transitions import reactivate, restore
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source


def reactivate_model(connection: sa.Connection, provider_id: str, model_id: str, now: datetime) -> ModelRecord:
    """Mark the model as active and seen now. Raises UnknownModel."""

    def rule(current: ModelRecord | None, tombstone: Tombstone | None) -> ModelRecord:
        if current is None:
            raise _unknown_model_error(provider_id, model_id, tombstone)
        return reactivate(current, now)

    return _override(connection, provider_id, model_id, rule, now)


def remove_model(connection: sa.Connection, provider_id: str, model_id: str, now: datetime) -> int:
    """Remove the model so that no sighting brings it back. Return the number of rows removed. Raises UnknownModel.

    A model that was purged can be removed as well: then it stays out too.
    """

    def rule(current: ModelRecord | None, tombstone: Tombstone | None) -> None:
        if current is None and tombstone is None:
            raise _unknown_model_error(provider_id, model_id, tombstone)

    cause = Cause(now, Source.MANUAL)
    change = _apply(connection, Step(provider_id, model_id, rule, cause))
    if change.tombstone is not None and change.tombstone.kind is EventKind.PURGED:
        write_events(connection, [departure_event(change.tombstone.record, EventKind.REMOVED, cause)])
    return int(change.before is not None)


def remove_provider(connection: sa.Connection, provider_id: str, now: datetime) -> int:
    """Remove every model of the provider, as remove_model. Raises UnknownProvider."""
    repository.get_provider(connection, provider_id, for_update=True)
    rows = connection.execute(
        sa.delete(models).where(models.c.provider_id == provider_id).returning(*MODEL_COLUMNS)
    ).all()
    records = sorted((model_record(row) for row in rows), key=lambda record: record.model_id)
    cause = Cause(now, Source.MANUAL)
    write_events(connection, (event for record in records for event in events_between(record, None, cause)))
    return len(records)


def restore_model(connection: sa.Connection, provider_id: str, model_id: str, now: datetime) -> ModelRecord:
    """Bring the model back as a ghost, as it was when it left. Raises ModelExists, UnknownModel."""

    def rule(current: ModelRecord | None, tombstone: Tombstone | None) -> ModelRecord:
        if current is not None:
            raise ModelExists(
                f"{provider_id} {model_id} is in the catalog, there is nothing to restore: "
                "'reactivate' makes a ghost active"
            )
        if tombstone is None:
            raise _unknown_model_error(provider_id, model_id, tombstone)
        return restore(tombstone, now)

    return _override(connection, provider_id, model_id, rule, now)


def release_provider(connection: sa.Connection, provider_id: str) -> ProviderRecord:
    """Lift the provider's hold and accept its latest readable listing as complete.

    An error page that came after that listing lists no models, so it does not count. Return the provider's state before
    the change. Raises UnknownProvider.
    """
    provider = repository.get_provider(connection, provider_id, for_update=True)
    repository.lift_hold(connection, provider, latest_readable_at(connection, provider_id))
    return provider


def _override(connection: sa.Connection, provider_id: str, model_id: str, rule: Rule, now: datetime) -> ModelRecord:
    record = _apply(connection, Step(provider_id, model_id, rule, Cause(now, Source.MANUAL))).after
    assert record is not None  # noqa: S101 - the rules raise where there is no model
    return record


def _apply(connection: sa.Connection, step: Step) -> Change:
    try:
        repository.get_provider(connection, step.provider_id, for_update=True)
    except UnknownProvider:
        raise _unknown_model_error(step.provider_id, step.model_id, None) from None
    return apply_step(connection, step)


def _unknown_model_error(provider_id: str, model_id: str, tombstone: Tombstone | None) -> UnknownModel:
    if tombstone is not None:
        return UnknownModel(
            f"{provider_id} {model_id} has left the catalog: "
            f"'ghost-pipeline restore {provider_id} {model_id}' brings it back"
        )
    return UnknownModel(
        f"the catalog has no model {model_id!r} of {provider_id}: 'ghost-pipeline models --provider {provider_id}' "
        "lists those that it has"
    )
