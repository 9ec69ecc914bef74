"""What a person wants to see of a listing in the Dagster UI. Numbers are plotted over time there."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ghost_pipeline.catalog.results import ListingOutcome
from ghost_pipeline.catalog.tables import models

COLUMN_SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn(
            column.name,
            type=str(column.type),
            constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
        )
        for column in models.columns
    ]
)


def listing_metadata(outcome: ListingOutcome) -> dict[str, Any]:
    """Where the listing came from and what was thought of it."""
    return {
        "file": outcome.file_name,
        "sha256": outcome.sha256,
        "observed_at": dg.MetadataValue.timestamp(outcome.observed_at),
        "verdict": outcome.verdict.value,
        "reason": outcome.reason or "",
        "late": outcome.is_late,
        "listing_id": outcome.listing_id,
    }


def reconcile_metadata(outcome: ListingOutcome, run_id: str) -> Mapping[str, Any]:
    """What the listing did to the catalog, with the first of the models that came and that are missing."""
    counts = outcome.counts
    numbers = {name: getattr(counts, name) for name in counts.__dataclass_fields__} if counts else {}
    return {
        **listing_metadata(outcome),
        **numbers,
        "preview": _preview(outcome),
        "run": run_id,
        "dagster/partition_row_count": numbers.get("models", 0),
    }


def _preview(outcome: ListingOutcome) -> dg.TableMetadataValue:
    records = [
        dg.TableRecord({"model_id": model_id, "what": what})
        for what, model_ids in (("created", outcome.created_ids), ("missing", outcome.missing_ids))
        for model_id in model_ids
    ]
    columns = [dg.TableColumn("model_id", type="string"), dg.TableColumn("what", type="string")]
    return dg.MetadataValue.table(records=records, schema=dg.TableSchema(columns=columns))
