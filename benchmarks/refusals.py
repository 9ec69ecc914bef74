"""Measure what a refused call costs the caller and the catalog."""

import tempfile
import threading
import time
from pathlib import Path

from benchmarks.tracker import count_row_changes
from ghost_pipeline import DiscoveryTracker
from ghost_pipeline.settings import Settings

CALLS, MODELS, THREADS = 1_000_000, 500, 8
NAMES = [f"llama-{number}" for number in range(MODELS)]
GONE = [f"The model `{name}` has been decommissioned and is no longer supported." for name in NAMES]
BUSY = "Rate limit reached for model in organization on tokens per minute. Please try again in 7.66s."


def measure() -> list[tuple[str, float, str]]:
    """Return rows of (what, microseconds or row changes, target)."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        changes = count_row_changes(settings, ["models", "refusals"])
        with DiscoveryTracker(settings, interval=3600) as tracker:
            for name in NAMES:
                tracker.track_successful_inference("groq", name)
            assert tracker.flush()
        before = changes()
        spans = _refused(settings)
        first = changes() - before
        _refused(settings, calls=MODELS)
        second = changes() - before - first
        with DiscoveryTracker(settings, interval=3600) as tracker:
            busy = sorted(_timed(tracker, number % MODELS, BUSY, 429) for number in range(100_000))
    return [
        ("a refused call, 8 threads: median of its wall time, in µs", spans[len(spans) // 2] / 1e3, "<= 20"),
        ("a refused call, 8 threads: 99.9th percentile, in µs", spans[len(spans) * 999 // 1000] / 1e3, ""),
        ("a call with an answer that is not evidence: median, in µs", busy[len(busy) // 2] / 1e3, "<= 20"),
        ("1,000,000 refusals over 500 models: row changes an interval", first, "<= 1000"),
        ("500 more in the next interval", second, "<= 1000"),
    ]


def _refused(settings: Settings, calls: int = CALLS) -> list[int]:
    """Return the nanoseconds of each of the calls, which one interval writes."""
    spans: list[list[int]] = [[] for _ in range(THREADS)]
    with DiscoveryTracker(settings, interval=3600) as tracker:
        threads = [
            threading.Thread(target=_call, args=(tracker, spans[part], part, calls // THREADS))
            for part in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert tracker.flush()
        assert tracker.dropped == 0
    return sorted(span for part in spans for span in part)


def _call(tracker: DiscoveryTracker, spans: list[int], part: int, calls: int) -> None:
    for number in range(calls):
        which = (number * THREADS + part) % MODELS
        spans.append(_timed(tracker, which, GONE[which], 400))


def _timed(tracker: DiscoveryTracker, which: int, message: str, status: int) -> int:
    begun = time.perf_counter_ns()
    tracker.track_refused_inference("groq", NAMES[which], status=status, message=message)
    return time.perf_counter_ns() - begun
