"""Admit listings and reconcile them with the catalog: two assets and the job over both."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ListingOutcome, ModelFilter, SubmittedListing
from ghost_pipeline.defs.evidence.channels import (
    inbox,
    inference_reports,
    listing_files,
    manual_additions,
    tracked_inferences,
)
from ghost_pipeline.defs.fetching import fetch_response, provider_responses
from ghost_pipeline.defs.listing_checks import (
    COLUMN_SCHEMA,
    RAW_ASSET,
    as_text,
    check_results,
    check_specs,
    describe_refusal,
    listing_metadata,
    page_links,
    reconcile_metadata,
)
from ghost_pipeline.defs.provider_health import HealthEvent, health_events_of_run, log_health
from ghost_pipeline.defs.resource import GhostCatalog, providers, translate_errors
from ghost_pipeline.errors import NoListings
from ghost_pipeline.lifecycle.validation import cap_instant, parse_instant
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline.listings.files import find_newest_file, instant_in_name, read_listing_file
from ghost_pipeline.web.links import provider_page


class ListingConfig(dg.Config):
    """The listing and when it was observed. The sensor and ``ingest`` set both, so a retry gives the same result."""

    file: str | None = Field(default=None, description="The file; unless given, the provider's newest one.")
    observed_at: str | None = Field(
        default=None, description="When it was seen, in ISO 8601 with a time zone; unless given, now."
    )


# One op for three assets, so that no step depends on the fetch: a fetch that is skipped or fails stops no file from
# being admitted, and "Materialize all" reaches every asset.
@dg.multi_asset(
    name=RAW_ASSET,
    specs=[
        provider_responses,
        listing_files,
        dg.AssetSpec(
            RAW_ASSET,
            deps=[listing_files],
            partitions_def=providers,
            skippable=True,  # a refused listing materializes nothing
            kinds={"json"},
            group_name="ingestion",
            description="Each provider's newest listing and its verdict. Its bytes are archived; no model changes "
            "here. Uses the newest file; one that provider_responses fetches in the same run is admitted in that run, "
            "one that fetch_every_6h fetches in the next run of models_directory_sensor.",
        ),
    ],
    check_specs=check_specs(RAW_ASSET),
    partitions_def=providers,
    can_subset=True,
)
def raw_provider_models(
    context: dg.AssetExecutionContext, config: ListingConfig, ghost: GhostCatalog
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None] | dg.AssetObservation]:
    selected = context.selected_asset_keys
    is_admitting = bool(selected & {listing_files.key, dg.AssetKey(RAW_ASSET)})
    if provider_responses.key in selected:
        try:
            yield from fetch_response(context, ghost)
        except dg.Failure as failure:
            if not is_admitting:
                raise
            context.log.error(str(failure.description))
    if is_admitting:
        yield from _admit(context, config, ghost)
    elif not selected:
        yield from _checks_again(context, ghost)


def _admit(
    context: dg.AssetExecutionContext, config: ListingConfig, ghost: GhostCatalog
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    provider_id = context.partition_key
    with translate_errors(), ghost.opened() as catalog:
        path = Path(config.file) if config.file else find_newest_file(ghost.settings().models_dir, provider_id)
        file = read_listing_file(path)
        submission = SubmittedListing(
            provider_id=provider_id,
            file_name=path.name,
            content=file.content,
            observed_at=parsed_instant(config.observed_at or _observed_at(catalog, provider_id, path)),
            run_id=context.run.run_id,
            response=file.response,
            sha256=file.sha256,
        )
        outcome = catalog.admit(submission)
        health: list[HealthEvent] = health_events_of_run(catalog, context.run) if outcome.is_refused else []
    metadata = {
        **listing_metadata(outcome, ghost.settings().web_url),
        "bytes": str(len(submission.content)),
        "path": dg.MetadataValue.path(str(path)),
    }
    selected = context.selected_asset_keys
    # Dagster records what was logged at the next yield; what is logged after the last one is lost with the failure.
    log_health(context, health)
    if outcome.is_refused and dg.AssetKey(RAW_ASSET) in selected:
        context.log_event(_refusal_event(outcome))
    if listing_files.key in selected:
        yield _read_event(path, submission)
    if dg.AssetKey(RAW_ASSET) in selected:
        if not outcome.is_refused:
            yield dg.MaterializeResult(asset_key=RAW_ASSET, metadata=metadata)
        yield from check_results(outcome)
    if outcome.is_refused:
        raise dg.Failure(describe_refusal(outcome), metadata=metadata, allow_retries=False)


def _observed_at(catalog: ModelCatalog, provider_id: str, path: Path) -> str | None:
    """Return when a file counts as seen that a run by hand admits: at its mtime if a later fetch failed, else now."""
    for health in catalog.list_provider_health():
        failed_at = health.provider.last_listing_at if health.last_verdict is Verdict.FAILED else None
        if health.provider.id == provider_id and failed_at is not None and path.exists():
            modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            return modified_at.isoformat() if modified_at < failed_at else None
    return None


def _checks_again(context: dg.AssetExecutionContext, ghost: GhostCatalog) -> Iterator[dg.AssetCheckResult]:
    """Decide the checks of the newest listing once more, for a run of the checks alone."""
    with translate_errors(), ghost.opened() as catalog:
        listing_id = catalog.find_listing(context.partition_key)
        if listing_id is None:
            raise NoListings(f"{context.partition_key} has no listing", "materialize raw_provider_models first")
        results = list(check_results(catalog.get_listing(listing_id)))
    names = {key.name for key in context.selected_asset_check_keys}
    yield from (result for result in results if result.check_name in names)


def _refusal_event(outcome: ListingOutcome) -> dg.AssetObservation:
    """Return the observation that shows a refused file beside the materialization of the file before it."""
    return dg.AssetObservation(
        RAW_ASSET,
        partition=outcome.provider_id,
        metadata={
            "refused": describe_refusal(outcome),
            "refused_at": dg.MetadataValue.timestamp(outcome.attempt.observed_at),
        },
    )


def _read_event(path: Path, submission: SubmittedListing) -> dg.MaterializeResult[None]:
    """Return the materialization of ``listing_files`` for a file that was read just now."""
    in_name = instant_in_name(path.name)
    return dg.MaterializeResult(
        asset_key=listing_files.key,
        metadata={
            "file": path.name,
            "path": dg.MetadataValue.path(str(path)),
            "bytes": str(len(submission.content)),
            "sha256": submission.sha256,
            **({"instant_in_file_name": dg.MetadataValue.timestamp(in_name)} if in_name else {}),
        },
    )


def parsed_instant(text: str | None) -> datetime:
    """Return the instant in a run's config, in UTC and at most the current time, which is also the default.

    Anyone who can reach the UI can launch a run; an instant in the future would make every model stale.

    Raises:
        UsageError: The text is not an ISO 8601 timestamp.
    """
    now = datetime.now(UTC)
    return now if text is None else cap_instant(parse_instant(text), now)


@dg.asset(
    name="model_catalog",
    partitions_def=providers,
    deps=[RAW_ASSET, tracked_inferences, inference_reports, inbox, manual_additions],
    kinds={"sql"},
    group_name="catalog",
    description="The models that are known, and from where. One row per model, inactive ones included. A "
    "partition is one provider; one without any listing shows the models of the other channels.",
    metadata={"dagster/column_schema": COLUMN_SCHEMA, "dagster/table_name": "models"},
)
def model_catalog(context: dg.AssetExecutionContext, ghost: GhostCatalog) -> dg.MaterializeResult[None]:
    provider_id = context.partition_key
    with translate_errors(), ghost.opened() as catalog:
        listing_id = admitted_listing(catalog, provider_id, context.run) or catalog.find_listing(provider_id)
        if listing_id is None:
            return dg.MaterializeResult(
                metadata=_metadata_without_listing(catalog, provider_id, ghost.settings().web_url)
            )
        outcome = catalog.reconcile(listing_id)
        if not outcome.is_refused:
            log_health(context, health_events_of_run(catalog, context.run))
    if outcome.is_refused:
        # A refused listing fails its run; this fails a later run of the catalog alone.
        raise dg.Failure(
            describe_refusal(outcome),
            metadata=reconcile_metadata(outcome, context.run.run_id, ghost.settings().web_url),
            allow_retries=False,
        )
    return dg.MaterializeResult(metadata=reconcile_metadata(outcome, context.run.run_id, ghost.settings().web_url))


def _metadata_without_listing(catalog: ModelCatalog, provider_id: str, web_url: str) -> dict[str, Any]:
    """Return what a partition shows whose models came from other channels only. Raises NoListings without any."""
    is_known = any(provider.id == provider_id for provider in catalog.list_providers())
    models = catalog.find_models(ModelFilter((provider_id,), is_active=None)) if is_known else []
    if not models:
        raise NoListings(f"{provider_id} has neither a listing nor a model", "materialize raw_provider_models first")
    return {
        "listing": "no listing",
        "models": str(len(models)),
        **as_text(Counter(f"source_{model.source.value.lower()}" for model in models)),
        "dagster/partition_row_count": len(models),
        **page_links(web_url, provider_page(provider_id)),
    }


def admitted_listing(catalog: ModelCatalog, provider_id: str, run: dg.DagsterRun) -> int | None:
    """Return the listing that this run, or the run that it retries, admitted. A retry begins at the failed step."""
    for run_id in (run.run_id, run.parent_run_id, run.root_run_id):
        if run_id is not None and (listing_id := catalog.find_listing(provider_id, run_id)) is not None:
            return listing_id
    return None


ingest_listing = dg.define_asset_job(
    "ingest_listing",
    selection=dg.AssetSelection.assets(listing_files.key, dg.AssetKey(RAW_ASSET), model_catalog.key),
    description="One provider's listing: admitted, then reconciled.",
)


def listing_run_config(path: Path, observed_at: datetime) -> dict[str, object]:
    """Return the config of a run of ``ingest_listing`` on one file."""
    return {"ops": {RAW_ASSET: {"config": {"file": str(path.absolute()), "observed_at": observed_at.isoformat()}}}}
