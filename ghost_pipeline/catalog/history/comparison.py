"""What differs between the catalog at two instants, from the events that were recorded between them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from ghost_pipeline.catalog.history.as_of import iterate_changed
from ghost_pipeline.catalog.history.newer_events import split_at
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.tables import providers
from ghost_pipeline.lifecycle.events import rebuild
from ghost_pipeline.lifecycle.facts import FACT_NAMES
from ghost_pipeline.lifecycle.records import ModelRecord

COMPARED = ("source", "is_active", *FACT_NAMES, "is_free")
"""What a difference has of a model: no instants, and not the provider's own object."""


@dataclass(frozen=True, slots=True)
class ModelDifference:
    """A model that differs between two instants."""

    provider_id: str
    model_id: str
    difference: Literal["appeared", "vanished", "changed"]
    """Whether it entered the catalog, left it, or is in it at both instants."""
    old: Mapping[str, Any] | None
    """Column -> value at the earlier instant, of the columns that differ; all of them for a model that vanished."""
    new: Mapping[str, Any] | None


def compare(
    database: Database, before: datetime, after: datetime, provider_ids: Sequence[str]
) -> Iterator[ModelDifference]:
    """Yield the models that differ, by provider and id. Each provider is read in a transaction of its own."""
    with database.reading() as connection:
        known = connection.execute(sa.select(providers.c.id).order_by(providers.c.id)).scalars().all()
    for slug in known:
        if provider_ids and slug not in provider_ids:
            continue
        with database.reading() as connection:
            for current, events in iterate_changed(connection, slug, before):
                newer, between = split_at(events, after)
                new = rebuild(current, newer)
                difference = _difference(rebuild(new, between), new)
                if difference is not None:
                    yield difference


def _difference(old: ModelRecord | None, new: ModelRecord | None) -> ModelDifference | None:
    if old is None and new is None:
        return None
    if new is None:
        assert old is not None  # noqa: S101 - one of them is not None
        return ModelDifference(old.provider_id, old.model_id, "vanished", _stated(old), None)
    if old is None:
        return ModelDifference(new.provider_id, new.model_id, "appeared", None, _stated(new))
    names = [name for name in COMPARED if getattr(old, name) != getattr(new, name)]
    if not names:
        return None
    values = [{name: getattr(one, name) for name in names} for one in (old, new)]
    return ModelDifference(new.provider_id, new.model_id, "changed", *values)


def _stated(record: ModelRecord) -> dict[str, Any]:
    return {name: value for name in COMPARED if (value := getattr(record, name)) is not None}
