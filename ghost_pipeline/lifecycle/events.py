"""Derive the audit trail of a model from its states before and after a change.

Every event of a single-row write comes from :func:`events_between`. The set-based writes of a listing state the same
events in SQL; a test compares both. Events keep old and new values, so that earlier states can be computed from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from ghost_pipeline.lifecycle.facts import LISTED_COLUMNS
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord, Tombstone
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a model changed, as its events record it."""

    at: datetime
    source: Source | None = None
    """The channel of the evidence: MANUAL for an operator, None for a sweep."""
    listing_id: int | None = None
    run_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """What every event of the change keeps besides its own details."""
    is_addition: bool = False
    """True if an operator added the model: this is recorded even if the model was MANUAL before."""


def events_between(
    before: ModelRecord | None, after: ModelRecord | None, cause: Cause, tombstone: Tombstone | None = None
) -> list[ModelEvent]:
    """Return the events that lead from ``before`` to ``after``; None is a model outside the catalog.

    ``tombstone`` is how a model that was outside the catalog had left it. A longer span of sightings is not an event.
    """
    if after is None:
        return [] if before is None else [departure_event(before, _departure_kind(cause), cause)]
    if before is None:
        return [_arrival_event(after, cause, tombstone)]
    events = []
    if cause.is_addition or after.source is Source.MANUAL is not before.source:
        events.append(_event(after, EventKind.ADDED, cause, {"previous_source": before.source.value}))
    if after.is_active is not before.is_active:
        kind = EventKind.REACTIVATED if after.is_active else EventKind.DEACTIVATED
        events.append(_event(after, kind, cause))
    changes = changed_facts(_compared(before, after), _compared(after, after))
    if changes:
        events.append(_event(after, EventKind.CHANGED, cause, changes))
    return events


def departure_event(record: ModelRecord, kind: EventKind, cause: Cause) -> ModelEvent:
    """Return the event of a model that leaves the catalog: it keeps the whole row."""
    return _event(record, kind, cause, tombstone_details(record))


def tombstone_details(record: ModelRecord) -> dict[str, Any]:
    """Return what the event of a departure keeps: the row as JSON values."""
    return {"row": msgspec.to_builtins(record)}


def changed_facts(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return fact -> {"old", "new"} of the facts that differ; of ``provider_data``, its top-level keys that differ."""
    changes = {}
    for fact, value in new.items():
        if old[fact] == value:
            continue
        if fact == "provider_data":
            changes[fact] = _changed_keys(old[fact] or {}, value or {})
        else:
            changes[fact] = {"old": msgspec.to_builtins(old[fact]), "new": msgspec.to_builtins(value)}
    return changes


def _changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: {side: whole[key] for side, whole in (("old", old), ("new", new)) if key in whole}
        for key in sorted(old.keys() | new.keys())
        if key not in old or key not in new or old[key] != new[key]
    }


def _compared(record: ModelRecord, after: ModelRecord) -> dict[str, Any]:
    # That a model became MANUAL is an event of its own.
    names = LISTED_COLUMNS if after.source is Source.MANUAL else (*LISTED_COLUMNS, "source")
    return {name: getattr(record, name) for name in names}


def _departure_kind(cause: Cause) -> EventKind:
    return EventKind.PURGED if cause.source is None else EventKind.REMOVED


def _arrival_event(record: ModelRecord, cause: Cause, tombstone: Tombstone | None) -> ModelEvent:
    if cause.is_addition:
        previous = {} if tombstone is None else {"previous_source": tombstone.record.source.value}
        return _event(record, EventKind.ADDED, cause, previous)
    return _event(record, EventKind.DISCOVERED if tombstone is None else EventKind.RESTORED, cause)


def _event(record: ModelRecord, kind: EventKind, cause: Cause, details: Mapping[str, Any] | None = None) -> ModelEvent:
    return ModelEvent(
        provider_id=record.provider_id,
        model_id=record.model_id,
        kind=kind,
        at=cause.at,
        source=cause.source,
        listing_id=cause.listing_id,
        run_id=cause.run_id,
        details={**(details or {}), **cause.details} or None,
    )
