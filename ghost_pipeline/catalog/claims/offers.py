"""The offers of one model at several providers, found by the ids that sources state.

A name is looked up where an id can have it: after a slash in any id, by the index of texts where there is one, alone at
its maker, after a dot at Bedrock, and among the other ids that sources state. Only few models are read whole, and no
request reads all ids of a large catalog: there, a name that the index can't find is looked up as ids usually have it.
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.claims.filling import Filling
from ghost_pipeline.catalog.filtering import contains_sql, matches
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.catalog.storage.repository import Key
from ghost_pipeline.catalog.storage.tables import models, providers, reference_facts
from ghost_pipeline.catalog.storage.text_index import find_candidates
from ghost_pipeline.catalog.storage.unknown_names import unknown_model_error
from ghost_pipeline.lifecycle.claims.same_models import same_model_keys
from ghost_pipeline.lifecycle.identity import PROVIDER_ALIASES, fold_case
from ghost_pipeline.lifecycle.records import ModelRecord

PAGE_SIZE = 1_000
"""Models that are read at a time."""

MOST_SCANNED = 100_000
"""Models whose ids are read one by one for a name that no index finds."""

MOST_KEYS = 10
"""Keys of a model that are looked up; the rest of a longer list of aliases is not."""


def find_offers(connection: sa.Connection, key: Key, wanted: ModelFilter, filling: Filling) -> list[ModelRecord]:
    """Return the models that are the same as one, itself included, and that the filter selects, cheapest first.

    Raises UnknownModel.
    """
    provider_id, model_id = key
    is_it = sa.and_(models.c.provider_id == provider_id, models.c.model_id == model_id)
    row = connection.execute(filling.select_records().where(is_it)).one_or_none()
    if row is None:
        raise unknown_model_error(connection, provider_id, model_id)
    record = filling.record(row)
    keys, written = _keys_to_look_up(record), (model_id, *(record.aliases or "").split())
    numbers = {number for key in keys for number in _find_numbers(connection, key, keys, written, filling)}
    query = filling.select_records().where(models.c.id.in_(sorted(numbers)[:PAGE_SIZE]))
    found = map(filling.record, connection.execute(query))
    return sorted((one for one in found if matches(wanted, one)), key=_cheapness)[: wanted.limit]


def _keys_to_look_up(model: ModelRecord) -> list[str]:
    """Return the keys of a model, that of its own id first."""
    own = same_model_keys(model.provider_id, model.model_id, None)
    return [*own, *sorted(same_model_keys(model.provider_id, model.model_id, model.aliases) - own)][:MOST_KEYS]


def _find_numbers(
    connection: sa.Connection, key: str, keys: Collection[str], written: Collection[str], filling: Filling
) -> list[int]:
    """Return the numbers of the rows that may have a key and have one of ``keys``.

    ``written`` has the ids of the model as they are written.
    """
    candidates = sa.union(*_candidates(connection, key, written, filling)).subquery()
    columns = [models.c.id, models.c.provider_id, models.c.model_id, filling.columns["aliases"].label("aliases")]
    query = sa.select(*columns).select_from(filling.rows).where(models.c.id.in_(sa.select(candidates.c.id)))
    # A page at a time: a short name is a part of many other ids of a model.
    rows = connection.execution_options(yield_per=PAGE_SIZE).execute(query)
    of_rows = ((row.id, same_model_keys(row.provider_id, row.model_id, row.aliases)) for row in rows)
    return [number for number, found in of_rows if not found.isdisjoint(keys)]


def _spellings(maker: str, name: str) -> list[str]:
    """Return the ids that aggregators and Vertex have of a model, in small letters."""
    makers = [maker, *(other for other, slug in PROVIDER_ALIASES.items() if slug == maker)]
    return [form for one in makers for form in (f"{one}/{name}", f"publishers/{one}/models/{name}")]


def _candidates(
    connection: sa.Connection, key: str, written: Collection[str], filling: Filling
) -> list[sa.Select[Any]]:
    """Return the queries of the numbers of the rows that may have a key."""
    maker, _, name = key.partition("/")
    dialect = connection.dialect.name

    def has(column: sa.ColumnElement[Any], text: str, *, is_end: bool = False) -> sa.ColumnElement[bool]:
        return contains_sql(column, text, dialect, is_end=is_end)

    after_slash = sa.or_(has(models.c.model_id, f"/{name}", is_end=True), has(models.c.model_id, f"/{name}@"))
    indexed = find_candidates(connection, fold_case(f"/{name}"))
    if indexed is not None:
        numbers = sa.select(sa.func.json_each(indexed).table_valued("value").c.value)
        after_slash = sa.and_(models.c.id.in_(numbers), after_slash)
    elif (connection.execute(sa.select(sa.func.max(models.c.id))).scalar() or 0) > MOST_SCANNED:
        after_slash = sa.and_(  # a look-up for each provider, by the index of both
            models.c.provider_id.in_(sa.select(providers.c.id)),
            models.c.model_id.in_(sorted({*written, *_spellings(maker, name)})),
        )
    aliases = models.c.aliases + " "
    is_alias = sa.or_(has(aliases, f"/{name} "), has(aliases, f"/{name}@"))
    places = [
        after_slash,
        sa.and_(models.c.provider_id == maker, sa.or_(has(models.c.model_id, name, is_end=True), has(aliases, name))),
        sa.and_(
            models.c.provider_id == "bedrock", sa.or_(*(has(one, f".{name}") for one in (models.c.model_id, aliases)))
        ),
        # The first comparison spares the others in nearly all rows.
        sa.and_(models.c.aliases.is_not(None), has(models.c.aliases, f"/{name}"), is_alias),
    ]
    found = [sa.select(models.c.id).where(place) for place in places]
    if filling.references:
        is_same = sa.tuple_(models.c.provider_id, models.c.model_id) == sa.tuple_(
            reference_facts.c.provider_id, reference_facts.c.model_id
        )
        found.append(sa.select(models.c.id).join(reference_facts, is_same).where(has(reference_facts.c.aliases, name)))
    return found


def _cheapness(model: ModelRecord) -> tuple[object, ...]:
    """Return what sorts models by their input price, then their output price; unknown ones come last."""
    free = 0.0 if model.is_free else None
    prices = (one if one is not None else free for one in (model.input_price, model.output_price))
    known = [(price is None, price or 0.0) for price in prices]
    return (*known, model.provider_id, model.model_id)
