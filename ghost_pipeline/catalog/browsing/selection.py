"""One page of the models that a filter selects, and how many there are: without the objects that providers state."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from ghost_pipeline.catalog.claims.filling import STATED_ONLY, Filling
from ghost_pipeline.catalog.filtering import decides_on_facts, order_sql, selected_sql, undecided_sql
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.catalog.storage.repository import find_providers
from ghost_pipeline.catalog.storage.tables import models
from ghost_pipeline.lifecycle.records import MODEL_FIELDS, ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.vocabulary import Source

MOST_COUNTED = 10_000
"""Models are counted up to here; more are of no use on a page, and counting them reads all of them."""

_LARGE = ("provider_data", "inference_metadata", "prices")
"""JSON objects, which a page of models does not show."""

_COLUMNS = tuple(models.c[name] for name in MODEL_FIELDS if name not in (*_LARGE, "is_free"))
_NAMES = tuple(column.name for column in _COLUMNS)


class SelectedModel(msgspec.Struct, frozen=True):
    """A model of a page."""

    model: ModelRecord
    """Without ``prices``, ``provider_data`` and ``inference_metadata``."""
    is_free: bool | None
    """As stored: the record could not derive it without its prices."""


class SelectedPage(msgspec.Struct, frozen=True):
    """Consecutive models of a selection."""

    models: Sequence[SelectedModel]
    providers: Mapping[str, ProviderRecord]
    """Slug -> provider of these models."""
    count: int
    """How many models the filter selects, at most MOST_COUNTED."""
    is_counted_whole: bool
    """False if there are more than ``count``."""
    undecided: int
    """How many more are left out only because a fact is unknown, at most MOST_COUNTED."""
    has_references: bool
    """References can have filled facts."""


def read_selected_page(
    connection: sa.Connection,
    wanted: ModelFilter,
    which: sa.ColumnElement[bool] | None,
    offset: int,
    limit: int,
    filling: Filling = STATED_ONLY,
) -> SelectedPage:
    """Return at most ``limit`` models of the selection after the first ``offset`` ones, in the filter's order."""
    dialect, columns = connection.dialect.name, filling.columns
    further = [*filling.candidates(connection, wanted), *(() if which is None else (which,))]
    conditions = [*selected_sql(wanted, dialect, columns), *further]
    query = sa.select(*_COLUMNS, models.c.is_free, *filling.more_columns()).select_from(filling.rows).where(*conditions)
    query = query.order_by(*order_sql(wanted, dialect, columns)).limit(limit).offset(offset)
    found = [_selected_model(row, filling) for row in connection.execute(query)]
    is_whole = offset == 0 and len(found) < limit  # then nothing more needs to be read
    count = len(found) if is_whole else _count(connection, conditions, filling)
    undecided = 0
    if decides_on_facts(wanted):
        undecided = _count(connection, [*undecided_sql(wanted, dialect, columns), *further], filling)
    return SelectedPage(
        models=found,
        providers=find_providers(connection, (one.model.provider_id for one in found)),
        count=min(count, MOST_COUNTED),
        is_counted_whole=count <= MOST_COUNTED,
        undecided=min(undecided, MOST_COUNTED),
        has_references=bool(filling.references),
    )


def _count(connection: sa.Connection, conditions: Sequence[sa.ColumnElement[bool]], filling: Filling) -> int:
    rows = sa.select(sa.literal(1)).select_from(filling.rows).where(*conditions).limit(MOST_COUNTED + 1).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(rows)).scalar_one()


def _selected_model(row: sa.Row[Any], filling: Filling) -> SelectedModel:
    values = dict(zip(_NAMES, row, strict=False))  # further columns follow
    values["source"] = Source(values["source"])
    if values["capabilities"] is not None:
        values["capabilities"] = tuple(values["capabilities"])
    return SelectedModel(filling.fill(ModelRecord(**values), row), row.is_free)
