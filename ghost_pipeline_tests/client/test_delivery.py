"""When and how much the tracker writes, and what it does while the catalog is unavailable."""

import contextlib
import logging
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ghost_pipeline import DiscoveryTracker
from ghost_pipeline.client import writer
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.client.tracker_fixtures import (
    NO_INTERVAL,
    NOON,
    block_catalog_path,
    connected,
    count_row_changes,
    found,
    wait_until,
)


def test_a_write_changes_one_row_a_model_however_it_was_spelled(settings: Settings) -> None:
    changes = count_row_changes(settings)
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:
        for call in range(20_000):
            tracker.track_successful_inference(("google", "Gemini")[call % 2], f"{'models/' * (call % 2)}m{call % 7}")
        assert tracker.flush()
        assert changes() == 7
        assert tracker.flush()
    assert changes() == 7


def test_enough_models_are_written_before_the_interval_is_over(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=NO_INTERVAL, write_at_models=3) as tracker:
        for name in ("a", "b", "c"):
            tracker.track_successful_inference("openai", name)
        wait_until(lambda: sorted(found(settings)) == ["a", "b", "c"])


def test_size_alone_writes_no_model_twice_in_an_interval(settings: Settings) -> None:
    changes = count_row_changes(settings)
    with DiscoveryTracker(settings, interval=NO_INTERVAL, write_at_models=2) as tracker:
        tracker.track_successful_inference("openai", "a")
        tracker.track_successful_inference("openai", "b")
        wait_until(lambda: changes() == 2)
        for new in "cdefgh":
            for name in ("a", "b", new):
                tracker.track_successful_inference("openai", name)
            if new in "dfh":
                expected = 2 + "cdefgh".index(new) + 1
                wait_until(lambda expected=expected: changes() >= expected)  # type: ignore[misc]
        assert changes() == 8
        assert tracker.flush()
        assert changes() == 10


def test_a_full_buffer_drops_new_models_and_still_takes_known_ones(settings: Settings) -> None:
    block_catalog_path(settings)
    with DiscoveryTracker(settings, interval=NO_INTERVAL, max_models=2) as tracker:
        for name in ("a", "b"):
            tracker.track_successful_inference("openai", name, observed_at=NOON)
        assert not tracker.flush()
        for name in ("c", "a", "d"):
            tracker.track_successful_inference("openai", name, observed_at=NOON + timedelta(hours=1))
            assert not tracker.flush()
        assert tracker.dropped_by_reason == {"full": 2}
        settings.home.unlink()
        assert tracker.flush()
    models = found(settings)
    assert sorted(models) == ["a", "b"]
    assert models["a"].last_seen_at == NOON + timedelta(hours=1)


def test_metadata_takes_so_much_memory_and_no_more_but_every_sighting_counts(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=NO_INTERVAL, write_at_models=10_000) as tracker:
        for number in range(160):
            tracker.track_successful_inference("openai", f"m{number}", metadata={"big": "x" * 60_000})
        assert tracker.flush()
        kept = [model for model in found(settings).values() if model.inference_metadata]
        assert tracker.dropped_by_reason == {"metadata": 160 - len(kept)}
        assert 0 < len(kept) < 160
        tracker.track_successful_inference("openai", "m0", metadata={"again": 1})
        tracker.track_successful_inference("openai", "m159", metadata={"again": 1})
    models = found(settings)
    assert len(models) == 160
    assert models["m159"].inference_metadata == {"again": 1}


def test_of_ever_new_keys_of_one_model_the_newest_are_kept(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:
        for number in range(100):
            at = NOON + timedelta(seconds=number)
            tracker.track_successful_inference("openai", "m", metadata={f"k{number}": "x" * 2_000}, observed_at=at)
        assert tracker.flush()
        kept = found(settings)["m"].inference_metadata
        assert kept is not None
        assert set(kept) == {f"k{number}" for number in range(100 - len(kept), 100)}
        assert tracker.dropped_by_reason == {"metadata": 100 - len(kept)}


def test_a_sighting_that_the_database_refuses_costs_no_other_one(settings: Settings) -> None:
    connection = connected(settings)
    connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON models WHEN NEW.model_id LIKE 'bad%' "
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    connection.close()
    names = {f"m{number}" for number in range(20)}
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:
        for name in sorted({*names, "bad1", "bad2"}):
            tracker.track_successful_inference("openai", name)
        assert tracker.flush()
        assert tracker.dropped_by_reason == {"refused": 2}
    assert set(found(settings)) == names


def test_close_waits_so_long_for_a_catalog_that_is_locked_and_no_longer(settings: Settings) -> None:
    connection: sqlite3.Connection = connected(settings)
    connection.execute("BEGIN IMMEDIATE")
    tracker = DiscoveryTracker(settings, interval=NO_INTERVAL)
    tracker.track_successful_inference("openai", "a")
    tracker.close(timeout=0.2)
    assert tracker.dropped_by_reason == {"undelivered": 1}
    connection.execute("ROLLBACK")
    connection.close()


def test_however_much_is_dropped_the_log_has_few_lines(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), DiscoveryTracker(settings, interval=0.01) as tracker:
        for number in range(3_000):
            tracker.track_successful_inference("openai", 5)  # type: ignore[arg-type]
            if number % 1_000 == 0:
                tracker.flush()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2, lines
    assert sum(int(line.split()[2].replace(",", "")) for line in lines) == tracker.dropped == 3_000


def test_an_unavailable_catalog_is_logged_once_in_a_while(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    block_catalog_path(settings)
    with caplog.at_level(logging.WARNING):
        tracker = DiscoveryTracker(settings, interval=NO_INTERVAL)
        tracker.track_successful_inference("openai", "a")
        for _ in range(5):
            assert not tracker.flush()
        tracker.close()
    waits, dropped = (record.getMessage() for record in caplog.records)
    assert "the catalog did not accept them" in waits
    assert "1 undelivered" in dropped


def test_while_this_machines_clock_is_not_set_sightings_wait(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unset(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Unset":
            return cls(1970, 1, 1, 0, 5, tzinfo=tz)

    begun = datetime.now(UTC)
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:
        with monkeypatch.context() as patch:
            patch.setattr(writer, "datetime", Unset)
            tracker.track_successful_inference("openai", "a", observed_at=datetime(1970, 1, 1, tzinfo=UTC))
            assert not tracker.flush()
        assert tracker.flush()
        assert tracker.clamped == 1
    assert found(settings)["a"].first_seen_at >= begun


def test_a_catalog_file_that_was_replaced_by_a_backup_gets_the_next_sightings(settings: Settings) -> None:
    connection = connected(settings)
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:
        tracker.track_successful_inference("openai", "before")
        assert tracker.flush()
        backup = settings.home / "backup.db"
        with contextlib.closing(sqlite3.connect(backup)) as target:
            connection.backup(target)
        connection.close()
        backup.replace(settings.home / "catalog.db")
        tracker.track_successful_inference("openai", "after")
        assert tracker.flush()
        assert sorted(found(settings)) == ["after", "before"]


def test_a_catalog_file_that_was_deleted_is_made_again(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=0.02) as tracker:
        tracker.track_successful_inference("openai", "before")
        assert tracker.flush()
        for file in settings.home.glob("catalog.db*"):
            file.unlink()
        tracker.track_successful_inference("openai", "after")
        wait_until(lambda: list(found(settings)) == ["after"])
