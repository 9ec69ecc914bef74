"""The definitions that Dagster loads, and that loading them touches nothing."""

import subprocess
import sys
from pathlib import Path

import dagster as dg

from ghost_pipeline.definitions import definitions


def test_the_keys_and_names_are_those_that_people_and_other_programs_rely_on() -> None:
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == {
        "provider_responses",
        "raw_provider_models",
        "inference_reports",
        "inbox",
        "listing_files",
        "tracked_inferences",
        "manual_additions",
        "model_catalog",
        "models",
        "stale_sweep",
        "purge_sweep",
        "discovery_stats",
        "reference_facts",
        "provider_health",
    }
    assert {(key.asset_key.to_user_string(), key.name) for key in graph.asset_check_keys} == {
        ("raw_provider_models", "listing_has_models"),
        ("raw_provider_models", "listing_is_complete"),
        ("reference_facts", "references_are_complete"),
        ("reference_facts", "reference_changes_are_plausible"),
        ("inference_reports", "reports_are_accepted"),
        ("inbox", "reports_are_accepted"),
        ("provider_health", "latest_listings_are_complete"),
        ("provider_health", "used_models_are_listed"),
        ("provider_health", "used_models_are_not_retiring"),
        ("provider_health", "used_models_are_not_refused"),
        ("provider_health", "references_agree_on_used_models"),
        ("provider_health", "listed_facts_are_plausible"),
        ("provider_health", "holds_are_not_expiring"),
        ("provider_health", "complete_listings_are_recent"),
        ("provider_health", "notifications_are_delivered"),
    }
    assert {job.name for job in repository.get_all_jobs()} >= {
        "fetch_listings",
        "ingest_listing",
        "check_health",
        "stale_sweep",
        "purge_sweep",
        "prune_runs",
        "send_notifications",
    }


def test_the_sensor_and_the_schedules_run_by_default() -> None:
    repository = definitions.get_repository_def()
    sensors = {sensor.name: sensor.default_status for sensor in repository.sensor_defs}
    schedules = {schedule.name: schedule.default_status for schedule in repository.schedule_defs}
    for name in (
        "models_directory_sensor",
        "inference_reports_sensor",
        "inbox_sensor",
        "channels_sensor",
        "models_sensor",
        "notifications_sensor",
    ):
        assert sensors[name] is dg.DefaultSensorStatus.RUNNING
    assert schedules == dict.fromkeys(
        ("fetch_every_6h", "fetch_references_1d", "stale_sweep_24h", "purge_sweep_30d", "prune_runs_1d"),
        dg.DefaultScheduleStatus.RUNNING,
    )


def test_loading_the_definitions_touches_no_disk(tmp_path: Path) -> None:
    code = "import ghost_pipeline.definitions"
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, check=True)
    assert list(tmp_path.iterdir()) == []


def test_no_asset_has_a_freshness_that_is_true_only_of_its_newest_partition() -> None:
    specs = definitions.resolve_all_asset_specs()
    assert len(specs) > 10
    assert [spec.key for spec in specs if spec.freshness_policy] == []
