"""Reads and writes of models, providers, events and announcements: rows <-> the frozen values of ``lifecycle/``."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ghost_pipeline.catalog.storage import event_log
from ghost_pipeline.catalog.storage.tables import (
    announcements,
    canonical_json,
    model_events,
    models,
    providers,
    text_literal,
    withheld_facts,
)
from ghost_pipeline.catalog.storage.unknown_names import unknown_provider_error
from ghost_pipeline.lifecycle.events import from_snapshot
from ghost_pipeline.lifecycle.identity import provider_label
from ghost_pipeline.lifecycle.records import MODEL_FIELDS, ModelEvent, ModelRecord, ProviderRecord, Tombstone
from ghost_pipeline.lifecycle.retirement import Announcement
from ghost_pipeline.lifecycle.transitions import latest_known
from ghost_pipeline.lifecycle.vocabulary import TOMBSTONE_KINDS, EventKind, Source

MODEL_COLUMNS = tuple(models.c[name] for name in MODEL_FIELDS)
PROVIDER_COLUMNS = tuple(providers.c[field.name] for field in fields(ProviderRecord))
_EVENT_FIELDS = tuple(field.name for field in fields(ModelEvent))
EVENT_COLUMNS = tuple(model_events.c[name] for name in _EVENT_FIELDS)
ANNOUNCEMENT_COLUMNS = tuple(announcements.c[field.name] for field in fields(Announcement))

IS_CURRENT = announcements.c.ended_at.is_(None)
"""A current announcement has not ended."""

Key = tuple[str, str]
"""Provider slug and canonical model id."""

# Statements that every listing or sighting executes are built once: building one costs more than executing it.
_OF_PROVIDER = sa.select(*PROVIDER_COLUMNS).where(providers.c.id == sa.bindparam("provider_id"))
_LOCK_PROVIDER = _OF_PROVIDER.with_for_update()
_PROVIDERS = sa.select(*PROVIDER_COLUMNS).order_by(providers.c.id)
_LABELS = sa.select(providers.c.id, providers.c.label).order_by(providers.c.id)
_ANNOUNCEMENT = (
    sa.select(announcements.c.id).where(announcements.c.provider_id == sa.bindparam("provider_id"), IS_CURRENT).limit(1)
)
_INSERT_MODELS = sa.insert(models)
_INSERT_EVENTS = sa.insert(model_events)


_SOURCES = {one.value: one for one in Source}


def model_record(row: Sequence[Any]) -> ModelRecord:
    """Return the model in a row that begins with MODEL_COLUMNS."""
    record = dict(zip(MODEL_FIELDS, row, strict=False))  # by position, which takes half as long as by name
    record["source"] = _SOURCES[record["source"]]
    if record["capabilities"] is not None:
        record["capabilities"] = tuple(record["capabilities"])
    return ModelRecord(**record)


def model_values(record: ModelRecord) -> dict[str, Any]:
    """Return the column values of a model."""
    return {name: getattr(record, name) for name in MODEL_FIELDS} | {"source": record.source.value}


def provider_record(row: Sequence[Any]) -> ProviderRecord:
    """Return the provider in a row of PROVIDER_COLUMNS."""
    return ProviderRecord(*row)


def model_event(row: sa.Row[Any]) -> ModelEvent:
    """Return the event in a row that has at least EVENT_COLUMNS."""
    values = {name: row._mapping[name] for name in _EVENT_FIELDS}
    values["kind"] = EventKind(values["kind"])
    values["source"] = None if values["source"] is None else Source(values["source"])
    return ModelEvent(**values)


def event_values(event: ModelEvent, recorded_at: datetime) -> dict[str, Any]:
    """Return the column values of an event that is recorded now, which is ``recorded_at``."""
    values = {name: getattr(event, name) for name in _EVENT_FIELDS} | {"recorded_at": recorded_at}
    values["kind"] = event.kind.value
    values["source"] = None if event.source is None else event.source.value
    return values


def read_model(connection: sa.Connection, provider_id: str, model_id: str) -> ModelRecord | None:
    """Return the model, its row locked until the transaction ends; None if the catalog has none."""
    return read_models(connection, [(provider_id, model_id)]).get((provider_id, model_id))


def read_models(connection: sa.Connection, keys: Sequence[Key]) -> dict[Key, ModelRecord]:
    """Return the models among ``keys`` that the catalog has, their rows locked until the transaction ends."""
    if not keys:
        return {}
    rows = connection.execute(_lock_models(connection.dialect.name), key_parameters(connection, keys))
    return {(record.provider_id, record.model_id): record for record in map(model_record, rows)}


@cache
def _lock_models(dialect_name: str) -> sa.Select[Any]:
    return sa.select(*MODEL_COLUMNS).where(has_key_in(dialect_name, models)).with_for_update()


def is_one_of(connection: sa.Connection, table: sa.Table, keys: Sequence[Key]) -> sa.ColumnElement[bool]:
    """Return the condition that a row is of one of the models; its length does not depend on their number."""
    return has_key_in(connection.dialect.name, table).params(**key_parameters(connection, keys))


def has_key_in(dialect_name: str, table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition that a row is of one of the models whose keys ``key_parameters`` passes.

    Its length does not depend on their number.
    """
    columns = sa.tuple_(table.c.provider_id, table.c.model_id)
    if dialect_name == "postgresql":
        texts = postgresql.ARRAY(sa.Text)
        slugs, ids = (sa.bindparam(name, type_=texts) for name in ("key_slugs", "key_ids"))
        pairs = sa.func.unnest(slugs, ids).table_valued("provider_id", "model_id").render_derived()
        return columns.in_(sa.select(pairs.c.provider_id, pairs.c.model_id))
    pair = sa.func.json_each(sa.bindparam("keys", type_=sa.Text)).table_valued("value").c.value
    return columns.in_(sa.select(sa.func.json_extract(pair, "$[0]"), sa.func.json_extract(pair, "$[1]")))


def key_parameters(connection: sa.Connection, keys: Sequence[Key]) -> dict[str, Any]:
    """Return the parameters of ``has_key_in``."""
    if connection.dialect.name == "postgresql":
        return {"key_slugs": [slug for slug, _ in keys], "key_ids": [model_id for _, model_id in keys]}
    return {"keys": canonical_json(keys)}


def insert_models(connection: sa.Connection, records: Sequence[ModelRecord]) -> None:
    """Insert models that the catalog does not have."""
    if records:
        connection.execute(_INSERT_MODELS, [model_values(record) for record in records])


def update_models(connection: sa.Connection, changes: Sequence[tuple[ModelRecord, ModelRecord]]) -> None:
    """Update models that the catalog has: (as stored, as to be stored) of each.

    One statement writes the columns that differ for any of them, mostly two of instants, and leaves the other indexes
    alone.
    """
    differing: set[int] = set()
    for pair in changes:
        both = enumerate(zip(*map(msgspec.structs.astuple, pair), strict=True))
        differing |= {number for number, (old, new) in both if old is not new and old != new}
    names = tuple(name for number, name in enumerate(ModelRecord.__struct_fields__) if number in differing)
    if not names:
        return
    parameters = []
    for _, after in changes:
        values = {"known_provider_id": after.provider_id, "known_model_id": after.model_id}
        parameters.append(values | {name: getattr(after, name) for name in names})
    if "source" in names:
        for one in parameters:
            one["source"] = Source(one["source"]).value
    connection.execute(_update_models(names), parameters)


@lru_cache(maxsize=100)
def _update_models(names: tuple[str, ...]) -> sa.Update:
    of_model = (
        models.c.provider_id == sa.bindparam("known_provider_id"),
        models.c.model_id == sa.bindparam("known_model_id"),
    )
    return sa.update(models).where(*of_model).values({name: sa.bindparam(name) for name in names})


def delete_models(connection: sa.Connection, keys: Sequence[Key]) -> None:
    """Delete models of the catalog, with what is withheld of them."""
    if keys:
        parameters = key_parameters(connection, keys)
        for table in (models, withheld_facts):
            connection.execute(_delete_of_models(connection.dialect.name, table), parameters)


@cache
def _delete_of_models(dialect_name: str, table: sa.Table) -> sa.Delete:
    return sa.delete(table).where(has_key_in(dialect_name, table))


def get_or_create_provider(connection: sa.Connection, provider_id: str) -> ProviderRecord:
    """Return the provider, created if it is new, locked until the transaction ends: one writer per provider."""
    return get_or_create_providers(connection, [provider_id])[0]


def get_or_create_providers(connection: sa.Connection, provider_ids: Iterable[str]) -> list[ProviderRecord]:
    """Return the providers by slug, created if they are new, locked until the transaction ends.

    Every writer takes the locks in this order, which prevents deadlocks.
    """
    slugs = sorted(set(provider_ids))
    if not slugs:
        return []
    if len(slugs) == 1:
        row = connection.execute(_LOCK_PROVIDER, {"provider_id": slugs[0]}).one_or_none()
        if row is not None:
            return [provider_record(row)]
    values = [{"id": slug, "label": provider_label(slug)} for slug in slugs]
    connection.execute(_insert_new_providers(connection.dialect.name), values)
    return [provider_record(row) for row in _lock_providers(connection, slugs)]


def _lock_providers(connection: sa.Connection, slugs: Sequence[str]) -> sa.CursorResult[Any]:
    return connection.execute(_of_providers(len(slugs), is_locking=True), event_log.slug_parameters(slugs))


@lru_cache(maxsize=100)
def _of_providers(count: int, *, is_locking: bool) -> sa.Select[Any]:
    query = sa.select(*PROVIDER_COLUMNS).where(providers.c.id.in_(event_log.slugs_of(count))).order_by(providers.c.id)
    return query.with_for_update() if is_locking else query


@cache
def _insert_new_providers(dialect_name: str) -> sa.Insert:
    insert = postgresql.insert if dialect_name == "postgresql" else sqlite.insert
    return insert(providers).on_conflict_do_nothing()


def lock_known_providers(connection: sa.Connection, provider_ids: Iterable[str]) -> set[str]:
    """Lock the providers that the catalog has, as get_or_create_providers. Return their slugs."""
    slugs = sorted(set(provider_ids))
    return {row.id for row in _lock_providers(connection, slugs)} if slugs else set()


def get_provider(connection: sa.Connection, provider_id: str, *, for_update: bool = False) -> ProviderRecord:
    """Return the provider; ``for_update`` locks it until the transaction ends. Raises UnknownProvider."""
    query = _LOCK_PROVIDER if for_update else _OF_PROVIDER
    row = connection.execute(query, {"provider_id": provider_id}).one_or_none()
    if row is None:
        raise unknown_provider_error(connection, provider_id)
    return provider_record(row)


def require_providers(connection: sa.Connection, provider_ids: Iterable[str]) -> None:
    """Raise UnknownProvider if one of the providers is unknown."""
    for provider_id in provider_ids:
        get_provider(connection, provider_id)


def list_providers(connection: sa.Connection) -> list[ProviderRecord]:
    """Return every provider, by slug."""
    return [provider_record(row) for row in connection.execute(_PROVIDERS)]


def find_providers(connection: sa.Connection, slugs: Iterable[str]) -> dict[str, ProviderRecord]:
    """Return slug -> provider, of those that the catalog has."""
    wanted = sorted(set(slugs))
    if not wanted:
        return {}
    rows = connection.execute(_of_providers(len(wanted), is_locking=False), event_log.slug_parameters(wanted))
    return {row.id: provider_record(row) for row in rows}


def list_labels(connection: sa.Connection) -> list[tuple[str, str]]:
    """Return the slug and the label of every provider, by slug."""
    return [(slug, label) for slug, label in connection.execute(_LABELS)]


def advance_last_listing_at(connection: sa.Connection, provider: ProviderRecord, observed_at: datetime) -> None:
    """Advance the instant of the provider's last listing."""
    _update(connection, provider.id, last_listing_at=latest_known(provider.last_listing_at, observed_at))


def set_hold(connection: sa.Connection, provider: ProviderRecord, since: datetime, reason: str) -> None:
    """Hold the provider; an existing hold does not change.

    It begins no earlier than the last complete listing, so that a clock that is behind does not shorten it.
    """
    if provider.held_since is None:
        begin = latest_known(provider.last_complete_at, since)
        _update(connection, provider.id, held_since=begin, held_reason=reason)


def lift_hold(connection: sa.Connection, provider: ProviderRecord, last_complete_at: datetime | None) -> None:
    """Lift the hold: models missing since ``last_complete_at`` are no longer protected."""
    _update(
        connection,
        provider.id,
        held_since=None,
        held_reason=None,
        last_complete_at=latest_known(provider.last_complete_at, last_complete_at),
    )


def _update(connection: sa.Connection, provider_id: str, **values: object) -> None:
    connection.execute(_update_provider(tuple(values)), {"known_id": provider_id, **values})


@cache
def _update_provider(names: tuple[str, ...]) -> sa.Update:
    stated: dict[str, Any] = {name: sa.bindparam(name) for name in names}
    return sa.update(providers).where(providers.c.id == sa.bindparam("known_id")).values(stated)


def write_events(connection: sa.Connection, events: Iterable[ModelEvent]) -> None:
    """Append the events. The caller holds the locks of their providers."""
    events = list(events)
    if not events:
        return
    operations: dict[str, datetime] = {}
    for event in events:
        operations[event.provider_id] = max(event.at, operations.get(event.provider_id, event.at))
    recorded_at = event_log.recording_instants(connection, operations)
    values = [event_values(event, recorded_at[event.provider_id]) for event in events]
    connection.execute(_INSERT_EVENTS, values)


def list_events(
    connection: sa.Connection, provider_id: str | None = None, model_id: str | None = None
) -> list[ModelEvent]:
    """Return events in the order in which they were written, of one provider or one model if given."""
    query = sa.select(*EVENT_COLUMNS).order_by(model_events.c.id)
    if provider_id is not None:
        query = query.where(model_events.c.provider_id == provider_id)
    if model_id is not None:
        query = query.where(model_events.c.model_id == model_id)
    return [model_event(row) for row in connection.execute(query)]


def read_event_page(
    connection: sa.Connection, provider_id: str, model_id: str, after_id: int, limit: int
) -> list[tuple[int, ModelEvent]]:
    """Return at most ``limit`` events of a model with ids above ``after_id``, each with its id, the oldest first."""
    query = (
        sa.select(model_events.c.id, *EVENT_COLUMNS)
        .where(model_events.c.provider_id == provider_id, model_events.c.model_id == model_id)
        .where(model_events.c.id > after_id)
        .order_by(model_events.c.id)
        .limit(limit)
    )
    return [(row.id, model_event(row)) for row in connection.execute(query)]


def tombstone_of(event: ModelEvent) -> Tombstone:
    """Return the tombstone that a ``purged`` or ``removed`` event keeps."""
    return Tombstone(event.kind, from_snapshot((event.details or {})["row"]))


def newest_tombstone(connection: sa.Connection, provider_id: str, model_id: str) -> Tombstone | None:
    """Return how a model that is not in the catalog left it, if it ever was there."""
    return newest_tombstones(connection, [(provider_id, model_id)]).get((provider_id, model_id))


def newest_tombstones(connection: sa.Connection, keys: Sequence[Key]) -> dict[Key, Tombstone]:
    """Return how the models among ``keys`` left the catalog, of those that ever did."""
    if not keys:
        return {}
    rows = connection.execute(_tombstones(connection.dialect.name), key_parameters(connection, keys))
    return {(row.provider_id, row.model_id): tombstone_of(model_event(row)) for row in rows}


@cache
def _tombstones(dialect_name: str) -> sa.Select[Any]:
    is_tombstone = model_events.c.kind.in_([text_literal(kind) for kind in TOMBSTONE_KINDS])
    query = sa.select(*EVENT_COLUMNS).where(has_key_in(dialect_name, model_events), is_tombstone)
    return query.order_by(model_events.c.id)


def find_announcements(connection: sa.Connection, keys: Sequence[Key]) -> dict[Key, Announcement]:
    """Return the current announcements of the models among ``keys`` that have one."""
    if not keys:
        return {}
    query, parameters = _announcements_of(connection.dialect.name), key_parameters(connection, keys)
    return {(row.provider_id, row.model_id): Announcement(*row) for row in connection.execute(query, parameters)}


@cache
def _announcements_of(dialect_name: str) -> sa.Select[Any]:
    return sa.select(*ANNOUNCEMENT_COLUMNS).where(has_key_in(dialect_name, announcements), IS_CURRENT)


def split_announcements(connection: sa.Connection) -> tuple[dict[Key, Announcement], list[Announcement]]:
    """Return all current announcements: those of models of the catalog, and those of models that it does not have."""
    is_same = sa.and_(
        models.c.provider_id == announcements.c.provider_id, models.c.model_id == announcements.c.model_id
    )
    query = (
        sa.select(*ANNOUNCEMENT_COLUMNS, models.c.id.is_not(None))
        .outerjoin(models, is_same)
        .where(IS_CURRENT)
        .order_by(announcements.c.id)
    )
    known: dict[Key, Announcement] = {}
    unknown = []
    for *values, is_known in connection.execute(query):
        one = Announcement(*values)
        if is_known:
            known[one.provider_id, one.model_id] = one
        else:
            unknown.append(one)
    return known, unknown


def has_announcements(connection: sa.Connection, provider_id: str) -> bool:
    """Return True if a model of the provider has a current announcement."""
    return connection.execute(_ANNOUNCEMENT, {"provider_id": provider_id}).one_or_none() is not None


def insert_announcements(connection: sa.Connection, added: Iterable[Announcement]) -> None:
    """Insert announcements of models that have no current one."""
    rows = [asdict(announcement) for announcement in added]
    if rows:
        connection.execute(sa.insert(announcements), rows)


def end_announcements(connection: sa.Connection, keys: Sequence[Key], ended_at: datetime, ended_by: str | None) -> None:
    """End the current announcements of the models among ``keys``."""
    if keys:
        which = (is_one_of(connection, announcements, keys), IS_CURRENT)
        connection.execute(sa.update(announcements).where(*which).values(ended_at=ended_at, ended_by=ended_by))
