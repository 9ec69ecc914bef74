"""The capabilities of models in SQL, with the words that references add.

Every other fact is the first known one of several columns. Lists are united word by word, as
``lifecycle/claims/resolution.py`` rules: as a condition for each word in SQL, which filters use, and as a text of all
lists and their sources, which Python reads.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.filtering import Sql, has_word
from ghost_pipeline.catalog.storage.tables import models
from ghost_pipeline.lifecycle.claims.resolution import (
    STATED_SOURCES,
    Claim,
    find_word_sources,
    name_word_sources,
    reference_source,
    word_key,
)
from ghost_pipeline.lifecycle.vocabulary import CAPABILITIES, Source
from ghost_pipeline.providers import BUILTIN, format_of

_LISTED, _MANUAL = STATED_SOURCES[Source.INDEX], STATED_SOURCES[Source.MANUAL]

_OWN = models.c.capabilities

_DECIDING: Mapping[str, Sequence[str]] = {
    word: [slug for slug, one in BUILTIN.items() if word in one.wire_format.decided_capabilities]
    for word in CAPABILITIES
}
"""Capability -> the providers whose listings decide it."""


def word_columns(own_source: Sql, lists: Sequence[Sql]) -> dict[str, Sql]:
    """Return ``word_key`` of each capability -> whether a model has it; NULL if no source states any.

    Args:
        own_source: Who states the catalog's own list.
        lists: The lists of references.
    """
    is_unknown = sa.and_(_OWN.is_(None), *(one.is_(None) for one in lists))
    return {
        word_key(word): sa.case(
            (has_word(_OWN, word), sa.true()),
            (is_unknown, sa.null()),
            (_is_decided(word, own_source), sa.false()),
            else_=sa.or_(*(sa.func.coalesce(has_word(one, word), sa.false()) for one in lists)),
        )
        for word in CAPABILITIES
    }


def _is_decided(word: str, own_source: Sql) -> sa.ColumnElement[bool]:
    """Return the condition that no reference can add a word to the catalog's own list."""
    by_format = sa.and_(own_source == _LISTED, models.c.provider_id.in_(_DECIDING[word]))
    return sa.and_(_OWN.is_not(None), sa.or_(own_source == _MANUAL, by_format))


def all_lists(own_source: Sql, lists: Mapping[str, Sql]) -> Sql:
    """Return a text with the provider, the catalog's list and its source, and the list of each reference."""
    parts = [models.c.provider_id, own_source, *(sa.cast(one, sa.Text) for one in (_OWN, *lists.values()))]
    text: Sql = sa.func.coalesce(parts[0], "")
    for part in parts[1:]:
        text = text + sa.literal("|") + sa.func.coalesce(part, "")
    return sa.type_coerce(text, sa.Text())


@lru_cache(maxsize=4096)
def read_word_sources(text: str, references: tuple[str, ...]) -> Mapping[str, str] | None:
    """Return capability -> its source of a text of ``all_lists``; None if no source states any.

    Cached, because many models have the same lists.
    """
    provider_id, own_source, own, *others = text.split("|")
    claims = []
    if own:
        decided = format_of(provider_id).decided_capabilities if own_source == _LISTED else ()
        claims.append(Claim("capabilities", json.loads(own), own_source, decided_words=decided))
    for name, stated in zip(references, others, strict=True):
        if stated:
            claims.append(Claim("capabilities", json.loads(stated), reference_source(name)))
    return find_word_sources(claims) if claims else None


class WordList(sa.TypeDecorator[list[str]]):
    """Reads a text of ``all_lists`` as the list of capabilities."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, references: Sequence[str]) -> None:
        super().__init__()
        self.references = tuple(references)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> list[str] | None:
        """Return the capabilities; None if they are unknown."""
        del dialect
        found = None if value is None else read_word_sources(value, self.references)
        return None if found is None else list(found)


class WordSources(WordList):
    """Reads a text of ``all_lists`` as the names of the sources."""

    cache_ok = True

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        """Return the sources, with commas between; None if the capabilities are unknown."""
        del dialect
        found = None if value is None else read_word_sources(value, self.references)
        if value is None or found is None:
            return None
        own_source = value.split("|", 2)[1]
        filled = {word_key(word): source for word, source in found.items() if source != own_source}
        return name_word_sources("capabilities", own_source, found, filled)
