"""The sensor that processes what other programs report to Dagster."""

from datetime import datetime

import dagster as dg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ghost_pipeline.catalog import ModelCatalog, sightings
from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.defs.evidence import reported_sightings
from ghost_pipeline.errors import ArchiveError, CatalogUnavailable
from ghost_pipeline.lifecycle.records import Inference
from ghost_pipeline.settings import Thresholds
from ghost_pipeline_tests.defs.builders import Workshop
from ghost_pipeline_tests.defs.channels import Channel, snapshot


@pytest.fixture
def channel(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Channel:
    monkeypatch.setattr(reported_sightings, "SETTLING_SECONDS", 0.0)
    return Channel(workshop, reported_sightings.inference_reports_sensor)


def test_a_report_becomes_a_model_and_is_shown(channel: Channel) -> None:
    channel.report(provider="gemini", model="models/secret", name="Secret", metadata={"region": "eu"}, count=3)
    answer = channel.tick()
    assert isinstance(answer, dg.SensorResult)
    with channel.workshop.catalog() as catalog:
        (model,) = catalog.find_models(ModelFilter(("google",)))
    assert (model.model_id, model.source, model.name) == ("secret", "INFERENCE", "Secret")
    assert model.inference_metadata == {"region": "eu"}
    observation, check, news = answer.asset_events
    assert isinstance(check, dg.AssetCheckEvaluation)
    assert (check.check_name, check.passed) == ("reports_are_accepted", True)
    assert observation.asset_key == dg.AssetKey("inference_reports")
    assert (observation.metadata["sightings"].value, observation.metadata["inferences"].value) == (1, 3)
    assert (news.asset_key, news.partition) == (dg.AssetKey("model_catalog"), "google")
    assert (news.metadata["from"].value, news.metadata["created"].value) == (dg.AssetKey("inference_reports"), "1")


def test_a_rejected_report_is_a_failure_and_its_blank_model_is_not_what_the_page_shows(channel: Channel) -> None:
    channel.report(provider="openai", model="")
    answer = channel.tick()
    assert isinstance(answer, dg.SensorResult)
    summary, check = answer.asset_events
    assert isinstance(check, dg.AssetCheckEvaluation)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    latest = channel.workshop.instance.get_latest_materialization_event(dg.AssetKey("inference_reports"))
    assert latest is not None
    assert latest.asset_materialization == summary
    assert (summary.metadata["rejected"].value, "model" in summary.metadata) == (1, False)
    again = channel.tick()  # the summary is not a report
    assert isinstance(again, dg.SensorResult)
    assert again.asset_events == []


def test_a_provider_that_was_not_met_becomes_a_partition_once(channel: Channel) -> None:
    channel.workshop.instance.add_dynamic_partitions("provider", ["openai"])
    for provider in ("openai", "acme", "gemini"):
        channel.report(provider=provider, model="m")
    channel.tick()
    assert sorted(channel.workshop.instance.get_dynamic_partitions("provider")) == ["acme", "google", "openai"]
    channel.report(provider="acme", model="m")
    answer = channel.tick()
    assert isinstance(answer, dg.SensorResult)
    assert not answer.dynamic_partitions_requests


def test_a_model_that_works_as_before_causes_no_event(channel: Channel) -> None:
    for _ in range(2):
        channel.report(provider="openai", model="m")
        answer = channel.tick()
    assert isinstance(answer, dg.SensorResult)
    assert {event.asset_key.to_user_string() for event in answer.asset_events} == {"inference_reports"}


def test_every_report_is_taken_in_whatever_the_size_of_a_page(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reported_sightings, "REPORTS_PER_PAGE", 3)
    monkeypatch.setattr(reported_sightings, "SIGHTINGS_PER_PAGE", 2)
    for number in range(11):
        channel.report(provider="openai", model=f"m{number}")
        channel.workshop.instance.report_runless_asset_event(dg.AssetMaterialization("something_else"))
    assert channel.taken()["sightings"] == 11
    assert channel.workshop.active("openai") == sorted(f"m{number}" for number in range(11))
    assert channel.taken() == {}


def test_a_tick_ends_when_its_time_is_up_and_the_next_goes_on(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reported_sightings, "TICK_BUDGET_SECONDS", -1)
    monkeypatch.setattr(reported_sightings, "REPORTS_PER_PAGE", 4)
    for number in range(10):
        channel.report(provider="openai", model=f"m{number}")
    assert [channel.taken().get("sightings") for _ in range(4)] == [4, 4, 2, None]


def test_a_report_of_many_sightings_is_taken_in_but_for_the_bad_ones(channel: Channel) -> None:
    channel.report(sightings=[{"provider": "openai", "model": "a"}, {"model": "b"}, {"provider": "xai", "model": "c"}])
    taken = channel.taken()
    assert (taken["sightings"], taken["rejected"], taken["providers"]) == (2, 1, "openai, xai")
    assert "sighting 2" in taken["reasons"]
    (rejected,) = channel.rejected
    assert (rejected["sighting"], rejected["raw"]) == (2, '{"model": "b"}')
    assert "missing required field `provider`" in rejected["reason"]


def test_a_bad_report_is_quarantined_and_stops_none(channel: Channel) -> None:
    channel.report(provider="openai", model="a")
    channel.report()
    channel.report(provider="openai", model="", text=dg.MetadataValue.md("*"))
    channel.report(provider="openai", model="b", metadata=dg.MetadataValue.table([dg.TableRecord({"a": 1})]))
    channel.report(provider="openai", model="c", last_at=0)
    taken = channel.taken()
    assert (taken["sightings"], taken["rejected"], taken["clamped"]) == (2, 3, 1)
    assert channel.workshop.active("openai") == ["a", "c"]
    assert len(channel.rejected) == 3


def test_a_report_from_the_future_counts_as_seen_now(channel: Channel) -> None:
    channel.report(provider="openai", model="a", last_at="2099-01-01T00:00:00Z")
    assert channel.taken()["clamped"] == 1
    with channel.workshop.catalog() as catalog:
        [model] = catalog.find_models()
    assert model.last_seen_at <= utc_now()


def test_reports_that_are_all_rejected_are_shown_as_well(channel: Channel) -> None:
    channel.report(provider="openai")
    assert channel.taken()["rejected"] == 1
    assert channel.taken() == {}


def test_unstorable_sightings_are_quarantined_and_the_rest_is_recorded(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = sightings.record_inferences

    def refusing(
        connection: sa.Connection, inferences: list[Inference], now: datetime, thresholds: Thresholds
    ) -> object:
        if any(inference.model_id == "b" for inference in inferences):
            raise ValueError("no such value")
        return record(connection, inferences, now, thresholds)

    monkeypatch.setattr(sightings, "record_inferences", refusing)
    for model_id in "abc":
        channel.report(provider="openai", model=model_id)
    taken = channel.taken()
    assert (taken["sightings"], taken["rejected"]) == (2, 1)
    assert channel.workshop.active("openai") == ["a", "c"]
    assert "no such value" in channel.rejected[0]["reason"]


def test_a_tick_that_dies_after_its_commit_is_done_again_and_changes_nothing(channel: Channel) -> None:
    channel.report(provider="openai", model="a", name="A", metadata={"x": 1}, first_at=1767225600, last_at=1767225700)
    channel.report(provider="openai", model="a", metadata={"x": 2, "y": 1}, last_at=1767225650)
    channel.report(provider="openai", model="")
    channel.evaluate()
    before = snapshot(channel.workshop), channel.rejected
    channel.report(provider="openai", model="")
    assert channel.taken()["sightings"] == 2
    assert snapshot(channel.workshop) == before[0]
    assert len(channel.rejected) == len(before[1]) + 1
    assert list(channel.workshop.instance.get_dynamic_partitions("provider")) == ["openai"]


def test_a_catalog_or_an_archive_that_is_away_fails_the_tick_and_nothing_is_lost(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.report(provider="openai", model="a")
    channel.report(provider="openai", model="")

    def away(*_: object) -> object:
        raise CatalogUnavailable("the server is away")

    with monkeypatch.context() as patch:
        patch.setattr(ModelCatalog, "record_inferences", away)
        with pytest.raises(CatalogUnavailable):
            channel.tick()
    in_the_way = channel.workshop.folder / "home" / "archive"
    in_the_way.rename(in_the_way.with_name("aside"))
    in_the_way.write_text("a file in the way")
    with pytest.raises(ArchiveError):
        channel.tick()
    in_the_way.unlink()
    assert channel.taken()["sightings"] == 1


def test_a_removed_model_stays_out(channel: Channel) -> None:
    with channel.workshop.catalog() as catalog:
        catalog.track_successful_inference("acme", "a")
        catalog.remove_model("acme", "a")
    channel.report(provider="acme", model="a")
    assert channel.taken()["ignored"] == 1
    assert channel.workshop.active("acme") == []
    assert not channel.workshop.instance.get_dynamic_partitions("provider")


def test_a_report_of_this_moment_waits_for_the_next_tick(workshop: Workshop) -> None:
    channel = Channel(workshop, reported_sightings.inference_reports_sensor)
    channel.report(provider="openai", model="a")
    assert isinstance(channel.tick(), dg.SkipReason)


@pytest.mark.parametrize("cursor", ["", "reset", "-1", "²"])
def test_an_edited_unparseable_cursor_starts_over(channel: Channel, cursor: str) -> None:
    channel.report(provider="openai", model="a")
    channel.tick()
    channel.cursor = cursor
    assert channel.taken()["sightings"] == 1


SIGHTINGS = st.fixed_dictionaries(
    {"provider": st.just("openai"), "model": st.sampled_from("ab"), "last_at": st.integers(1767225600, 1767225603)},
    optional={"metadata": st.dictionaries(st.sampled_from("xy"), st.integers(0, 3)), "name": st.sampled_from("NM")},
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sightings=st.lists(SIGHTINGS, min_size=1, max_size=6), times=st.integers(1, 2))
def test_a_page_that_is_taken_in_again_changes_nothing(
    channel: Channel, sightings: list[dict[str, object]], times: int
) -> None:
    with channel.workshop.catalog() as catalog:
        for provider in catalog.list_providers():
            catalog.remove_provider(provider.id)
    with channel.workshop.catalog() as catalog:
        for model_id in "ab":
            catalog.add_manual_model("openai", model_id)
    channel.report(sightings=sightings)
    channel.evaluate()
    before = snapshot(channel.workshop)
    for _ in range(times):
        channel.evaluate()
    assert snapshot(channel.workshop) == before
    channel.tick()
