"""The stale sweep and the purge sweep, on the rules ``is_stale`` and ``is_purgeable`` of ``lifecycle.absence``.

A sweep changes one provider at a time, each in a transaction of its own and under the provider's lock, which every
sighting takes too: a sighting that arrives first keeps its model, and the sweep delays no other provider's sightings.
An index finds the candidates, so that a rule never loads models that it cannot select.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

import msgspec
import sqlalchemy as sa

from ghost_pipeline.catalog.ingestion.attempts import complete_of
from ghost_pipeline.catalog.ingestion.future_instants import MAY_BE_CORRECTION, read_corrected_instants
from ghost_pipeline.catalog.results import DueModel, SweepResult
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.repository import (
    MODEL_COLUMNS,
    PROVIDER_COLUMNS,
    delete_models,
    get_provider,
    has_key_in,
    key_parameters,
    list_providers,
    model_record,
    provider_record,
    write_events,
)
from ghost_pipeline.catalog.storage.tables import listings, model_events, models, providers, text_literal
from ghost_pipeline.lifecycle.absence import (
    is_listed,
    is_protected_from_staleness,
    is_purgeable,
    is_stale,
    may_have_been_seen,
    missing_before,
    postpone,
    purge_due_at,
    stale_due_at,
)
from ghost_pipeline.lifecycle.events import Cause, events_between
from ghost_pipeline.lifecycle.records import ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.refusals.state import RETIRED_PREFIX
from ghost_pipeline.lifecycle.transitions import deactivate
from ghost_pipeline.lifecycle.vocabulary import Source, Verdict
from ghost_pipeline.settings import Thresholds

UPDATE_SIZE = 1000
"""Models that one statement changes."""


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """Which models a sweep selects, and what it makes of one."""

    rule: Callable[[ModelRecord, ProviderRecord, datetime, Thresholds], bool]
    holds_listed: Callable[[ProviderRecord, datetime, Thresholds], bool]
    """Return True if the provider's hold keeps the sweep from its listed models."""
    candidates: sa.ColumnElement[bool]
    """An index serves this condition, and every model meets it that the rule selects. Its parameter is ``before``."""
    not_held: sa.ColumnElement[bool]
    """Which listed models a hold does not keep from the sweep. Its parameter is ``missing_before``."""
    due_at: Callable[[ModelRecord, ProviderRecord, Thresholds], datetime | None]
    """Return the first instant at which the rule selects the model."""
    change: Callable[[ModelRecord, datetime], ModelRecord | None]
    """Return the model after the sweep; None if it is deleted."""
    limit: Callable[[Thresholds], timedelta]
    """Return how old evidence must be."""
    reason: Callable[[Thresholds], dict[str, Any]]
    """Return the rule and its limit, for the events."""


def run(
    database: Database,
    sweep: Sweep,
    provider_id: str | None,
    now: datetime,
    thresholds: Thresholds,
    run_id: str | None = None,
    *,
    is_dry_run: bool = False,
) -> SweepResult:
    """Change the models that the sweep selects, of one provider or of all; a dry run only finds them.

    Raises UnknownProvider, CatalogError.
    """
    results: dict[str, SweepResult | None] = {}
    with database.reading() as connection:
        if provider_id is not None:
            swept = [get_provider(connection, provider_id)]
        elif is_dry_run:  # which also counts the models that are due soon
            swept = list_providers(connection)
        else:
            swept = _with_candidates(connection, sweep, now, thresholds)
        for provider in swept:
            if is_dry_run:
                results[provider.id] = _sweep_provider(connection, provider, sweep, now, thresholds)
            elif _has_candidates(connection, provider, sweep, now, thresholds):
                results[provider.id] = None  # under its lock, below
            else:
                results[provider.id] = SweepResult(held=_held(connection, provider, sweep, now, thresholds))

    def change(connection: sa.Connection, slug: str) -> SweepResult:
        provider = get_provider(connection, slug, for_update=True)
        return _sweep_provider(connection, provider, sweep, now, thresholds, Cause(now, run_id=run_id))

    return _joined([result or database.write(partial(change, slug=slug)) for slug, result in results.items()])


def _with_candidates(
    connection: sa.Connection, sweep: Sweep, now: datetime, thresholds: Thresholds
) -> list[ProviderRecord]:
    """Return the providers with models that the rule may select or that only a hold keeps from it."""
    rows = connection.execute(_providers_with_candidates(sweep), {"before": now - sweep.limit(thresholds)})
    return [provider_record(row) for row in rows]


@cache
def _providers_with_candidates(sweep: Sweep) -> sa.Select[tuple[Any, ...]]:
    has_candidates = sa.exists().where(models.c.provider_id == providers.c.id, sweep.candidates)
    return sa.select(*PROVIDER_COLUMNS).where(has_candidates).order_by(providers.c.id)


def _joined(results: Sequence[SweepResult]) -> SweepResult:
    held = {slug: reason for result in results for slug, reason in result.held.items()}
    return SweepResult(
        tuple(model for result in results for model in result.models),
        held,
        tuple(due for result in results for due in result.due),
        sum(result.due_within_24h for result in results),
    )


def _sweep_provider(
    connection: sa.Connection,
    provider: ProviderRecord,
    sweep: Sweep,
    now: datetime,
    thresholds: Thresholds,
    cause: Cause | None = None,
) -> SweepResult:
    """Find the models that the sweep selects, and change them if there is a ``cause``."""
    query = _ordered_candidates(sweep, is_holding=sweep.holds_listed(provider, now, thresholds))
    due = [
        record
        for row in connection.execute(query, _parameters(provider, sweep, now, thresholds))
        if sweep.rule(record := model_record(row), provider, now, thresholds)
    ]
    corrected: dict[str, list[datetime]] = {}
    limit = sweep.limit(thresholds)
    if due:
        corrected = read_corrected_instants(connection, provider.id, [record.model_id for record in due])
        due = [one for one in due if not may_have_been_seen(corrected.get(one.model_id, ()), now, limit)]
    if cause is not None and due:
        _change(connection, provider, sweep, due, thresholds, cause)
    held = _held(connection, provider, sweep, now, thresholds)
    keys = tuple((record.provider_id, record.model_id) for record in due)
    if cause is not None:
        return SweepResult(keys, held)
    evidence = tuple(
        DueModel(
            *(record.provider_id, record.model_id, record.last_seen_at, record.last_listed_at, record.last_used_at),
            postpone(sweep.due_at(record, provider, thresholds), corrected.get(record.model_id, ()), limit),
        )
        for record in due
    )
    soon = min(now, _LAST_DAY) + timedelta(days=1)
    count = _count_candidates(connection, provider, sweep, soon, thresholds) - len(due)
    return SweepResult(
        keys, held, evidence, count - _count_postponed(connection, provider, sweep, now, soon, thresholds)
    )


def _count_candidates(
    connection: sa.Connection, provider: ProviderRecord, sweep: Sweep, soon: datetime, thresholds: Thresholds
) -> int:
    """Return how many models the rule selects ``soon``; the candidates are just those."""
    query = _candidates(sweep, is_holding=sweep.holds_listed(provider, soon, thresholds))
    count = sa.select(sa.func.count()).select_from(query.with_only_columns(models.c.id).subquery())
    return connection.execute(count, _parameters(provider, sweep, soon, thresholds)).scalar_one()


def _count_postponed(
    connection: sa.Connection,
    provider: ProviderRecord,
    sweep: Sweep,
    now: datetime,
    soon: datetime,
    thresholds: Thresholds,
) -> int:
    """Return how many of the candidates of ``soon`` are kept until then by instants that were corrected."""
    query = _corrected_candidates(sweep, is_holding=sweep.holds_listed(provider, soon, thresholds))
    rows = connection.execute(query, _parameters(provider, sweep, soon, thresholds))
    candidates = {record.model_id: record for record in map(model_record, rows)}
    corrected = read_corrected_instants(connection, provider.id, list(candidates)) if candidates else {}
    limit = sweep.limit(thresholds)
    count = 0
    for model_id, instants in corrected.items():
        due_at = sweep.due_at(candidates[model_id], provider, thresholds)
        postponed = postpone(due_at and max(due_at, now), instants, limit)
        count += postponed is None or postponed > soon
    return count


_LAST_DAY = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


@cache
def _candidates(sweep: Sweep, *, is_holding: bool) -> sa.Select[tuple[Any, ...]]:
    """Return the query of the models that the rule may select: an index serves it, and a hold narrows it."""
    query = sa.select(*MODEL_COLUMNS).where(models.c.provider_id == sa.bindparam("provider_id"), sweep.candidates)
    return query.where(sa.or_(models.c.last_listed_at.is_(None), sweep.not_held)) if is_holding else query


@cache
def _ordered_candidates(sweep: Sweep, *, is_holding: bool) -> sa.Select[tuple[Any, ...]]:
    return _candidates(sweep, is_holding=is_holding).order_by(models.c.model_id)


@cache
def _corrected_candidates(sweep: Sweep, *, is_holding: bool) -> sa.Select[tuple[Any, ...]]:
    """Return the query of the candidates of which an instant may have been corrected."""
    events = model_events.c
    is_of_model = sa.and_(events.provider_id == models.c.provider_id, events.model_id == models.c.model_id)
    return _candidates(sweep, is_holding=is_holding).where(sa.exists().where(is_of_model, MAY_BE_CORRECTION))


@cache
def _any_candidate(sweep: Sweep, *, is_holding: bool) -> sa.Select[tuple[Any, ...]]:
    return _candidates(sweep, is_holding=is_holding).with_only_columns(models.c.id).limit(1)


@cache
def _listed_candidate(sweep: Sweep) -> sa.Select[tuple[Any, ...]]:
    is_held = sa.and_(models.c.last_listed_at.is_not(None), sa.not_(sa.func.coalesce(sweep.not_held, sa.false())))
    return _candidates(sweep, is_holding=False).where(is_held).limit(1)


def _parameters(provider: ProviderRecord, sweep: Sweep, now: datetime, thresholds: Thresholds) -> dict[str, object]:
    return {
        "provider_id": provider.id,
        "before": now - sweep.limit(thresholds),
        "missing_before": missing_before(provider),
    }


def _has_candidates(
    connection: sa.Connection, provider: ProviderRecord, sweep: Sweep, now: datetime, thresholds: Thresholds
) -> bool:
    query = _any_candidate(sweep, is_holding=sweep.holds_listed(provider, now, thresholds))
    return connection.execute(query, _parameters(provider, sweep, now, thresholds)).first() is not None


def _held(
    connection: sa.Connection, provider: ProviderRecord, sweep: Sweep, now: datetime, thresholds: Thresholds
) -> dict[str, str]:
    """Return provider -> why it is held, if it has a listed model that only its hold keeps from the sweep."""
    if not sweep.holds_listed(provider, now, thresholds):
        return {}
    released = replace(provider, held_since=None, held_reason=None)
    listed = connection.execute(_listed_candidate(sweep), _parameters(provider, sweep, now, thresholds))
    is_holding = any(sweep.rule(model_record(row), released, now, thresholds) for row in listed)
    return {provider.id: provider.held_reason or ""} if is_holding else {}


def _change(
    connection: sa.Connection,
    provider: ProviderRecord,
    sweep: Sweep,
    due: Sequence[ModelRecord],
    thresholds: Thresholds,
    cause: Cause,
) -> None:
    changed = [(record, sweep.change(record, cause.at)) for record in due]
    delete_models(connection, [(one.provider_id, one.model_id) for one, after in changed if after is None])
    _deactivate(connection, provider.id, [one.model_id for one, after in changed if after is not None], cause.at)
    listing_id = _complete_listing_id(connection, provider)
    reason = sweep.reason(thresholds)
    write_events(
        connection,
        (
            event
            for before, after in changed
            for event in events_between(
                before,
                after,
                msgspec.structs.replace(cause, details=selection_details(before, provider, reason, listing_id)),
            )
        ),
    )


def _deactivate(connection: sa.Connection, provider_id: str, model_ids: Sequence[str], now: datetime) -> None:
    for some in _parts(model_ids):
        keys = key_parameters(connection, [(provider_id, model_id) for model_id in some])
        connection.execute(_deactivate_models(connection.dialect.name), {**keys, "deactivated_at": now})


@cache
def _deactivate_models(dialect_name: str) -> sa.Update:
    made: dict[str, Any] = {"is_active": False, "deactivated_at": sa.bindparam("deactivated_at")}
    return sa.update(models).where(has_key_in(dialect_name, models)).values(**made)


def _parts(model_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(model_ids), UPDATE_SIZE):
        yield model_ids[begin : begin + UPDATE_SIZE]


def _complete_listing_id(connection: sa.Connection, provider: ProviderRecord) -> int | None:
    """Return the listing that the provider's last complete instant stands for; None if there is none."""
    return None if provider.last_complete_at is None else connection.execute(_COMPLETE, complete_of(provider)).scalar()


_COMPLETE = (
    sa.select(listings.c.id)
    .where(
        listings.c.provider_id == sa.bindparam("provider_id"),
        listings.c.observed_at == sa.bindparam("last_complete_at", type_=listings.c.observed_at.type),
        listings.c.verdict.not_in([text_literal(one) for one in Verdict if not one.is_readable]),
    )
    .order_by(listings.c.id.desc())
    .limit(1)
)


def selection_details(
    record: ModelRecord, provider: ProviderRecord, reason: dict[str, Any], listing_id: int | None
) -> dict[str, Any]:
    """Return why the sweep selected the model: the rule, its last sighting, the complete listing that lacks it."""
    details = {**reason, "last_seen_at": msgspec.to_builtins(record.last_seen_at)}
    if listing_id is not None and not is_listed(record, provider):
        details["missing_from_listing_id"] = listing_id
    return details


_BEFORE = sa.bindparam("before", type_=models.c.last_seen_at.type)
_SEEN_BEFORE = sa.and_(models.c.source != text_literal(Source.MANUAL), models.c.last_seen_at < _BEFORE)

STALE = Sweep(
    rule=is_stale,
    holds_listed=is_protected_from_staleness,
    candidates=sa.and_(models.c.is_active == sa.true(), _SEEN_BEFORE),
    not_held=sa.and_(
        models.c.refusal_reason.like(text_literal(f"{RETIRED_PREFIX}%")),
        models.c.last_listed_at < sa.bindparam("missing_before", type_=models.c.last_listed_at.type),
    ),
    due_at=stale_due_at,
    change=deactivate,
    limit=lambda thresholds: thresholds.stale_after,
    reason=lambda thresholds: {"rule": "stale", "limit_hours": thresholds.stale_after.total_seconds() / 3600},
)
PURGE = Sweep(
    rule=is_purgeable,
    holds_listed=lambda provider, _now, _thresholds: provider.held_since is not None,
    candidates=sa.and_(models.c.is_active == sa.false(), models.c.deactivated_at < _BEFORE, _SEEN_BEFORE),
    not_held=sa.false(),
    due_at=purge_due_at,
    change=lambda _record, _now: None,
    limit=lambda thresholds: thresholds.purge_after,
    reason=lambda thresholds: {"rule": "purgeable", "limit_days": thresholds.purge_after.total_seconds() / 86400},
)
