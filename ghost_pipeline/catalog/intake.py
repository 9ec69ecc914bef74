"""Taking in models that another catalog knew, many at a time: what an adopted table and an import have in common."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice

import sqlalchemy as sa

from ghost_pipeline.catalog.changes import changed_facts
from ghost_pipeline.catalog.events import newest_tombstones, write_events
from ghost_pipeline.catalog.model_rows import insert_models, read_models, update_models
from ghost_pipeline.catalog.remarks import Remarks
from ghost_pipeline.catalog.results import IntakeResult
from ghost_pipeline.lifecycle.records import FACTS, ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.transitions import Tombstone
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source

BATCH = 1000
"""Models that are read and written together: bounds memory, and the number of parameters of one statement."""

Rule = Callable[[ModelRecord | None, ModelRecord, Tombstone | None], ModelRecord | None]
"""(known, taken in, tombstone) -> the model afterwards, None if it stays out. See lifecycle/intake.py."""


def take_in(
    connection: sa.Connection,
    provider_id: str,
    records: Iterable[ModelRecord],
    rule: Rule,
    at: datetime,
    origin: dict[str, str],
) -> Counter[str]:
    """Apply ``rule`` to every record of the provider, which is locked; a model's later records fill in its first.

    Gives how many were ``created``, ``updated``, ``unchanged``, ``kept_out`` and ``repeated``. ``origin`` goes into
    the events.
    """
    counts: Counter[str] = Counter()
    met: set[str] = set()
    for batch in _batches(records):
        for model_id, effect in _take_in_batch(connection, provider_id, batch, rule, at, origin).items():
            counts["repeated" if model_id in met else effect] += 1
            met.add(model_id)
        counts["repeated"] += len(batch) - len({record.model_id for record in batch})
    return counts


def intake_result(
    origin: str,
    columns: dict[str, str],
    left_out: tuple[str, ...],
    counts: Counter[str],
    refusals: Remarks,
    remarks: Remarks,
) -> IntakeResult:
    """What is told of it all."""
    return IntakeResult(
        origin=origin,
        columns=columns,
        left_out=left_out,
        rows=sum(counts.values()) + refusals.count,
        created=counts["created"],
        updated=counts["updated"],
        unchanged=counts["unchanged"],
        repeated=counts["repeated"],
        kept_out=counts["kept_out"],
        refused=refusals.count,
        refusals=refusals.first,
        remarked=remarks.count,
        remarks=remarks.first,
    )


def _batches(records: Iterable[ModelRecord]) -> Iterator[list[ModelRecord]]:
    remaining = iter(records)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _take_in_batch(
    connection: sa.Connection,
    provider_id: str,
    batch: list[ModelRecord],
    rule: Rule,
    at: datetime,
    origin: dict[str, str],
) -> dict[str, str]:
    """Gives model id -> what became of it."""
    last_taken = {record.model_id: record for record in batch}
    known = read_models(connection, provider_id, list(last_taken))
    past = newest_tombstones(connection, provider_id, [one for one in last_taken if one not in known])
    current: dict[str, ModelRecord | None] = dict(known)
    for record in batch:
        before = current.get(record.model_id)
        current[record.model_id] = rule(before, record, past.get(record.model_id) if before is None else None)
    created = [record for model_id, record in current.items() if record is not None and model_id not in known]
    updated = [
        record for model_id, record in current.items() if record is not None and record != known.get(model_id, record)
    ]
    insert_models(connection, created)
    update_models(connection, updated)
    write_events(
        connection,
        (_added_event(record, past.get(record.model_id), at, origin) for record in created),
    )
    write_events(
        connection,
        (
            event
            for record in updated
            for event in _events(known[record.model_id], record, last_taken[record.model_id].source, at, origin)
        ),
    )
    effects = {model_id: "unchanged" if record else "kept_out" for model_id, record in current.items()}
    effects.update({record.model_id: "created" for record in created})
    effects.update({record.model_id: "updated" for record in updated})
    return effects


def _added_event(record: ModelRecord, past: Tombstone | None, at: datetime, origin: dict[str, str]) -> ModelEvent:
    kind = EventKind.DISCOVERED if past is None else EventKind.RESTORED
    return ModelEvent(record.provider_id, record.model_id, kind, at, record.source, details=origin)


def _events(
    before: ModelRecord, after: ModelRecord, channel: Source, at: datetime, origin: dict[str, str]
) -> Iterator[ModelEvent]:
    """What happened to a model that was known. That it was seen over a longer time is no event, as ever."""

    def event(kind: EventKind, details: dict[str, object]) -> ModelEvent:
        return ModelEvent(after.provider_id, after.model_id, kind, at, channel, details={**details, **origin})

    if after.source is Source.MANUAL is not before.source:
        yield event(EventKind.ADDED, {"previous_source": before.source.value})
    if after.is_active and not before.is_active:
        yield event(EventKind.REACTIVATED, {})
    compared = FACTS if after.source is Source.MANUAL else (*FACTS, "source")
    changes = changed_facts(
        {name: getattr(before, name) for name in compared}, {name: getattr(after, name) for name in compared}
    )
    if changes:
        yield event(EventKind.CHANGED, changes)
