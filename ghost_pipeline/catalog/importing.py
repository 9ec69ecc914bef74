"""Importing the rows that another catalog exported, with their instants and sources."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog import provider_rows
from ghost_pipeline.catalog.database import Database
from ghost_pipeline.catalog.exported_rows import FOLLOWING, READ, exported_record
from ghost_pipeline.catalog.intake import intake_result, take_in
from ghost_pipeline.catalog.provider_objects import NOT_AN_OBJECT, is_kept_aside
from ghost_pipeline.catalog.remarks import Remarks
from ghost_pipeline.catalog.results import IntakeResult
from ghost_pipeline.errors import InvalidExport, UsageError
from ghost_pipeline.lifecycle.intake import importation
from ghost_pipeline.lifecycle.records import ModelRecord


def import_rows(database: Database, rows: Sequence[Any], origin: str, now: datetime) -> IntakeResult:
    """Merge the rows into the catalog, one provider a transaction, after all of them were checked.

    Raises InvalidExport, and nothing is written, if a row can't be used; CatalogError.
    """
    remarks = Remarks()
    by_provider = _checked(rows, origin, now, remarks)
    counts: Counter[str] = Counter()
    for slug, records in sorted(by_provider.items()):
        counts.update(database.write(partial(_import_provider, slug=slug, records=records, origin=origin, now=now)))
    found = sorted({column for row in rows for column in row})
    columns = {"name" if column == "model_name" else column: column for column in found if column in READ}
    left_out = tuple(column for column in found if column not in READ | FOLLOWING)
    return intake_result(origin, columns, left_out, counts, Remarks(), remarks)


def _import_provider(
    connection: sa.Connection, slug: str, records: Sequence[ModelRecord], origin: str, now: datetime
) -> Counter[str]:
    provider_rows.lock_provider(connection, slug)
    return take_in(connection, slug, records, importation, now, {"imported_from": origin})


def _checked(rows: Sequence[Any], origin: str, now: datetime, remarks: Remarks) -> dict[str, list[ModelRecord]]:
    """Slug -> its models."""
    by_provider: dict[str, list[ModelRecord]] = {}
    unusable = Remarks()
    for number, row in enumerate(rows, start=1):
        try:
            record = exported_record(row, now)
        except UsageError as error:
            unusable.add(f"row {number}{_named(row)}: {error}")
            continue
        by_provider.setdefault(record.provider_id, []).append(record)
        if is_kept_aside(record.provider_data):
            remarks.add(f"row {number}{_named(row)}: its provider_data is no JSON object: kept as {NOT_AN_OBJECT!r}")
    if unusable.count:
        more = "; …" if unusable.count > len(unusable.first) else ""
        raise InvalidExport(
            f"{origin} can't be imported: {unusable.count:,} of {len(rows):,} rows can't be used, so nothing was "
            f"written: {'; '.join(unusable.first)}{more}"
        )
    return by_provider


def _named(row: Any) -> str:
    if not isinstance(row, Mapping):
        return ""
    names = [str(row[key])[:80] for key in ("provider_id", "model_id") if row.get(key) is not None]
    return f" ({' '.join(names)})" if names else ""
