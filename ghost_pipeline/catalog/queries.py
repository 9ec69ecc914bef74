"""Finding models, and where one of them came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.events import list_events
from ghost_pipeline.catalog.rows import MODEL_COLUMNS, model_record
from ghost_pipeline.catalog.tables import listings, models
from ghost_pipeline.errors import UnknownModel
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import Source


@dataclass(frozen=True, slots=True)
class ModelHistory:
    """One model with all that is known of its past."""

    model: ModelRecord | None
    """None for a model that has left the catalog."""
    events: Sequence[ModelEvent]
    listing: dict[str, Any] | None
    """The listing that confirmed the model last: id, file_name, observed_at, verdict, sha256, run_id."""


def find_models(
    connection: sa.Connection,
    provider_id: str | None = None,
    is_active: bool | None = None,
    source: Source | None = None,
    is_free: bool | None = None,
    capabilities: Sequence[str] = (),
    which: sa.ColumnElement[bool] | None = None,
) -> list[ModelRecord]:
    """Models by provider and id; None asks for either. Unknown never matches a filter."""
    query = sa.select(*MODEL_COLUMNS).order_by(models.c.provider_id, models.c.model_id)
    for column, wanted in ((models.c.provider_id, provider_id), (models.c.source, source and source.value)):
        if wanted is not None:
            query = query.where(column == wanted)
    for flag, is_wanted in ((models.c.is_active, is_active), (models.c.is_free, is_free)):
        if is_wanted is not None:
            query = query.where(flag == sa.literal(is_wanted))
    for capability in capabilities:
        query = query.where(_has(capability))
    if which is not None:
        query = query.where(which)
    return [model_record(row) for row in connection.execute(query)]


def list_inactive_models(connection: sa.Connection, limit: int) -> list[ModelRecord]:
    """Ghosts, the latest first."""
    query = (
        sa.select(*MODEL_COLUMNS)
        .where(models.c.is_active == sa.false())
        .order_by(models.c.deactivated_at.desc(), models.c.provider_id, models.c.model_id)
        .limit(limit)
    )
    return [model_record(row) for row in connection.execute(query)]


def model_history(connection: sa.Connection, provider_id: str, model_id: str) -> ModelHistory:
    """One model, every event, and the listing behind it. Raises UnknownModel if it never was in the catalog."""
    query = sa.select(*MODEL_COLUMNS).where(models.c.provider_id == provider_id, models.c.model_id == model_id)
    row = connection.execute(query).one_or_none()
    model = None if row is None else model_record(row)
    events = list_events(connection, provider_id, model_id)
    if model is None and not events:
        raise UnknownModel(
            f"the catalog never had a model {model_id!r} of {provider_id}: "
            f"'ghost-pipeline models --provider {provider_id}' lists those that it has"
        )
    return ModelHistory(model, events, None if model is None else _listing(connection, model.listing_id))


def _listing(connection: sa.Connection, listing_id: int | None) -> dict[str, Any] | None:
    columns = ("id", "file_name", "observed_at", "verdict", "sha256", "run_id")
    query = sa.select(*(listings.c[name] for name in columns)).where(listings.c.id == listing_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else dict(row._mapping)


def _has(capability: str) -> sa.ColumnElement[bool]:
    # The words hold no quotes and none is part of another with its quotes, so the JSON text tells.
    return sa.cast(models.c.capabilities, sa.Text).contains(f'"{capability}"', autoescape=True)
