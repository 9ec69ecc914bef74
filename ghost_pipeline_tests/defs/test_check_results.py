"""The results of a listing's checks, their order, and the error of a refused run."""

from datetime import timedelta

import dagster as dg

from ghost_pipeline_tests.defs.builders import NOON, Workshop, failure_of, listing, materialized, observations_of

MANY = [f"model-{number:02}" for number in range(20)]


def order(result: dg.ExecuteInProcessResult) -> list[str]:
    """Return the materialization and the evaluations of raw_provider_models, in the order of recording."""
    key = dg.AssetKey("raw_provider_models")
    recorded = []
    for event in result.all_events:
        if event.event_type_value == "ASSET_CHECK_EVALUATION" and event.asset_check_evaluation_data.asset_key == key:
            recorded.append(event.asset_check_evaluation_data.check_name)
        elif event.is_step_materialization and event.asset_key == key:
            recorded.append("materialized")
    return recorded


def test_checks_are_evaluated_after_the_materialization_or_dagster_drops_them(workshop: Workshop) -> None:
    run = workshop.ingest("openai_models.json", listing("a"), NOON)
    assert order(run) == ["materialized", "listing_has_models", "listing_is_complete"]


def test_every_partition_keeps_the_state_of_both_checks(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing(*MANY), NOON)
    workshop.ingest("openai_models.json", listing(*MANY[:5]), NOON + timedelta(hours=1))
    workshop.ingest("xai_models.json", listing(), NOON)
    workshop.ingest("google_models.json", b'{"models": [', NOON)
    workshop.ingest("mistral_models.json", listing("a"), NOON)
    states = {}
    for name in ("listing_has_models", "listing_is_complete"):
        for partition in ("openai", "xai", "google", "mistral"):
            record = workshop.instance.event_log_storage.get_asset_check_execution_history(
                dg.AssetCheckKey(dg.AssetKey("raw_provider_models"), name), limit=10
            )
            [latest, *_] = [one for one in record if one.partition == partition]
            states[name, partition] = latest.status.value
    assert states == {
        ("listing_has_models", "openai"): "SUCCEEDED",
        ("listing_has_models", "xai"): "FAILED",
        ("listing_has_models", "google"): "FAILED",
        ("listing_has_models", "mistral"): "SUCCEEDED",
        ("listing_is_complete", "openai"): "FAILED",
        ("listing_is_complete", "xai"): "FAILED",
        ("listing_is_complete", "google"): "FAILED",
        ("listing_is_complete", "mistral"): "SUCCEEDED",
    }


def test_a_refused_listing_ends_its_run_with_one_sentence(workshop: Workshop) -> None:
    run = workshop.ingest("xai_models.json", listing(), NOON)
    assert failure_of(run).startswith("xai: xai_models.json is refused as empty: ")
    assert materialized(run) == {"listing_files"}
    evaluations = {one.check_name: one for one in run.get_asset_check_evaluations() if one.partition == "xai"}
    assert str(evaluations["listing_has_models"].description).startswith("empty: ")


def test_a_refused_file_is_shown_beside_the_materialization_of_the_file_before_it(workshop: Workshop) -> None:
    workshop.ingest("xai_models.json", listing("grok"), NOON)
    run = workshop.ingest("xai_models_2099-01-01.json", listing(), NOON + timedelta(hours=1))
    [shown] = observations_of(run, "raw_provider_models")
    assert shown.partition == "xai"
    assert str(shown.metadata["refused"].value).startswith("xai: xai_models_2099-01-01.json is refused as empty: ")
    assert shown.metadata["refused_at"].value == (NOON + timedelta(hours=1)).timestamp()


def test_a_refused_run_evaluates_the_health_of_all_providers(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing("a"), NOON)
    run = workshop.ingest("xai_models.json", listing(), NOON)
    [latest] = [one for one in run.get_asset_check_evaluations() if one.check_name == "latest_listings_are_complete"]
    assert (latest.passed, latest.description) == (False, "1 of 2 providers: xai (empty)")


def test_a_listing_shows_no_empty_row_and_no_number_that_means_nothing(workshop: Workshop) -> None:
    run = workshop.ingest("google_models_2025-11-18T18-56-13.json", listing("a"), NOON)
    again = workshop.ingest("google_models_2025-11-18T18-56-13.json", listing("a"), NOON + timedelta(hours=1))
    [first] = run.asset_materializations_for_node("model_catalog")
    [second] = again.asset_materializations_for_node("model_catalog")
    assert "reason" not in second.metadata
    assert "late" not in second.metadata
    assert "changes" in first.metadata
    assert "changes" not in second.metadata
    assert isinstance(second.metadata["listing"], dg.TextMetadataValue)
    assert isinstance(second.metadata["run"], dg.DagsterRunMetadataValue)
    assert "instant_in_file_name" in second.metadata
    late = workshop.ingest("google_models_2025-11-18T18-56-13.json", listing("a"), NOON - timedelta(hours=1))
    [third] = late.asset_materializations_for_node("model_catalog")
    assert "newer listing was observed before" in str(third.metadata["late"].value)


def test_a_run_of_the_checks_alone_decides_the_newest_listing_once_more(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing("a", has_more=True), NOON)
    job = workshop.definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(),
        asset_check_selection={dg.AssetCheckKey(dg.AssetKey("raw_provider_models"), "listing_is_complete")},
    )
    run = job.execute_in_process(
        instance=workshop.instance, partition_key="openai", resources={"ghost": workshop.ghost}, raise_on_error=False
    )
    assert run.success
    [evaluation] = run.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.passed) == ("listing_is_complete", False)
