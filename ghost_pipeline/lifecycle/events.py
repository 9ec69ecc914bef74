"""Derive the audit trail of a model from its states before and after a change.

Every event of a single-row write comes from :func:`events_between`. The set-based writes of a listing state the same
events in SQL; a test compares both. Events keep old and new values, from which :func:`rebuild` computes earlier states.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from ghost_pipeline.lifecycle.facts import LISTED_COLUMNS
from ghost_pipeline.lifecycle.records import MODEL_FIELDS, ModelEvent, ModelRecord, Tombstone
from ghost_pipeline.lifecycle.validation import parse_instant
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source


class Cause(msgspec.Struct, frozen=True):
    """Why a model changed, as its events record it."""

    at: datetime
    source: Source | None = None
    """The channel of the evidence: MANUAL for an operator, None for a sweep."""
    listing_id: int | None = None
    run_id: str | None = None
    details: Mapping[str, Any] = msgspec.field(default_factory=dict)
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
    if after.is_active and not before.is_active:
        events.append(reactivation_event(before, cause))
    elif before.is_active and not after.is_active:
        events.append(_event(after, EventKind.DEACTIVATED, cause))
    changes = changed_facts(*_compared(before, after))
    if changes:
        events.append(_event(after, EventKind.CHANGED, cause, changes))
    return events


def reactivation_event(ghost: ModelRecord, cause: Cause) -> ModelEvent:
    """Return the event of a ghost that becomes active: it keeps since when it was a ghost."""
    since = None if ghost.deactivated_at is None else msgspec.to_builtins(ghost.deactivated_at)
    return _event(ghost, EventKind.REACTIVATED, cause, {"deactivated_at": since})


def departure_event(record: ModelRecord, kind: EventKind, cause: Cause, *, was_in_catalog: bool = True) -> ModelEvent:
    """Return the event of a model that leaves the catalog: it keeps the whole row.

    A purged model that an operator removes ``was_in_catalog`` no more.
    """
    marks = {} if was_in_catalog else _OUTSIDE
    return _event(record, kind, cause, tombstone_details(record) | marks)


_OUTSIDE = {"was_in_catalog": False}
"""In the details of an event whose kind does not show that the model was outside the catalog before."""


BACKFILLED = {"is_backfilled": True}
"""In the details of an event that was derived later, from archived listings."""


ACCEPTED = {"is_accepted": True}
"""In the details of an event with which an operator accepts what a listing stated before."""


WITHDRAWN = "withdrawn"
"""The key, in the details of an event, of the facts that an operator stated no more: since when the listing states what
stands then, as far as that is known."""


def doubt_event(
    provider_id: str, model_id: str, cause: Cause, doubts: Mapping[str, tuple[Any, Any, str | None]]
) -> ModelEvent:
    """Return the event of implausible values: fact -> what stands, what is stated, and why that does not stand."""
    values = {fact: {"old": old, "stated": stated, "reason": why} for fact, (old, stated, why) in doubts.items()}
    details = {DOUBTED_VALUES: values, **cause.details}
    return ModelEvent(
        provider_id, model_id, EventKind.DOUBTED, cause.at, cause.source, cause.listing_id, cause.run_id, details
    )


def response_alias_event(provider_id: str, model_id: str, at: datetime, before: str, answered_by: str) -> ModelEvent:
    """Return the event of a model that is answered under another id than ``before``, one of the same model."""
    details = {"answered_by": answered_by, "before": before}
    return ModelEvent(provider_id, model_id, EventKind.ANSWERED_BY_ANOTHER, at, Source.INFERENCE, details=details)


def reference_change_event(
    provider_id: str, model_id: str, cause: Cause, changes: Mapping[str, tuple[Any, Any]]
) -> ModelEvent:
    """Return the event of a model of which a reference states other values: fact -> value before and after."""
    values = {fact: {"old": old, "new": new} for fact, (old, new) in changes.items()}
    details = {STATED_VALUES: values, **cause.details}
    return ModelEvent(provider_id, model_id, EventKind.CHANGED, cause.at, details=details)


STATED_VALUES = "stated_values"
"""The key of the facts in the details of such an event. They are below it because no column changes."""


DOUBTED_VALUES = "doubted_values"
"""The key of the facts in the details of such an event. They are below it because no column changes."""


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


def _compared(before: ModelRecord, after: ModelRecord) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the old and the new facts, without those of which a copy of the record shares the value."""
    # That a model became MANUAL is an event of its own.
    names = LISTED_COLUMNS if after.source is Source.MANUAL else _WITH_SOURCE
    some = [name for name in names if getattr(before, name) is not getattr(after, name)]
    return {name: getattr(before, name) for name in some}, {name: getattr(after, name) for name in some}


_WITH_SOURCE = (*LISTED_COLUMNS, "source")


def _departure_kind(cause: Cause) -> EventKind:
    return EventKind.PURGED if cause.source is None else EventKind.REMOVED


def _arrival_event(record: ModelRecord, cause: Cause, tombstone: Tombstone | None) -> ModelEvent:
    if cause.is_addition:
        previous = {} if tombstone is None else {"previous_source": tombstone.record.source.value, **_OUTSIDE}
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


def rebuild(record: ModelRecord | None, events: Iterable[ModelEvent]) -> ModelRecord | None:
    """Return the model before ``events``, which led to ``record``: the inverse of :func:`events_between`.

    Exact are the source, whether the model is active, its facts and ``provider_data``, except that an empty
    ``provider_data`` becomes None. Events keep no instants of sightings: those stay as they are in ``record``, or in
    the row that a departure kept. Since when a ghost was one is None where an older event did not keep it. Events don't
    keep which facts are an operator's: none is marked as such before an operator stated or withdrew something.

    Args:
        record: The model after the events; None if it is outside the catalog.
        events: The newest first.
    """
    for event in events:
        record = _undo(record, event)
    return record


def _undo(record: ModelRecord | None, event: ModelEvent) -> ModelRecord | None:
    details = event.details or {}
    if event.kind in (EventKind.DISCOVERED, EventKind.RESTORED) or details.get("was_in_catalog") is False:
        return None
    if event.kind.is_tombstone:
        return from_snapshot(details["row"])
    is_new = event.kind is EventKind.ADDED and "previous_source" not in details
    if record is None or is_new:
        return None
    values = _before(record, event.kind, details)
    if event.source is Source.MANUAL and event.kind in (EventKind.ADDED, EventKind.CHANGED):
        values |= {"manual_facts": None, "is_name_manual": False}
    return msgspec.structs.replace(record, **values)


def _before(record: ModelRecord, kind: EventKind, details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a model of the catalog had before an event."""
    match kind:
        case EventKind.ADDED:
            return {"source": Source(details["previous_source"])}
        case EventKind.DEACTIVATED:
            return {"is_active": True, "deactivated_at": None}
        case EventKind.REACTIVATED:
            return {"is_active": False, **_typed({"deactivated_at": details.get("deactivated_at")})}
        case _:
            return _old_values(record, details)


def _old_values(record: ModelRecord, details: Mapping[str, Any]) -> dict[str, Any]:
    old = {name: change["old"] for name, change in details.items() if name in REBUILT and "old" in change}
    if "provider_data" in details:
        old["provider_data"] = _old_keys(record.provider_data or {}, details["provider_data"])
    return _typed(old)


REBUILT = frozenset(MODEL_FIELDS) - {"provider_data", "provider_id", "model_id"}
"""Fields whose old and new values the details of a ``changed`` event may have."""


def _old_keys(whole: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return ``provider_data`` before some of its keys changed."""
    kept = {key: value for key, value in whole.items() if key not in changes}
    return kept | {key: change["old"] for key, change in changes.items() if "old" in change} or None


def from_snapshot(kept: Mapping[str, Any]) -> ModelRecord:
    """Return the model that a tombstone keeps; fields that were added since are None."""
    values: dict[str, Any] = dict.fromkeys(MODEL_FIELDS) | {"is_name_manual": False}
    values.update({name: value for name, value in kept.items() if name in values})
    return ModelRecord(**_typed(values))


def _typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of fields as a ``ModelRecord`` has them, from JSON."""
    typed = dict(values)
    for name, value in values.items():
        if value is None:
            continue
        if name.endswith(("_at", "_since")):
            typed[name] = parse_instant(value)
        elif name == "source":
            typed[name] = Source(value)
        elif name == "capabilities":
            typed[name] = tuple(value)
    return typed
