"""Admit listings and reconcile them with the catalog: two assets and the job over both."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from pydantic import Field

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.defs.channels import inbox, inference_reports
from ghost_pipeline.defs.fetching import provider_responses
from ghost_pipeline.defs.listing_checks import (
    COLUMN_SCHEMA,
    check_results,
    check_specs,
    listing_metadata,
    reconcile_metadata,
)
from ghost_pipeline.defs.resource import GhostCatalog, providers, translate_errors
from ghost_pipeline.errors import NoListings, UsageError
from ghost_pipeline.listings.files import find_newest_file, read_file, response_summary_of
from ghost_pipeline.listings.parsing import format_version, parse_listing
from ghost_pipeline.settings import Thresholds

NAME = "raw_provider_models"


class ListingConfig(dg.Config):
    """Which listing, and when it was seen. The sensor and ``ingest`` set both, so that a retry tells the same story."""

    file: str | None = Field(default=None, description="The file; unless given, the provider's newest one.")
    observed_at: str | None = Field(
        default=None, description="When it was seen, in ISO 8601 with a time zone; unless given, now."
    )


@dg.asset(
    name=NAME,
    partitions_def=providers,
    deps=[provider_responses],  # or a file that somebody put there: it needs no fetch
    check_specs=check_specs(NAME),
    output_required=False,  # a refused listing materializes nothing
    kinds={"json"},
    group_name="catalog",
    description="The provider's newest listing: judged, its bytes kept, the attempt recorded. No model changes here.",
)
def raw_provider_models(
    context: dg.AssetExecutionContext, config: ListingConfig, ghost: GhostCatalog
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    provider_id = context.partition_key
    with translate_errors(), ghost.opened() as catalog:
        path = Path(config.file) if config.file else find_newest_file(ghost.settings().models_dir, provider_id)
        submission = SubmittedListing(
            provider_id=provider_id,
            file_name=path.name,
            content=read_file(path),
            observed_at=parsed_instant(config.observed_at),
            format_version=format_version(provider_id),
            run_id=context.run.run_id,
            response=response_summary_of(path),
        )
        outcome = catalog.admit(submission, parse_listing)
    yield from check_results(outcome)
    if outcome.is_refused:
        context.log.error(f"{provider_id}: {path.name} is refused as {outcome.verdict.value}: {outcome.reason}")
        return
    metadata = {**listing_metadata(outcome), "bytes": len(submission.content), "path": dg.MetadataValue.path(str(path))}
    yield dg.MaterializeResult(metadata=metadata)


def parsed_instant(text: str | None) -> datetime:
    """Return the instant in a run's config, in UTC and at most the current time, which is also the default.

    Anyone who can reach the UI can launch a run; an instant in the future would make every model stale.

    Raises:
        UsageError: The text is not an ISO 8601 timestamp.
    """
    now = datetime.now(UTC)
    if text is None:
        return now
    try:
        instant = datetime.fromisoformat(text)
        instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return min(instant, now).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is not an ISO 8601 timestamp, such as 2025-12-06T07:15:05Z") from error


FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=Thresholds().complete_within, warn_window=timedelta(hours=24))
"""Of the whole catalog: one provider of many keeps it fresh, and ``complete_listing_is_recent`` looks at each. The
default, because loading the definitions reads no environment."""


@dg.asset(
    name="model_catalog",
    partitions_def=providers,
    freshness_policy=FRESHNESS,
    deps=[raw_provider_models, inference_reports, inbox],
    kinds={"sql"},
    group_name="catalog",
    description="The models that are known to exist, and how they are known. One row a model, ghosts included.",
    metadata={"dagster/column_schema": COLUMN_SCHEMA, "dagster/table_name": "models"},
)
def model_catalog(context: dg.AssetExecutionContext, ghost: GhostCatalog) -> dg.MaterializeResult[None]:
    provider_id = context.partition_key
    with translate_errors(), ghost.opened() as catalog:
        listing_id = admitted_listing(catalog, provider_id, context.run) or catalog.find_listing(provider_id)
        if listing_id is None:
            raise NoListings(f"no listing of {provider_id} was ever admitted: materialize raw_provider_models first")
        outcome = catalog.reconcile(listing_id, parse_listing)
    if outcome.is_refused:
        # Blocking checks stop a run; this stops a later run of the catalog alone.
        raise dg.Failure(
            f"{provider_id}: {outcome.file_name} is refused as {outcome.verdict.value}: {outcome.reason}",
            metadata=reconcile_metadata(outcome, context.run.run_id),
            allow_retries=False,
        )
    return dg.MaterializeResult(metadata=reconcile_metadata(outcome, context.run.run_id))


def admitted_listing(catalog: ModelCatalog, provider_id: str, run: dg.DagsterRun) -> int | None:
    """The listing that this run admitted, or the run that it does again: a retry begins at the step that failed."""
    for run_id in (run.run_id, run.parent_run_id, run.root_run_id):
        if run_id is not None and (listing_id := catalog.find_listing(provider_id, run_id)) is not None:
            return listing_id
    return None


ingest_listing = dg.define_asset_job(
    "ingest_listing",
    selection=dg.AssetSelection.assets(raw_provider_models, model_catalog),
    description="One provider's listing: admitted, then reconciled.",
)


def listing_run_config(path: Path, observed_at: datetime) -> dict[str, object]:
    """The config of a run of ``ingest_listing`` on one file."""
    return {"ops": {NAME: {"config": {"file": str(path.absolute()), "observed_at": observed_at.isoformat()}}}}
