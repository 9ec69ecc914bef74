"""Implausible values of listings: what is withheld of a reconciled listing, listed and accepted.

The rule is ``lifecycle.claims.withheld_facts``. It is applied to the few models whose facts a listing changes, which
reconciliation reads anyway; a provider without implausible values costs one look-up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from msgspec.structs import replace

from ghost_pipeline.catalog.ingestion.bulk import matched, staged
from ghost_pipeline.catalog.ingestion.overriding import is_manual_sql, record_listed_values
from ghost_pipeline.catalog.results import ListingAttempt
from ghost_pipeline.catalog.storage.repository import Key, read_models, update_models, write_events
from ghost_pipeline.catalog.storage.tables import listings, models, withheld_facts
from ghost_pipeline.lifecycle.claims.operator_facts import keep_operator_facts
from ghost_pipeline.lifecycle.claims.plausibility import PRICES
from ghost_pipeline.lifecycle.claims.withheld_facts import (
    DOUBTED_FACTS,
    PRICE_COLUMNS,
    DoubtedFact,
    FactChange,
    FactKey,
    WithheldFact,
    held_columns,
    new_doubts,
    withhold,
    withhold_beside_operators,
)
from ghost_pipeline.lifecycle.events import ACCEPTED, Cause, doubt_event, events_between
from ghost_pipeline.lifecycle.records import ModelEvent
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline.settings import Thresholds

_rows = withheld_facts.c
_OF_PROVIDER = _rows.provider_id == sa.bindparam("provider_id")
_FACT_COLUMNS = tuple(_rows[one.name] for one in fields(WithheldFact))
_KNOWN = sa.select(*_FACT_COLUMNS).where(_OF_PROVIDER)


def may_be_doubted() -> sa.ColumnElement[Any]:
    """Return the version of the code that read what stands of a model of a staged listing, where a fact changes.

    It is NULL where none of the facts changes that can be implausible, or where no listing stated them.
    """
    version = sa.select(listings.c.format_version).where(listings.c.id == models.c.listing_id).scalar_subquery()
    # Not looked up for models of which something else changes.
    return sa.case((sa.or_(*(models.c[fact] != staged.c[fact] for fact in DOUBTED_FACTS)), version))


@dataclass(frozen=True, slots=True)
class ListedChange:
    """A model whose facts a listing changes."""

    change: FactChange
    read_by: str | None
    """See ``may_be_doubted``."""


def withhold_implausible(
    connection: sa.Connection,
    attempt: ListingAttempt,
    changes: Sequence[ListedChange],
    thresholds: Thresholds,
    listed: dict[FactKey, Any],
) -> tuple[dict[str, tuple[str, ...]], list[ModelEvent]]:
    """Keep what stands where the staged listing changes it implausibly, and record what is withheld.

    The staged rows then have what stands. Return model id -> columns that are kept, and the events of new doubts.
    ``listed`` has what the listing states anew of facts that operators stated; what is withheld is taken out of it.
    """
    provider = {"provider_id": attempt.provider_id}
    known = {(row.model_id, row.fact): WithheldFact(*row) for row in connection.execute(_KNOWN, provider)}
    judged = [one.change for one in changes if one.read_by is not None and one.read_by == attempt.format_version]
    if not known and not judged:
        return {}, []
    withheld = withhold(
        attempt.provider_id,
        judged,
        lambda: connection.execute(_COUNT_PRICED).scalar_one(),
        known,
        attempt.observed_at,
        attempt.id,
        thresholds,
    )
    beside = withhold_beside_operators(withheld, listed, known, attempt.observed_at, attempt.id)
    for key in beside:
        del listed[key]
    withheld |= beside
    _store(connection, attempt, known, withheld)
    if not withheld:
        return {}, []
    connection.execute(_KEEP_PRICES, provider)
    connection.execute(_KEEP_CONTEXT, provider)
    old = {one.model_id: one.old for one in judged}
    held = {model_id: held_columns(model_id, withheld) for model_id in sorted({key[0] for key in withheld})}
    return held, _doubt_events(attempt, old, new_doubts(withheld, known))


_COUNT_PRICED = (
    sa.select(sa.func.count())
    .select_from(
        staged.join(matched, matched.c.model_id == staged.c.model_id).join(models, models.c.id == matched.c.known_id)
    )
    .where(sa.or_(*(sa.and_(models.c[fact].is_not(None), staged.c[fact].is_not(None)) for fact in PRICES)))
)


def _keep(columns: Sequence[str], facts: Sequence[str]) -> sa.Update:
    """Return the statement that gives staged rows what stands, where one of the facts is withheld."""
    withheld = sa.select(_rows.model_id).where(_OF_PROVIDER, _rows.fact.in_(facts))
    return (
        sa.update(staged)
        .where(
            staged.c.model_id.in_(withheld),
            models.c.provider_id == sa.bindparam("provider_id"),
            models.c.model_id == staged.c.model_id,
        )
        .values({name: models.c[name] for name in columns})
    )


_KEEP_PRICES = _keep(PRICE_COLUMNS, PRICES)
_KEEP_CONTEXT = _keep(("context_window",), ("context_window",))


def _store(
    connection: sa.Connection,
    attempt: ListingAttempt,
    known: Mapping[FactKey, WithheldFact],
    withheld: Mapping[FactKey, WithheldFact],
) -> None:
    """Replace what was withheld of the models of this listing; what is withheld of others stays."""
    if withheld == known:
        return
    connection.execute(_DELETE_LISTED, {"provider_id": attempt.provider_id})
    if withheld:
        names = [column.name for column in _FACT_COLUMNS]
        rows = [{name: getattr(fact, name) for name in names} for fact in withheld.values()]
        connection.execute(sa.insert(withheld_facts), [{"provider_id": attempt.provider_id, **row} for row in rows])


_DELETE_LISTED = sa.delete(withheld_facts).where(_OF_PROVIDER, _rows.model_id.in_(sa.select(staged.c.model_id)))


def _doubt_events(
    attempt: ListingAttempt, standing: Mapping[str, Mapping[str, Any]], doubts: Mapping[str, Sequence[WithheldFact]]
) -> list[ModelEvent]:
    return [
        doubt_event(
            attempt.provider_id,
            model_id,
            Cause(attempt.observed_at, Source.INDEX, attempt.id, attempt.run_id),
            {fact.fact: (standing[model_id][fact.fact], fact.value, fact.reason) for fact in of_model},
        )
        for model_id, of_model in doubts.items()
    ]


def list_doubts(
    connection: sa.Connection, provider_id: str | None = None, model_id: str | None = None
) -> list[DoubtedFact]:
    """Return the implausible values that do not stand yet, by provider, model and fact."""
    query = (
        sa.select(
            *(_rows.provider_id, _rows.model_id, _rows.fact),
            sa.case(*((_rows.fact == fact, models.c[fact]) for fact in DOUBTED_FACTS)),
            *(_rows.value, _rows.since, _rows.listing_id, _rows.reason),
        )
        .join(models, _IS_SAME_MODEL)
        .where(_rows.reason.is_not(None))
        .order_by(_rows.provider_id, _rows.model_id, _rows.fact)
    )
    if provider_id is not None:
        query = query.where(_rows.provider_id == provider_id)
    if model_id is not None:
        query = query.where(_rows.model_id == model_id)
    return [_doubted_fact(row) for row in connection.execute(query)]


_IS_SAME_MODEL = sa.and_(
    models.c.provider_id == _rows.provider_id,
    models.c.model_id == _rows.model_id,
    models.c.listing_id.is_not(None),
    # What an operator has stated since is not doubted.
    ~sa.or_(*(sa.and_(_rows.fact == fact, is_manual_sql(fact)) for fact in DOUBTED_FACTS)),
)


def _doubted_fact(row: sa.Row[Any]) -> DoubtedFact:
    provider_id, model_id, fact, value, *rest = row
    return DoubtedFact(provider_id, model_id, fact, value if fact in PRICES else int(value), *rest)


def accept_doubts(connection: sa.Connection, provider_id: str, now: datetime) -> None:
    """Take over everything that is withheld of a provider, in a transaction that holds its lock."""
    stated: dict[Key, dict[str, Any]] = {}
    causes: dict[Key, Cause] = {}
    listed: list[tuple[FactKey, Any, datetime]] = []
    for row in connection.execute(_KNOWN, {"provider_id": provider_id}):
        key = (provider_id, row.model_id)
        stated.setdefault(key, {})[row.fact] = row.value
        causes[key] = Cause(now, Source.INDEX, row.listing_id, details=ACCEPTED)
        listed.append(((row.model_id, row.fact), row.value, row.since))
    if not stated:
        return
    before = {key: one for key, one in read_models(connection, sorted(stated)).items() if one.listing_id is not None}
    # What an operator has stated is not replaced: then it is what the listings state beside it.
    record_listed_values(connection, provider_id, (one for one in listed if (provider_id, one[0][0]) in before))
    after = {key: keep_operator_facts(model, replace(model, **stated[key])) for key, model in before.items()}
    update_models(connection, [(before[key], model) for key, model in after.items()])
    events = (event for key in sorted(after) for event in events_between(before[key], after[key], causes[key]))
    write_events(connection, events)
    connection.execute(sa.delete(withheld_facts).where(_OF_PROVIDER), {"provider_id": provider_id})
