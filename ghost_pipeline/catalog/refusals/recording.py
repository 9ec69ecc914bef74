"""Record refusals, and what speaks against them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial

import sqlalchemy as sa

from ghost_pipeline.catalog.refusals.refusal_rows import (
    ANOTHER,
    Clearance,
    delete_old_rows,
    merge_refusals,
    merge_rows,
    merge_unknown,
    record_clearances,
)
from ghost_pipeline.catalog.refusals.settling import Settled, find_expired, of_concerned_providers, settle
from ghost_pipeline.catalog.results import RefusalEffect, RefusalResult
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.repository import (
    Key,
    has_key_in,
    key_parameters,
    lock_known_providers,
    write_events,
)
from ghost_pipeline.catalog.storage.tables import models, refusals
from ghost_pipeline.lifecycle.events import Cause
from ghost_pipeline.lifecycle.records import Inference, ModelEvent, ProviderRecord
from ghost_pipeline.lifecycle.refusals.evidence import Refusal, Substitution, begin_of_bucket, minutes_of
from ghost_pipeline.lifecycle.refusals.state import is_too_late
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source
from ghost_pipeline.settings import Thresholds


def record_refusals(
    connection: sa.Connection, reported: Sequence[Refusal], now: datetime, thresholds: Thresholds
) -> list[RefusalResult]:
    """Record refusals and return what each did, in their order.

    Refusals of models that the catalog does not know are counted for their provider; those of providers that it does
    not know, and those that arrive too late to count, are not kept.
    """
    known_providers = lock_known_providers(connection, {one.provider_id for one in reported})
    in_time = [one for one in reported if not is_too_late(one.last_at, now, thresholds)]
    known = _known(connection, [_key(one) for one in in_time])
    kept = [one for one in in_time if _key(one) in known]
    for slug in sorted(known_providers):
        delete_old_rows(connection, slug, now, thresholds.refusal_expires_after)
    merge_refusals(connection, kept)
    merge_unknown(connection, [one for one in in_time if _key(one) not in known and one.provider_id in known_providers])
    latest: dict[Key, datetime] = {}
    for one in kept:
        latest[_key(one)] = max(one.last_at, latest.get(_key(one), one.last_at))
    settled = settle(connection, list(latest), lambda key: Cause(latest[key], Source.INFERENCE), now, thresholds)
    return [
        RefusalResult(
            one.provider_id, one.model_id, _effect(one, known, settled, now, thresholds), one.refusal_class.value
        )
        for one in reported
    ]


def _effect(
    one: Refusal, known: set[Key], settled: Mapping[Key, Settled], now: datetime, thresholds: Thresholds
) -> RefusalEffect:
    if is_too_late(one.last_at, now, thresholds):
        return "ignored"
    if _key(one) not in known:
        return "unknown"
    state = settled[_key(one)]
    if state.after is None:
        return "recorded"
    return "refused" if state.before is None else "still_refused"


def record_uses(
    connection: sa.Connection, inferences: Iterable[Inference], now: datetime, thresholds: Thresholds
) -> None:
    """Settle the models that were used, after their uses were recorded, and keep the accounts with a label."""
    latest: dict[Key, datetime] = {}
    of_accounts: dict[tuple[str, str, str], datetime] = {}
    for one in inferences:
        key = (one.provider_id, one.model_id)
        latest[key] = max(one.last_at, latest.get(key, one.last_at))
        if one.account:
            labelled = (*key, one.account)
            of_accounts[labelled] = max(one.last_at, of_accounts.get(labelled, one.last_at))
    record_clearances(connection, Clearance.USE, of_accounts)
    concerned = of_concerned_providers(connection, latest)
    settle(connection, concerned, lambda key: Cause(latest[key], Source.INFERENCE), now, thresholds)


def record_reactivation(
    connection: sa.Connection, provider_id: str, model_id: str, at: datetime, now: datetime, thresholds: Thresholds
) -> None:
    """Record that an operator reactivated a model, and settle it."""
    record_clearances(connection, Clearance.REACTIVATION, {(provider_id, model_id, ""): at})
    settle(connection, [(provider_id, model_id)], lambda _: Cause(at, Source.MANUAL), now, thresholds)


def select_absent(which: sa.ColumnElement[bool]) -> sa.Select[tuple[str]]:
    """Return the query that ``record_returns`` executes for the models in ``which``."""
    # Each by a range of an index: few models are behind the latest listing.
    complete_at = sa.bindparam("last_complete_at", type_=models.c.last_listed_at.type)
    is_absent = sa.or_(models.c.last_listed_at < complete_at, models.c.last_listed_at.is_(None))
    return sa.select(models.c.model_id).where(models.c.provider_id == sa.bindparam("provider_id"), is_absent, which)


def record_returns(
    connection: sa.Connection, provider: ProviderRecord, at: datetime, query: sa.Select[tuple[str]]
) -> None:
    """Record that a listing brought models back that the provider's latest complete listing lacked.

    ``query`` is one of ``select_absent``, before its models are marked as listed.
    """
    if provider.last_complete_at is not None:
        parameters = {"provider_id": provider.id, "last_complete_at": provider.last_complete_at}
        record_listed_again(connection, provider.id, connection.execute(query, parameters).scalars(), at)


def record_listed_again(connection: sa.Connection, provider_id: str, model_ids: Iterable[str], at: datetime) -> None:
    """Record that a listing brought models back, which speaks against earlier refusals."""
    returned = {(provider_id, model_id, ""): at for model_id in model_ids}
    record_clearances(connection, Clearance.LISTING, returned)


def expire_refusals(
    database: Database,
    provider_id: str | None,
    now: datetime,
    thresholds: Thresholds,
    run_id: str | None,
    *,
    is_dry_run: bool,
) -> list[Key]:
    """End the refusals that have expired, of one provider or of all, with an event for each. Return their models."""
    with database.reading() as connection:
        expired = find_expired(connection, provider_id, now, thresholds)
    details = {"rule": "refusal_expired", "limit_days": thresholds.refusal_expires_after.total_seconds() / 86400}
    cause = Cause(now, None, run_id=run_id, details=details)

    def end(connection: sa.Connection, slug: str) -> None:
        lock_known_providers(connection, [slug])
        settle(connection, find_expired(connection, slug, now, thresholds), lambda _: cause, now, thresholds)

    if not is_dry_run:
        for slug in sorted({slug for slug, _ in expired}):
            database.write(partial(end, slug=slug))
    return expired


def record_substitutions(
    connection: sa.Connection, reported: Sequence[Substitution], now: datetime, thresholds: Thresholds
) -> None:
    """Record that requests for models of the catalog were answered by others: an event for each pair of them.

    The event is repeated when the pair was not reported for as long as refusals take to expire.
    """
    lock_known_providers(connection, {one.provider_id for one in reported})
    in_time = [one for one in reported if not is_too_late(one.last_at, now, thresholds)]
    known = _known(connection, [(one.provider_id, one.model_id) for one in in_time])
    kept = [one for one in in_time if (one.provider_id, one.model_id) in known]
    if not kept:
        return
    earlier = _known_substitutions(connection, kept, now, thresholds)
    merge_rows(
        connection,
        [
            {
                "provider_id": one.provider_id,
                "model_id": one.model_id,
                "account": "",
                "refusal_class": ANOTHER,
                "rule_id": one.answered_by,
                "hour": begin_of_bucket(one.last_at),
                "first_at": one.first_at,
                "last_at": one.last_at,
                "minutes": minutes_of(one.last_at, one.last_at),
                "count": one.count,
                "words": "",
                "replaced_by": one.answered_by,
            }
            for one in kept
        ],
    )
    new = {_pair(one): one for one in kept if _pair(one) not in earlier}
    write_events(
        connection,
        [
            ModelEvent(
                one.provider_id,
                one.model_id,
                EventKind.ANSWERED_BY_ANOTHER,
                one.last_at,
                Source.INFERENCE,
                details={"answered_by": one.answered_by},
            )
            for one in new.values()
        ],
    )


def _pair(one: Substitution) -> tuple[str, str, str]:
    return one.provider_id, one.model_id, one.answered_by


def _known_substitutions(
    connection: sa.Connection, reported: Sequence[Substitution], now: datetime, thresholds: Thresholds
) -> set[tuple[str, str, str]]:
    query = sa.select(refusals.c.provider_id, refusals.c.model_id, refusals.c.rule_id).where(
        has_key_in(connection.dialect.name, refusals),
        refusals.c.refusal_class == ANOTHER,
        refusals.c.last_at >= now - thresholds.refusal_expires_after,
    )
    keys = [(one.provider_id, one.model_id) for one in reported]
    return {(row[0], row[1], row[2]) for row in connection.execute(query, key_parameters(connection, keys))}


def _key(one: Refusal) -> Key:
    return one.provider_id, one.model_id


def _known(connection: sa.Connection, keys: Sequence[Key]) -> set[Key]:
    """Return the models among ``keys`` that the catalog has."""
    if not keys:
        return set()
    rows = connection.execute(_keys(connection.dialect.name), key_parameters(connection, list(dict.fromkeys(keys))))
    return {(row[0], row[1]) for row in rows}


@cache
def _keys(dialect_name: str) -> sa.Select[tuple[str, str]]:
    return sa.select(models.c.provider_id, models.c.model_id).where(has_key_in(dialect_name, models))
