"""One provider's failure affects no other, and a repeated run gives the same result."""

from datetime import timedelta

import dagster as dg
import pytest

from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.defs.directory_sensor import models_directory_sensor
from ghost_pipeline.defs.ingestion import admitted_listing
from ghost_pipeline.defs.sweeps import purge_sweep_30d
from ghost_pipeline.lifecycle.records import ProviderRecord
from ghost_pipeline_tests.defs.builders import (
    NOON,
    Workshop,
    failed_checks,
    failure_of,
    health_check,
    listing,
    materialized,
    observations_of,
)

REFUSED = {
    "empty": b'{"data": []}',
    "an error answer": b'{"error": {"message": "no"}}',
    "cut off": b'{"data": [{"id": "one"}',
    "an HTML page": b"<!doctype html><title>502</title>",
}
a_refused_listing = pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED.keys())


def provider(workshop: Workshop, provider_id: str) -> ProviderRecord:
    with workshop.catalog() as catalog:
        return next(one for one in catalog.list_providers() if one.id == provider_id)


@a_refused_listing
def test_a_failed_fetch_costs_no_model_in_the_sweep_that_follows(workshop: Workshop, content: bytes) -> None:
    for name in ("openai", "mistral"):
        assert workshop.ingest(f"{name}_models.json", listing("one", "two"), NOON).success
    later = NOON + timedelta(hours=30)
    workshop.drop("openai_models.json", content, later)
    workshop.drop("mistral_models.json", listing("two"), later)
    assert {name: run.success for name, run in workshop.run_all().items()} == {"openai": False, "mistral": True}
    job = workshop.definitions.resolve_job_def("stale_sweep")
    config = {"ops": {"deactivate_stale_models": {"config": {"now": (later + timedelta(hours=1)).isoformat()}}}}
    result = job.execute_in_process(instance=workshop.instance, run_config=config)
    assert workshop.active("openai") == ["one", "two"]
    assert workshop.active("mistral") == ["two"]
    observed = observations_of(result, "model_catalog")
    assert [(one.partition, one.metadata["deactivated"].value) for one in observed] == [("mistral", "1")]


@a_refused_listing
def test_a_refused_listing_sets_the_hold_and_touches_no_row(workshop: Workshop, content: bytes) -> None:
    assert workshop.ingest("openai_models.json", listing("one"), NOON).success
    with workshop.catalog() as catalog:
        before = catalog.find_models(ModelFilter(("openai",), is_active=None)), catalog.list_events("openai")
    later = NOON + timedelta(hours=2)
    assert not workshop.ingest("openai_models.json", content, later).success
    with workshop.catalog() as catalog:
        assert (catalog.find_models(ModelFilter(("openai",), is_active=None)), catalog.list_events("openai")) == before
    assert provider(workshop, "openai").held_since == later


def test_the_next_complete_listing_lifts_the_hold_and_is_green_again(workshop: Workshop) -> None:
    assert not workshop.ingest("openai_models.json", listing(), NOON).success
    run = workshop.ingest("openai_models.json", listing("one"), NOON + timedelta(hours=1))
    assert run.success
    assert failed_checks(run) == {}
    assert provider(workshop, "openai").held_since is None


def test_an_empty_local_server_is_not_held(workshop: Workshop) -> None:
    run = workshop.ingest("ollama_local.json", b'{"models": []}', NOON)
    assert materialized(run) == {"listing_files", "raw_provider_models", "model_catalog"}
    assert provider(workshop, "ollama").held_since is None


def test_a_catalog_run_is_repeated_although_the_file_has_gone(workshop: Workshop) -> None:
    assert workshop.ingest("openai_models.json", listing("then"), NOON).success
    (workshop.folder / "models" / "openai_models.json").unlink()
    run = workshop.materialize("model_catalog", "openai")
    assert run.success
    (event,) = run.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert metadata["observed_at"].value == NOON.timestamp()
    with workshop.catalog() as catalog:
        (model,) = catalog.find_models(ModelFilter(("openai",)))
    assert (model.first_seen_at, model.last_seen_at) == (NOON, NOON)


def test_a_retry_folds_in_the_listing_of_the_run_that_it_does_again_and_not_a_newer_one(workshop: Workshop) -> None:
    died = workshop.ingest("openai_models.json", listing("one"), NOON)
    workshop.ingest("openai_models.json", listing(), NOON + timedelta(hours=1))
    retry = dg.DagsterRun("ingest_listing", parent_run_id=died.run_id, root_run_id=died.run_id)
    retry_of_retry = dg.DagsterRun("ingest_listing", parent_run_id=retry.run_id, root_run_id=died.run_id)
    with workshop.catalog() as catalog:
        its_listing = catalog.find_listing("openai", died.run_id)
        assert its_listing is not None
        assert admitted_listing(catalog, "openai", retry) == its_listing
        assert admitted_listing(catalog, "openai", retry_of_retry) == its_listing
        assert admitted_listing(catalog, "openai", dg.DagsterRun("ingest_listing")) is None


def test_the_catalog_asset_of_a_provider_without_a_listing_fails_with_advice(workshop: Workshop) -> None:
    workshop.instance.add_dynamic_partitions("provider", ["openai"])
    run = workshop.materialize("model_catalog", "openai")
    assert "materialize raw_provider_models first" in failure_of(run)
    assert not [event for event in run.all_events if event.is_step_up_for_retry]


def test_dagster_plots_no_count_of_one_provider_and_the_listing_is_named(workshop: Workshop) -> None:
    run = workshop.ingest("openai_models.json", listing("one", "two"), NOON)
    (event,) = run.asset_materializations_for_node("model_catalog")
    for name in ("models", "created", "updated", "confirmed", "reactivated", "missing"):
        assert isinstance(event.metadata[name], dg.TextMetadataValue), name
    for shown in run.get_asset_materialization_events():
        numbers = {
            name for name, value in shown.materialization.metadata.items() if isinstance(value.value, int | float)
        }
        times = {
            name for name in numbers if isinstance(shown.materialization.metadata[name], dg.TimestampMetadataValue)
        }
        assert numbers - times <= {"dagster/partition_row_count"}, shown.asset_key
    with workshop.catalog() as catalog:
        assert str(catalog.find_listing("openai", run.run_id)) == event.metadata["listing"].value


def test_the_asset_page_shows_the_columns_of_the_models(workshop: Workshop) -> None:
    key = dg.AssetKey("model_catalog")
    graph = workshop.definitions.resolve_asset_graph()
    schema = graph.get(key).metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    columns = {column.name: column.constraints.nullable for column in schema.columns}
    assert columns["last_seen_at"] is False
    assert columns["context_window"] is True


def test_a_purge_is_reported_on_each_partition_that_lost_a_model(workshop: Workshop) -> None:
    for name in ("openai", "mistral", "xai"):
        workshop.ingest(f"{name}_models.json", listing("one"), NOON)
    with workshop.catalog() as catalog:
        catalog.add_manual_model("xai", "one", observed_at=NOON)
        catalog.mark_stale_models_inactive(now=NOON + timedelta(days=2))
    with dg.build_schedule_context(
        instance=workshop.instance,
        scheduled_execution_time=NOON + timedelta(days=33),
        resources={"ghost": workshop.ghost},
    ) as context:
        request = purge_sweep_30d(context)
    assert isinstance(request, dg.RunRequest)
    job = workshop.definitions.resolve_job_def("purge_sweep")
    result = job.execute_in_process(instance=workshop.instance, run_config=dict(request.run_config))
    observed = observations_of(result, "model_catalog")
    assert [(one.partition, one.metadata["purged"].value) for one in observed] == [("mistral", "1"), ("openai", "1")]
    (event,) = result.get_asset_materialization_events()
    assert event.asset_key == dg.AssetKey("purge_sweep")
    assert event.materialization.metadata["purged"].value == 2


def test_without_a_hold_there_is_no_warning(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing("one"), NOON)
    assert health_check(workshop, "holds_are_not_expiring").passed


def test_a_sensor_that_starts_over_asks_with_the_same_run_keys(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("one"))
    keys = []
    for _ in range(2):
        with dg.build_sensor_context(
            instance=workshop.instance, definitions=workshop.definitions, resources={"ghost": workshop.ghost}
        ) as context:
            answer = models_directory_sensor(context)
        assert isinstance(answer, dg.SensorResult)
        keys += [request.run_key for request in answer.run_requests or ()]
    assert len(keys) == 2
    assert len(set(keys)) == 1
