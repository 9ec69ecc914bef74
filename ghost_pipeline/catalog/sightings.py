"""Record inferences and manual additions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError

from ghost_pipeline.catalog.results import Effect, SightingResult
from ghost_pipeline.catalog.storage.repository import (
    lock_provider,
    newest_tombstone,
    read_model,
    write_events,
    write_model,
)
from ghost_pipeline.errors import CatalogError, InvalidAdditions, UsageError
from ghost_pipeline.lifecycle.facts import ADDITION_COLUMNS, is_free
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug
from ghost_pipeline.lifecycle.records import Addition, Inference, ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.transitions import apply_addition, apply_inference
from ghost_pipeline.lifecycle.validation import (
    require_aware,
    validate_capabilities,
    validate_name,
    validate_price,
    validate_tokens,
)
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source


def record_inferences(connection: sa.Connection, inferences: Iterable[Inference]) -> list[SightingResult]:
    """Apply the sightings, in an order that is the same for every writer, so that none waits for another in a ring."""
    ordered = sorted(inferences, key=lambda seen: (seen.provider_id, seen.model_id))
    locked: set[str] = set()
    results = []
    for inference in ordered:
        if inference.provider_id not in locked:
            lock_provider(connection, inference.provider_id)
            locked.add(inference.provider_id)
        results.append(_record_inference(connection, inference))
    return results


def add_models(connection: sa.Connection, added: Iterable[ModelRecord], at: datetime) -> list[SightingResult]:
    """Make the models MANUAL, whatever they were: unknown, active, ghosts, purged or removed.

    In the order in which record_inferences works, for the same reason; the results are in that order.
    """
    ordered = sorted(added, key=lambda record: (record.provider_id, record.model_id))
    for provider_id in sorted({record.provider_id for record in ordered}):
        lock_provider(connection, provider_id)
    return [_add_model(connection, record, at) for record in ordered]


def _add_model(connection: sa.Connection, added: ModelRecord, at: datetime) -> SightingResult:
    known = read_model(connection, added.provider_id, added.model_id)
    past = newest_tombstone(connection, added.provider_id, added.model_id) if known is None else None
    record = apply_addition(known, added, at, past)
    write_model(connection, known, record)
    before = known or (past.record if past else None)
    event = ModelEvent(
        provider_id=record.provider_id,
        model_id=record.model_id,
        kind=EventKind.ADDED,
        at=at,
        source=Source.MANUAL,
        details=None if before is None else {"previous_source": before.source.value},
    )
    write_events(connection, [event])
    return SightingResult(record.provider_id, record.model_id, _effect(known, is_restored=past is not None))


def _record_inference(connection: sa.Connection, inference: Inference) -> SightingResult:
    used = ModelRecord(
        provider_id=inference.provider_id,
        model_id=inference.model_id,
        source=Source.INFERENCE,
        is_active=True,
        first_seen_at=inference.first_at,
        last_seen_at=inference.last_at,
        name=inference.name,
        inference_metadata=inference.metadata,
    )
    known = read_model(connection, used.provider_id, used.model_id)
    past = newest_tombstone(connection, used.provider_id, used.model_id) if known is None else None
    if past is not None and past.is_closed_to_sightings:
        return SightingResult(used.provider_id, used.model_id, "ignored")
    record = apply_inference(known, used, inference.first_at, inference.last_at, past)
    write_model(connection, known, record)
    effect = _effect(known, is_restored=past is not None)
    kind = {
        "created": EventKind.DISCOVERED,
        "restored": EventKind.RESTORED,
        "reactivated": EventKind.REACTIVATED,
    }.get(effect)
    if kind is not None:
        event = ModelEvent(used.provider_id, used.model_id, kind=kind, at=inference.last_at, source=Source.INFERENCE)
        write_events(connection, [event])
    return SightingResult(used.provider_id, used.model_id, effect)


def _effect(known: ModelRecord | None, *, is_restored: bool) -> Effect:
    if known is None:
        return "restored" if is_restored else "created"
    return "updated" if known.is_active else "reactivated"


MAX_REPORTED_ERRORS = 20
"""How many problems an error names; the rest it counts."""


def manual_record(stated: Mapping[str, Any], at: datetime) -> ModelRecord:
    """The model of which a person states some of ADDITION_COLUMNS. Raises UsageError."""
    unknown = [str(name)[:80] for name in stated if name not in ADDITION_COLUMNS]
    if unknown:
        raise UsageError(f"there is no column {unknown[0]!r}; there are: {', '.join(ADDITION_COLUMNS)}")
    said: dict[str, Any] = {name: stated.get(name) for name in ADDITION_COLUMNS}
    lacking = [name for name in ("provider_id", "model_id") if said[name] is None]
    if lacking:
        raise UsageError(f"{lacking[0]} is missing: say which model is meant")
    slug = provider_slug(said["provider_id"])
    prices = (validate_price("input_price", said["input_price"]), validate_price("output_price", said["output_price"]))
    return ModelRecord(
        provider_id=slug,
        model_id=canonical_model_id(slug, said["model_id"]),
        source=Source.MANUAL,
        is_active=True,
        first_seen_at=at,
        last_seen_at=at,
        name=validate_name(said["name"]),
        context_window=validate_tokens("context_window", said["context_window"]),
        max_output_tokens=validate_tokens("max_output_tokens", said["max_output_tokens"]),
        input_price=prices[0],
        output_price=prices[1],
        is_free=is_free(*prices),
        capabilities=validate_capabilities(said["capabilities"]),
        expires_at=_checked_instant(said["expires_at"]),
    )


def manual_records(additions: Sequence[Addition], at: datetime) -> list[ModelRecord]:
    """The models that a person states, if every one of them can be added.

    Raises InvalidAdditions, which says where each problem is.
    """
    records: list[ModelRecord] = []
    problems: list[str] = []
    places: dict[tuple[str, str], str] = {}
    for addition in additions:
        try:
            record = _record(addition, at)
            _note_place(record, addition.place, places)
        except UsageError as error:
            problems.append(f"{addition.place}: {error}")
        else:
            records.append(record)
    if problems:
        rest = len(problems) - MAX_REPORTED_ERRORS
        more = [f"and {rest:,} more"] if rest > 0 else []
        raise InvalidAdditions(f"nothing was added: {'; '.join([*problems[:MAX_REPORTED_ERRORS], *more])}")
    return records


def _record(addition: Addition, at: datetime) -> ModelRecord:
    if addition.problem is not None:
        raise UsageError(addition.problem)
    return manual_record(addition.stated, at)


def _note_place(record: ModelRecord, place: str, places: dict[tuple[str, str], str]) -> None:
    key = (record.provider_id, record.model_id)
    if key in places:
        raise UsageError(f"{record.provider_id} {record.model_id} is stated a second time, after {places[key]}")
    places[key] = place


def _checked_instant(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise UsageError(f"expires_at {str(value)[:40]!r} is no ISO 8601 instant, such as 2027-01-01T00:00:00Z")
    return require_aware(value)


Record = Callable[[Sequence[Inference]], list[SightingResult]]
"""Writes sightings in one transaction."""


def record_storable(
    record: Record, inferences: Sequence[Inference]
) -> tuple[list[SightingResult], list[tuple[Inference, str]]]:
    """Record them in one transaction; if a value in it can't be held, halves of it, until that one is alone.

    Gives the results, and the sightings that can't be held with the reason. Raises CatalogError if none is taken now.
    """
    try:
        return record(inferences), []
    except Exception as error:
        if isinstance(error, CatalogError) and not isinstance(error.__cause__, (DataError, IntegrityError)):
            raise
        if len(inferences) == 1:
            return [], [(inferences[0], f"{type(error).__name__}: {error}")]
    middle = len(inferences) // 2
    results, refused = record_storable(record, inferences[:middle])
    more_results, more_refused = record_storable(record, inferences[middle:])
    return results + more_results, refused + more_refused
