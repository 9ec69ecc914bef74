"""Reading and writing single rows of ``models``."""

import sqlalchemy as sa

from ghost_pipeline.catalog.rows import MODEL_COLUMNS, model_record, model_values
from ghost_pipeline.catalog.tables import models
from ghost_pipeline.lifecycle.records import ModelRecord


def read_model(connection: sa.Connection, provider_id: str, model_id: str) -> ModelRecord | None:
    """The model, its row locked until the transaction ends; None if the catalog has none."""
    query = sa.select(*MODEL_COLUMNS).where(models.c.provider_id == provider_id, models.c.model_id == model_id)
    row = connection.execute(query.with_for_update()).one_or_none()
    return None if row is None else model_record(row)


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
