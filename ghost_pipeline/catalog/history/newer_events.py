"""The events of one provider that were recorded after an instant, by model.

They are its last ones by id (see ``storage/event_log.py``). Few are read by the ranges of their batches, whatever else
was recorded meanwhile; many by the index of models, a page at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.storage.repository import EVENT_COLUMNS, model_event
from ghost_pipeline.catalog.storage.tables import event_batches, model_events
from ghost_pipeline.lifecycle.records import ModelEvent

PAGE_SIZE = 1_000
"""Models that are in memory at a time."""

MAX_EVENTS = 5_000
"""Events of one provider that are read by their batches; more are read by models."""

NewestFirst = Sequence[ModelEvent]


@dataclass(frozen=True, slots=True)
class NewerEvents:
    """Where the events of a provider are that were recorded after an instant."""

    provider_id: str
    after: datetime
    first_id: int | None
    """The first of them; None if there are none."""
    count: int


def find_newer_events(connection: sa.Connection, provider_id: str, after: datetime) -> NewerEvents:
    """Return where the events are that were recorded of the provider after an instant."""
    query = sa.select(sa.func.min(event_batches.c.first_id), sa.func.sum(event_batches.c.event_count)).where(
        event_batches.c.provider_id == provider_id, event_batches.c.recorded_at > after
    )
    first_id, count = connection.execute(query).one()
    return NewerEvents(provider_id, after, first_id, int(count or 0))


def find_page_end(connection: sa.Connection, newer: NewerEvents, after: str) -> str | None:
    """Return the last model of a page of models with newer events; None if the rest fits one page."""
    if newer.count <= MAX_EVENTS:
        return None
    query = (
        sa.select(model_events.c.model_id)
        .distinct()
        .where(*_of_models(newer, after, None))
        .order_by(model_events.c.model_id)
        .offset(PAGE_SIZE - 1)
        .limit(1)
    )
    return connection.execute(query).scalar()


def read_newer_events(
    connection: sa.Connection, newer: NewerEvents, after: str = "", last: str | None = None
) -> dict[str, NewestFirst]:
    """Return model id -> its newer events, of the models whose ids follow ``after`` up to ``last``."""
    if newer.first_id is None:
        return {}
    query = _of_batches(newer, after, last) if newer.count <= MAX_EVENTS else _by_model(newer, after, last)
    found: dict[str, list[ModelEvent]] = {}
    for row in connection.execute(query.order_by(model_events.c.id.desc())):
        event = model_event(row)
        found.setdefault(event.model_id, []).append(event)
    return dict(found)


def _of_batches(newer: NewerEvents, after: str, last: str | None) -> sa.Select[Any]:
    batches, events = event_batches.c, model_events.c
    # Not by the index of providers and models, which would read all events of the provider.
    provider_id = sa.func.coalesce(events.provider_id, "")
    query = (
        sa.select(*EVENT_COLUMNS)
        .join(event_batches, events.id.between(batches.first_id, batches.last_id))
        .where(
            batches.provider_id == newer.provider_id,
            batches.recorded_at > newer.after,
            provider_id == newer.provider_id,
            events.model_id > after,
        )
    )
    return query if last is None else query.where(events.model_id <= last)


def _by_model(newer: NewerEvents, after: str, last: str | None) -> sa.Select[Any]:
    return sa.select(*EVENT_COLUMNS).where(*_of_models(newer, after, last))


def _of_models(newer: NewerEvents, after: str, last: str | None) -> list[sa.ColumnElement[bool]]:
    events = model_events.c
    conditions = [events.provider_id == newer.provider_id, events.model_id > after, events.id >= newer.first_id]
    return conditions if last is None else [*conditions, events.model_id <= last]


def split_at(events: NewestFirst, instant: datetime) -> tuple[NewestFirst, NewestFirst]:
    """Return the events that were recorded after an instant, and the others; the newest first."""
    count = sum(_recorded_at(event) > instant for event in events)
    return events[:count], events[count:]


def _recorded_at(event: ModelEvent) -> datetime:
    assert event.recorded_at is not None  # noqa: S101 - every stored event has it
    return event.recorded_at
