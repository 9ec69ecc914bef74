"""The sensor that shows what was written into the catalog without Dagster."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from ghost_pipeline.defs.evidence import recorded_evidence
from ghost_pipeline.defs.evidence.recorded_evidence import channels_sensor
from ghost_pipeline.defs.provider_health import CHECK_NAMES
from ghost_pipeline_tests.defs.builders import Workshop, listing
from ghost_pipeline_tests.defs.channels import Channel


@pytest.fixture
def channel(workshop: Workshop) -> Channel:
    channel = Channel(workshop, channels_sensor)
    tick(channel)
    return channel


def tick(channel: Channel) -> dg.SensorResult:
    answer = channel.tick()
    assert isinstance(answer, dg.SensorResult)
    return answer


def shown(answer: dg.SensorResult) -> dict[tuple[str, str | None], dict[str, Any]]:
    return {
        (event.asset_key.to_user_string(), event.partition): {
            name: value.value for name, value in event.metadata.items()
        }
        for event in answer.asset_events
        if isinstance(event, dg.AssetMaterialization)
    }


def requested(answer: dg.SensorResult) -> list[tuple[str | None, str | None]]:
    return [(request.job_name, request.partition_key) for request in answer.run_requests or ()]


def test_a_tracked_and_an_added_model_are_shown_and_runs_bring_the_assets_up_to_date(channel: Channel) -> None:
    with channel.workshop.catalog() as catalog:
        catalog.track_successful_inference("mygw", "secret")
        catalog.add_manual_model("openai", "by-hand")
    answer = tick(channel)
    assert set(shown(answer)) == {("tracked_inferences", "mygw"), ("manual_additions", "openai")}
    assert shown(answer)["tracked_inferences", "mygw"]["discovered"] == "1"
    assert sorted(channel.workshop.instance.get_dynamic_partitions("provider")) == ["mygw", "openai"]
    assert requested(answer) == [("ingest_listing", "mygw"), ("ingest_listing", "openai"), ("refresh_statistics", None)]
    assert requested(tick(channel)) == []


def test_a_partition_without_a_listing_is_green_with_its_models(channel: Channel) -> None:
    with channel.workshop.catalog() as catalog:
        catalog.track_successful_inference("mygw", "secret")
    tick(channel)
    run = channel.workshop.materialize("model_catalog", "mygw")
    assert run.success
    [event] = run.get_asset_materialization_events()
    metadata = {name: value.value for name, value in event.materialization.metadata.items()}
    assert metadata == {
        "listing": "no listing",
        "models": "1",
        "source_inference": "1",
        "dagster/partition_row_count": 1,
    }


def test_what_runs_write_is_not_shown_as_written_by_people(channel: Channel) -> None:
    channel.workshop.ingest("openai_models.json", listing("a"), datetime.now(UTC))
    answer = tick(channel)
    assert shown(answer) == {}
    assert requested(answer) == []


def test_further_use_is_shown_at_most_every_quarter_of_an_hour(channel: Channel) -> None:
    now = datetime.now(UTC)
    with channel.workshop.catalog() as catalog:
        catalog.track_successful_inference("openai", "a", observed_at=now - timedelta(minutes=2))
    metadata = shown(tick(channel))["tracked_inferences", "openai"]
    assert (metadata["used_models"], metadata["discovered"]) == ("1", "1")
    assert shown(tick(channel)) == {}
    with channel.workshop.catalog() as catalog:
        catalog.track_successful_inference("openai", "a", observed_at=now - timedelta(minutes=1))
    assert shown(tick(channel)) == {}


def test_an_override_evaluates_the_health_of_all_providers_and_nothing_else_repeats_it(channel: Channel) -> None:
    channel.workshop.ingest("openai_models.json", listing(), datetime.now(UTC))
    evaluations = [one for one in tick(channel).asset_events if isinstance(one, dg.AssetCheckEvaluation)]
    assert {one.check_name for one in evaluations} == set(CHECK_NAMES)
    [latest] = [one for one in evaluations if one.check_name == "latest_listings_are_complete"]
    assert (latest.passed, latest.description) == (False, "1 of 1 provider: openai (empty)")
    tick(channel)
    assert tick(channel).asset_events == []
    with channel.workshop.catalog() as catalog:
        catalog.release_provider("openai")
        catalog.add_manual_model("openai", "a")
    evaluations = [one for one in tick(channel).asset_events if isinstance(one, dg.AssetCheckEvaluation)]
    assert sorted(one.check_name for one in evaluations) == sorted(CHECK_NAMES)


def test_a_cursor_of_a_version_that_counted_ids_is_continued(channel: Channel) -> None:
    with channel.workshop.catalog() as catalog:
        catalog.add_manual_model("openai", "reported")
        catalog.add_manual_model("xai", "seen")
    channel.cursor = '{"after": 1, "seen": 2, "used_at": "2026-01-01T00:00:00Z", "health": "x"}'
    answer = tick(channel)
    assert set(shown(answer)) == {("manual_additions", "xai")}
    assert shown(tick(channel)) == {}


@pytest.mark.parametrize("cursor", ["", "reset", '{"after": "x"}'])
def test_a_cursor_that_was_edited_reports_everything_again(channel: Channel, cursor: str) -> None:
    with channel.workshop.catalog() as catalog:
        catalog.add_manual_model("openai", "a")
    assert ("manual_additions", "openai") in shown(tick(channel))
    channel.cursor = cursor
    assert ("manual_additions", "openai") in shown(tick(channel))


def test_the_health_is_evaluated_again_after_an_hour_without_a_run(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.workshop.ingest("openai_models.json", listing("a"), datetime.now(UTC))
    settled = [channel.tick() for _ in range(3)]
    assert not evaluated(settled[-1])
    monkeypatch.setattr(recorded_evidence, "HEALTH_INTERVAL", timedelta(0))
    later = channel.tick()
    assert evaluated(later) == set(CHECK_NAMES)
    assert isinstance(later, dg.SensorResult)
    assert not later.run_requests


def test_an_empty_catalog_is_not_evaluated_again(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    channel.tick()
    monkeypatch.setattr(recorded_evidence, "HEALTH_INTERVAL", timedelta(0))
    assert not evaluated(channel.tick())


def evaluated(answer: dg.SensorResult | dg.SkipReason) -> set[str]:
    """Return the checks that a tick evaluated."""
    assert isinstance(answer, dg.SensorResult)
    return {event.check_name for event in answer.asset_events if isinstance(event, dg.AssetCheckEvaluation)}
