"""``DiscoveryTracker``: what a gateway notes reaches the catalog, and nothing of it ever reaches the gateway."""

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ghost_pipeline import DiscoveryTracker, ModelCatalog, UsageError, track_successful_inference
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.settings import Settings

NEVER = 3600.0
"""An interval that no test lives to see the end of."""
NOON = datetime(2025, 12, 6, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def found(settings: Settings) -> dict[str, ModelRecord]:
    with ModelCatalog.open(settings) as catalog:
        return {model.model_id: model for model in catalog.find_models()}


def wait_until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_many_calls_become_one_sighting_with_the_first_and_last_instant(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=NEVER, max_models=1) as tracker:
        for minute in (30, 0, 45, 15):
            at = NOON + timedelta(minutes=minute)
            tracker.track_successful_inference("openai", "gpt-x", metadata={"minute": minute}, observed_at=at)
        assert tracker.flush()
    model = found(settings)["gpt-x"]
    assert model.first_seen_at == NOON
    assert model.last_seen_at == model.last_used_at == NOON + timedelta(minutes=45)
    assert model.inference_metadata == {"minute": 45}, "the newest value wins, whatever came last"
    assert tracker.dropped == 0


def test_a_call_writes_nothing_until_flush(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=NEVER) as tracker:
        tracker.track_successful_inference("openai", "gpt-x")
        assert not settings.home.exists()
        assert tracker.flush()
        assert list(found(settings)) == ["gpt-x"]


def test_the_thread_writes_without_being_asked(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=0.02) as tracker:
        tracker.track_successful_inference("openai", "gpt-x")
        wait_until(lambda: "gpt-x" in found(settings))


def test_close_writes_what_is_noted_and_may_be_said_twice(settings: Settings) -> None:
    tracker = DiscoveryTracker(settings, interval=NEVER)
    tracker.track_successful_inference("gemini", "models/gemini-x")
    tracker.close()
    tracker.close()
    assert found(settings)["gemini-x"].provider_id == "google"


@pytest.mark.parametrize(
    ("provider_id", "model_id", "more"),
    [
        ("not a provider", "x", {}),
        ("openai", "", {}),
        ("openai", 5, {}),
        (None, "x", {}),
        ("openai", ["unhashable"], {}),
        ("openai", "x", {"metadata": 5}),
        ("openai", "x", {"metadata": {"a": float("nan")}}),
        ("openai", "x", {"metadata": {"a": object()}}),
        ("openai", "x", {"observed_at": "yesterday"}),
        ("openai", "x", {"name": object()}),
        ("openai", "x", {"name": "\ud800"}),
    ],
)
def test_what_cannot_be_kept_is_counted_and_keeps_nothing_else_back(
    settings: Settings, provider_id: Any, model_id: Any, more: dict[str, Any]
) -> None:
    with DiscoveryTracker(settings, interval=NEVER) as tracker:
        tracker.track_successful_inference(provider_id, model_id, **more)
        tracker.track_successful_inference("openai", "good")
        assert tracker.flush()
        assert tracker.dropped == 1
    assert list(found(settings)) == ["good"]


def test_no_more_than_max_models_wait_and_the_rest_is_counted(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=NEVER, max_models=3) as tracker:
        for number in range(5):
            tracker.track_successful_inference("openai", f"gpt-{number}")
        assert tracker.dropped == 2
        tracker.flush()
        tracker.track_successful_inference("openai", "gpt-4")
    assert sorted(found(settings)) == ["gpt-0", "gpt-1", "gpt-2", "gpt-4"]


def test_what_a_catalog_out_of_reach_does_not_take_is_delivered_when_it_is_back(settings: Settings) -> None:
    settings.home.write_text("a file in the way")
    with DiscoveryTracker(settings, interval=0.02) as tracker:
        tracker.track_successful_inference("openai", "early", observed_at=NOON)
        assert not tracker.flush()
        tracker.track_successful_inference("openai", "early", observed_at=NOON + timedelta(hours=1))
        settings.home.unlink()
        wait_until(lambda: "early" in found(settings))
    model = found(settings)["early"]
    assert (model.first_seen_at, model.last_seen_at) == (NOON, NOON + timedelta(hours=1))
    assert tracker.dropped == 0


def test_what_is_left_when_the_catalog_never_came_back_is_counted(settings: Settings) -> None:
    settings.home.write_text("a file in the way")
    tracker = DiscoveryTracker(settings, interval=NEVER)
    tracker.track_successful_inference("openai", "a")
    tracker.track_successful_inference("openai", "b")
    tracker.close()
    assert tracker.dropped == 2


def test_an_instant_in_the_future_is_capped_at_the_present(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=NEVER) as tracker:
        tracker.track_successful_inference("openai", "x", observed_at=datetime(2999, 1, 1, tzinfo=UTC))
    assert found(settings)["x"].last_seen_at <= datetime.now(UTC)


FORKING = """
import os, sys
from ghost_pipeline import DiscoveryTracker, ModelCatalog
tracker = DiscoveryTracker(interval=3600)
tracker.track_successful_inference("openai", "of-the-parent", metadata={"by": os.getpid()})
child = os.fork()
if child == 0:
    tracker.track_successful_inference("openai", "of-the-child")
    assert tracker.flush()
    with ModelCatalog.open() as catalog:
        seen = [model.model_id for model in catalog.find_models()]
    os._exit(0 if seen == ["of-the-child"] else 9)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def test_a_forked_child_delivers_its_own_sightings_and_the_end_of_the_program_those_of_the_parent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GHOST_HOME", str(settings.home))
    monkeypatch.delenv("GHOST_DATABASE_URL", raising=False)
    done = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(found(settings)) == ["of-the-child", "of-the-parent"]


def test_the_plain_function_writes_at_once_and_raises(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GHOST_HOME", str(settings.home))
    monkeypatch.delenv("GHOST_DATABASE_URL", raising=False)
    assert track_successful_inference("openai", "gpt-x").effect == "created"
    assert list(found(settings)) == ["gpt-x"]
    with pytest.raises(UsageError):
        track_successful_inference("openai", "")
