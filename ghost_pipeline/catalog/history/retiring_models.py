"""Which models retire, since when that is known, and by whom.

The date that stands is in ``models``, and the event that wrote it has when and through which channel. A model that
entered the catalog with its date has no such event: then its arrival counts, or an announcement before it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.storage.repository import (
    EVENT_COLUMNS,
    MODEL_COLUMNS,
    Key,
    is_one_of,
    list_providers,
    model_event,
    model_record,
    split_announcements,
)
from ghost_pipeline.catalog.storage.tables import model_events, models
from ghost_pipeline.lifecycle.absence import is_listed
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.retirement import DAY, USED_WITHIN, Announcement, RetiringModel, combine, was_used_within
from ghost_pipeline.lifecycle.validation import parse_instant
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source

PAGE_SIZE = 500
"""Models whose events are read together."""

ARRIVALS = (EventKind.DISCOVERED, EventKind.RESTORED, EventKind.ADDED)


def list_retiring(
    connection: sa.Connection,
    now: datetime,
    within: timedelta | None,
    provider_ids: Sequence[str],
    *,
    is_with_gone: bool,
) -> list[RetiringModel]:
    """Return the models whose date is known and at most ``within`` after ``now``, by date, provider and id.

    Without ``is_with_gone`` those are left out whose date has passed and that are neither active, listed nor used.
    """
    until = None if within is None else now + within
    dated = list(_read_dated(connection, until, provider_ids))
    known, unknown = split_announcements(connection)
    statements = _read_statements(connection, [(model.provider_id, model.model_id) for model, _ in dated])
    found = []
    for model, is_in_list in dated:
        key = (model.provider_id, model.model_id)
        found.append(_of_model(model, known.get(key), statements.get(key), now, is_in_list=is_in_list))
    found += [
        _of_unknown(one, now)
        for one in unknown
        if (not provider_ids or one.provider_id in provider_ids) and (until is None or _date_of(one) <= until)
    ]
    shown = (one for one in found if is_with_gone or not one.is_gone)
    return sorted(shown, key=lambda one: (one.expires_at, one.provider_id, one.model_id))


def _read_dated(
    connection: sa.Connection, until: datetime | None, provider_ids: Sequence[str]
) -> Iterator[tuple[ModelRecord, bool]]:
    """Yield the models that have a date, and whether they are listed."""
    providers_by_slug = {provider.id: provider for provider in list_providers(connection)}
    query = sa.select(*MODEL_COLUMNS).where(models.c.expires_at.is_not(None))
    if until is not None:
        query = query.where(models.c.expires_at <= until)
    if provider_ids:
        query = query.where(models.c.provider_id.in_(provider_ids))
    for row in connection.execute(query):
        model = model_record(row)
        yield model, is_listed(model, providers_by_slug[model.provider_id])


@dataclass(frozen=True, slots=True)
class _Statement:
    """What first stated the date that a model has."""

    event: ModelEvent
    moved_from: datetime | None = None
    is_arrival: bool = False


def _read_statements(connection: sa.Connection, keys: Sequence[Key]) -> dict[Key, _Statement]:
    found: dict[Key, _Statement] = {}
    for begin in range(0, len(keys), PAGE_SIZE):
        query = (
            sa.select(*EVENT_COLUMNS)
            .where(
                is_one_of(connection, model_events, keys[begin : begin + PAGE_SIZE]),
                sa.or_(
                    model_events.c.kind.in_([kind.value for kind in ARRIVALS]),
                    sa.and_(model_events.c.kind == EventKind.CHANGED.value, _has_date(connection.dialect.name)),
                ),
            )
            .order_by(model_events.c.id)
        )
        found.update(_newest_statements(model_event(row) for row in connection.execute(query)))
    return found


def _has_date(dialect: str) -> sa.ColumnElement[Any]:
    """Return the condition that an event changed the date."""
    if dialect == "postgresql":
        return sa.func.jsonb_exists(model_events.c.details, "expires_at")
    return sa.func.json_type(model_events.c.details, "$.expires_at").is_not(None)


def _newest_statements(events: Iterable[ModelEvent]) -> Mapping[Key, _Statement]:
    """Return the newest statement of each model; ``events`` are in the order in which they were written."""
    found: dict[Key, _Statement] = {}
    for event in events:
        key, details = (event.provider_id, event.model_id), event.details or {}
        if event.kind is EventKind.CHANGED:
            old = details["expires_at"]["old"]
            found[key] = _Statement(event, None if old is None else parse_instant(old))
        elif "previous_source" not in details or details.get("was_in_catalog") is False:
            found[key] = _Statement(event, is_arrival=True)
    return found


def _of_model(
    model: ModelRecord,
    announcement: Announcement | None,
    statement: _Statement | None,
    now: datetime,
    *,
    is_in_list: bool,
) -> RetiringModel:
    assert model.expires_at is not None  # noqa: S101 - the query selects those that have a date
    stated: dict[str, Any] = {"announced_at": None, "announced_by": None, "moved_from": None}
    if announcement is not None and _came_before(announcement, model, statement):
        stated |= _by_announcement(announcement)
    elif statement is not None:
        stated |= _by_event(statement)
    return RetiringModel(
        provider_id=model.provider_id,
        model_id=model.model_id,
        name=model.name,
        expires_at=model.expires_at,
        replaced_by=model.replaced_by,
        is_past=model.expires_at < now,
        is_active=model.is_active,
        is_listed=is_in_list,
        last_used_at=model.last_used_at,
        was_used_within_24h=was_used_within(model.last_used_at, now, DAY),
        was_used_within_30d=was_used_within(model.last_used_at, now, USED_WITHIN),
        announcement=announcement,
        **stated,
    )


def _came_before(announcement: Announcement, model: ModelRecord, statement: _Statement | None) -> bool:
    """Return True if the model entered the catalog with the announced date."""
    if announcement.standing.at != model.expires_at:
        return False
    return statement is None or (statement.is_arrival and announcement.announced_at <= statement.event.at)


def _by_announcement(announcement: Announcement) -> dict[str, Any]:
    return {
        "announced_at": announcement.announced_at,
        "announced_by": "operator",
        "recorded_by": announcement.recorded_by,
        "source_url": announcement.source_url,
    }


def _by_event(statement: _Statement) -> dict[str, Any]:
    event, details = statement.event, statement.event.details or {}
    is_imported = "imported_from" in details or "adopted_from" in details
    channels: dict[Source | None, str] = {Source.INDEX: "listing", Source.MANUAL: "operator"}
    return {
        "announced_at": event.at,
        "announced_by": "import" if is_imported else channels.get(event.source),
        "moved_from": statement.moved_from,
        "recorded_by": details.get("recorded_by"),
        "source_url": details.get("source_url"),
        "listing_id": event.listing_id,
    }


def _of_unknown(announcement: Announcement, now: datetime) -> RetiringModel:
    stands = combine(announcement.standing, announcement.listed)
    return RetiringModel(
        provider_id=announcement.provider_id,
        model_id=announcement.model_id,
        name=None,
        expires_at=_date_of(announcement),
        replaced_by=stands.replaced_by,
        is_past=_date_of(announcement) < now,
        is_active=None,
        is_listed=False,
        last_used_at=None,
        was_used_within_24h=False,
        was_used_within_30d=False,
        moved_from=None,
        announcement=announcement,
        **_by_announcement(announcement),
    )


def _date_of(announcement: Announcement) -> datetime:
    return combine(announcement.standing, announcement.listed).at or announcement.retires_at
