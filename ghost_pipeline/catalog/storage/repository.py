"""Rows of the tables <-> the frozen values of ``lifecycle/``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ghost_pipeline.catalog.storage.tables import model_events, models, providers
from ghost_pipeline.errors import UnknownProvider
from ghost_pipeline.lifecycle.identity import provider_label
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord, ProviderRecord, Tombstone
from ghost_pipeline.lifecycle.transitions import latest_known
from ghost_pipeline.lifecycle.vocabulary import TOMBSTONE_KINDS, EventKind, Source

MODEL_COLUMNS = tuple(models.c[field.name] for field in fields(ModelRecord))
PROVIDER_COLUMNS = tuple(providers.c[field.name] for field in fields(ProviderRecord))
EVENT_COLUMNS = tuple(model_events.c[field.name] for field in fields(ModelEvent))

_INSTANTS = tuple(field.name for field in fields(ModelRecord) if field.name.endswith("_at"))


def model_record(row: sa.Row[Any] | Mapping[str, Any]) -> ModelRecord:
    """The model in a row that has (at least) MODEL_COLUMNS."""
    values = row if isinstance(row, Mapping) else row._mapping
    record = {field.name: values[field.name] for field in fields(ModelRecord)}
    record["source"] = Source(record["source"])
    if record["capabilities"] is not None:
        record["capabilities"] = tuple(record["capabilities"])
    return ModelRecord(**record)


def model_values(record: ModelRecord) -> dict[str, Any]:
    """The column values of a model."""
    values = {field.name: getattr(record, field.name) for field in fields(ModelRecord)}
    values["source"] = record.source.value
    return values


def provider_record(row: sa.Row[Any]) -> ProviderRecord:
    """The provider in a row of PROVIDER_COLUMNS."""
    return ProviderRecord(**row._mapping)


def model_event(row: sa.Row[Any]) -> ModelEvent:
    """The event in a row that has (at least) EVENT_COLUMNS."""
    values = {field.name: row._mapping[field.name] for field in fields(ModelEvent)}
    values["kind"] = EventKind(values["kind"])
    values["source"] = None if values["source"] is None else Source(values["source"])
    return ModelEvent(**values)


def event_values(event: ModelEvent) -> dict[str, Any]:
    """The column values of an event."""
    values = {field.name: getattr(event, field.name) for field in fields(ModelEvent)}
    values["kind"] = event.kind.value
    values["source"] = None if event.source is None else event.source.value
    return values


def snapshot(record: ModelRecord) -> dict[str, Any]:
    """The whole model as a JSON object, for a tombstone."""
    return {name: _as_json(value) for name, value in model_values(record).items()}


def from_snapshot(kept: Mapping[str, Any]) -> ModelRecord:
    """The model that a tombstone keeps; fields that the tombstone is too old to know are unknown."""
    values: dict[str, Any] = dict.fromkeys((field.name for field in fields(ModelRecord)), None)
    values["is_name_manual"] = False
    values.update({name: value for name, value in kept.items() if name in values})
    for name in _INSTANTS:
        if values[name] is not None:
            values[name] = datetime.fromisoformat(values[name])
    return model_record(values)


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def read_model(connection: sa.Connection, provider_id: str, model_id: str) -> ModelRecord | None:
    """The model, its row locked until the transaction ends; None if the catalog has none."""
    query = sa.select(*MODEL_COLUMNS).where(models.c.provider_id == provider_id, models.c.model_id == model_id)
    row = connection.execute(query.with_for_update()).one_or_none()
    return None if row is None else model_record(row)


def read_models(connection: sa.Connection, provider_id: str, model_ids: Sequence[str]) -> dict[str, ModelRecord]:
    """Model id -> model, of those that the catalog has, their rows locked until the transaction ends."""
    query = sa.select(*MODEL_COLUMNS).where(models.c.provider_id == provider_id, models.c.model_id.in_(model_ids))
    return {row.model_id: model_record(row) for row in connection.execute(query.with_for_update())}


def write_model(connection: sa.Connection, known: ModelRecord | None, record: ModelRecord) -> None:
    """Insert the model, or update the row that was read as ``known``."""
    values = model_values(record)
    if known is None:
        connection.execute(sa.insert(models).values(values))
    elif known != record:
        connection.execute(
            sa.update(models)
            .where(models.c.provider_id == record.provider_id, models.c.model_id == record.model_id)
            .values(values)
        )


def insert_models(connection: sa.Connection, records: Sequence[ModelRecord]) -> None:
    """Insert models that the catalog does not have."""
    if records:
        connection.execute(sa.insert(models), [model_values(record) for record in records])


def update_models(connection: sa.Connection, records: Sequence[ModelRecord]) -> None:
    """Write models anew that the catalog has."""
    if not records:
        return
    names = ("provider_id", "model_id")
    stated = [name for name in model_values(records[0]) if name not in names]
    update = (
        sa.update(models)
        .where(*(models.c[name] == sa.bindparam(f"known_{name}") for name in names))
        .values({name: sa.bindparam(name) for name in stated})
    )
    rows = [model_values(record) for record in records]
    connection.execute(
        update,
        [{name: row[name] for name in stated} | {f"known_{name}": row[name] for name in names} for row in rows],
    )


def lock_provider(connection: sa.Connection, provider_id: str) -> ProviderRecord:
    """The provider, made if it is new, locked until the transaction ends: one writer a provider."""
    make_provider(connection, provider_id)
    row = connection.execute(sa.select(*PROVIDER_COLUMNS).where(providers.c.id == provider_id).with_for_update()).one()
    return provider_record(row)


def make_provider(connection: sa.Connection, provider_id: str) -> None:
    """Make the provider's row unless there is one."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {"id": provider_id, "label": provider_label(provider_id)}
    connection.execute(insert(providers).values(values).on_conflict_do_nothing())


def require_provider(connection: sa.Connection, provider_id: str) -> ProviderRecord:
    """The provider, locked. Raises UnknownProvider."""
    query = sa.select(*PROVIDER_COLUMNS).where(providers.c.id == provider_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise unknown_provider_error(provider_id)
    return provider_record(row)


def read_provider(connection: sa.Connection, provider_id: str) -> ProviderRecord:
    """The provider, not locked, so that readers can ask too. Raises UnknownProvider."""
    row = connection.execute(sa.select(*PROVIDER_COLUMNS).where(providers.c.id == provider_id)).one_or_none()
    if row is None:
        raise unknown_provider_error(provider_id)
    return provider_record(row)


def lock_if_known(connection: sa.Connection, provider_id: str) -> None:
    """Lock the provider's row, if there is one: writers of its models take turns."""
    connection.execute(sa.select(providers.c.id).where(providers.c.id == provider_id).with_for_update())


def list_providers(connection: sa.Connection) -> list[ProviderRecord]:
    """Every provider, by slug."""
    return [provider_record(row) for row in connection.execute(sa.select(*PROVIDER_COLUMNS).order_by(providers.c.id))]


def advance_last_listing_at(connection: sa.Connection, provider: ProviderRecord, observed_at: datetime) -> None:
    """Advance the instant of the provider's last listing."""
    _update(connection, provider.id, last_listing_at=latest_known(provider.last_listing_at, observed_at))


def set_hold(connection: sa.Connection, provider: ProviderRecord, since: datetime, reason: str) -> None:
    """Hold the provider; a hold that is there already stays as it is."""
    if provider.held_since is None:
        _update(connection, provider.id, held_since=since, held_reason=reason)


def lift_hold(connection: sa.Connection, provider: ProviderRecord, last_complete_at: datetime | None) -> None:
    """Let the provider's absences count again, from its last complete listing on."""
    _update(
        connection,
        provider.id,
        held_since=None,
        held_reason=None,
        last_complete_at=latest_known(provider.last_complete_at, last_complete_at),
    )


def _update(connection: sa.Connection, provider_id: str, **values: object) -> None:
    connection.execute(sa.update(providers).where(providers.c.id == provider_id).values(values))


def unknown_provider_error(provider_id: str) -> UnknownProvider:
    """The error that says so."""
    return UnknownProvider(
        f"the catalog has no provider {provider_id!r}: 'ghost-pipeline providers' lists those that it has"
    )


def write_events(connection: sa.Connection, events: Iterable[ModelEvent]) -> None:
    """Append the events."""
    values = [event_values(event) for event in events]
    if values:
        connection.execute(sa.insert(model_events), values)


def list_events(
    connection: sa.Connection, provider_id: str | None = None, model_id: str | None = None
) -> list[ModelEvent]:
    """Events in the order in which they were written, of one provider or one model if asked for."""
    query = sa.select(*EVENT_COLUMNS).order_by(model_events.c.id)
    if provider_id is not None:
        query = query.where(model_events.c.provider_id == provider_id)
    if model_id is not None:
        query = query.where(model_events.c.model_id == model_id)
    return [model_event(row) for row in connection.execute(query)]


def tombstone_details(record: ModelRecord) -> dict[str, object]:
    """What a tombstone event keeps of the row that it stands for."""
    return {"row": snapshot(record)}


def tombstone_of(event: ModelEvent) -> Tombstone:
    """The tombstone in an event that is one."""
    return Tombstone(event.kind, from_snapshot((event.details or {})["row"]))


def newest_tombstone(connection: sa.Connection, provider_id: str, model_id: str) -> Tombstone | None:
    """How a model that is not in the catalog left it, if it ever was there."""
    query = _tombstones(provider_id, model_events.c.model_id == model_id)
    row = connection.execute(query.order_by(model_events.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else tombstone_of(model_event(row))


def newest_tombstones(connection: sa.Connection, provider_id: str, model_ids: Sequence[str]) -> dict[str, Tombstone]:
    """Model id -> how it left the catalog, of those that ever did."""
    query = _tombstones(provider_id, model_events.c.model_id.in_(model_ids)).order_by(model_events.c.id)
    return {row.model_id: tombstone_of(model_event(row)) for row in connection.execute(query)}


def _tombstones(provider_id: str, which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    kinds = [kind.value for kind in TOMBSTONE_KINDS]
    return sa.select(*EVENT_COLUMNS).where(
        model_events.c.provider_id == provider_id, which, model_events.c.kind.in_(kinds)
    )
