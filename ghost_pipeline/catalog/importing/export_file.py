"""Import another catalog's export: validate every row, then merge the models with their instants."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa

from ghost_pipeline.catalog.importing.merge import (
    NOT_AN_OBJECT,
    MessageSample,
    RowCount,
    import_result,
    is_wrapped,
    merge_models,
    to_json_object,
)
from ghost_pipeline.catalog.results import ImportResult
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.errors import InvalidExport, UsageError
from ghost_pipeline.lifecycle.claims.operator_facts import OPERATOR_FACTS, state_facts
from ghost_pipeline.lifecycle.claims.resolution import word_key
from ghost_pipeline.lifecycle.facts import FACT_NAMES, FACTS, Fact, FactKind
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug
from ghost_pipeline.lifecycle.merging import import_model
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.validation import (
    cap_instant,
    parse_instant,
    validate_fact,
    validate_metadata,
    validate_name,
    validate_source,
)
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline.listings.decoding import Malformed, decode_json


def import_rows(
    database: Database,
    rows: Sequence[Any],
    origin: str,
    now: datetime,
    report: Callable[[int, int], None] | None = None,
) -> ImportResult:
    """Merge the rows into the catalog, one transaction per provider, after all of them were validated.

    ``report`` is called with the number of rows done and in all.

    Raises InvalidExport, and nothing is written, if a row can't be used; CatalogError.
    """
    remarks = MessageSample()
    by_provider = _checked(rows, origin, now, remarks)
    counts: Counter[str] = Counter()
    done = RowCount(len(rows), report)
    for slug, records in sorted(by_provider.items()):
        work = partial(_import_provider, slug=slug, records=records, origin=origin, now=now, done=done)
        counts.update(database.write(work))
    found = sorted({column for row in rows for column in row})
    columns = {"name" if column == "model_name" else column: column for column in found if column in IMPORTED_COLUMNS}
    left_out = tuple(column for column in found if column not in IMPORTED_COLUMNS | DERIVED_COLUMNS)
    return import_result(origin, columns, left_out, counts, MessageSample(), remarks)


def _import_provider(
    connection: sa.Connection, slug: str, records: Sequence[ModelRecord], origin: str, now: datetime, done: RowCount
) -> Counter[str]:
    repository.get_or_create_provider(connection, slug)
    return merge_models(connection, slug, records, import_model, now, {"imported_from": origin}, done)


def _checked(rows: Sequence[Any], origin: str, now: datetime, remarks: MessageSample) -> dict[str, list[ModelRecord]]:
    """Return slug -> its models. Raises InvalidExport."""
    by_provider: dict[str, list[ModelRecord]] = {}
    invalid = MessageSample()
    for number, row in enumerate(rows, start=1):
        try:
            record = exported_record(row, now)
        except UsageError as error:
            invalid.add(f"row {number}{_named(row)}: {error}")
            continue
        by_provider.setdefault(record.provider_id, []).append(record)
        if is_wrapped(record.provider_data):
            remarks.add(
                f"row {number}{_named(row)}: its provider_data is not a JSON object: stored as {NOT_AN_OBJECT!r}"
            )
    if invalid.count:
        verb = "is" if invalid.count == 1 else "are"
        more = "; …" if invalid.count > len(invalid.first) else ""
        raise InvalidExport(
            f"{origin} can't be imported: {invalid.count:,} of {len(rows):,} rows {verb} invalid, so nothing was "
            f"written: {'; '.join(invalid.first)}{more}"
        )
    return by_provider


def _named(row: Any) -> str:
    if not isinstance(row, Mapping):
        return ""
    names = [str(row[key])[:80] for key in ("provider_id", "model_id") if row.get(key) is not None]
    return f" ({' '.join(names)})" if names else ""


class ExportedModel(msgspec.Struct):
    """A row of an export: the columns that every catalog has, then those that only newer ones have.

    Instants are ISO 8601 texts, UTC without a time zone.
    """

    provider_id: str
    model_id: str
    source: str
    is_active: bool
    first_seen_at: str
    last_seen_at: str
    model_name: str | None = None
    provider_data: Any = None
    is_name_manual: bool = False
    last_listed_at: str | msgspec.UnsetType | None = msgspec.UNSET
    last_used_at: str | msgspec.UnsetType | None = msgspec.UNSET
    deactivated_at: str | None = None
    manual_facts: str | msgspec.UnsetType | None = msgspec.UNSET
    inference_metadata: dict[str, Any] | None = None


_WRITTEN: Mapping[FactKind, Any] = {
    FactKind.TEXT: str,
    FactKind.TOKENS: int,
    FactKind.PRICE: float,
    FactKind.PRICES: dict[str, Any],
    FactKind.CAPABILITIES: list[str],
    FactKind.INSTANT: str,
}
"""How an export writes the values of a kind."""

_ExportedFacts = msgspec.defstruct("_ExportedFacts", [(fact.name, _WRITTEN[fact.kind] | None, None) for fact in FACTS])

IMPORTED_COLUMNS = frozenset((*ExportedModel.__struct_fields__, *FACT_NAMES))
FILLED_COLUMN = "facts_from_references"
"""Names the facts of a row that are not the catalog's own."""

DERIVED_COLUMNS = frozenset({"is_free", "listing_id", FILLED_COLUMN})
"""Exported columns that are not imported: they follow from the prices, from this catalog's own listings, and from
references."""


def exported_record(row: Any, now: datetime) -> ModelRecord:
    """Return the model in a row of an export. Instants in the future are capped at ``now``.

    A row without ``last_listed_at`` or ``last_used_at`` was listed or used, as its source tells, when it was first
    seen. A ghost without ``deactivated_at`` became one now, so that it is kept for 30 days before a purge. Raises
    UsageError for an invalid row.
    """
    row = _as_stated(row)
    try:
        read = msgspec.convert(row, ExportedModel, strict=False)  # not strict: SQLite exports booleans as 0 and 1
        facts = _checked_facts(msgspec.convert(row, _ExportedFacts, strict=False))
    except msgspec.ValidationError as error:
        raise InvalidExport(str(error)) from error
    slug, source = provider_slug(read.provider_id), validate_source(read.source.upper())
    first_seen_at = cap_instant(parse_instant(read.first_seen_at, "first_seen_at"), now)
    last_seen_at = cap_instant(parse_instant(read.last_seen_at, "last_seen_at"), now)
    if first_seen_at > last_seen_at:
        raise InvalidExport(f"first_seen_at {read.first_seen_at} is later than last_seen_at {read.last_seen_at}")
    is_listed, is_used = source is Source.INDEX, source is Source.INFERENCE
    record = ModelRecord(
        provider_id=slug,
        model_id=canonical_model_id(slug, read.model_id),
        source=source,
        is_active=read.is_active,
        first_seen_at=first_seen_at,
        last_seen_at=last_seen_at,
        is_name_manual=read.is_name_manual,
        last_listed_at=_past("last_listed_at", read.last_listed_at, first_seen_at if is_listed else None, now),
        last_used_at=_past("last_used_at", read.last_used_at, first_seen_at if is_used else None, now),
        deactivated_at=None if read.is_active else _past("deactivated_at", read.deactivated_at, now, now) or now,
        provider_data=_provider_data(read.provider_data),
        inference_metadata=validate_metadata(read.inference_metadata),
        **{**facts, "name": validate_name(read.model_name) if facts["name"] is None else facts["name"]},
    )
    return state_facts(record, _by_operators(read, record))


def _by_operators(read: ExportedModel, record: ModelRecord) -> dict[str, Any]:
    """Return what an operator stated of a model, there. Raises InvalidExport for a name that is not such a fact."""
    if isinstance(read.manual_facts, msgspec.UnsetType):
        # Older catalogs do not tell. What no listing has stated is an operator's, as after their migration.
        names = _UNMARKED_FACTS if read.last_listed_at is None else []
    else:
        names = (read.manual_facts or "").split()
    unknown = [name for name in names if name not in OPERATOR_FACTS]
    if unknown:
        raise InvalidExport(f"manual_facts names {unknown[0][:40]!r}; the facts are: {', '.join(OPERATOR_FACTS)}")
    if record.source is not Source.MANUAL:
        return {}
    return {name: value for name in names if (value := getattr(record, name)) is not None}


_UNMARKED_FACTS = [fact for fact in OPERATOR_FACTS if fact not in ("name", "expires_at")]
"""Names have a mark in every export, and dates may be announcements."""


def _as_stated(row: Any) -> Any:
    """Return the row without what references filled in: it is not what the other catalog's evidence stated."""
    filled = row.get(FILLED_COLUMN) if isinstance(row, Mapping) else None
    if not isinstance(filled, Mapping):
        return row
    stated = {key: row[key] for key in row if key not in filled}
    words = stated.get("capabilities")
    if isinstance(words, list | tuple):
        # An empty list would be a statement, too.
        stated["capabilities"] = [word for word in words if word_key(str(word)) not in filled] or None
    ids = stated.get("aliases")
    if isinstance(ids, str):
        stated["aliases"] = " ".join(one for one in ids.split() if word_key(one, "aliases") not in filled) or None
    return stated


def _checked_facts(written: Any) -> dict[str, Any]:
    return {fact.name: validate_fact(fact, _read_fact(fact, getattr(written, fact.name))) for fact in FACTS}


def _read_fact(fact: Fact, value: Any) -> Any:
    return parse_instant(value, fact.name) if fact.kind is FactKind.INSTANT and value is not None else value


def _past(
    column: str, text: str | msgspec.UnsetType | None, default: datetime | None, now: datetime
) -> datetime | None:
    if isinstance(text, msgspec.UnsetType):
        return default
    return None if text is None else cap_instant(parse_instant(text, column), now)


def _provider_data(kept: Any) -> dict[str, Any] | None:
    try:
        return to_json_object(kept)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidExport(f"provider_data can't be stored as JSON: {error}") from error


def read_export_rows(name: str, content: bytes) -> list[Any]:
    """Return the rows of an export: a list, or an object with the list under ``models``. Raises InvalidExport."""
    try:
        document = decode_json(content)
    except Malformed as defect:
        raise InvalidExport(f"{name}: {defect.reason}", "export it again") from defect
    except RecursionError as error:
        raise InvalidExport(f"{name}: the JSON is nested too deeply to be a list of models") from error
    rows = document.get("models") if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise InvalidExport(
            f"{name}: not a list of models", "give one object per model, in a list or in one under 'models'"
        )
    return rows
