"""Correct stored instants that are later than the current time: some machine's clock was ahead when they were written.

Left alone, they would make every later listing of the provider late, and keep its models from becoming stale. The next
evidence corrects them, under the provider's lock, and so does ``release``. ``restore`` corrects the model that it
brings back, because no index finds a ghost with such a ``last_seen_at`` and an earlier ``deactivated_at``.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from ghost_pipeline.catalog.storage import event_log, repository
from ghost_pipeline.catalog.storage.repository import MODEL_COLUMNS, model_record, update_models, write_events
from ghost_pipeline.catalog.storage.tables import listings, models, providers
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.validation import MAX_SKEW
from ghost_pipeline.lifecycle.vocabulary import EventKind

_OF_MODELS = ("first_seen_at", "last_seen_at", "last_listed_at", "last_used_at", "deactivated_at")
_OF_PROVIDERS = ("last_listing_at", "last_complete_at", "held_since")


def correct_future_instants(
    connection: sa.Connection, provider: ProviderRecord, at: datetime, now: datetime
) -> ProviderRecord:
    """Set the instants of the provider and of its models that are later than ``now`` to just before ``at``.

    Each model that is corrected gets a ``changed`` event with the old and the new instants, and events that were
    recorded in the future are then recorded just before ``at``. Without such instants this is one query on indexes.

    Args:
        connection: In a transaction that holds the provider's lock.
        provider: As it is stored.
        at: When the evidence was observed; it must not be late, nor count as the same listing.
        now: The current time.

    Returns:
        The provider after the correction.
    """
    limit, corrected = now + MAX_SKEW, min(at, now) - timedelta(microseconds=1)
    models_ahead = _find_models_ahead(connection, provider.id, limit)
    future = [name for name in _OF_PROVIDERS if _is_after(getattr(provider, name), limit)]
    if models_ahead or future:
        event_log.cap_recorded_at(connection, provider.id, limit, corrected)
        _correct_models(connection, models_ahead, limit, corrected, now)
    if not future:
        return provider
    of_provider = sa.update(providers).where(providers.c.id == provider.id)
    connection.execute(of_provider.values(dict.fromkeys(future, corrected)))
    attempts = sa.update(listings).where(listings.c.provider_id == provider.id, listings.c.observed_at > limit)
    connection.execute(attempts.values(observed_at=corrected))
    return repository.get_provider(connection, provider.id)


def correct_restored_model(connection: sa.Connection, record: ModelRecord, now: datetime) -> ModelRecord:
    """Set the instants of a model that was just restored and that are later than ``now`` to just before it.

    As :func:`correct_future_instants`, with an event. Return the model after the correction.
    """
    limit, corrected = now + MAX_SKEW, now - timedelta(microseconds=1)
    if any(_is_after(getattr(record, name), limit) for name in _OF_MODELS):
        [record] = _correct_models(connection, [record], limit, corrected, now)
    return record


def _find_models_ahead(connection: sa.Connection, provider_id: str, limit: datetime) -> list[ModelRecord]:
    is_future = sa.or_(  # each by an index
        sa.and_(models.c.is_active == sa.true(), models.c.last_seen_at > limit),
        sa.and_(models.c.is_active == sa.false(), models.c.deactivated_at > limit),
        models.c.last_listed_at > limit,
    )
    query = sa.select(*MODEL_COLUMNS).where(models.c.provider_id == provider_id, is_future)
    return [model_record(row) for row in connection.execute(query)]


def _correct_models(
    connection: sa.Connection, ahead: Sequence[ModelRecord], limit: datetime, corrected: datetime, now: datetime
) -> list[ModelRecord]:
    after, events = [], []
    for before in ahead:
        changes = {name: corrected for name in _OF_MODELS if _is_after(getattr(before, name), limit)}
        # A model was not seen first after it was seen last.
        first_seen_at = min(before.first_seen_at, changes.get("last_seen_at", before.first_seen_at))
        after.append(msgspec.structs.replace(before, **{**changes, "first_seen_at": first_seen_at}))
        details = {
            name: {"old": msgspec.to_builtins(getattr(before, name)), "new": msgspec.to_builtins(corrected)}
            for name in changes
        }
        events.append(ModelEvent(before.provider_id, before.model_id, EventKind.CHANGED, now, details=details))
    update_models(connection, after)
    write_events(connection, events)
    return after


def _is_after(instant: datetime | None, limit: datetime) -> bool:
    return instant is not None and instant > limit
