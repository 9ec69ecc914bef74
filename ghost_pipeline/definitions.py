"""All of Dagster's definitions in one object. Loading it touches no disk, network or database."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from ghost_pipeline.defs.directory_sensor import models_directory_sensor
from ghost_pipeline.defs.evidence.channels import (
    inbox,
    inference_reports,
    manual_additions,
    reported_sightings_checks,
    tracked_inferences,
)
from ghost_pipeline.defs.evidence.recorded_evidence import channels_sensor
from ghost_pipeline.defs.evidence.reference_facts import (
    check_reference_facts,
    fetch_references_1d,
    import_reference,
    reference_facts,
)
from ghost_pipeline.defs.evidence.reported_sightings import inbox_sensor, inference_reports_sensor
from ghost_pipeline.defs.fetching import fetch_every_6h, fetch_provider
from ghost_pipeline.defs.ingestion import ingest_listing, model_catalog, raw_provider_models
from ghost_pipeline.defs.model_pages import models, models_sensor
from ghost_pipeline.defs.monitoring import discovery_stats, refresh_statistics
from ghost_pipeline.defs.notifications import notifications_sensor, send_notifications
from ghost_pipeline.defs.provider_health import check_health, check_provider_health, provider_health
from ghost_pipeline.defs.resource import GhostCatalog
from ghost_pipeline.defs.sweeps import (
    PURGE_ASSET,
    STALE_ASSET,
    purge_sweep,
    purge_sweep_30d,
    stale_sweep,
    stale_sweep_24h,
)
from ghost_pipeline.defs.upkeep.pruning import prune_runs, prune_runs_1d
from ghost_pipeline.errors import SettingsError
from ghost_pipeline.settings import Settings

Assets = Sequence[Any]  # the types of Dagster's own functions over assets do not agree


def build_definitions(
    ghost: GhostCatalog | None = None, owners: Sequence[str] = (), repository_url: str = ""
) -> dg.Definitions:
    """Build the definitions.

    Args:
        ghost: The catalog; unless given, the one of the environment.
        owners: Who owns the assets: e-mail addresses, or names such as ``team:gateway``.
        repository_url: The web address of the repository with this code. Each asset links to its source then.
    """
    assets: Assets = [
        raw_provider_models,
        tracked_inferences,
        inference_reports,
        inbox,
        manual_additions,
        model_catalog,
        models,
        STALE_ASSET,
        PURGE_ASSET,
        discovery_stats,
        reference_facts,
        provider_health,
    ]
    return dg.Definitions(
        assets=_linked_to_source(_owned_by(assets, owners), repository_url),
        asset_checks=[check_provider_health, check_reference_facts, reported_sightings_checks],
        jobs=[
            *(fetch_provider, ingest_listing, check_health, refresh_statistics, stale_sweep, purge_sweep, prune_runs),
            import_reference,
            send_notifications,
        ],
        schedules=[fetch_every_6h, fetch_references_1d, stale_sweep_24h, purge_sweep_30d, prune_runs_1d],
        sensors=[
            models_directory_sensor,
            inference_reports_sensor,
            inbox_sensor,
            channels_sensor,
            models_sensor,
            notifications_sensor,
            dg.AutomationConditionSensorDefinition(
                "statistics_sensor",
                target=dg.AssetSelection.assets(discovery_stats),
                default_status=dg.DefaultSensorStatus.RUNNING,
                minimum_interval_seconds=4,
                description="Materializes discovery_stats when the catalog or a sweep changed.",
            ),
        ],
        resources={"ghost": ghost or GhostCatalog()},
        executor=dg.in_process_executor,  # steps are short; a process for each costs 5 seconds a run
    )


def _owned_by(assets: Assets, owners: Sequence[str]) -> Assets:
    if not owners:
        return assets
    return list(dg.map_asset_specs(lambda spec: spec.replace_attributes(owners=list(owners)), assets))


def _linked_to_source(assets: Assets, repository_url: str) -> Assets:
    if not repository_url:
        return assets
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # code references are marked beta
        return list(
            dg.link_code_references_to_git(
                dg.with_source_code_references(assets),
                git_url=repository_url,
                git_branch="main",
                file_path_mapping=dg.AnchorBasedFilePathMapping(
                    local_file_anchor=Path(__file__).parent, file_anchor_path_in_repository="ghost_pipeline/"
                ),
            )
        )


def _configured_repository_url() -> str:
    """Return GHOST_REPOSITORY_URL. Another setting that is wrong fails what uses it, not the loading."""
    try:
        return Settings.from_environment().repository_url
    except SettingsError:
        return ""


definitions = build_definitions(repository_url=_configured_repository_url())
