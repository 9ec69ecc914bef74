"""Record inferences and manual additions."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError

from ghost_pipeline.catalog.apply import Change, Rule, Step, apply_batch
from ghost_pipeline.catalog.ingestion.future_instants import lock_providers
from ghost_pipeline.catalog.refusals.recording import record_uses
from ghost_pipeline.catalog.results import Effect, SightingResult
from ghost_pipeline.catalog.storage.repository import get_or_create_providers
from ghost_pipeline.errors import CatalogError, InvalidAdditions, UsageError
from ghost_pipeline.lifecycle.claims.operator_facts import OPERATOR_FACTS
from ghost_pipeline.lifecycle.events import Cause
from ghost_pipeline.lifecycle.facts import ADDITION_COLUMNS, FACTS
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug
from ghost_pipeline.lifecycle.records import Addition, Inference, ModelRecord, Tombstone
from ghost_pipeline.lifecycle.transitions import apply_addition, apply_inference
from ghost_pipeline.lifecycle.validation import validate_fact
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline.settings import Thresholds


def record_inferences(
    connection: sa.Connection, inferences: Sequence[Inference], now: datetime, thresholds: Thresholds
) -> list[SightingResult]:
    """Apply the sightings in one batch and return what each did, in their order. Correct instants after ``now``."""
    steps = [_inference_step(inference) for inference in inferences]
    lock_providers(connection, {step.provider_id for step in steps}, now, now)
    results = _results(steps, apply_batch(connection, steps))
    record_uses(connection, inferences, now, thresholds)
    return results


def add_models(
    connection: sa.Connection, added: Iterable[ModelRecord], at: datetime, now: datetime
) -> list[SightingResult]:
    """Make the models MANUAL, whatever they were: unknown, active, ghosts, purged or removed.

    The results are ordered by provider and model id. Correct instants after ``now``, as record_inferences.
    """
    cause = Cause(at, Source.MANUAL, is_addition=True)
    ordered = sorted(added, key=lambda record: (record.provider_id, record.model_id))
    steps = [
        Step(record.provider_id, record.model_id, _addition_rule(record, at), cause, _given_facts(record))
        for record in ordered
    ]
    lock_providers(connection, {step.provider_id for step in steps}, now, now)
    return _results(steps, apply_batch(connection, steps))


PAGE_SIZE = 1_000
"""Additions that are in memory at a time."""


def add_in_pages(
    connection: sa.Connection, added: Iterable[ModelRecord], slugs: Iterable[str], at: datetime, now: datetime
) -> list[SightingResult]:
    """Add models as ``add_models``, a page at a time. ``slugs`` are their providers, locked before the first page."""
    get_or_create_providers(connection, set(slugs))
    remaining, results = iter(added), list[SightingResult]()
    while page := list(islice(remaining, PAGE_SIZE)):
        results += add_models(connection, page, at, now)
    return sorted(results, key=lambda one: (one.provider_id, one.model_id))


def _addition_rule(added: ModelRecord, at: datetime) -> Rule:
    return lambda current, tombstone: apply_addition(current, added, at, tombstone)


def _given_facts(added: ModelRecord) -> tuple[str, ...]:
    return tuple(fact for fact in OPERATOR_FACTS if getattr(added, fact) is not None)


def _inference_step(inference: Inference) -> Step:
    incoming = ModelRecord(
        provider_id=inference.provider_id,
        model_id=inference.model_id,
        source=Source.INFERENCE,
        is_active=True,
        first_seen_at=inference.first_at,
        last_seen_at=inference.last_at,
        name=inference.name,
        inference_metadata=inference.metadata,
    )

    def rule(current: ModelRecord | None, tombstone: Tombstone | None) -> ModelRecord | None:
        if tombstone is not None and tombstone.is_removed_by_operator:
            return None
        return apply_inference(current, incoming, inference.first_at, inference.last_at, tombstone)

    return Step(incoming.provider_id, incoming.model_id, rule, Cause(inference.last_at, Source.INFERENCE))


def _results(steps: Iterable[Step], changes: Iterable[Change]) -> list[SightingResult]:
    return [
        SightingResult(step.provider_id, step.model_id, _effect(change))
        for step, change in zip(steps, changes, strict=True)
    ]


def _effect(change: Change) -> Effect:
    if change.after is None:
        return "ignored"
    if change.before is None:
        return "created" if change.tombstone is None else "restored"
    return "updated" if change.before.is_active else "reactivated"


MAX_REPORTED_ERRORS = 20
"""How many errors a message lists; it counts the rest."""


def manual_record(stated: Mapping[str, Any], at: datetime) -> ModelRecord:
    """Return the model with the given values of ADDITION_COLUMNS. Raises UsageError."""
    check_columns(stated, ADDITION_COLUMNS, "model")
    slug = provider_slug(stated["provider_id"])
    return ModelRecord(
        provider_id=slug,
        model_id=canonical_model_id(slug, stated["model_id"]),
        source=Source.MANUAL,
        is_active=True,
        first_seen_at=at,
        last_seen_at=at,
        **{fact.name: validate_fact(fact, stated.get(fact.name)) for fact in FACTS if fact.by_operators},
    )


def check_additions(additions: Iterable[Addition], at: datetime) -> set[str]:
    """Check every addition. Return their providers. Raises InvalidAdditions with the place of each error."""
    slugs: set[str] = set()
    errors = check_rows(
        additions, lambda values: manual_record(values, at), lambda record: slugs.add(record.provider_id)
    )
    if errors:
        raise InvalidAdditions(f"nothing was added: {errors}")
    return slugs


def manual_records(additions: Iterable[Addition], at: datetime) -> Iterator[ModelRecord]:
    """Yield the models to add, which were checked. Raises InvalidAdditions if the file has changed since."""
    for addition in additions:
        try:
            if addition.error is not None:
                raise UsageError(addition.error)
            yield manual_record(addition.values, at)
        except UsageError as error:
            raise InvalidAdditions(f"nothing was added: {addition.location}: {error}") from error


class _OfModel(Protocol):
    """A value that is about one model."""

    @property
    def provider_id(self) -> str: ...

    @property
    def model_id(self) -> str: ...


V = TypeVar("V", bound=_OfModel)


def check_columns(values: Mapping[str, Any], columns: Sequence[str], what: str) -> None:
    """Raise UsageError for a column that is not one of ``columns``, or if the names of the model are missing."""
    unknown = [str(name)[:80] for name in values if name not in columns]
    if unknown:
        raise UsageError(f"unknown column {unknown[0]!r}", f"the columns are: {', '.join(columns)}")
    missing = [name for name in ("provider_id", "model_id") if values.get(name) is None]
    if missing:
        raise UsageError(f"{missing[0]} is missing", f"every {what} needs provider_id and model_id")


def validate_rows(rows: Sequence[Addition], validate: Callable[[Mapping[str, Any]], V]) -> tuple[list[V], str]:
    """Return the validated rows of a file, and the errors with their places; ``""`` if there are none.

    ``validate`` raises UsageError. A second row of the same model is an error too.
    """
    found: list[V] = []
    errors = check_rows(rows, validate, found.append)
    return found, errors


def check_rows(
    rows: Iterable[Addition], validate: Callable[[Mapping[str, Any]], V], on_valid: Callable[[V], None]
) -> str:
    """Call ``on_valid`` with each validated row, keep none. Return the errors as ``validate_rows``."""
    errors: list[str] = []
    failed = 0
    locations: dict[tuple[str, str], str] = {}
    for row in rows:
        try:
            if row.error is not None:
                raise UsageError(row.error)
            value = validate(row.values)
            key = (value.provider_id, value.model_id)
            if key in locations:
                raise UsageError(f"{' '.join(key)} is a duplicate of {locations[key]}")
        except UsageError as error:
            failed += 1
            if failed <= MAX_REPORTED_ERRORS:
                errors.append(f"{row.location}: {error}")
        else:
            locations[key] = row.location
            on_valid(value)
    rest = failed - MAX_REPORTED_ERRORS
    more = [f"and {rest:,} more"] if rest > 0 else []
    return "; ".join([*errors, *more])


Record = Callable[[Sequence[Inference]], list[SightingResult]]
"""Records sightings in one transaction."""


def record_storable(
    record: Record, inferences: Sequence[Inference]
) -> tuple[list[SightingResult], list[tuple[Inference, str]]]:
    """Record sightings in one transaction, and in smaller ones if the database can't store a value of one of them.

    Return the results, and the sightings that can't be stored, each with the reason. Raises CatalogError if none can be
    recorded now.
    """
    try:
        return record(inferences), []
    except Exception as error:
        if isinstance(error, CatalogError) and not isinstance(error.__cause__, (DataError, IntegrityError)):
            raise
        if len(inferences) == 1:
            return [], [(inferences[0], f"{type(error).__name__}: {error}")]
    middle = len(inferences) // 2
    results, unstorable = record_storable(record, inferences[:middle])
    more_results, more_unstorable = record_storable(record, inferences[middle:])
    return results + more_results, unstorable + more_unstorable
