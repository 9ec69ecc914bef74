"""Correct stored instants that are later than the current time: some machine's clock was ahead when they were written.

Left alone, they would make every later listing of the provider late, and keep its models from becoming stale. The next
evidence corrects them, under the provider's lock, and so does ``release``. ``restore`` corrects the model that it
brings back, because no index finds a ghost with such a ``last_seen_at`` and an earlier ``deactivated_at``.

It may also be this clock that is wrong, namely behind, and then the stored instants are right. Two rules keep them:

- A clock that was ahead leaves a gap behind the present, a clock that is behind shows a time that the catalog has
  already recorded. So nothing but the provider's last listing is corrected while the catalog has evidence of the
  ``RECORDED_WITHIN`` after the present: such evidence is either true or becomes past soon.
- Where a clock goes back into a time without evidence, both look the same. The events keep the instants that were
  corrected, and once the clock has passed one, it may have been right: ``lifecycle.absence.may_have_been_seen``, which
  the sweeps ask about ``read_corrected_instants``.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from ghost_pipeline.catalog.storage import event_log, repository
from ghost_pipeline.catalog.storage.repository import (
    MODEL_COLUMNS,
    PROVIDER_COLUMNS,
    model_record,
    update_models,
    write_events,
)
from ghost_pipeline.catalog.storage.tables import listings, model_events, models, providers, text_literal
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.validation import MAX_SKEW, parse_instant
from ghost_pipeline.lifecycle.vocabulary import EventKind

_OF_MODELS = ("first_seen_at", "last_seen_at", "last_listed_at", "last_used_at", "deactivated_at")
_UNTIL_NOW = ("last_seen_at", "last_used_at", "deactivated_at", "held_since")
"""These may be any time before the present; the others have to be before the listing, so that it is not late."""
_OF_PROVIDERS = ("last_listing_at", "last_complete_at", "held_since")

_LIMIT = sa.bindparam("limit", type_=models.c.last_seen_at.type)
_IS_AHEAD = (
    sa.and_(models.c.is_active == sa.true(), models.c.last_seen_at > _LIMIT),
    sa.and_(models.c.is_active == sa.false(), models.c.deactivated_at > _LIMIT),
    models.c.last_listed_at > _LIMIT,
)
_OF_PROVIDER = sa.select(models.c.id).where(models.c.provider_id == sa.bindparam("provider_id"))
# Each condition by its index: SQLite would read every model of the provider if one condition joined them with OR.
_MODELS_AHEAD = sa.select(*MODEL_COLUMNS).where(
    models.c.id.in_(sa.union_all(*(_OF_PROVIDER.where(condition) for condition in _IS_AHEAD)))
)

_HAS_MODELS_AHEAD = sa.or_(
    *(sa.exists().where(models.c.provider_id == providers.c.id, condition) for condition in _IS_AHEAD)
)

RECORDED_WITHIN = timedelta(hours=24)
"""How soon after any instant a catalog in use records more evidence."""


def lock_providers(
    connection: sa.Connection, provider_ids: Iterable[str], at: datetime, now: datetime
) -> list[ProviderRecord]:
    """Return the providers by slug, created if they are new, locked until the transaction ends, and corrected.

    See ``repository.get_or_create_providers`` and :func:`correct_future_instants`.
    """
    slugs = sorted(set(provider_ids))
    known = _read_if_all_exist(connection, slugs, now + MAX_SKEW) if connection.dialect.name == "sqlite" else None
    if known is None:
        found = repository.get_or_create_providers(connection, slugs)
        return [correct_future_instants(connection, provider, at, now) for provider in found]
    return [
        correct_future_instants(connection, provider, at, now) if is_ahead else provider for provider, is_ahead in known
    ]


def _read_if_all_exist(
    connection: sa.Connection, slugs: Sequence[str], limit: datetime
) -> list[tuple[ProviderRecord, bool]] | None:
    """Return the providers, and of each whether an instant is later than ``limit``; None unless all exist.

    One statement, because on SQLite the transaction has the lock already.
    """
    rows = connection.execute(
        _providers_and_models_ahead(len(slugs)), {**event_log.slug_parameters(slugs), "limit": limit}
    ).all()
    if len(rows) < len(slugs):
        return None
    found = ((repository.provider_record(row[:-1]), row[-1]) for row in rows)
    return [(provider, has_models_ahead or bool(_future(provider, limit))) for provider, has_models_ahead in found]


@lru_cache(maxsize=100)
def _providers_and_models_ahead(count: int) -> sa.Select[Any]:
    query = sa.select(*PROVIDER_COLUMNS, _HAS_MODELS_AHEAD.label("has_models_ahead"))
    return query.where(providers.c.id.in_(event_log.slugs_of(count))).order_by(providers.c.id)


def _future(provider: ProviderRecord, limit: datetime) -> list[str]:
    return [name for name in _OF_PROVIDERS if _is_after(getattr(provider, name), limit)]


def correct_future_instants(
    connection: sa.Connection, provider: ProviderRecord, at: datetime, now: datetime
) -> ProviderRecord:
    """Set the instants of the provider and of its models that are later than ``now`` to just before ``at``.

    When a model was seen or used last, or became a ghost, and since when the provider is held is set to just before
    ``now``: evidence may come late, and what a clock that was ahead has recorded may be newer. Each model that is
    corrected gets a ``changed`` event with the old and the new instants, and events that were recorded in the future
    are then recorded just before ``at``. Without such instants this is one query on indexes. While the clock may be
    behind, only ``last_listing_at`` is corrected, so that the evidence is not late.

    Args:
        connection: In a transaction that holds the provider's lock.
        provider: As it is stored.
        at: When the evidence was observed; it must not be late, nor count as the same listing.
        now: The current time.

    Returns:
        The provider after the correction.
    """
    limit, corrected = now + MAX_SKEW, min(at, now) - timedelta(microseconds=1)
    models_ahead = _find_models_ahead(connection, provider.id, limit)
    future = _future(provider, limit)
    if not models_ahead and not future:
        return provider
    if _may_be_behind(connection, limit):
        future = [name for name in future if name == "last_listing_at"]
    else:
        event_log.cap_recorded_at(connection, provider.id, limit, corrected)
        _correct_models(connection, models_ahead, limit, corrected, now)
        attempts = sa.update(listings).where(listings.c.provider_id == provider.id, listings.c.observed_at > limit)
        connection.execute(attempts.values(observed_at=corrected))
    if not future:
        return provider
    of_provider = sa.update(providers).where(providers.c.id == provider.id)
    connection.execute(of_provider.values({name: _corrected(name, corrected, now) for name in future}))
    return repository.get_provider(connection, provider.id)


def correct_restored_model(connection: sa.Connection, record: ModelRecord, now: datetime) -> ModelRecord:
    """Set the instants of a model that was just restored and that are later than ``now`` to just before it.

    As :func:`correct_future_instants`, with an event. Return the model after the correction.
    """
    limit, corrected = now + MAX_SKEW, now - timedelta(microseconds=1)
    is_ahead = any(_is_after(getattr(record, name), limit) for name in _OF_MODELS)
    if is_ahead and not _may_be_behind(connection, limit):
        [record] = _correct_models(connection, [record], limit, corrected, now)
    return record


MAY_BE_CORRECTION = sa.and_(model_events.c.kind == text_literal(EventKind.CHANGED), model_events.c.source.is_(None))
"""Every event of a correction meets this condition: no evidence of the model caused it."""


def read_corrected_instants(
    connection: sa.Connection, provider_id: str, model_ids: Collection[str]
) -> dict[str, list[datetime]]:
    """Return model id -> the instants that were corrected, which may have been right."""
    query = _corrections(connection.dialect.name)
    keys = repository.key_parameters(connection, [(provider_id, model_id) for model_id in model_ids])
    corrected: dict[str, list[datetime]] = {}
    for model_id, details in connection.execute(query, keys):
        changes = [details[name] for name in _OF_MODELS if name in details]
        corrected.setdefault(model_id, []).extend(parse_instant(change["old"]) for change in changes)
    return corrected


@cache
def _corrections(dialect_name: str) -> sa.Select[tuple[Any, Any]]:
    return sa.select(model_events.c.model_id, model_events.c.details).where(
        repository.has_key_in(dialect_name, model_events), MAY_BE_CORRECTION
    )


def _may_be_behind(connection: sa.Connection, limit: datetime) -> bool:
    """Return True if the catalog has evidence, of any provider, of the time just after ``limit``."""
    until = limit + RECORDED_WITHIN
    # From the providers, so that each range is one of an index.
    attempted = providers.join(listings, listings.c.provider_id == providers.c.id)
    is_attempt = sa.and_(listings.c.observed_at > limit, listings.c.observed_at <= until)
    seen = providers.join(models, models.c.provider_id == providers.c.id)
    is_seen = sa.and_(models.c.is_active == sa.true(), models.c.last_seen_at > limit, models.c.last_seen_at <= until)
    found = sa.or_(
        sa.exists(sa.select(sa.literal(1)).select_from(attempted).where(is_attempt)),
        sa.exists(sa.select(sa.literal(1)).select_from(seen).where(is_seen)),
    )
    return bool(connection.execute(sa.select(found)).scalar())


def _find_models_ahead(connection: sa.Connection, provider_id: str, limit: datetime) -> list[ModelRecord]:
    rows = connection.execute(_MODELS_AHEAD, {"provider_id": provider_id, "limit": limit})
    return [model_record(row) for row in rows]


def _correct_models(
    connection: sa.Connection, ahead: Sequence[ModelRecord], limit: datetime, corrected: datetime, now: datetime
) -> list[ModelRecord]:
    after, events = [], []
    for before in ahead:
        changes = {
            name: _corrected(name, corrected, now) for name in _OF_MODELS if _is_after(getattr(before, name), limit)
        }
        # A model was not seen first after it was seen last.
        instants = {name: changes.get(name, getattr(before, name)) for name in ("first_seen_at", "last_seen_at")}
        after.append(msgspec.structs.replace(before, **{**changes, "first_seen_at": min(instants.values())}))
        details = {
            name: {"old": msgspec.to_builtins(getattr(before, name)), "new": msgspec.to_builtins(instant)}
            for name, instant in changes.items()
        }
        events.append(ModelEvent(before.provider_id, before.model_id, EventKind.CHANGED, now, details=details))
    update_models(connection, list(zip(ahead, after, strict=True)))
    write_events(connection, events)
    return after


def _corrected(name: str, before_evidence: datetime, now: datetime) -> datetime:
    return now - timedelta(microseconds=1) if name in _UNTIL_NOW else before_evidence


def _is_after(instant: datetime | None, limit: datetime) -> bool:
    return instant is not None and instant > limit
