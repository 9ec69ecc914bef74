"""Bring the columns of refused models in line with the evidence, and write the events.

Whatever changes the evidence calls :func:`settle` in its transaction: a refusal, a success, a reactivation, a listing,
and a sweep, because refusals expire. It costs one query where no model of the provider is concerned.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from ghost_pipeline.catalog.refusals.refusal_rows import delete_spans, read_evidence
from ghost_pipeline.catalog.storage import event_log
from ghost_pipeline.catalog.storage.repository import (
    MODEL_COLUMNS,
    Key,
    find_providers,
    has_key_in,
    key_parameters,
    model_record,
    write_events,
)
from ghost_pipeline.catalog.storage.tables import models, providers, refusals, text_literal
from ghost_pipeline.lifecycle.events import Cause
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.refusals.state import (
    RETIRED_PREFIX,
    RefusalEvidence,
    RefusedState,
    counts_no_more,
    refused_state,
    state_of,
)
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline.settings import Thresholds

CauseOf = Callable[[Key], Cause]
"""Return why a model may have changed."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A model whose evidence was looked at, with its state before and after."""

    before: RefusedState | None
    after: RefusedState | None
    evidence: RefusalEvidence


def settle(
    connection: sa.Connection, keys: Sequence[Key], cause_of: CauseOf, now: datetime, thresholds: Thresholds
) -> dict[Key, Settled]:
    """Settle the models among ``keys`` that have refusals or are refused. The caller holds the locks of the providers.

    Evidence that can't count any more is deleted. Return what was settled.
    """
    if not keys:
        return {}
    rows = connection.execute(_concerned(connection.dialect.name), key_parameters(connection, keys)).all()
    return _settle([model_record(row) for row in rows], connection, cause_of, now, thresholds) if rows else {}


def settle_provider(
    connection: sa.Connection, provider_id: str, cause: Cause, now: datetime, thresholds: Thresholds
) -> dict[Key, Settled]:
    """Settle every model of a provider that has refusals or is refused. The caller holds the provider's lock."""
    rows = connection.execute(_CONCERNED_OF_PROVIDER, {"of_provider": provider_id}).all()
    if not rows:
        return {}
    return _settle([model_record(row) for row in rows], connection, lambda _: cause, now, thresholds)


def find_expired(
    connection: sa.Connection, provider_id: str | None, now: datetime, thresholds: Thresholds
) -> list[Key]:
    """Return the models whose refusal has expired, of one provider or of all: by an index of the refused."""
    parameters: dict[str, object] = {"before": now - thresholds.refusal_expires_after}
    if provider_id is not None:
        parameters["provider_id"] = provider_id
    rows = connection.execute(_expired(is_of_one=provider_id is not None), parameters)
    return sorted((row[0], row[1]) for row in rows)


@cache
def _expired(*, is_of_one: bool) -> sa.Select[tuple[str, str]]:
    is_expired = sa.and_(
        models.c.refused_since.is_not(None),
        models.c.last_refused_at < sa.bindparam("before", type_=models.c.last_refused_at.type),
        models.c.refusal_reason.not_like(text_literal(f"{RETIRED_PREFIX}%")),
    )
    # From the providers, so that each range is one of an index.
    of_providers = providers.join(models, models.c.provider_id == providers.c.id)
    query = sa.select(models.c.provider_id, models.c.model_id).select_from(of_providers).where(is_expired)
    return query.where(providers.c.id == sa.bindparam("provider_id")) if is_of_one else query


_HAS_REFUSALS = sa.exists().where(
    refusals.c.provider_id == models.c.provider_id, refusals.c.model_id == models.c.model_id
)
_IS_CONCERNED = sa.or_(models.c.refused_since.is_not(None), _HAS_REFUSALS)


@cache
def _concerned(dialect_name: str) -> sa.Select[Any]:
    return sa.select(*MODEL_COLUMNS).where(has_key_in(dialect_name, models), _IS_CONCERNED)


_OF_PROVIDER: sa.BindParameter[str] = sa.bindparam("of_provider")
_REFUSED = sa.select(models.c.model_id).where(models.c.provider_id == _OF_PROVIDER, models.c.refused_since.is_not(None))
_WITH_REFUSALS = sa.select(refusals.c.model_id).where(refusals.c.provider_id == _OF_PROVIDER)
# By two indexes of few rows; a condition with OR would read every model of the provider.
_CONCERNED_OF_PROVIDER = sa.select(*MODEL_COLUMNS).where(
    models.c.provider_id == _OF_PROVIDER, models.c.model_id.in_(sa.union(_REFUSED, _WITH_REFUSALS))
)


def of_concerned_providers(connection: sa.Connection, keys: Iterable[Key]) -> list[Key]:
    """Return the models whose provider has any refusals or refused models: mostly none."""
    keys = list(keys)
    slugs = sorted({slug for slug, _ in keys})
    if not slugs:
        return []
    rows = connection.execute(_concerned_providers(len(slugs)), event_log.slug_parameters(slugs))
    concerned = {row[0] for row in rows}
    return [key for key in keys if key[0] in concerned]


@lru_cache(maxsize=100)
def _concerned_providers(count: int) -> sa.Select[tuple[str]]:
    return sa.select(providers.c.id).where(providers.c.id.in_(event_log.slugs_of(count)), has_concerned(providers.c.id))


def has_concerned(provider_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Return the condition that :func:`settle_provider` may have something to settle for the provider."""
    refused = sa.exists().where(models.c.provider_id == provider_id, models.c.refused_since.is_not(None))
    return sa.or_(refused, sa.exists().where(refusals.c.provider_id == provider_id))


def _settle(
    records: Sequence[ModelRecord],
    connection: sa.Connection,
    cause_of: CauseOf,
    now: datetime,
    thresholds: Thresholds,
) -> dict[Key, Settled]:
    evidence = read_evidence(connection, [_key(record) for record in records])
    by_slug = find_providers(connection, (record.provider_id for record in records))
    settled = {
        _key(record): _settled(
            record, evidence.get(_key(record), RefusalEvidence()), by_slug[record.provider_id], now, thresholds
        )
        for record in records
    }
    _write_columns(connection, {key: one.after for key, one in settled.items() if one.before != one.after})
    write_events(connection, _events(records, settled, cause_of))
    delete_spans(
        connection,
        (
            (_key(record), span)
            for record in records
            for span in settled[_key(record)].evidence.spans
            if counts_no_more(span, settled[_key(record)].evidence, record, now, thresholds)
        ),
    )
    return settled


def _key(record: ModelRecord) -> Key:
    return record.provider_id, record.model_id


def _settled(
    record: ModelRecord, evidence: RefusalEvidence, provider: ProviderRecord, now: datetime, thresholds: Thresholds
) -> Settled:
    return Settled(state_of(record), refused_state(evidence, record, provider, now, thresholds), evidence)


def _write_columns(connection: sa.Connection, changed: Mapping[Key, RefusedState | None]) -> None:
    if changed:
        parameters = [
            {"of_provider": slug, "of_model": model_id, **_column_values(state)}
            for (slug, model_id), state in changed.items()
        ]
        connection.execute(_UPDATE, parameters)


_COLUMNS = ("refused_since", "last_refused_at", "refusal_reason")
_UPDATE = (
    sa.update(models)
    .where(models.c.provider_id == sa.bindparam("of_provider"), models.c.model_id == sa.bindparam("of_model"))
    .values({name: sa.bindparam(name) for name in _COLUMNS})
)


def _column_values(state: RefusedState | None) -> dict[str, Any]:
    values = (None, None, None) if state is None else (state.since, state.last_at, state.reason)
    return dict(zip(_COLUMNS, values, strict=True))


def _events(records: Iterable[ModelRecord], settled: Mapping[Key, Settled], cause_of: CauseOf) -> Iterable[ModelEvent]:
    for record in records:
        one = settled[_key(record)]
        if one.before == one.after:
            continue
        kind = _kind(record, one)
        if kind is not None:
            yield _event(record, kind, one, cause_of(_key(record)))


def _kind(record: ModelRecord, one: Settled) -> EventKind | None:
    """Return what happened; None if the model is still refused as it was, only more often."""
    if one.before is None:
        return EventKind.REFUSED
    if one.after is None:
        is_used_since = record.last_used_at is not None and record.last_used_at >= one.before.last_at
        return EventKind.ANSWERS_AGAIN if is_used_since else EventKind.REFUSAL_ENDED
    is_same = (one.before.since, one.before.reason) == (one.after.since, one.after.reason)
    return None if is_same else EventKind.CHANGED


def _event(record: ModelRecord, kind: EventKind, one: Settled, cause: Cause) -> ModelEvent:
    old, new = _column_values(one.before), _column_values(one.after)
    changes = {
        name: {"old": msgspec.to_builtins(old[name]), "new": msgspec.to_builtins(new[name])}
        for name in _COLUMNS
        if old[name] != new[name]
    }
    accounts = (
        sorted({span.account for span in one.evidence.spans if span.account}) if kind is EventKind.REFUSED else []
    )
    return ModelEvent(
        record.provider_id,
        record.model_id,
        kind,
        cause.at,
        cause.source,
        cause.listing_id,
        cause.run_id,
        {**changes, **({"accounts": accounts} if accounts and kind is EventKind.REFUSED else {}), **cause.details},
    )
