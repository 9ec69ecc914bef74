"""The rows of one listing beside the catalog: a temporary table that set-based statements read from."""

import sqlalchemy as sa

from ghost_pipeline.catalog.column_types import BigId, Instant, Json, canonical_json, instant_text
from ghost_pipeline.lifecycle.listing import ListedModel

staged = sa.Table(
    "staged_models",
    sa.MetaData(),
    sa.Column("model_id", sa.Text, primary_key=True),
    sa.Column("provider_data", Json),
    sa.Column("name", sa.Text),
    sa.Column("is_free", sa.Boolean),
    sa.Column("context_window", sa.BigInteger),
    sa.Column("max_output_tokens", sa.BigInteger),
    sa.Column("input_price", sa.Double),
    sa.Column("output_price", sa.Double),
    sa.Column("capabilities", Json),
    sa.Column("expires_at", Instant),
    sa.Column("known_id", BigId),  # the model's row, if it has one
    sa.Column("tombstone_id", BigId),  # else the event with which it left, if it ever was there
    prefixes=["TEMPORARY"],
)
"""Columns of a ListedModel in its order, then two that ``reconcile`` fills."""


def stage(connection: sa.Connection, listed: list[ListedModel]) -> None:
    """Fill the temporary table with the listing's rows."""
    staged.create(connection)
    columns = ", ".join(ListedModel._fields)
    places = ", ".join("?" * len(ListedModel._fields))
    # Past SQLAlchemy's per-value types: they cost as much as the insert itself for 100,000 rows.
    rows = [_storable(model) for model in listed]
    connection.exec_driver_sql(f"INSERT INTO staged_models ({columns}) VALUES ({places})", rows)  # noqa: S608


def unstage(connection: sa.Connection) -> None:
    """Drop the temporary table."""
    staged.drop(connection)


def _storable(model: ListedModel) -> tuple[object, ...]:
    if model.capabilities is None and model.expires_at is None:
        return model
    return model._replace(
        capabilities=None if model.capabilities is None else canonical_json(model.capabilities),  # type: ignore[arg-type]
        expires_at=None if model.expires_at is None else instant_text(model.expires_at),  # type: ignore[arg-type]
    )
