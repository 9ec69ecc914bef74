"""One row of another catalog's JSON export, as a model of this one."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ghost_pipeline.catalog.checks import checked_capabilities, checked_price, checked_source, checked_tokens
from ghost_pipeline.catalog.provider_objects import holds_nul, provider_object
from ghost_pipeline.errors import InvalidExport, InvalidMetadata
from ghost_pipeline.lifecycle.identity import canonical_model_id, checked_name, provider_slug
from ghost_pipeline.lifecycle.listing import is_free
from ghost_pipeline.lifecycle.metadata import checked_metadata
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import Source


class ExportedModel(msgspec.Struct):
    """What every such catalog exports, then what this one adds. Instants in ISO 8601, UTC if they name no zone."""

    provider_id: str
    model_id: str
    source: str
    is_active: bool
    first_seen_at: str
    last_seen_at: str
    model_name: str | None = None
    provider_data: Any = None
    name: str | None = None
    is_name_manual: bool = False
    last_listed_at: str | msgspec.UnsetType | None = msgspec.UNSET
    last_used_at: str | msgspec.UnsetType | None = msgspec.UNSET
    deactivated_at: str | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    capabilities: list[str] | None = None
    expires_at: str | None = None
    inference_metadata: dict[str, Any] | None = None


READ = frozenset(ExportedModel.__struct_fields__)
FOLLOWING = frozenset({"is_free", "listing_id"})
"""What this catalog exports as well and never takes in: it follows from the prices, and from its own listings."""


def exported_record(row: Any, now: datetime) -> ModelRecord:
    """The model in a row of an export. Instants in the future are capped at ``now``.

    A row that does not say so was listed, or used, when it was first seen, as its source says; and a ghost became one
    now, so that it has its 30 days before any purge. Raises UsageError for what can't be used.
    """
    try:
        read = msgspec.convert(row, ExportedModel, strict=False)  # not strict: SQLite exports booleans as 0 and 1
    except msgspec.ValidationError as error:
        raise InvalidExport(str(error)) from error
    slug, source = provider_slug(read.provider_id), checked_source(read.source.upper())
    first_seen_at = min(_instant("first_seen_at", read.first_seen_at), now)
    last_seen_at = min(_instant("last_seen_at", read.last_seen_at), now)
    if first_seen_at > last_seen_at:
        raise InvalidExport(f"first_seen_at {read.first_seen_at} is later than last_seen_at {read.last_seen_at}")
    is_listed, is_used = source is Source.INDEX, source is Source.INFERENCE
    return ModelRecord(
        provider_id=slug,
        model_id=canonical_model_id(slug, read.model_id),
        source=source,
        is_active=read.is_active,
        first_seen_at=first_seen_at,
        last_seen_at=last_seen_at,
        name=checked_name(read.name if read.name is not None else read.model_name),
        is_name_manual=read.is_name_manual,
        last_listed_at=_past("last_listed_at", read.last_listed_at, first_seen_at if is_listed else None, now),
        last_used_at=_past("last_used_at", read.last_used_at, first_seen_at if is_used else None, now),
        deactivated_at=None if read.is_active else _past("deactivated_at", read.deactivated_at, now, now) or now,
        is_free=is_free(read.input_price, read.output_price),
        context_window=checked_tokens("context_window", read.context_window),
        max_output_tokens=checked_tokens("max_output_tokens", read.max_output_tokens),
        input_price=checked_price("input_price", read.input_price),
        output_price=checked_price("output_price", read.output_price),
        capabilities=checked_capabilities(read.capabilities),
        expires_at=None if read.expires_at is None else _instant("expires_at", read.expires_at),
        provider_data=_provider_data(read.provider_data),
        inference_metadata=_metadata(read.inference_metadata),
    )


def _past(
    column: str, text: str | msgspec.UnsetType | None, unless_said: datetime | None, now: datetime
) -> datetime | None:
    if isinstance(text, msgspec.UnsetType):
        return unless_said
    return None if text is None else min(_instant(column, text), now)


def _instant(column: str, text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text.strip())
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidExport(f"{column} {text[:80]!r} is no ISO 8601 instant, such as 2025-12-06T07:15:05Z") from None


def _provider_data(kept: Any) -> dict[str, Any] | None:
    try:
        return provider_object(kept)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidExport(f"provider_data can't be kept as JSON: {error}") from error


def _metadata(metadata: dict[str, Any] | None) -> dict[str, Any] | None:
    checked = checked_metadata(metadata)
    if checked is not None and holds_nul(checked):
        raise InvalidMetadata("inference_metadata holds a NUL character")
    return checked
