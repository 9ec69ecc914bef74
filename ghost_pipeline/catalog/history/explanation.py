"""Why a model is in its state, and what would change that: for ``show``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.history.descriptions import describe_event
from ghost_pipeline.catalog.ingestion.future_instants import read_corrected_instants
from ghost_pipeline.catalog.refusals.refusal_rows import read_evidence
from ghost_pipeline.catalog.storage.repository import (
    EVENT_COLUMNS,
    MODEL_COLUMNS,
    get_provider,
    model_event,
    model_record,
    tombstone_of,
)
from ghost_pipeline.catalog.storage.tables import listings, model_events, models
from ghost_pipeline.catalog.storage.unknown_names import unknown_model_error
from ghost_pipeline.errors import UnknownProvider
from ghost_pipeline.lifecycle.absence import (
    Presence,
    WayBack,
    is_listed,
    postpone,
    protection_ends_at,
    purge_due_at,
    stale_due_at,
    ways_back,
)
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.refusals.state import RefusalSpan, state_of
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline.settings import Thresholds


@dataclass(frozen=True, slots=True)
class ListingReference:
    """A listing, so that its bytes can be found in the archive."""

    id: int
    file_name: str | None
    sha256: str | None
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """Why absences from a provider's listings don't count."""

    since: datetime
    reason: str
    protects_until: datetime
    """After it, listed models become stale all the same. Ghosts that were listed are not purged while it lasts."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Since when and why the provider refuses a model."""

    since: datetime
    last_at: datetime
    reason: str
    is_listed: bool
    """As in ``absence.is_listed``."""


@dataclass(frozen=True, slots=True)
class ModelExplanation:
    """Why a model is in its state, and what would change that."""

    presence: Presence
    since: datetime | None
    """When the event happened that gave it this state; None for an active model."""
    reason: str | None
    """Why, in a few words; None for an active model."""
    rule: str | None
    """The rule of the sweep that did it, such as "stale"; None if no sweep did."""
    limit_hours: float | None
    """The limit of that rule."""
    last_evidence_at: datetime
    """When the model was seen last."""
    missing_from: ListingReference | None
    """The complete listing that lacked it when it became a ghost or was purged."""
    hold: Hold | None
    """The hold of its provider."""
    ways_back: tuple[WayBack, ...]
    stale_at: datetime | None
    """The first instant at which the stale sweep makes it a ghost if nothing happens; None if it never does."""
    purge_at: datetime | None
    """The same of the purge sweep."""
    refusal: Refused | None = None
    """None for a model that is not refused."""
    refusals: tuple[RefusalSpan, ...] = ()
    """What the catalog keeps of its refusals, by time, also of a model that is not refused (yet)."""


_OF_GHOSTS = (EventKind.DEACTIVATED, EventKind.RESTORED, EventKind.DISCOVERED)
_OF_DEPARTURES = (EventKind.PURGED, EventKind.REMOVED)


def explain_model(
    connection: sa.Connection, provider_id: str, model_id: str, thresholds: Thresholds
) -> ModelExplanation:
    """Return why a model is in its state, also of one that left the catalog. Raises UnknownModel."""
    query = sa.select(*MODEL_COLUMNS).where(models.c.provider_id == provider_id, models.c.model_id == model_id)
    row = connection.execute(query).one_or_none()
    event = None
    if row is None or not row.is_active:
        event = _newest_event(connection, provider_id, model_id, _OF_DEPARTURES if row is None else _OF_GHOSTS)
    if row is not None:
        presence, model = Presence.ACTIVE if row.is_active else Presence.GHOST, model_record(row)
    elif event is not None:
        presence, model = Presence(event.kind.value), tombstone_of(event).record
    else:
        raise unknown_model_error(connection, provider_id, model_id, is_past=True)
    try:
        provider = get_provider(connection, provider_id)
    except UnknownProvider:  # of a row that was copied from elsewhere
        provider = ProviderRecord(provider_id, provider_id)
    return _explanation(connection, presence, model, provider, event, thresholds)


def _newest_event(
    connection: sa.Connection, provider_id: str, model_id: str, kinds: tuple[EventKind, ...]
) -> ModelEvent | None:
    query = (
        sa.select(*EVENT_COLUMNS)
        .where(
            model_events.c.provider_id == provider_id,
            model_events.c.model_id == model_id,
            model_events.c.kind.in_([kind.value for kind in kinds]),
        )
        .order_by(model_events.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else model_event(row)


def _explanation(
    connection: sa.Connection,
    presence: Presence,
    model: ModelRecord,
    provider: ProviderRecord,
    event: ModelEvent | None,
    thresholds: Thresholds,
) -> ModelExplanation:
    corrected = read_corrected_instants(connection, model.provider_id, [model.model_id]).get(model.model_id, ())
    stale_at = postpone(stale_due_at(model, provider, thresholds), corrected, thresholds.stale_after)
    purge_at = postpone(purge_due_at(model, provider, thresholds), corrected, thresholds.purge_after)
    details: Mapping[str, Any] = {} if event is None else event.details or {}
    is_present = presence in (Presence.ACTIVE, Presence.GHOST)
    return ModelExplanation(
        presence=presence,
        since=None if event is None else event.at,
        reason=None if event is None else describe_event(event.kind, event.source, details),
        rule=details.get("rule"),
        limit_hours=details["limit_days"] * 24 if "limit_days" in details else details.get("limit_hours"),
        last_evidence_at=model.last_seen_at,
        missing_from=_listing(connection, details.get("missing_from_listing_id")),
        hold=_hold(provider, thresholds),
        ways_back=ways_back(presence),
        stale_at=stale_at if is_present else None,
        purge_at=purge_at if is_present else None,
        refusal=_refused(model, provider) if is_present else None,
        refusals=_refusals(connection, model),
    )


def _refused(model: ModelRecord, provider: ProviderRecord) -> Refused | None:
    state = state_of(model)
    return None if state is None else Refused(state.since, state.last_at, state.reason, is_listed(model, provider))


def _refusals(connection: sa.Connection, model: ModelRecord) -> tuple[RefusalSpan, ...]:
    key = (model.provider_id, model.model_id)
    found = read_evidence(connection, [key]).get(key)
    spans = () if found is None else found.spans
    return tuple(sorted(spans, key=lambda span: (span.first_at, span.rule_id, span.account)))


def _hold(provider: ProviderRecord, thresholds: Thresholds) -> Hold | None:
    ends_at = protection_ends_at(provider, thresholds)
    if provider.held_since is None or ends_at is None:
        return None
    return Hold(provider.held_since, provider.held_reason or "", ends_at)


def _listing(connection: sa.Connection, listing_id: int | None) -> ListingReference | None:
    columns = (listings.c.id, listings.c.file_name, listings.c.sha256, listings.c.observed_at)
    row = connection.execute(sa.select(*columns).where(listings.c.id == listing_id)).one_or_none()
    return None if row is None else ListingReference(*row)
