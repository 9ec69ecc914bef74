"""``DiscoveryTracker``: what a gateway tracks reaches the catalog, and no error reaches the gateway."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest

from ghost_pipeline import DiscoveryTracker, ModelCatalog, UsageError, track_successful_inference
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.client.tracker_fixtures import NO_INTERVAL, NOON, block_catalog_path, found, wait_until


def test_many_calls_become_one_sighting_with_the_first_and_last_instant(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=NO_INTERVAL, max_models=1) as tracker:
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
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:
        tracker.track_successful_inference("openai", "gpt-x")
        assert not settings.home.exists()
        assert tracker.flush()
        assert list(found(settings)) == ["gpt-x"]


def test_the_thread_writes_without_a_flush(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=0.02) as tracker:
        tracker.track_successful_inference("openai", "gpt-x")
        wait_until(lambda: "gpt-x" in found(settings))


def test_close_writes_what_is_pending_and_may_be_called_twice(settings: Settings) -> None:
    tracker = DiscoveryTracker(settings, interval=NO_INTERVAL)
    tracker.track_successful_inference("gemini", "models/gemini-x")
    tracker.close()
    tracker.close()
    assert found(settings)["gemini-x"].provider_id == "google"


class Provider(StrEnum):
    GOOGLE = "gemini"


class Treacherous(str):
    __slots__ = ()

    def __hash__(self) -> int:
        raise RuntimeError("no hash today")


class Endless(dict[str, Any]):
    def items(self) -> Iterator[tuple[str, Any]]:  # type: ignore[override]
        while True:
            yield "again", 1


class Raising(dict[str, Any]):
    def items(self) -> Any:
        raise NoItems


class NoItems(Exception):
    pass


CYCLE: dict[str, Any] = {}
CYCLE["me"] = [CYCLE, CYCLE]


@pytest.mark.parametrize(
    ("provider_id", "model_id", "more"),
    [
        ("not a provider", "x", {}),
        ("openai", "", {}),
        ("openai", 5, {}),
        (None, "x", {}),
        ("openai", ["unhashable"], {}),
        ("openai", "m" * 10_000_000, {}),
        ("o" * 10_000_000, "x", {}),
        ("openai", "a\x00b", {}),
        ("openai", "\ud800", {}),
        ("\ud800", "x", {}),
        ("openai", "x", {"metadata": 5}),
        ("openai", "x", {"metadata": {"a": float("nan")}}),
        ("openai", "x", {"metadata": {"a": object()}}),
        ("openai", "x", {"metadata": {"a": b"bytes"}}),
        ("openai", "x", {"metadata": {"a": "\ud800"}}),
        ("openai", "x", {"metadata": {"a": ["\x00"]}}),
        ("openai", "x", {"metadata": {1: "a"}}),
        ("openai", "x", {"metadata": CYCLE}),
        ("openai", "x", {"metadata": {"a": "b" * 10_000_000}}),
        ("openai", "x", {"metadata": {"a": [1] * 10_000_000}}),
        ("openai", "x", {"metadata": Endless()}),
        ("openai", "x", {"metadata": Raising(a=1)}),
        ("openai", "x", {"observed_at": "yesterday"}),
        ("openai", "x", {"observed_at": datetime(2025, 1, 1)}),  # noqa: DTZ001 - no time zone is the point
        ("openai", "x", {"name": object()}),
        ("openai", "x", {"name": "\ud800"}),
        ("openai", "x", {"name": "n" * 10_000_000}),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_cannot_be_kept_is_counted_and_keeps_nothing_else_back(
    settings: Settings, provider_id: Any, model_id: Any, more: dict[str, Any]
) -> None:
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:
        tracker.track_successful_inference(provider_id, model_id, **more)
        tracker.track_successful_inference("openai", "good")
        assert tracker.flush()
        assert tracker.dropped_by_reason == {"invalid": 1}
    assert list(found(settings)) == ["good"]
    with ModelCatalog.open(settings) as catalog, pytest.raises(UsageError) as caught:
        catalog.track_successful_inference(provider_id, model_id, **more)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


def test_an_object_that_raises_where_strings_do_not_is_dropped(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:
        tracker.track_successful_inference(Treacherous("openai"), "x")
        assert tracker.dropped_by_reason == {"invalid": 1}


def test_strings_that_are_more_than_strings_count_as_strings(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:
        tracker.track_successful_inference(Provider.GOOGLE, "gemini-x")
        tracker.track_successful_inference(Provider.GOOGLE, "gemini-x")
    assert found(settings)["gemini-x"].provider_id == "google"


def test_metadata_is_kept_as_it_was_at_the_call(settings: Settings) -> None:
    metadata: dict[str, Any] = {"regions": ["eu"], "tier": {"n": 1}}
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:
        tracker.track_successful_inference("openai", "x", metadata=metadata)
        metadata["regions"].append("us")
        metadata["tier"] = None
    assert found(settings)["x"].inference_metadata == {"regions": ["eu"], "tier": {"n": 1}}


def test_calls_after_close_are_counted(settings: Settings) -> None:
    tracker = DiscoveryTracker(settings, interval=NO_INTERVAL)
    tracker.track_successful_inference("openai", "x")
    tracker.close()
    tracker.track_successful_inference("openai", "x")
    assert tracker.dropped_by_reason == {"closed": 1}


@pytest.mark.parametrize("wrong", [{"interval": 0}, {"interval": float("nan")}, {"max_models": 0}])
def test_a_tracker_that_could_not_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        DiscoveryTracker(**wrong)


def test_no_more_than_max_models_wait_and_the_rest_is_counted(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=NO_INTERVAL, max_models=3) as tracker:
        for number in range(5):
            tracker.track_successful_inference("openai", f"gpt-{number}")
        assert tracker.dropped == 2
        tracker.flush()
        tracker.track_successful_inference("openai", "gpt-4")
    assert sorted(found(settings)) == ["gpt-0", "gpt-1", "gpt-2", "gpt-4"]


def test_what_a_catalog_out_of_reach_does_not_take_is_delivered_when_it_is_back(settings: Settings) -> None:
    block_catalog_path(settings)
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
    block_catalog_path(settings)
    tracker = DiscoveryTracker(settings, interval=NO_INTERVAL)
    tracker.track_successful_inference("openai", "a")
    tracker.track_successful_inference("openai", "b")
    tracker.close()
    assert tracker.dropped == 2


@pytest.mark.parametrize("year", [1970, 2100])
def test_an_instant_of_a_clock_that_is_wrong_is_clamped_and_counted(settings: Settings, year: int) -> None:
    begun = datetime.now(UTC)
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:
        tracker.track_successful_inference("openai", "x", observed_at=datetime(year, 1, 2, tzinfo=UTC))
        tracker.track_successful_inference("openai", "right")
        assert tracker.flush()
        assert (tracker.clamped, tracker.dropped) == (1, 0)
    model = found(settings)["x"]
    assert begun <= model.first_seen_at == model.last_seen_at <= datetime.now(UTC) + timedelta(seconds=5)


EDGES = [
    datetime.min.replace(tzinfo=timezone(timedelta(hours=2))),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-2))),
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
]


@pytest.mark.parametrize("instant", EDGES, ids=str)
def test_an_instant_that_utc_cannot_represent_is_clamped_and_stops_no_other_sighting(
    settings: Settings, instant: datetime
) -> None:
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:
        tracker.track_successful_inference("openai", "edge", observed_at=instant)
        tracker.track_successful_inference("openai", "right")
        assert tracker.flush()
        assert (tracker.clamped, tracker.dropped) == (1, 0)
    assert sorted(found(settings)) == ["edge", "right"]


def test_the_plain_function_writes_at_once_and_raises(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GHOST_HOME", str(settings.home))
    monkeypatch.delenv("GHOST_DATABASE_URL", raising=False)
    assert track_successful_inference("openai", "gpt-x").effect == "created"
    assert list(found(settings)) == ["gpt-x"]
    with pytest.raises(UsageError):
        track_successful_inference("openai", "")
