"""One page of the models that a filter selects, and how many there are: without the objects that providers state."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from ghost_pipeline.catalog.claims.filling import STATED_ONLY, Filling
from ghost_pipeline.catalog.filtering import decides_on_facts, order_sql, selected_sql, undecided_sql
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.catalog.storage.repository import find_providers
from ghost_pipeline.catalog.storage.tables import models
from ghost_pipeline.lifecycle.records import ProviderRecord
from ghost_pipeline.lifecycle.vocabulary import Source

MOST_COUNTED = 10_000
"""Models are counted up to here; more are of no use on a page, and counting them reads all of them."""


class SelectedModel(msgspec.Struct, frozen=True):
    """What a page shows of a model, in its list. Reading and converting all columns would take three times as long."""

    provider_id: str
    model_id: str
    source: Source
    is_active: bool
    last_seen_at: datetime
    last_listed_at: datetime | None
    deactivated_at: datetime | None
    refused_since: datetime | None
    refusal_reason: str | None
    name: str | None
    context_window: int | None
    input_price: float | None
    output_price: float | None
    capabilities: Sequence[str] | None
    expires_at: datetime | None
    is_free: bool | None
    facts_from_references: Mapping[str, str] = {}
    """As in ``FilledRecord``; empty if references fill nothing."""


_NAMES = SelectedModel.__struct_fields__[:-1]
_COLUMNS = tuple(models.c[name] for name in _NAMES)


class SelectedPage(msgspec.Struct, frozen=True):
    """Consecutive models of a selection."""

    models: Sequence[SelectedModel]
    providers: Mapping[str, ProviderRecord]
    """Slug -> provider of the ghosts among these models."""
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
    query = sa.select(*_COLUMNS, *filling.more_columns()).select_from(filling.rows).where(*conditions)
    query = query.order_by(*order_sql(wanted, dialect, columns)).limit(limit).offset(offset)
    found = [_selected_model(row, filling) for row in connection.execute(query)]
    is_whole = offset == 0 and len(found) < limit  # then nothing more needs to be read
    count = len(found) if is_whole else _count(connection, conditions, filling)
    undecided = 0
    if decides_on_facts(wanted):
        undecided = _count(connection, [*undecided_sql(wanted, dialect, columns), *further], filling)
    return SelectedPage(
        models=found,
        providers=find_providers(connection, {one.provider_id for one in found if not one.is_active}),
        count=min(count, MOST_COUNTED),
        is_counted_whole=count <= MOST_COUNTED,
        undecided=min(undecided, MOST_COUNTED),
        has_references=bool(filling.references),
    )


def _count(connection: sa.Connection, conditions: Sequence[sa.ColumnElement[bool]], filling: Filling) -> int:
    rows = sa.select(sa.literal(1)).select_from(filling.rows).where(*conditions).limit(MOST_COUNTED + 1).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(rows)).scalar_one()


def _selected_model(row: sa.Row[Any], filling: Filling) -> SelectedModel:
    provider_id, model_id, source, *others = row[: len(_NAMES)]
    model = SelectedModel(provider_id, model_id, Source(source), *others)
    filled, sources = filling.read_filled(row)
    if not sources:
        return model
    shown = {fact: value for fact, value in filled.items() if fact in _NAMES}
    return msgspec.structs.replace(model, **shown, facts_from_references=sources)
