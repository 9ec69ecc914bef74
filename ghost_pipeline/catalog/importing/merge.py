"""Merge models that were known elsewhere into the catalog, and report what became of them."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
import sqlalchemy as sa

from ghost_pipeline.catalog.results import ImportResult
from ghost_pipeline.catalog.storage.repository import (
    insert_models,
    newest_tombstones,
    read_models,
    update_models,
    write_events,
)
from ghost_pipeline.catalog.storage.tables import canonical_json
from ghost_pipeline.lifecycle.events import changed_facts
from ghost_pipeline.lifecycle.facts import FACTS
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord, Tombstone
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source

MAX_MESSAGES = 20


class MessageSample:
    """Counts every remark and keeps the first."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[str] = []

    @property
    def first(self) -> tuple[str, ...]:
        """The first remarks, in the order in which they were made."""
        return tuple(self._first)

    def add(self, remark: str, rows: int = 1) -> None:
        """A remark on so many rows."""
        self.count += rows
        if len(self._first) < MAX_MESSAGES:
            self._first.append(remark)

    def extend(self, others: "MessageSample") -> None:
        """The remarks of somebody else, after these."""
        self.count += others.count
        self._first.extend(others.first[: MAX_MESSAGES - len(self._first)])


NOT_AN_OBJECT = "not_an_object"
"""The key under which ``provider_data`` keeps what is no JSON object."""

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def to_json_object(kept: Any) -> dict[str, Any] | None:
    """``kept`` (a JSON value, or text with JSON in it) as an object; None for nothing.

    Nothing is lost: text that is no JSON, and JSON that is no object or that PostgreSQL can't keep, becomes the value
    of ``not_an_object``.
    """
    value = kept
    if isinstance(kept, bytes):
        value = kept = kept.decode("utf-8", "backslashreplace")
    if isinstance(kept, str):
        try:
            value = msgspec.json.decode(kept)
        except (msgspec.DecodeError, RecursionError):
            value = kept
    if value is None or value == "":
        return None
    if holds_nul(value):
        return {NOT_AN_OBJECT: kept.replace("\x00", "\\u0000") if isinstance(kept, str) else canonical_json(kept)}
    return value if isinstance(value, dict) else {NOT_AN_OBJECT: value}


def is_wrapped(provider_data: Mapping[str, Any] | None) -> bool:
    """Whether it is what ``provider_object`` made of something that was no JSON object."""
    return provider_data is not None and provider_data.keys() == {NOT_AN_OBJECT}


def holds_nul(value: Any) -> bool:
    """Whether there is a NUL character in a JSON value: PostgreSQL keeps none in ``jsonb``."""
    text = canonical_json(value)
    return "\\u0000" in text and _NUL.search(text) is not None  # the pattern alone is slow on what is mostly without


BATCH = 1000
"""Models that are read and written together: bounds memory, and the number of parameters of one statement."""

Rule = Callable[[ModelRecord | None, ModelRecord, Tombstone | None], ModelRecord | None]
"""(known, taken in, tombstone) -> the model afterwards, None if it stays out. See lifecycle/intake.py."""


def merge_models(
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
        for model_id, effect in _merge_batch(connection, provider_id, batch, rule, at, origin).items():
            counts["repeated" if model_id in met else effect] += 1
            met.add(model_id)
        counts["repeated"] += len(batch) - len({record.model_id for record in batch})
    return counts


def import_result(
    origin: str,
    columns: dict[str, str],
    left_out: tuple[str, ...],
    counts: Counter[str],
    refusals: MessageSample,
    remarks: MessageSample,
) -> ImportResult:
    """What is told of it all."""
    return ImportResult(
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


def _merge_batch(
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
