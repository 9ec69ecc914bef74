"""The checks and the metadata of a listing."""

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from ghost_pipeline.catalog.results import ListingOutcome
from ghost_pipeline.catalog.storage.tables import models
from ghost_pipeline.defs.resource import providers
from ghost_pipeline.lifecycle.vocabulary import Verdict

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


_CHECKS = {
    Verdict.MALFORMED: (
        "listing_is_well_formed",
        "It can be read, is no error answer and holds at least one model.",
        True,
    ),
    Verdict.EMPTY: ("listing_is_not_empty", "It lists models; a provider without any is not believed.", True),
    Verdict.PARTIAL: ("listing_is_complete", "No page and no readable row is missing.", False),
    Verdict.SHRUNKEN: ("listing_has_not_shrunk", "It does not miss suspiciously many of the expected models.", False),
}
"""Verdict -> the check that it fails, what that check says, and whether failing it blocks the catalog."""


def check_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """The declarations, for the asset that admits."""
    return [
        _check_spec(name, asset, description, is_blocking=is_blocking)
        for name, description, is_blocking in _CHECKS.values()
    ]


def _check_spec(name: str, asset: str, description: str, *, is_blocking: bool) -> dg.AssetCheckSpec:
    with warnings.catch_warnings():
        # partitions_def is marked preview; without it an evaluation does not say which provider it is about.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name, asset=asset, description=description, blocking=is_blocking, partitions_def=providers
        )


def check_results(outcome: ListingOutcome) -> Iterator[dg.AssetCheckResult]:
    """One result a check: failed for the verdict that was passed, by ERROR if it is refused, else by WARN.

    Verdicts are tried in order and the first that fits is passed, so the checks after it pass for want of a finding.
    """
    for verdict, (name, _, _) in _CHECKS.items():
        is_failed = verdict is outcome.verdict
        yield dg.AssetCheckResult(
            check_name=name,
            passed=not is_failed,
            severity=dg.AssetCheckSeverity.ERROR if outcome.is_refused else dg.AssetCheckSeverity.WARN,
            description=outcome.reason if is_failed else None,
            metadata=listing_metadata(outcome),
        )
