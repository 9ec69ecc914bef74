"""The asset with one partition for each model."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from ghost_pipeline.defs import model_pages
from ghost_pipeline.defs.model_pages import models_sensor
from ghost_pipeline_tests.command_line import Run
from ghost_pipeline_tests.defs.builders import NOON, Workshop, listing
from ghost_pipeline_tests.defs.channels import Channel


@pytest.fixture
def channel(workshop: Workshop) -> Channel:
    return Channel(workshop, models_sensor)


def written(channel: Channel) -> dict[str, dict[str, object]]:
    """Tick until there is nothing new; return what was written: partition -> metadata."""
    pages: dict[str, dict[str, object]] = {}
    for _ in range(20):
        answer = channel.tick()
        assert isinstance(answer, dg.SensorResult), answer
        for event in answer.asset_events:
            assert event.asset_key == dg.AssetKey("models")
            pages[str(event.partition)] = {name: value.value for name, value in event.metadata.items()}
        if not answer.asset_events and pages:
            break
    return pages


def test_a_discovered_model_has_a_page_with_its_file_and_run(channel: Channel) -> None:
    run = channel.workshop.ingest("openai_models.json", listing("gpt-a"), NOON)
    pages = written(channel)
    assert list(pages) == ["openai/gpt-a"]
    page = pages["openai/gpt-a"]
    assert (page["event"], page["source"], page["state"]) == ("discovered", "INDEX", "active")
    assert (page["file"], page["run"]) == ("openai_models.json", run.run_id)
    assert page["first_seen_at"] == page["last_seen_at"] == NOON.timestamp()
    assert len(str(page["sha256"])) == 64


def test_all_that_happens_to_a_model_but_its_confirmations_is_written(channel: Channel) -> None:
    workshop = channel.workshop
    channel.tick()
    with workshop.catalog() as catalog:
        catalog.add_manual_model("openai", "by-hand", observed_at=NOON)
        catalog.track_successful_inference("mygw", "a/b:c", observed_at=NOON)
    workshop.ingest("xai_models.json", listing("grok"), NOON)
    assert set(written(channel)) == {"openai/by-hand", "mygw/a/b:c", "xai/grok"}
    workshop.ingest("xai_models.json", listing("grok"), NOON + timedelta(hours=1))
    assert written(channel) == {}
    with workshop.catalog() as catalog:
        catalog.mark_stale_models_inactive(now=NOON + timedelta(days=2))
        catalog.remove_model("openai", "by-hand")
    pages = written(channel)
    assert (pages["xai/grok"]["event"], pages["xai/grok"]["state"]) == ("deactivated", "inactive")
    assert pages["openai/by-hand"]["state"] == "not in the catalog any more"
    assert set(pages) == {"openai/by-hand", "mygw/a/b:c", "xai/grok"}


def test_pages_are_written_a_few_at_a_tick_and_none_is_left_out(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_pages, "EVENTS_PER_TICK", 3)
    channel.workshop.ingest("openai_models.json", listing(*(f"m{number}" for number in range(10))), NOON)
    assert len(written(channel)) == 10
    assert len(channel.workshop.instance.get_dynamic_partitions("model")) == 10


def test_a_cursor_of_a_version_that_counted_ids_is_continued(channel: Channel) -> None:
    channel.workshop.ingest("openai_models.json", listing("a", "b", "c"), NOON)
    channel.cursor = '{"after": 1, "seen": 3}'
    assert set(written(channel)) == {"openai/b", "openai/c"}


@pytest.mark.parametrize(
    ("limit", "reason"), [("0", "off: GHOST_MODEL_PARTITIONS is 0"), ("2", "off: 3 models are more")]
)
def test_it_is_off_with_a_reason(channel: Channel, monkeypatch: pytest.MonkeyPatch, limit: str, reason: str) -> None:
    monkeypatch.setenv("GHOST_MODEL_PARTITIONS", limit)
    channel.workshop.ingest("openai_models.json", listing("a", "b", "c"), NOON)
    channel.tick()
    answer = channel.tick()
    assert isinstance(answer, dg.SkipReason)
    assert str(answer.skip_message).startswith(reason)
    assert channel.workshop.instance.get_dynamic_partitions("model") == []
    monkeypatch.setenv("GHOST_MODEL_PARTITIONS", "3")
    assert len(written(channel)) == 3


def test_a_listing_links_to_the_pages_of_the_models_that_it_created(workshop: Workshop) -> None:
    run = workshop.ingest("openai_models.json", listing("gpt-a"), datetime.now(UTC))
    [event] = run.asset_materializations_for_node("model_catalog")
    text = str(event.metadata["where_from"].value)
    assert "[gpt-a](/assets/models?view=partitions&partition=openai%2Fgpt-a)" in text
    assert "get_model_history('openai', 'gpt-a')" in text


def test_show_prints_the_link(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GHOST_UI_URL", "https://dagster.example/")
    run("track", "gemini", "models/secret")
    out = run("show", "google", "secret").out
    assert "https://dagster.example/assets/models?view=partitions&partition=google%2Fsecret" in out
    monkeypatch.setenv("GHOST_MODEL_PARTITIONS", "0")
    assert "dagster.example" not in run("show", "google", "secret").out
