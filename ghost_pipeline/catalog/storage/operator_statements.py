"""Rows of ``stated_by_operators``: what operators stated of models, beside what the provider's listings state.

``models.manual_facts`` and ``models.is_name_manual`` name the same facts. Rows of models that leave the catalog stay,
so that what an operator stated counts again when the model comes back.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from ghost_pipeline.catalog.storage.repository import Key, find_announcements, is_one_of
from ghost_pipeline.catalog.storage.tables import models, stated_by_operators
from ghost_pipeline.lifecycle.claims.operator_facts import OperatorFact, overridden_facts
from ghost_pipeline.lifecycle.facts import FACTS, FactKind
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.retirement import Announcement
from ghost_pipeline.lifecycle.validation import parse_instant

_rows = stated_by_operators.c
_COLUMNS = (_rows.provider_id, _rows.model_id, *(_rows[one.name] for one in fields(OperatorFact)))
_KINDS = {fact.name: fact.kind for fact in FACTS}

Statements = dict[str, OperatorFact]
"""Name of the fact -> what was stated of it."""


def find_statements(connection: sa.Connection, keys: Sequence[Key]) -> dict[Key, Statements]:
    """Return what operators stated of the models among ``keys``, whether the catalog has them or not."""
    if not keys:
        return {}
    found: dict[Key, Statements] = {}
    query = sa.select(*_COLUMNS).where(is_one_of(connection, stated_by_operators, keys))
    for slug, model_id, fact, value, stated_at, listed_value, listed_since in connection.execute(query):
        row = OperatorFact(fact, _typed(fact, value), stated_at, _typed(fact, listed_value), listed_since)
        found.setdefault((slug, model_id), {})[fact] = row
    return found


class StatedChange(msgspec.Struct, frozen=True):
    """A model before and after a write that may have changed what operators state of it."""

    before: ModelRecord | None
    """None for a model that enters the catalog."""
    after: ModelRecord
    at: datetime


def write_statements(connection: sa.Connection, changes: Iterable[StatedChange]) -> None:
    """Write the rows of the facts that ``after`` marks as an operator's, and delete those of the others."""
    marked = [
        (one, overridden_facts(one.after))
        for one in changes
        if overridden_facts(one.after) or (one.before is not None and overridden_facts(one.before))
    ]
    if not marked:
        return
    known = find_statements(connection, [(one.after.provider_id, one.after.model_id) for one, _ in marked])
    dated = [(one.after.provider_id, one.after.model_id) for one, facts in marked if "expires_at" in facts]
    announced = find_announcements(connection, dated) if dated else {}
    added, updated, ended = [], [], []
    for one, facts in marked:
        model = one.after
        key = {"of_provider": model.provider_id, "of_model": model.model_id}
        stated = known.get((model.provider_id, model.model_id), {})
        ended += [{**key, "of_fact": fact} for fact in stated if fact not in facts]
        for fact in facts:
            value = getattr(model, fact)
            if fact not in stated:
                added.append(
                    {
                        "provider_id": model.provider_id,
                        "model_id": model.model_id,
                        "fact": fact,
                        "value": to_json(value),
                        "stated_at": one.at,
                        "listed_value": to_json(_listed_before(one.before, fact, announced)),
                    }
                )
            elif stated[fact].value != value:
                updated.append({**key, "of_fact": fact, "new_value": to_json(value), "new_stated_at": one.at})
    for statement, parameters in ((_DELETE, ended), (_UPDATE, updated), (sa.insert(stated_by_operators), added)):
        if parameters:
            connection.execute(statement, parameters)


def _listed_before(before: ModelRecord | None, fact: str, announced: Mapping[Key, Announcement]) -> Any:
    """Return what the newest listing states of a fact, as far as the model is as that left it."""
    if before is None or before.listing_id is None:
        return None
    if fact == "expires_at":
        announcement = announced.get((before.provider_id, before.model_id))
        if announcement is not None:
            return announcement.listed_expires_at
    return getattr(before, fact)


_OF_ROW = (
    _rows.provider_id == sa.bindparam("of_provider"),
    _rows.model_id == sa.bindparam("of_model"),
    _rows.fact == sa.bindparam("of_fact"),
)
_DELETE = sa.delete(stated_by_operators).where(*_OF_ROW)
_UPDATE = (
    sa.update(stated_by_operators)
    .where(*_OF_ROW)
    .values(value=sa.bindparam("new_value"), stated_at=sa.bindparam("new_stated_at"))
)


def has_statements(connection: sa.Connection, provider_id: str) -> bool:
    """Return True if an operator stated a fact of a model of the provider."""
    return connection.execute(_ANY, {"provider_id": provider_id}).one_or_none() is not None


_ANY = sa.select(_rows.fact).where(_rows.provider_id == sa.bindparam("provider_id")).limit(1)


def find_contested(
    connection: sa.Connection, facts: Collection[str], provider_ids: Sequence[str], used_since: datetime | None
) -> list[Key]:
    """Return the models of the catalog of which operators stated one of the facts, and listings did so too.

    ``used_since`` selects models that were used since then.
    """
    is_same = sa.and_(models.c.provider_id == _rows.provider_id, models.c.model_id == _rows.model_id)
    query = sa.select(_rows.provider_id, _rows.model_id).join(models, is_same)
    query = query.where(_rows.fact.in_(facts), _rows.listed_value.is_not(None))
    if provider_ids:
        query = query.where(_rows.provider_id.in_(provider_ids))
    if used_since is not None:
        query = query.where(models.c.last_used_at >= used_since)
    query = query.distinct().order_by(_rows.provider_id, _rows.model_id)
    return [(slug, model_id) for slug, model_id in connection.execute(query)]


def to_json(value: Any) -> Any:
    """Return the value of a fact as a row keeps it."""
    return msgspec.to_builtins(value)


def _typed(fact: str, value: Any) -> Any:
    """Return the value of a fact as models have it."""
    if value is None:
        return None
    kind = _KINDS[fact]
    if kind is FactKind.INSTANT:
        return parse_instant(value)
    return tuple(value) if kind is FactKind.CAPABILITIES else value
