"""Many callers at once, processes that fork, programs that end."""

import asyncio
import gc
import logging
import random
import subprocess
import sys
import threading
from datetime import timedelta

import pytest

from ghost_pipeline import DiscoveryTracker
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.client.tracker_fixtures import NO_INTERVAL, NOON, block_catalog_path, found, wait_until


def test_no_thread_loses_a_first_or_last_instant_or_a_value_while_another_writes(settings: Settings) -> None:
    calls = [(model, second) for model in range(5) for second in range(1_000)]
    random.Random(7).shuffle(calls)
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:

        def note(part: int) -> None:
            for model, second in calls[part::8]:
                at = NOON + timedelta(seconds=second)
                metadata = {f"k{second % 3}": second}
                tracker.track_successful_inference("openai", f"m{model}", metadata=metadata, observed_at=at)
                tracker.track_successful_inference("openai", "plain")

        switch = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            threads = [threading.Thread(target=note, args=(part,)) for part in range(8)]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                assert tracker.flush()
        finally:
            sys.setswitchinterval(switch)
        assert tracker.flush()
        assert tracker.dropped == 0
    models = found(settings)
    assert sorted(models) == ["m0", "m1", "m2", "m3", "m4", "plain"]
    for model in range(5):
        seen = models[f"m{model}"]
        assert (seen.first_seen_at, seen.last_used_at) == (NOON, NOON + timedelta(seconds=999))
        assert set(seen.inference_metadata or {}) == {"k0", "k1", "k2"}


def test_of_values_that_threads_noted_the_newest_wins(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:

        def note(second: int) -> None:
            at = NOON + timedelta(seconds=second)
            tracker.track_successful_inference("openai", "m", str(second), {"n": second}, at)

        for second in (3, 9, 1, 5):
            thread = threading.Thread(target=note, args=(second,))
            thread.start()
            thread.join()
        tracker.track_successful_inference("openai", "m")
    model = found(settings)["m"]
    assert (model.name, model.inference_metadata) == ("9", {"n": 9})


def objects_of_the_tracker() -> int:
    """Return the number of live instances of the package's classes."""
    return sum(str(type(one).__module__).startswith("ghost_pipeline.client") for one in gc.get_objects())


def test_threads_that_are_over_leave_their_sightings_and_no_buffers(settings: Settings) -> None:
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:
        before = objects_of_the_tracker()
        for number in range(300):
            thread = threading.Thread(target=tracker.track_successful_inference, args=("openai", f"m{number}"))
            thread.start()
            thread.join()
        assert tracker.flush()
        assert objects_of_the_tracker() < before + 10
    assert len(found(settings)) == 300


def test_asyncio_tasks_note_and_flush(settings: Settings) -> None:
    async def gateway() -> bool:
        async def answer(number: int) -> None:
            tracker.track_successful_inference("openai", f"m{number % 10}")
            await asyncio.sleep(0)

        await asyncio.gather(*(answer(number) for number in range(200)))
        return await asyncio.to_thread(tracker.flush)

    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:
        assert asyncio.run(gateway())
        assert len(found(settings)) == 10


FORKING = """
import os, threading, time
from ghost_pipeline import DiscoveryTracker, ModelCatalog
tracker = DiscoveryTracker(interval=0.01)
is_over = threading.Event()

def busy():
    while not is_over.is_set():
        tracker.track_successful_inference("openai", "of-the-parent", metadata={"by": os.getpid()})
        time.sleep(0.0002)

threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads: thread.start()
for number in range(4):
    child = os.fork()
    if child == 0:
        tracker.track_successful_inference("openai", f"of-child-{number}")
        os._exit(0 if tracker.flush(30) and tracker.dropped == 0 else 9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
is_over.set()
for thread in threads: thread.join()
tracker.track_successful_inference("openai", "last-of-the-parent")
assert tracker.dropped == 0, tracker.dropped_by_reason
"""

NOTHING_OF_THE_PARENT = """
import os
from ghost_pipeline import DiscoveryTracker, ModelCatalog
tracker = DiscoveryTracker(interval=3600)
tracker.track_successful_inference("openai", "of-the-parent")
child = os.fork()
if child == 0:
    tracker.track_successful_inference("openai", "of-the-child")
    assert tracker.flush()
    with ModelCatalog.open() as catalog:
        seen = [model.model_id for model in catalog.find_models()]
    os._exit(0 if seen == ["of-the-child"] else 9)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""

AT_EXIT = """
import atexit, sys
from ghost_pipeline import DiscoveryTracker
tracker = DiscoveryTracker(interval=3600)
atexit.register(tracker.track_successful_inference, "openai", "tracked-at-the-very-end")
sys.exit("an error elsewhere")
"""


def program(code: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> subprocess.CompletedProcess[str]:
    monkeypatch.setenv("GHOST_HOME", str(settings.home))
    monkeypatch.delenv("GHOST_DATABASE_URL", raising=False)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=90, check=False)


def test_a_process_that_forks_while_threads_note_and_write_loses_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = program(FORKING, settings, monkeypatch)
    assert done.returncode == 0, done.stderr
    children = {f"of-child-{number}" for number in range(4)}
    assert set(found(settings)) == {"of-the-parent", "last-of-the-parent", *children}


def test_a_forked_child_delivers_its_own_sightings_and_the_end_of_the_program_those_of_the_parent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = program(NOTHING_OF_THE_PARENT, settings, monkeypatch)
    assert done.returncode == 0, done.stderr
    assert sorted(found(settings)) == ["of-the-child", "of-the-parent"]


def test_calls_while_the_program_ends_are_delivered(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    done = program(AT_EXIT, settings, monkeypatch)
    assert (done.returncode, done.stderr.strip()) == (1, "an error elsewhere")
    assert list(found(settings)) == ["tracked-at-the-very-end"]


LAST_REFERENCE = """
from ghost_pipeline import DiscoveryTracker
tracker = DiscoveryTracker(interval=3600)
tracker.track_successful_inference("openai", "of-a-tracker-that-is-gone")
del tracker
"""


def test_a_tracker_that_loses_its_last_reference_delivers_and_its_thread_ends(settings: Settings) -> None:
    tracker = DiscoveryTracker(settings, interval=NO_INTERVAL)
    tracker.track_successful_inference("openai", "x")
    del tracker
    gc.collect()
    wait_until(lambda: list(found(settings)) == ["x"])
    wait_until(lambda: all(thread.name != "ghost-pipeline-tracker" for thread in threading.enumerate()))


def test_the_end_of_the_program_waits_for_a_tracker_that_lost_its_last_reference(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = program(LAST_REFERENCE, settings, monkeypatch)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(found(settings)) == ["of-a-tracker-that-is-gone"]


def test_what_a_tracker_without_references_cannot_deliver_is_counted_and_logged(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    block_catalog_path(settings)
    tracker = DiscoveryTracker(settings, interval=NO_INTERVAL)
    tracker.track_successful_inference("openai", "x")
    with caplog.at_level(logging.WARNING):
        del tracker
        gc.collect()
        wait_until(lambda: any("1 undelivered" in record.getMessage() for record in caplog.records))


def test_a_closed_tracker_stays_closed_and_flush_reports_whether_all_was_delivered(settings: Settings) -> None:
    block_catalog_path(settings)
    tracker = DiscoveryTracker(settings, interval=NO_INTERVAL)
    tracker.track_successful_inference("openai", "x")
    tracker.close()
    assert not tracker.flush()
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as other:
        pass
    assert other.flush()
