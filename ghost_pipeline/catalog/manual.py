"""MANUAL additions: what a person states of models, checked whole before anything is written."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ghost_pipeline.catalog.checks import aware, checked_capabilities, checked_price, checked_tokens
from ghost_pipeline.errors import InvalidAdditions, UsageError
from ghost_pipeline.lifecycle.additions import ADDITION_COLUMNS, Addition
from ghost_pipeline.lifecycle.identity import canonical_model_id, checked_name, provider_slug
from ghost_pipeline.lifecycle.listing import is_free
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import Source

TOLD_AT_MOST = 20
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
    prices = (checked_price("input_price", said["input_price"]), checked_price("output_price", said["output_price"]))
    return ModelRecord(
        provider_id=slug,
        model_id=canonical_model_id(slug, said["model_id"]),
        source=Source.MANUAL,
        is_active=True,
        first_seen_at=at,
        last_seen_at=at,
        name=checked_name(said["name"]),
        context_window=checked_tokens("context_window", said["context_window"]),
        max_output_tokens=checked_tokens("max_output_tokens", said["max_output_tokens"]),
        input_price=prices[0],
        output_price=prices[1],
        is_free=is_free(*prices),
        capabilities=checked_capabilities(said["capabilities"]),
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
        rest = len(problems) - TOLD_AT_MOST
        more = [f"and {rest:,} more"] if rest > 0 else []
        raise InvalidAdditions(f"nothing was added: {'; '.join([*problems[:TOLD_AT_MOST], *more])}")
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
    return aware(value)
