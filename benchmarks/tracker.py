"""Measure what a tracked call costs the caller and the catalog, and what the LiteLLM callback adds to a completion."""

import os
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from ghost_pipeline import DiscoveryTracker, ModelCatalog
from ghost_pipeline.settings import Settings

CALLS, MODELS, THREADS = 1_000_000, 500, 8
NAIVE_CALLS = 1_000
COMPLETIONS, ROUNDS = 40, 50
NAMES = [f"gpt-{number}" for number in range(MODELS)]


def measure() -> list[tuple[str, float, str]]:
    """Return rows of (what, ratio or microseconds or row changes, target)."""
    with tempfile.TemporaryDirectory() as folder:
        spans, changes, seconds = _tracked(Settings(home=Path(folder)))
    with tempfile.TemporaryDirectory() as folder:
        naive = _naive(Settings(home=Path(folder)))
    against_none, against_empty = _completions()
    return [
        ("a tracked call, 8 threads: median of its wall time, in µs", spans[len(spans) // 2] / 1e3, "<= 0.6"),
        ("a tracked call, 8 threads: 99.9th percentile, in µs", spans[len(spans) * 999 // 1000] / 1e3, "<= 4"),
        ("1,000,000 calls over 500 models: row changes an interval", changes, "<= 1000"),
        ("1,000,000 calls, written, against one upsert a call", naive / (seconds / CALLS), ""),
        ("a mocked LiteLLM completion with the callback, against none", against_none, "<= 1.03"),
        ("the same, against a callback that does nothing", against_empty, ""),
    ]


def _tracked(settings: Settings) -> tuple[list[int], float, float]:
    """Return the nanoseconds of each call, the row changes of the one interval, and the seconds for all of it."""
    changes = count_row_changes(settings, ["models"])
    spans: list[list[int]] = [[] for _ in range(THREADS)]
    with DiscoveryTracker(settings, interval=3600) as tracker:
        threads = [threading.Thread(target=_call, args=(tracker, spans[part], part)) for part in range(THREADS)]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert tracker.flush()
        seconds = time.perf_counter() - begun
        assert tracker.dropped == 0
    return sorted(span for part in spans for span in part), changes(), seconds


def _call(tracker: DiscoveryTracker, spans: list[int], part: int) -> None:
    track, clock = tracker.track_successful_inference, time.perf_counter_ns
    for number in range(CALLS // THREADS):
        name = NAMES[(number * 7 + part) % MODELS]
        begun = clock()
        track("openai", name)
        spans.append(clock() - begun)


def count_row_changes(settings: Settings, tables: Sequence[str]) -> Callable[[], int]:
    """Let the database count the row changes of some tables; return a function that reads the count."""
    ModelCatalog.open(settings).close()
    connection = sqlite3.connect(settings.home / "catalog.db", isolation_level=None)
    connection.execute("CREATE TABLE row_changes AS SELECT 0 AS number")
    for change, table in product(("INSERT", "UPDATE"), tables):
        connection.execute(
            f"CREATE TRIGGER count_{change}_{table} AFTER {change} ON {table} "
            "BEGIN UPDATE row_changes SET number = number + 1; END"
        )
    return lambda: int(connection.execute("SELECT number FROM row_changes").fetchone()[0])


def _naive(settings: Settings) -> float:
    """Return the seconds per call when each one writes, on one thread."""
    with ModelCatalog.open(settings) as catalog:
        begun = time.perf_counter()
        for number in range(NAIVE_CALLS):
            catalog.track_successful_inference("openai", NAMES[number % MODELS])
        return (time.perf_counter() - begun) / NAIVE_CALLS


def _completions() -> tuple[float, float]:
    """Return the median time of a completion with the callback, relative to none and to an empty one.

    Blocks of each kind alternate, because LiteLLM continues work after an answer while the next call is made.
    """
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm  # noqa: PLC0415 - slow, and reads the line above
    from litellm.integrations.custom_logger import CustomLogger  # noqa: PLC0415

    from ghost_pipeline.integrations.litellm import GhostCallback  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder, DiscoveryTracker(Settings(home=Path(folder))) as tracker:
        kinds: dict[str, list[Any]] = {"none": [], "empty": [CustomLogger()], "ours": [GhostCallback(tracker)]}
        spans: dict[str, list[float]] = {kind: [] for kind in kinds}
        _complete(litellm, [])
        for number in range(ROUNDS):
            for kind in (list(kinds), list(reversed(kinds)))[number % 2]:
                spans[kind] += _complete(litellm, kinds[kind])
    median = {kind: statistics.median(of_kind) for kind, of_kind in spans.items()}
    return median["ours"] / median["none"], median["ours"] / median["empty"]


def _complete(litellm: Any, callbacks: list[Any]) -> list[float]:
    """Return the seconds of each of COMPLETIONS completions, from call to answer."""
    litellm.logging_callback_manager._reset_all_callbacks()
    litellm.callbacks = callbacks
    messages = [{"role": "user", "content": "hi"}]
    spans = []
    for _ in range(COMPLETIONS):
        begun = time.perf_counter()
        litellm.completion(model="gemini/gemini-x", messages=messages, mock_response="hello")
        spans.append(time.perf_counter() - begun)
    time.sleep(0.05)  # work that is left after the last answer must not count in the next block
    return spans
