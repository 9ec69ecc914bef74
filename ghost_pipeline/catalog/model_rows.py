"""Reading and writing single rows of ``models``."""

from collections.abc import Sequence

import sqlalchemy as sa

from ghost_pipeline.catalog.rows import MODEL_COLUMNS, model_record, model_values
from ghost_pipeline.catalog.tables import models
from ghost_pipeline.lifecycle.records import ModelRecord


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
