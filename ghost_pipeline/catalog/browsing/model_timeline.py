"""The events of one model with the listing behind each, and what its facts were when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ghost_pipeline.catalog.storage.repository import EVENT_COLUMNS, model_event
from ghost_pipeline.catalog.storage.tables import listings, model_events
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind

MOST_READ = 5_000
"""Events of a model that are read for its facts, the newest ones."""

_ARRIVALS = (EventKind.DISCOVERED, EventKind.RESTORED, EventKind.ADDED)


@dataclass(frozen=True, slots=True)
class EvidencedEvent:
    """An event, and the listing that is its evidence."""

    id: int
    event: ModelEvent
    file_name: str | None
    """None without a listing, and if its row is gone."""
    sha256: str | None


@dataclass(frozen=True, slots=True)
class FactPeriod:
    """A value of a fact, and since when it held."""

    value: object
    """As JSON has it; None if it was unknown."""
    since: datetime


@dataclass(frozen=True, slots=True)
class FactHistory:
    """What is recorded of the facts of a model."""

    since: Mapping[str, datetime]
    """Fact -> since when its present value holds, as far as the events show."""
    context_windows: Sequence[FactPeriod]
    """The context window, the oldest first."""


def list_events_before(
    connection: sa.Connection, provider_id: str, model_id: str, limit: int, before_id: int | None
) -> list[EvidencedEvent]:
    """Return at most ``limit`` events of a model with ids below ``before_id``, the newest first."""
    query = (
        sa.select(model_events.c.id.label("event_id"), *EVENT_COLUMNS, listings.c.file_name, listings.c.sha256)
        .outerjoin(listings, listings.c.id == model_events.c.listing_id)
        .where(model_events.c.provider_id == provider_id, model_events.c.model_id == model_id)
        .order_by(model_events.c.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        query = query.where(model_events.c.id < before_id)
    return [
        EvidencedEvent(row.event_id, model_event(row), row.file_name, row.sha256) for row in connection.execute(query)
    ]


def read_fact_history(connection: sa.Connection, model: ModelRecord, fact_names: Sequence[str]) -> FactHistory:
    """Return since when the facts of a model hold, from its newest MOST_READ events."""
    query = (
        sa.select(model_events.c.at, model_events.c.kind, model_events.c.details)
        .where(
            model_events.c.provider_id == model.provider_id,
            model_events.c.model_id == model.model_id,
            model_events.c.kind.in_([kind.value for kind in (EventKind.CHANGED, *_ARRIVALS)]),
        )
        .order_by(model_events.c.id.desc())
        .limit(MOST_READ)
    )
    since: dict[str, datetime] = {}
    contexts: list[FactPeriod] = []
    current: object = model.context_window
    arrived_at = model.first_seen_at
    for at, kind, details in connection.execute(query):
        if kind != EventKind.CHANGED.value:
            arrived_at = at
            if (details or {}).get("previous_source") is None:
                since |= {name: at for name in fact_names if name not in since}
            else:
                since.setdefault("source", at)
            continue
        for name in fact_names:
            if name in details:
                since.setdefault(name, at)
        if "context_window" in details:
            contexts.append(FactPeriod(current, at))
            current = details["context_window"]["old"]
    contexts.append(FactPeriod(current, min(arrived_at, *(one.since for one in contexts), arrived_at)))
    return FactHistory({name: since.get(name, model.first_seen_at) for name in fact_names}, [*reversed(contexts)])
