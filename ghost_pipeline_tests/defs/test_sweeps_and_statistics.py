"""Schedules, sweep jobs and statistics."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from ghost_pipeline.defs.sweeps import purge_sweep_30d, stale_sweep_24h
from ghost_pipeline_tests.defs.builders import NOON, Workshop, health_check, listing, materialized, observations_of


def evaluated(workshop: Workshop, schedule: dg.ScheduleDefinition, at: datetime) -> dg.RunRequest | dg.SkipReason:
    with dg.build_schedule_context(
        instance=workshop.instance, scheduled_execution_time=at, resources={"ghost": workshop.ghost}
    ) as context:
        answer = schedule(context)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def run(workshop: Workshop, job: str, request: dg.RunRequest | dg.SkipReason) -> dg.ExecuteInProcessResult:
    assert isinstance(request, dg.RunRequest)
    return workshop.definitions.resolve_job_def(job).execute_in_process(
        instance=workshop.instance, run_config=dict(request.run_config)
    )


def test_the_schedules_skip_with_a_reason_when_nothing_is_due(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing("a"), NOON)
    for schedule in (stale_sweep_24h, purge_sweep_30d):
        answer = evaluated(workshop, schedule, NOON + timedelta(hours=24))
        assert isinstance(answer, dg.SkipReason)
        assert "Nothing is due" in str(answer.skip_message)


def test_the_scheduled_instant_decides_what_is_swept_and_the_sweep_is_reported(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing("a", "b"), NOON)
    stale_at = NOON + timedelta(hours=25)
    result = run(workshop, "stale_sweep", evaluated(workshop, stale_sweep_24h, stale_at))
    with workshop.catalog() as catalog:
        assert {ghost.deactivated_at for ghost in catalog.list_inactive_models()} == {stale_at}
        assert {event.run_id for event in catalog.list_events("openai") if event.kind == "deactivated"} == {
            result.run_id
        }
    assert [one.partition for one in observations_of(result, "model_catalog")] == ["openai"]
    assert materialized(result) == {"stale_sweep"}

    purge_at = stale_at + timedelta(days=30, seconds=1)
    run(workshop, "purge_sweep", evaluated(workshop, purge_sweep_30d, purge_at))
    with workshop.catalog() as catalog:
        assert catalog.get_discovery_stats()["total"] == 0


def test_a_sweep_as_of_a_future_instant_changes_nothing_that_is_not_due_now(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing("a", "b"), datetime.now(UTC))
    for job, op, now in (
        ("stale_sweep", "deactivate_stale_models", "2099-01-01T00:00:00Z"),
        ("purge_sweep", "delete_expired_ghosts", "9999-12-31T23:59:59Z"),
    ):
        run(workshop, job, dg.RunRequest(run_config={"ops": {op: {"config": {"now": now}}}}))
        with workshop.catalog() as catalog:
            assert catalog.get_discovery_stats()["active"] == 2


def test_a_listing_observed_in_the_future_counts_as_seen_now(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing("a"), datetime(2099, 1, 1, tzinfo=UTC))
    with workshop.catalog() as catalog:
        (model,) = catalog.find_models()
        assert model.last_seen_at <= datetime.now(UTC)


# evaluate_automation_conditions calls a beta parameter of Dagster's own
@pytest.mark.filterwarnings("ignore:Parameter `include_sources`:dagster.BetaWarning")
def test_the_statistics_follow_the_catalog(workshop: Workshop) -> None:
    workshop.instance.add_dynamic_partitions("provider", ["openai"])
    before = dg.evaluate_automation_conditions(workshop.definitions, workshop.instance)
    assert before.total_requested == 0
    workshop.ingest("openai_models.json", listing("a"), NOON)
    after = dg.evaluate_automation_conditions(workshop.definitions, workshop.instance, cursor=before.cursor)
    assert after.get_num_requested(dg.AssetKey("discovery_stats")) == 1


def test_statistics_are_plotted_by_source_and_state(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing("a", "b"), NOON)
    with workshop.catalog() as catalog:
        catalog.track_successful_inference("openai", "beta")
    workshop.definitions.resolve_job_def("refresh_statistics").execute_in_process(instance=workshop.instance)
    (record,) = workshop.instance.fetch_materializations(dg.AssetKey("discovery_stats"), limit=1).records
    assert record.asset_materialization is not None
    metadata = {name: value.value for name, value in record.asset_materialization.metadata.items()}
    assert (metadata["total"], metadata["active"], metadata["source_index"], metadata["source_inference"]) == (
        3,
        3,
        2,
        1,
    )
    assert metadata["unlisted"] == 1
    assert "openai" in str(metadata["by_provider"])


def test_a_hold_that_is_about_to_end_warns(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing(), NOON)  # long ago: its protection has ended
    result = health_check(workshop, "holds_are_not_expiring")
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert "openai" in result.metadata
