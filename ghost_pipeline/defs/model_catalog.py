"""``model_catalog``: an admitted listing, folded into the models."""

import dagster as dg

from ghost_pipeline.defs.listing_metadata import COLUMN_SCHEMA, reconcile_metadata
from ghost_pipeline.defs.partitions import providers
from ghost_pipeline.defs.raw_provider_models import raw_provider_models
from ghost_pipeline.defs.resource import GhostCatalog, failures_told
from ghost_pipeline.errors import NoListings
from ghost_pipeline.listings import parse_listing


@dg.asset(
    partitions_def=providers,
    deps=[raw_provider_models],
    kinds={"sql"},
    group_name="catalog",
    description="The models that are known to exist, and how they are known. One row a model, ghosts included.",
    metadata={"dagster/column_schema": COLUMN_SCHEMA, "dagster/table_name": "models"},
)
def model_catalog(context: dg.AssetExecutionContext, ghost: GhostCatalog) -> dg.MaterializeResult[None]:
    provider_id = context.partition_key
    with failures_told(), ghost.opened() as catalog:
        listing_id = catalog.find_listing(provider_id, context.run.run_id) or catalog.find_listing(provider_id)
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
