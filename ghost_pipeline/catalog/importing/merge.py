"""Merge imported models into the catalog, and report the effect on each."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
import sqlalchemy as sa

from ghost_pipeline.catalog.apply import Change, Rule, Step, apply_batch
from ghost_pipeline.catalog.results import ImportResult
from ghost_pipeline.catalog.storage.tables import canonical_json
from ghost_pipeline.lifecycle.events import Cause
from ghost_pipeline.lifecycle.records import ModelRecord, Tombstone
from ghost_pipeline.lifecycle.validation import contains_nul

MAX_MESSAGES = 20


class MessageSample:
    """Counts messages and keeps the first ones."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[str] = []

    @property
    def first(self) -> tuple[str, ...]:
        """First messages, in the order in which they were added."""
        return tuple(self._first)

    def add(self, message: str, rows: int = 1) -> None:
        """Add a message about a number of rows."""
        self.count += rows
        if len(self._first) < MAX_MESSAGES:
            self._first.append(message)

    def extend(self, others: "MessageSample") -> None:
        """Add the messages of another sample after these."""
        self.count += others.count
        self._first.extend(others.first[: MAX_MESSAGES - len(self._first)])


NOT_AN_OBJECT = "not_an_object"
"""The key under which ``provider_data`` keeps a value that is not a JSON object."""


def to_json_object(kept: Any) -> dict[str, Any] | None:
    """Return ``kept`` (a JSON value, or text with JSON in it) as an object; None for no value.

    Nothing is lost: text that is not JSON, and JSON that is not an object or that PostgreSQL can't store, becomes the
    value of ``not_an_object``.
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
    if contains_nul(canonical_json(value)):
        return {NOT_AN_OBJECT: kept.replace("\x00", "\\u0000") if isinstance(kept, str) else canonical_json(kept)}
    return value if isinstance(value, dict) else {NOT_AN_OBJECT: value}


def is_wrapped(provider_data: Mapping[str, Any] | None) -> bool:
    """Return True if ``to_json_object`` wrapped a value that is not a JSON object."""
    return provider_data is not None and provider_data.keys() == {NOT_AN_OBJECT}


BATCH = 1000
"""Models that are read and written together: bounds memory, and the number of parameters of one statement."""


class RowCount:
    """Counts the rows that are done and reports them, with the rows in all."""

    def __init__(self, total: int, report: Callable[[int, int], None] | None) -> None:
        self._done, self._total, self._report = 0, total, report

    def add(self, rows: int) -> None:
        """Report that ``rows`` more are done."""
        self._done = min(self._done + rows, self._total)  # a transaction that is repeated counts again
        if self._report is not None:
            self._report(self._done, self._total)


MergeRule = Callable[[ModelRecord | None, ModelRecord, Tombstone | None], ModelRecord | None]
"""(current, imported, tombstone) -> the model afterwards, None if it stays outside. See ``lifecycle.merging``."""


def merge_models(
    connection: sa.Connection,
    provider_id: str,
    records: Iterable[ModelRecord],
    rule: MergeRule,
    at: datetime,
    origin: dict[str, str],
    done: RowCount,
) -> Counter[str]:
    """Apply ``rule`` to every record of the provider, which is locked; a model's later records fill in its first.

    Return the number of models ``created``, ``updated``, ``unchanged`` and ``kept_out``, and of ``repeated`` rows.
    ``origin`` is added to the events; ``done`` counts the rows.
    """
    counts: Counter[str] = Counter()
    seen: set[str] = set()
    for batch in _batches(records):
        for model_id, effect in _merge_batch(connection, provider_id, batch, rule, at, origin).items():
            counts["repeated" if model_id in seen else effect] += 1
            seen.add(model_id)
        counts["repeated"] += len(batch) - len({record.model_id for record in batch})
        done.add(len(batch))
    return counts


def import_result(
    origin: str,
    columns: dict[str, str],
    left_out: tuple[str, ...],
    counts: Counter[str],
    refusals: MessageSample,
    remarks: MessageSample,
) -> ImportResult:
    """Return the result of an import."""
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
    rule: MergeRule,
    at: datetime,
    origin: dict[str, str],
) -> dict[str, str]:
    """Return model id -> the effect on it."""
    by_id: dict[str, list[ModelRecord]] = {}
    for record in batch:
        by_id.setdefault(record.model_id, []).append(record)
    steps = [
        Step(provider_id, model_id, _fold(rule, records), Cause(at, records[-1].source, details=origin))
        for model_id, records in by_id.items()
    ]
    changes = apply_batch(connection, steps)
    return {step.model_id: _effect(change) for step, change in zip(steps, changes, strict=True)}


def _fold(rule: MergeRule, records: Sequence[ModelRecord]) -> Rule:
    """Return the rule that merges the records of one model one after the other."""

    def merge(current: ModelRecord | None, tombstone: Tombstone | None) -> ModelRecord | None:
        for record in records:
            current = rule(current, record, tombstone if current is None else None)
        return current

    return merge


def _effect(change: Change) -> str:
    if change.after is None:
        return "kept_out"
    if change.before is None:
        return "created"
    return "unchanged" if change.after == change.before else "updated"
