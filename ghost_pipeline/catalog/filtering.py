"""The conditions of a ``ModelFilter``, each declared once: as SQL over rows and as Python over records.

Both have SQL's three values. A condition on a fact that is unknown is neither true nor false, and a filter selects the
models of which every condition is true. A model is undecided if no condition is false and some are unknown.
``ModelFilter.is_unlisted`` is not among them, because it needs the provider and the time: ``absence.is_unlisted``.
"""

import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.results import ModelFilter, ModelPlace
from ghost_pipeline.catalog.storage.tables import models
from ghost_pipeline.catalog.storage.text_index import find_candidates
from ghost_pipeline.lifecycle.claims.resolution import word_key
from ghost_pipeline.lifecycle.identity import fold_case
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import CAPABILITIES

Sql = sa.ColumnElement[Any]


def has_word(column: Sql, word: str) -> sa.ColumnElement[bool]:
    """Return the condition that a list of capabilities has a word; NULL if the list is unknown."""
    # No capability contains a quote, so a quoted word in the JSON text is the whole word.
    return sa.cast(column, sa.Text).contains(f'"{word}"', autoescape=True)


STATED: Mapping[str, Sql] = {
    **dict(models.c.items()),
    **{word_key(word): has_word(models.c.capabilities, word) for word in CAPABILITIES},
}
"""Column -> what the catalog's own evidence states, and ``word_key`` of each capability -> whether the model has it.

``claims.filling`` has the same with the gaps filled.
"""


SEARCHED_COLUMNS = ("model_id", "name", "aliases")
"""Columns in which a text is searched."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on the values of some columns."""

    columns: tuple[str, ...]
    holds: Callable[..., bool]
    """Return True if the values meet it."""
    sql: Callable[..., sa.ColumnElement[bool]]
    """Return the same as SQL over the columns; NULL if a fact is unknown."""
    is_on_fact: bool = False
    """A column can be unknown, and the condition with it."""
    sql_columns: tuple[str, ...] | None = None
    """The names of STATED that ``sql`` takes; None for ``columns``."""

    def decide(self, model: ModelRecord) -> bool | None:
        """Return whether the model meets the condition; None if the fact is unknown."""
        values = [getattr(model, name) for name in self.columns]
        return None if self.is_on_fact and None in values else self.holds(*values)

    def to_sql(self, columns: Mapping[str, Sql]) -> sa.ColumnElement[bool]:
        """Return the condition over the columns of models."""
        return self.sql(*(columns[name] for name in self.sql_columns or self.columns))


def conditions(wanted: ModelFilter, dialect: str) -> list[Condition]:
    """Return the conditions of the filter; ``dialect`` is the database's, "sqlite" or "postgresql"."""
    found = []
    if wanted.provider_ids:
        slugs = wanted.provider_ids
        found.append(Condition(("provider_id",), slugs.__contains__, lambda column: column.in_(slugs)))
    if wanted.source is not None:
        found.append(_compare("source", operator.eq, str(wanted.source)))
    if wanted.is_active is not None:
        found.append(_compare("is_active", operator.eq, wanted.is_active))
    if wanted.is_cost_unknown:
        found.append(Condition(("is_free",), lambda value: value is None, lambda column: column.is_(None)))
    if wanted.is_retiring:
        found.append(Condition(("expires_at",), lambda value: value is not None, lambda column: column.is_not(None)))
    if wanted.is_refused is not None:
        found.append(_refused(is_refused=wanted.is_refused))
    if wanted.search is not None:
        found.append(_search(wanted.search, dialect))
    for name, comparison, limit in (
        ("is_free", operator.eq, wanted.is_free),
        ("context_window", operator.ge, wanted.min_context_window),
        ("input_price", operator.le, wanted.max_input_price),
        ("output_price", operator.le, wanted.max_output_price),
    ):
        if limit is not None:
            found.append(_compare(name, comparison, limit, is_on_fact=True))
    return found + [_capability(word) for word in wanted.capabilities]


def matches(wanted: ModelFilter, model: ModelRecord) -> bool | None:
    """Return True if the model meets every condition, False if it misses one, and None if it is undecided."""
    decided = [condition.decide(model) for condition in conditions(wanted, "sqlite")]
    if False in decided:
        return False
    return None if None in decided else True


def selected_sql(
    wanted: ModelFilter, dialect: str, columns: Mapping[str, Sql] = STATED
) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that a row of ``models`` must meet, as ``matches`` is True."""
    return [condition.to_sql(columns) for condition in conditions(wanted, dialect)]


def candidates_sql(
    connection: sa.Connection, wanted: ModelFilter, others: Iterable[sa.Select[Any]] = ()
) -> list[sa.ColumnElement[bool]]:
    """Return a condition that all rows meet that have the filter's text, if an index finds them; else none.

    ``others`` have the numbers of further rows that may have it. The condition selects nothing by itself, but spares
    the database to read all models for a rare text.
    """
    found = None if wanted.search is None else find_candidates(connection, fold_case(wanted.search))
    if found is None:
        return []
    numbers = sa.select(sa.func.json_each(found).table_valued("value").c.value)
    has_text = contains_sql(models.c.aliases, wanted.search or "", connection.dialect.name)
    aliased = sa.select(models.c.id).where(models.c.aliases.is_not(None), has_text)  # by an index of their own
    return [models.c.id.in_(numbers.union_all(aliased, *others))]


def undecided_sql(
    wanted: ModelFilter, dialect: str, columns: Mapping[str, Sql] = STATED
) -> list[sa.ColumnElement[bool]]:
    """Return the conditions of the rows that are left out only because a fact is unknown, as ``matches`` is None."""
    found = conditions(wanted, dialect)
    on_facts = [condition.to_sql(columns) for condition in found if condition.is_on_fact]
    certain = [condition.to_sql(columns) for condition in found if not condition.is_on_fact]
    return [*certain, sa.and_(*on_facts).self_group().is_(None)] if on_facts else [sa.false()]


def decides_on_facts(wanted: ModelFilter) -> bool:
    """Return True if the filter can leave models undecided."""
    return any(condition.is_on_fact for condition in conditions(wanted, "sqlite"))


def order_sql(wanted: ModelFilter, dialect: str, columns: Mapping[str, Sql] = STATED) -> list[Sql]:
    """Return the order of the filter's models: by its column, unknown values last, then by provider and id."""
    by_key: list[Sql] = [models.c.provider_id, models.c.model_id]
    if wanted.sort_column is None:
        return by_key
    column = columns[wanted.sort_column]
    value: Sql = column
    if dialect == "postgresql" and isinstance(column.type, sa.String):
        value = sa.collate(column, "C")  # by code point, as on SQLite, whatever the server's locale is
    return [column.is_(None), value.desc() if wanted.is_descending else value, *by_key]


def after_sql(wanted: ModelFilter, place: ModelPlace, dialect: str, columns: Mapping[str, Sql] = STATED) -> Sql:
    """Return the condition that a model comes after a place in the order of ``order_sql``."""
    key = sa.tuple_(models.c.provider_id, models.c.model_id) > (place.provider_id, place.model_id)
    if wanted.sort_column is None:
        return key
    column = columns[wanted.sort_column]
    if place.value is None:
        return sa.and_(column.is_(None), key)
    value: Sql = column
    if dialect == "postgresql" and isinstance(column.type, sa.String):
        value = sa.collate(column, "C")
    limit = sa.literal(place.value, column.type)
    beyond = value < limit if wanted.is_descending else value > limit
    return sa.or_(beyond, sa.and_(column == limit, key), column.is_(None))


def _compare(name: str, comparison: Callable[[Any, Any], Any], limit: Any, *, is_on_fact: bool = False) -> Condition:
    # Python's operators make SQL of a column, and compare a value.
    def holds(value: Any) -> bool:
        return bool(comparison(value, limit))

    def to_sql(column: Sql) -> sa.ColumnElement[bool]:
        condition: sa.ColumnElement[bool] = comparison(column, sa.literal(limit, column.type))
        return condition

    return Condition((name,), holds, to_sql, is_on_fact)


def _refused(*, is_refused: bool) -> Condition:
    return Condition(
        ("refused_since",),
        lambda since: (since is not None) is is_refused,
        lambda column: column.is_not(None) if is_refused else column.is_(None),
    )


def _capability(word: str) -> Condition:
    def holds(words: Collection[str]) -> bool:
        return word in words

    return Condition(("capabilities",), holds, lambda has_it: has_it, is_on_fact=True, sql_columns=(word_key(word),))


def _search(text: str, dialect: str) -> Condition:
    """Return the condition that the id, the name or another id contains the text, in any case of its letters.

    A model without a name is not undecided: its id decides.
    """
    folded = fold_case(text)
    # No alias has a space: a text with one could only be found across two aliases, of two sources.
    columns = tuple(name for name in SEARCHED_COLUMNS if name != "aliases" or " " not in text)

    def holds(*texts: str | None) -> bool:
        return any(folded in fold_case(one) for one in texts if one is not None)

    def to_sql(*searched: Sql) -> sa.ColumnElement[bool]:
        # NULL of no name selects nothing
        return sa.or_(*(contains_sql(column, text, dialect) for column in searched))

    return Condition(columns, holds, to_sql)


def contains_sql(column: Sql, text: str, dialect: str, *, is_end: bool = False) -> sa.ColumnElement[bool]:
    """Return the condition that a column contains the text, or ends with it, in any case of its letters."""
    contains = _contains_on_postgresql if dialect == "postgresql" else _contains_on_sqlite
    return contains(column, fold_case(text), "" if is_end else "%")


def _contains_on_sqlite(column: Sql, folded: str, rest: str) -> sa.ColumnElement[bool]:
    if folded.isascii():  # LIKE ignores the case of ASCII letters there, and of no other
        is_plain = "%" not in folded and "_" not in folded  # then LIKE needs no escape, which it reads in every row
        if is_plain:
            return column.like(f"%{folded}{rest}")
        return (column.contains if rest else column.endswith)(folded, autoescape=True)
    classes = ((letter, _other_case(letter)) for letter in folded)
    pattern = "".join(f"[{one}{other}]" if other or one in "*?[" else one for one, other in classes)
    return column.op("GLOB", is_comparison=True)(f"*{pattern}*" if rest else f"*{pattern}")


def _contains_on_postgresql(column: Sql, folded: str, rest: str) -> sa.ColumnElement[bool]:
    lowered = sa.func.lower(sa.collate(column, "C"))  # ASCII letters alone, whatever the server's locale is
    letters = [letter for letter in dict.fromkeys(folded) if not letter.isascii() and _other_case(letter)]
    if letters:
        lowered = sa.func.translate(lowered, "".join(map(_other_case, letters)), "".join(letters))
    return (lowered.contains if rest else lowered.endswith)(folded, autoescape=True)


def _other_case(letter: str) -> str:
    """Return the letter that ``fold_case`` makes ``letter`` of; nothing if there is none."""
    upper = letter.upper()
    return upper if upper != letter and len(upper) == 1 and fold_case(upper) == letter else ""
