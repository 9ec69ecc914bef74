"""Sightings that are no listing: models that answered a request, and models that a person added."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from ghost_pipeline.catalog.events import newest_tombstone, write_events
from ghost_pipeline.catalog.model_rows import read_model, write_model
from ghost_pipeline.catalog.provider_rows import lock_provider
from ghost_pipeline.catalog.results import Effect, SightingResult
from ghost_pipeline.lifecycle.inferences import Inference
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.transitions import inference_sighting, manual_addition
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
    record = manual_addition(known, added, at, past)
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
    record = inference_sighting(known, used, inference.first_at, inference.last_at, past)
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
