"""Everything that Dagster shall know, in one object. Loading it touches no disk, network or database."""

import dagster as dg

from ghost_pipeline.defs.channels import (
    inbox,
    inference_reports,
    listing_files,
    manual_additions,
    reported_sightings_checks,
    tracked_inferences,
)
from ghost_pipeline.defs.directory_sensor import models_directory_sensor
from ghost_pipeline.defs.fetching import fetch_every_6h, fetch_provider, provider_responses
from ghost_pipeline.defs.ingestion import ingest_listing, model_catalog, raw_provider_models
from ghost_pipeline.defs.monitoring import discovery_stats, refresh_statistics
from ghost_pipeline.defs.provider_health import check_health, check_health_1h, check_provider_health, provider_health
from ghost_pipeline.defs.recorded_evidence import channels_sensor
from ghost_pipeline.defs.reported_sightings import inbox_sensor, inference_reports_sensor
from ghost_pipeline.defs.resource import GhostCatalog
from ghost_pipeline.defs.sweeps import (
    PURGE_ASSET,
    STALE_ASSET,
    purge_sweep,
    purge_sweep_30d,
    stale_sweep,
    stale_sweep_24h,
)


def build_definitions(ghost: GhostCatalog | None = None) -> dg.Definitions:
    """The definitions, on the catalog that the environment names or on ``ghost``."""
    return dg.Definitions(
        assets=[
            provider_responses,
            raw_provider_models,
            listing_files,
            tracked_inferences,
            inference_reports,
            inbox,
            manual_additions,
            model_catalog,
            STALE_ASSET,
            PURGE_ASSET,
            discovery_stats,
            provider_health,
        ],
        asset_checks=[check_provider_health, reported_sightings_checks],
        jobs=[fetch_provider, ingest_listing, check_health, refresh_statistics, stale_sweep, purge_sweep],
        schedules=[fetch_every_6h, check_health_1h, stale_sweep_24h, purge_sweep_30d],
        sensors=[
            models_directory_sensor,
            inference_reports_sensor,
            inbox_sensor,
            channels_sensor,
            dg.AutomationConditionSensorDefinition(
                "statistics_sensor",
                target=dg.AssetSelection.assets(discovery_stats),
                default_status=dg.DefaultSensorStatus.RUNNING,
                minimum_interval_seconds=4,
            ),
        ],
        resources={"ghost": ghost or GhostCatalog()},
        executor=dg.in_process_executor,  # steps are short; a process for each costs 5 seconds a run
    )


definitions = build_definitions()
