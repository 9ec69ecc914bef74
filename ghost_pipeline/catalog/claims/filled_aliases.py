"""The aliases of models in SQL, with those that references and responses add.

The ids that count are those of all sources, as ``lifecycle/claims/resolution.py`` rules: as a text, sorted, which
filters search and tables sort by, and as a text of the list of each source, of which Python reads who states which.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from ghost_pipeline.catalog.filtering import Sql
from ghost_pipeline.catalog.storage.tables import models
from ghost_pipeline.lifecycle.claims.resolution import (
    Claim,
    find_word_sources,
    name_word_sources,
    reference_source,
    word_key,
)

_BETWEEN = "\n"
"""Between the lists of two sources: an alias consists of printable characters."""

_OWN = models.c.aliases


class SortedWords(FunctionElement[str]):
    """The different words of a text, sorted by code point, with spaces between; NULL if it has none."""

    type = sa.Text()
    inherit_cache = True


_ON_SQLITE = r"""(SELECT group_concat(different.word, ' ') FROM (
SELECT DISTINCT word.value AS word
FROM json_each('["' || replace(replace(replace(TEXT, '\', '\\'), '"', '\"'), ' ', '","') || '"]') AS word
WHERE word.value <> '' ORDER BY word.value) AS different)"""

_ON_POSTGRESQL = """(SELECT string_agg(different.word, ' ' ORDER BY different.word COLLATE "C") FROM (
SELECT DISTINCT words.word FROM unnest(string_to_array(TEXT, ' ')) AS words(word)
WHERE words.word <> '') AS different)"""


@compiles(SortedWords, "sqlite")
def _on_sqlite(element: SortedWords, compiler: SQLCompiler, **options: Any) -> str:
    return _ON_SQLITE.replace("TEXT", compiler.process(element.clauses, **options))


@compiles(SortedWords, "postgresql")
def _on_postgresql(element: SortedWords, compiler: SQLCompiler, **options: Any) -> str:
    return _ON_POSTGRESQL.replace("TEXT", compiler.process(element.clauses, **options))


def united_aliases(lists: Sequence[Sql]) -> Sql:
    """Return the aliases of a model that count; ``lists`` are those that references and responses state."""
    text = _joined([_OWN, *lists], " ")
    # Nearly all models have none but their own.
    return sa.case((sa.and_(*(one.is_(None) for one in lists)), _OWN), else_=SortedWords(text))


def alias_lists(lists: Sequence[Sql]) -> Sql:
    """Return a text with the list of each source, the catalog's own first, for ``read_alias_sources``."""
    return sa.type_coerce(_joined([_OWN, *lists], _BETWEEN), sa.Text())


def _joined(lists: Sequence[Sql], between: str) -> Sql:
    text: Sql = sa.func.coalesce(lists[0], "")
    for one in lists[1:]:
        text = text + sa.literal(between) + sa.func.coalesce(one, "")
    return text


def read_alias_sources(text: str, references: Sequence[str], own_source: str) -> Mapping[str, str]:
    """Return alias -> its source, sorted, of a text of ``alias_lists``; ``own_source`` states the catalog's own."""
    sources = (own_source, *map(reference_source, references))
    lists = zip(sources, text.split(_BETWEEN), strict=True)
    return find_word_sources(Claim("aliases", one, source) for source, one in lists if one)


def added_aliases(text: str, references: Sequence[str]) -> dict[str, str]:
    """Return ``word_key`` of each alias that the catalog's own list lacks -> the source that adds it."""
    if not text.strip():
        return {}  # as of nearly all models
    own, *lists = text.split(_BETWEEN)
    known, found = set(own.split()), {}
    for name, one in zip(references, lists, strict=True):  # without claims, because this is done for each model
        found.update({word: reference_source(name) for word in one.split() if word not in known})
        known.update(found)
    return {word_key(word, "aliases"): found[word] for word in sorted(found)}


class AliasSources(sa.TypeDecorator[str]):
    """Reads the source of the catalog's own list, a line break and a text of ``alias_lists`` as names of sources."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, references: Sequence[str]) -> None:
        super().__init__()
        self.references = tuple(references)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Return the sources, with commas between; None if no alias is known."""
        del dialect
        if value is None:
            return None
        own_source, _, text = value.partition(_BETWEEN)
        found = read_alias_sources(text, self.references, "")
        filled = {word_key(one, "aliases"): source for one, source in found.items() if source}
        return name_word_sources("aliases", own_source, found, filled) if found else None


def alias_sources(own_source: Sql, lists: Mapping[str, Sql]) -> Sql:
    """Return the names of the sources of the aliases; ``lists`` has that of each reference."""
    text = sa.func.coalesce(own_source, "") + sa.literal(_BETWEEN) + alias_lists(list(lists.values()))
    return sa.type_coerce(text, AliasSources(tuple(lists)))
