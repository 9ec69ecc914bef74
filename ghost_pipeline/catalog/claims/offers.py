"""The offers of one model at several providers, found by the ids that sources state."""

from collections.abc import Sequence

import sqlalchemy as sa

from ghost_pipeline.catalog.claims.filling import Filling
from ghost_pipeline.catalog.filtering import contains_sql, matches
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.catalog.storage.repository import Key
from ghost_pipeline.catalog.storage.tables import models
from ghost_pipeline.catalog.storage.unknown_names import unknown_model_error
from ghost_pipeline.lifecycle.claims.same_models import same_model_keys
from ghost_pipeline.lifecycle.records import ModelRecord

PAGE_SIZE = 1_000
"""Models that are read at a time."""


def find_offers(connection: sa.Connection, key: Key, wanted: ModelFilter, filling: Filling) -> list[ModelRecord]:
    """Return the models that are the same as one, itself included, and that the filter selects, cheapest first.

    Raises UnknownModel.
    """
    provider_id, model_id = key
    is_it = sa.and_(models.c.provider_id == provider_id, models.c.model_id == model_id)
    row = connection.execute(filling.select_records().where(is_it)).one_or_none()
    if row is None:
        raise unknown_model_error(connection, provider_id, model_id)
    keys = _keys(filling.record(row))
    candidates = _candidates(connection, sorted(keys), filling)
    # A page at a time: a short name is a part of very many ids.
    found = (filling.record(one) for one in connection.execution_options(yield_per=PAGE_SIZE).execute(candidates))
    offers = [one for one in found if matches(wanted, one) and not keys.isdisjoint(_keys(one))]
    return sorted(offers, key=_cheapness)[: wanted.limit]


def _keys(model: ModelRecord) -> frozenset[str]:
    return same_model_keys(model.provider_id, model.model_id, model.aliases)


def _candidates(connection: sa.Connection, keys: Sequence[str], filling: Filling) -> sa.Select[tuple[object, ...]]:
    """Return the query of all models that can have one of the keys: its name is a part of an id."""
    names = {key.partition("/")[2] for key in keys}
    columns = (models.c.model_id, filling.columns["aliases"])
    dialect = connection.dialect.name
    has_name = sa.or_(*(contains_sql(column, name, dialect) for column in columns for name in sorted(names)))
    return filling.select_records().where(has_name)


def _cheapness(model: ModelRecord) -> tuple[object, ...]:
    """Return what sorts models by their input price, then their output price; unknown ones come last."""
    free = 0.0 if model.is_free else None
    prices = (one if one is not None else free for one in (model.input_price, model.output_price))
    known = [(price is None, price or 0.0) for price in prices]
    return (*known, model.provider_id, model.model_id)
