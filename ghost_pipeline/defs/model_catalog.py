"""``model_catalog``: an admitted listing, folded into the models."""

from datetime import timedelta

import dagster as dg

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.defs.listing_metadata import COLUMN_SCHEMA, reconcile_metadata
from ghost_pipeline.defs.partitions import providers
from ghost_pipeline.defs.raw_provider_models import raw_provider_models
from ghost_pipeline.defs.reported_assets import inbox, inference_reports
from ghost_pipeline.defs.resource import GhostCatalog, failures_told
from ghost_pipeline.errors import NoListings
from ghost_pipeline.listings import parse_listing
from ghost_pipeline.settings import Thresholds

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
    with failures_told(), ghost.opened() as catalog:
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
