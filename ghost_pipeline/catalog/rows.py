"""Rows of the tables <-> the frozen values of ``lifecycle/``."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.tables import model_events, models, providers
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source

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
