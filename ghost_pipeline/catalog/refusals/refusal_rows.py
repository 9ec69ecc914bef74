"""Rows of ``refusals`` and ``refusal_clearances``: merge, read and delete them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from operator import or_
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ghost_pipeline.catalog.storage.repository import Key, has_key_in, key_parameters
from ghost_pipeline.catalog.storage.tables import models, refusal_clearances, refusals
from ghost_pipeline.lifecycle.refusals.evidence import Refusal, begin_of_bucket, minutes_of, split_by_hour
from ghost_pipeline.lifecycle.refusals.state import RefusalEvidence, RefusalSpan
from ghost_pipeline.lifecycle.vocabulary import RefusalClass

UNKNOWN_MODELS = ""
"""The model id of refusals of models that the catalog does not know. No model has it."""

ANOTHER = "another"
"""The class of rows about requests that another model answered."""


class Clearance(StrEnum):
    """What speaks against refusals."""

    USE = "use"
    REACTIVATION = "reactivation"
    LISTING = "listing"


SpanKey = tuple[str, str, str, datetime]
"""Account, class, rule and hour of a row of one model."""


def merge_refusals(connection: sa.Connection, added: Iterable[Refusal]) -> None:
    """Merge refusals into the rows of their hours. The caller holds the locks of the providers."""
    merge_rows(
        connection,
        [
            _row((part.provider_id, part.model_id), part, (part.account, part.refusal_class.value, part.rule_id))
            for one in added
            for part in split_by_hour(one)
        ],
    )


def merge_unknown(connection: sa.Connection, added: Iterable[Refusal]) -> None:
    """Count refusals of models that the catalog does not know, as refusals of their providers."""
    merge_rows(
        connection,
        [
            _row((part.provider_id, UNKNOWN_MODELS), part, ("", part.refusal_class.value, part.rule_id))
            | {"replaced_by": ""}
            for one in added
            for part in split_by_hour(one)
        ],
    )


def _row(key: Key, one: Refusal, rest: tuple[str, str, str]) -> dict[str, Any]:
    account, refusal_class, rule_id = rest
    return {
        "provider_id": key[0],
        "model_id": key[1],
        "account": account,
        "refusal_class": refusal_class,
        "rule_id": rule_id,
        "hour": begin_of_bucket(one.last_at),
        "first_at": one.first_at,
        "last_at": one.last_at,
        "minutes": minutes_of(one.first_at, one.last_at),
        "count": one.count,
        "words": one.words,
        "replaced_by": one.replaced_by,
    }


_ROW_KEY = tuple(refusals.primary_key.columns.keys())
_MERGED: Mapping[str, Callable[[Any, Any], Any]] = {
    "first_at": min,
    "last_at": max,
    "minutes": or_,
    "count": lambda one, other: one + other,
    "words": max,
    "replaced_by": max,
}
"""How each other column of two rows with one key merges: in any order, and in any grouping."""


def merge_rows(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Merge rows into those with their keys."""
    by_key: dict[tuple[Any, ...], dict[str, Any]] = {}
    for added in rows:
        row = dict(added)
        key = tuple(row[name] for name in _ROW_KEY)
        known = by_key.get(key)
        by_key[key] = (
            row if known is None else row | {name: merge(known[name], row[name]) for name, merge in _MERGED.items()}
        )
    if by_key:
        # In the order of their keys, although the locks of the providers let one writer at a time in.
        connection.execute(_merge(connection.dialect.name), [by_key[key] for key in sorted(by_key)])


@cache
def _merge(dialect_name: str) -> Any:
    insert = (postgresql.insert if dialect_name == "postgresql" else sqlite.insert)(refusals)
    old, new = refusals.c, insert.excluded
    merged = {
        "first_at": sa.case((new.first_at < old.first_at, new.first_at), else_=old.first_at),
        "minutes": old.minutes.bitwise_or(new.minutes),
        "count": old["count"] + new["count"],
        **{
            name: sa.case((new[name] > old[name], new[name]), else_=old[name])
            for name in ("last_at", "words", "replaced_by")
        },
    }
    return insert.on_conflict_do_update(index_elements=_ROW_KEY, set_=merged)


def record_clearances(
    connection: sa.Connection, kind: Clearance, instants: Mapping[tuple[str, str, str], datetime]
) -> None:
    """Record what speaks against refusals: provider, model and account -> its latest instant."""
    if instants:
        rows = [
            {"provider_id": slug, "model_id": model_id, "kind": kind.value, "account": account, "at": at}
            for (slug, model_id, account), at in sorted(instants.items())
        ]
        connection.execute(_clear(connection.dialect.name), rows)


@cache
def _clear(dialect_name: str) -> Any:
    insert = (postgresql.insert if dialect_name == "postgresql" else sqlite.insert)(refusal_clearances)
    old, new = refusal_clearances.c.at, insert.excluded.at
    return insert.on_conflict_do_update(
        index_elements=tuple(refusal_clearances.primary_key.columns.keys()),
        set_={"at": sa.case((new > old, new), else_=old)},
    )


def has_refusals(connection: sa.Connection, provider_id: str) -> bool:
    """Return True if the catalog keeps refusals of a provider."""
    return connection.execute(_HAS_REFUSALS, {"provider_id": provider_id}).first() is not None


_HAS_REFUSALS = (
    sa.select(sa.literal(1)).select_from(refusals).where(refusals.c.provider_id == sa.bindparam("provider_id")).limit(1)
)


def read_evidence(connection: sa.Connection, keys: Collection[Key]) -> dict[Key, RefusalEvidence]:
    """Return what is kept about the refusals of models; those without any are left out."""
    parameters = key_parameters(connection, list(keys))
    spans: dict[Key, list[RefusalSpan]] = {}
    for row in connection.execute(_spans(connection.dialect.name), parameters):
        spans.setdefault((row.provider_id, row.model_id), []).append(_span(row))
    uses: dict[Key, dict[str, datetime]] = {}
    cleared: dict[Key, datetime] = {}
    for row in connection.execute(_clearances(connection.dialect.name), parameters):
        key = (row.provider_id, row.model_id)
        if row.kind == Clearance.USE:
            uses.setdefault(key, {})[row.account] = row.at
        else:
            cleared[key] = max(row.at, cleared.get(key, row.at))
    return {
        key: RefusalEvidence(spans.get(key, ()), uses.get(key, {}), cleared.get(key))
        for key in spans.keys() | uses.keys() | cleared.keys()
    }


@cache
def _spans(dialect_name: str) -> sa.Select[Any]:
    return sa.select(refusals).where(has_key_in(dialect_name, refusals), refusals.c.refusal_class != ANOTHER)


@cache
def _clearances(dialect_name: str) -> sa.Select[Any]:
    return sa.select(refusal_clearances).where(has_key_in(dialect_name, refusal_clearances))


def _span(row: sa.Row[Any]) -> RefusalSpan:
    return RefusalSpan(
        RefusalClass(row.refusal_class),
        row.rule_id,
        row.first_at,
        row.last_at,
        row.minutes,
        row._mapping["count"],
        row.account,
        row.words,
        row.replaced_by,
    )


def delete_spans(connection: sa.Connection, dead: Iterable[tuple[Key, RefusalSpan]]) -> None:
    """Delete rows that can't count any more."""
    parameters = [
        {
            "of_provider": slug,
            "of_model": model_id,
            "of_account": span.account,
            "of_class": span.refusal_class.value,
            "of_rule": span.rule_id,
            "of_hour": begin_of_bucket(span.last_at),
        }
        for (slug, model_id), span in dead
    ]
    if parameters:
        connection.execute(_DELETE_SPAN, parameters)


_DELETE_SPAN = sa.delete(refusals).where(
    refusals.c.provider_id == sa.bindparam("of_provider"),
    refusals.c.model_id == sa.bindparam("of_model"),
    refusals.c.account == sa.bindparam("of_account"),
    refusals.c.refusal_class == sa.bindparam("of_class"),
    refusals.c.rule_id == sa.bindparam("of_rule"),
    refusals.c.hour == sa.bindparam("of_hour", type_=refusals.c.hour.type),
)


def delete_old_rows(connection: sa.Connection, provider_id: str, now: datetime, expires_after: timedelta) -> int:
    """Delete the provider's rows that are too old to count for any model. Return their number.

    Those of class ``retired`` do not expire: of them, the first and the last of each rule and account stay, while the
    catalog has the model.
    """
    of_old = {"of_provider": provider_id, "before": now - 2 * expires_after}
    of_past = {"of_provider": provider_id, "before": now - 3 * expires_after}
    deleted = connection.execute(_DELETE_OLD, of_old).rowcount
    return deleted + connection.execute(_DELETE_PAST, of_past).rowcount


def _statements_of_old_rows() -> tuple[sa.Delete, sa.Delete]:
    """Return the statements that delete old refusals and old clearances, built once."""
    of_provider: sa.BindParameter[str] = sa.bindparam("of_provider")
    before = sa.bindparam("before", type_=refusals.c.last_at.type)
    is_old = sa.and_(refusals.c.provider_id == of_provider, refusals.c.last_at < before)
    is_retired = refusals.c.refusal_class == RefusalClass.RETIRED.value
    other = refusals.alias("other")
    same = sa.and_(
        *(
            other.c[name] == refusals.c[name]
            for name in ("provider_id", "model_id", "account", "refusal_class", "rule_id")
        )
    )
    is_between = sa.and_(
        sa.exists().where(same, other.c.hour < refusals.c.hour), sa.exists().where(same, other.c.hour > refusals.c.hour)
    )
    is_in_catalog = sa.exists().where(
        models.c.provider_id == refusals.c.provider_id, models.c.model_id == refusals.c.model_id
    )
    is_over = sa.or_(sa.not_(is_retired), is_between, sa.not_(is_in_catalog))
    is_past = sa.and_(refusal_clearances.c.provider_id == of_provider, refusal_clearances.c.at < before)
    return sa.delete(refusals).where(is_old, is_over), sa.delete(refusal_clearances).where(is_past)


_DELETE_OLD, _DELETE_PAST = _statements_of_old_rows()
