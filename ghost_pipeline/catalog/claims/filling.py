"""The columns of models with their gaps filled by references, in SQL, and records made of such rows.

``reference_facts`` has a row for each reference and model, written with the claims of an import. A query joins it once
for each reference that has rows, so that a catalog without references, and a filter that asks for stated facts alone,
read ``models`` as they did before. The rule is that of ``lifecycle/claims/resolution.py``; ``is_free`` is never filled.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.claims.filled_aliases import added_aliases, alias_lists, alias_sources, united_aliases
from ghost_pipeline.catalog.claims.filled_words import (
    WordList,
    WordSources,
    all_lists,
    read_word_sources,
    word_columns,
)
from ghost_pipeline.catalog.filtering import SEARCHED_COLUMNS, STATED, Sql, candidates_sql, contains_sql
from ghost_pipeline.catalog.ingestion.overriding import is_manual_sql
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.catalog.storage.repository import MODEL_COLUMNS, Key, is_one_of, model_record
from ghost_pipeline.catalog.storage.tables import models, reference_claims, reference_facts
from ghost_pipeline.lifecycle.claims.resolution import (
    ANSWERS,
    REFERENCE_FACTS,
    SOURCE_SUFFIX,
    STATED_SOURCES,
    UNITED_FACTS,
    Claim,
    fills_gap,
    is_reference,
    rank_source,
    reference_source,
    word_key,
)
from ghost_pipeline.lifecycle.records import MODEL_FIELDS, FilledRecord, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline.references import REFERENCE_FORMATS

_FILLED, _SOURCE = "filled_", "filled_from_"
_LISTS, _ALIASES = "lists_of_capabilities", "lists_of_aliases"

_SINGLE_FACTS = tuple(fact for fact in REFERENCE_FACTS if fact not in UNITED_FACTS)
"""Facts of which one source's value counts."""


class Filling:
    """The references that fill gaps in a query, the first that counts first; none fill nothing."""

    def __init__(self, references: Sequence[str] = ()) -> None:
        self.references = tuple(references)
        tables = {name: reference_facts.alias(f"facts_{number}") for number, name in enumerate(references)}
        self.rows: sa.FromClause = models
        """What to select from: ``models``, with the rows of references beside it."""
        for name, facts in tables.items():
            same = sa.and_(facts.c.provider_id == models.c.provider_id, facts.c.model_id == models.c.model_id)
            self.rows = self.rows.outerjoin(facts, sa.and_(facts.c.reference == sa.literal(name), same))
        self.columns: Mapping[str, Sql] = STATED
        """Column -> its value, filled where it can be."""
        self._sources: dict[str, Sql] = {}
        if tables:
            filled = {fact: _first_known(fact, list(tables.values())) for fact in _SINGLE_FACTS}
            lists = {name: one.c.capabilities for name, one in tables.items()}
            own_source = _stated_source_sql("capabilities")
            self._lists = all_lists(own_source, lists)
            aliases = {name: one.c.aliases for name, one in tables.items()}
            self._aliases = alias_lists(list(aliases.values()))
            self._alias_sources = alias_sources(_stated_source_sql("aliases"), aliases)
            filled["aliases"] = united_aliases(list(aliases.values()))
            words = word_columns(own_source, list(lists.values()))
            filled["capabilities"] = sa.type_coerce(self._lists, WordList(self.references))
            self.columns = {**STATED, **filled, **words}
            self._sources = {
                fact: sa.case(
                    (models.c[fact].is_not(None), None),
                    *((one.c[fact].is_not(None), reference_source(name)) for name, one in tables.items()),
                    else_=None,
                )
                for fact in _SINGLE_FACTS
            }

    def candidates(self, connection: sa.Connection, wanted: ModelFilter) -> list[sa.ColumnElement[bool]]:
        """Return what ``filtering.candidates_sql`` does, with the models that references name so."""
        if not self.references or wanted.search is None:
            return candidates_sql(connection, wanted)
        is_same = sa.tuple_(models.c.provider_id, models.c.model_id) == sa.tuple_(
            reference_facts.c.provider_id, reference_facts.c.model_id
        )
        has_text = sa.or_(
            *(
                contains_sql(reference_facts.c[name], wanted.search, connection.dialect.name)
                for name in SEARCHED_COLUMNS
                if name in REFERENCE_FACTS
            )
        )
        named = sa.select(models.c.id).join(reference_facts, is_same).where(has_text)
        return candidates_sql(connection, wanted, [named])

    def select_records(self) -> sa.Select[Any]:
        """Return the query of all that ``record`` needs."""
        return sa.select(*MODEL_COLUMNS, *self.more_columns()).select_from(self.rows)

    def more_columns(self) -> list[Sql]:
        """Return what ``fill`` needs beside the columns of a model."""
        if not self.references:
            return []
        filled: list[Sql] = [self.columns[fact].label(_FILLED + fact) for fact in self._sources]
        sources: list[Sql] = [source.label(_SOURCE + fact) for fact, source in self._sources.items()]
        return [*filled, *sources, self._lists.label(_LISTS), self._aliases.label(_ALIASES)]

    def record(self, row: sa.Row[Any]) -> ModelRecord:
        """Return the model in a row of ``select_records``."""
        return self.fill(model_record(row), row)

    def fill(self, record: ModelRecord, row: sa.Row[Any]) -> ModelRecord:
        """Return the model of a row with what references state of it; the same model if they fill nothing."""
        filled, sources = self.read_filled(row)
        if not sources:
            return record
        known = {name: getattr(record, name) for name in MODEL_FIELDS}
        return FilledRecord(**{**known, **filled}, facts_from_references=sources)

    def read_filled(self, row: sa.Row[Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return fact -> value of what references fill in a row, and what ``facts_from_references`` has."""
        if not self.references:
            return {}, {}
        values = row._mapping
        sources = {fact: source for fact in self._sources if (source := values[_SOURCE + fact]) is not None}
        filled = {fact: values[_FILLED + fact] for fact in sources}
        words = read_word_sources(values[_LISTS], self.references) or {}
        added = {word_key(word): source for word, source in words.items() if is_reference(source)}
        if added:
            sources |= added
            filled["capabilities"] = tuple(words)
        others = added_aliases(values[_ALIASES], self.references)
        if others:
            sources |= others
            filled["aliases"] = " ".join(sorted({*values[_ALIASES].split()}))
        return filled, sources

    def select(self, names: Iterable[str]) -> sa.Select[Any]:
        """Return the query of columns of models and of ``resolution.SOURCE_COLUMNS``, by name."""
        columns = [self.columns[name].label(name) if name in STATED else self._source_column(name) for name in names]
        return sa.select(*columns).select_from(self.rows)

    def _source_column(self, name: str) -> Sql:
        fact = name.removesuffix(SOURCE_SUFFIX)
        if fact == "capabilities" and self.references:
            return sa.type_coerce(self._lists, WordSources(self.references)).label(name)
        if fact == "aliases" and self.references:
            return self._alias_sources.label(name)
        stated = sa.case((models.c[fact].is_not(None), _stated_source_sql(fact)), else_=self._sources.get(fact))
        return stated.label(name)


def _first_known(fact: str, tables: Sequence[sa.FromClause]) -> Sql:
    column = models.c[fact]
    return sa.func.coalesce(column, *(one.c[fact] for one in tables), type_=column.type)


def _stated_source_sql(fact: str) -> sa.Case[Any]:
    """Return the SQL equivalent of ``resolution.stated_source``."""
    column = models.c
    is_unlisted = sa.and_(column.listing_id.is_(None), column.last_listed_at.is_(None))
    is_used = sa.and_(column.source == Source.INFERENCE.value, is_unlisted)
    if fact == "name":
        is_only_used = sa.and_(column.source == Source.MANUAL.value, is_unlisted, column.last_used_at.is_not(None))
        is_used = sa.or_(column.source == Source.INFERENCE.value, is_only_used)
    return sa.case(
        (is_manual_sql(fact), STATED_SOURCES[Source.MANUAL]),
        (is_used, STATED_SOURCES[Source.INFERENCE]),
        else_=STATED_SOURCES[Source.INDEX],
    )


STATED_ONLY = Filling()
"""Fills nothing."""


def read_filling(connection: sa.Connection, wanted: ModelFilter, order: Sequence[str]) -> Filling:
    """Return what fills the gaps of the models that a filter selects; ``order`` has the names of references."""
    if wanted.is_stated_only:
        return STATED_ONLY
    names = sorted(_NAMES, key=lambda name: (rank_source(reference_source(name), order), name))
    found = connection.execute(_HAVE_FACTS).one()
    return _filling_of(tuple(name for name in names if found._mapping[name]))


@lru_cache(maxsize=16)
def _filling_of(references: tuple[str, ...]) -> Filling:
    """Return the filling of some references; cached, because its expressions take milliseconds to build."""
    return Filling(references)


_NAMES = (ANSWERS, *sorted(REFERENCE_FORMATS))
_HAVE_FACTS = sa.select(*(sa.exists().where(reference_facts.c.reference == name).label(name) for name in _NAMES))


def write_reference_facts(connection: sa.Connection, reference: str, keys: Collection[Key]) -> None:
    """Replace the rows of some models of a reference by what its claims state now."""
    if not keys:
        return
    which = sorted(keys)
    is_of_these = sa.and_(reference_facts.c.reference == reference, is_one_of(connection, reference_facts, which))
    connection.execute(sa.delete(reference_facts).where(is_of_these))
    columns = [reference_claims.c[name] for name in ("provider_id", "model_id", "fact", "value")]
    claims = sa.select(*columns).where(
        reference_claims.c.reference == reference,
        reference_claims.c.fact.in_(REFERENCE_FACTS),
        is_one_of(connection, reference_claims, which),
    )
    rows: dict[Key, dict[str, Any]] = {}
    for slug, model_id, fact, value in connection.execute(claims):
        if fills_gap(Claim(fact, value, reference_source(reference))):
            empty = {
                "reference": reference,
                "provider_id": slug,
                "model_id": model_id,
                **dict.fromkeys(REFERENCE_FACTS),
            }
            rows.setdefault((slug, model_id), empty)[fact] = value
    if rows:
        connection.execute(sa.insert(reference_facts), list(rows.values()))
