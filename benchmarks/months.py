"""180 days of a deployment, with daily pruning and without: size, files, and how long things take.

Every run is a copy of a real one with its files and events (``run_history``), dated back. Ticks are counted, not
made. A day of a deployment of 24 providers: each is fetched and ingested four times, the statistics are refreshed
twelve times, and the health of the providers is logged every hour. ``months`` simulates a twelfth of that and scales
sizes up; ``months-full`` all of it.
"""

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from benchmarks.run_history import RUNLESS, RunHistory
from benchmarks.timing import median_seconds
from ghost_pipeline.defs.evidence.recorded_evidence import channels_sensor
from ghost_pipeline.defs.local_runs import open_instance
from ghost_pipeline.defs.resource import providers
from ghost_pipeline.defs.upkeep.pruning import PruneResult, prune_old_runs
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.defs.builders import Workshop, listing
from ghost_pipeline_tests.defs.channels import Channel

DAYS = 180
KEPT = timedelta(days=30)
PROVIDERS = 24
SHARE = 12
"""The part of a deployment that ``months`` simulates: one of SHARE."""

FETCHES_PER_DAY = 4
REFRESHES_PER_DAY = 12
HEALTH_EVENTS_PER_DAY = 24
TICKS_PER_DAY = 4 * 86_400 // 5 + 2 * 86_400 // 15
"""Of the six sensors; the retention of ``dagster.yaml`` keeps those that did nothing for a day."""

WRITER = """
import sys, time, pathlib, dagster as dg
longest, count, stop = 0.0, 0, pathlib.Path(sys.argv[1])
with dg.DagsterInstance.get() as instance:
    while not stop.exists():
        begun = time.perf_counter()
        instance.report_runless_asset_event(dg.AssetObservation("inbox", metadata={"written": count}))
        longest, count = max(longest, time.perf_counter() - begun), count + 1
        if count == 1:
            print("started", flush=True)
        time.sleep(0.02)
print(longest, count)
"""


@dataclass(frozen=True, slots=True)
class State:
    """A deployment after some days."""

    days: int
    is_pruned: bool
    megabytes: float
    files: int
    ingest_seconds: float
    page_seconds: float
    prune_seconds: float | None
    longest_wait_seconds: float | None
    """Of another process that writes events while old runs are deleted."""


class Deployment:
    """A home whose runs are copies, ``share`` times fewer than those of 24 providers."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, settings: Settings, share: int = 1) -> None:
        self.instance, self.home, self._folder = instance, settings.dagster_home, folder
        self.workshop = Workshop(folder, instance)
        self._ends_at = datetime.now(UTC)
        listed = self.workshop.ingest("openai_models.json", listing(*"abcdefgh"), self._ends_at).run_id
        statistics = self.workshop.definitions.resolve_job_def("refresh_statistics")
        short = statistics.execute_in_process(instance=instance).run_id
        Channel(self.workshop, channels_sensor).tick()
        # A fetch leaves as much as a refresh of the statistics: a run of one step with one materialization.
        self._day = [
            *[listed, short] * (PROVIDERS // share * FETCHES_PER_DAY),
            *[short] * (REFRESHES_PER_DAY // share),
            *[RUNLESS] * (HEALTH_EVENTS_PER_DAY // share),
        ]
        self._history = RunHistory(self.home, [listed, short, RUNLESS])
        self.runs_per_day = sum(one != RUNLESS for one in self._day)

    def at(self, day: int) -> datetime:
        """Return the instant ``day`` days after the beginning; the last day ends now."""
        return self._ends_at - timedelta(days=DAYS - day)

    def live(self, day: int) -> None:
        """Add the runs of one day."""
        self._history.add_day(self.at(day), self._day)

    def prune(self, day: int) -> PruneResult:
        """Delete what is too old at the end of ``day``."""
        return prune_old_runs(self.instance, KEPT, self.at(day + 1))

    def prune_beside_a_writer(self, day: int) -> tuple[PruneResult, float, int]:
        """Prune while another process writes events; return its longest wait and how many it wrote too."""
        stop = self._folder / "stop"
        stop.unlink(missing_ok=True)
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(stop)],
            env={**os.environ, "DAGSTER_HOME": str(self.home)},
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout is not None
            try:
                assert writer.stdout.readline() == "started\n"
                result = self.prune(day)
            finally:
                stop.touch()
            longest, count = writer.stdout.read().split()
        return result, float(longest), int(count)

    def measure(self) -> tuple[float, int]:
        """Return the size of Dagster's folder in MB, and the number of its files.

        Without SQLite's logs: whether there is one depends on who closed the database last, its size not on the runs.
        """
        files = (path for path in self.home.rglob("*") if not path.name.endswith(("-wal", "-shm")))
        sizes = [path.stat().st_size for path in files if path.is_file()]
        return sum(sizes) / 1e6, len(sizes)

    def ingest(self) -> None:
        """Ingest one file, start-up not included."""
        result = self.workshop.ingest("openai_models.json", listing(*"abcdefgh"), datetime.now(UTC))
        assert result.success

    def open_pages(self) -> None:
        """Read what the pages of an asset, of its checks and of the runs read."""
        key, instance = dg.AssetKey("model_catalog"), self.instance
        graph = self.workshop.definitions.get_repository_def().asset_graph
        instance.get_latest_materialization_event(key)
        instance.fetch_materializations(key, limit=50)
        instance.get_status_by_partition(key, ["openai"], providers)
        instance.get_run_records(limit=25)
        instance.get_runs_count()
        for check in graph.asset_check_keys:
            instance.event_log_storage.get_asset_check_execution_history(check, limit=25)


@contextmanager
def deployed(share: int = 1) -> Iterator[Deployment]:
    """Yield a deployment in a folder of its own."""
    logging.disable(logging.WARNING)  # each event of a run is a line
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.from_environment({"GHOST_HOME": str(Path(folder) / "home")})
        with open_instance(settings) as instance:
            yield Deployment(Path(folder), instance, settings, share)
    logging.disable(logging.NOTSET)


def simulate(share: int, is_pruned: bool, report: Callable[[State], None]) -> None:
    """Run a deployment for DAYS days, pruned every day or never, and report its state now and then."""
    with deployed(share) as deployment:
        for day in range(DAYS + 1):
            if day in (0, 30, 90, DAYS):
                report(_examine(deployment, day, is_pruned))
            if day < DAYS:
                deployment.live(day)
                if is_pruned:
                    deployment.prune(day)


def _examine(deployment: Deployment, day: int, is_pruned: bool) -> State:
    pruned, longest = None, None
    if is_pruned and day:
        deployment.live(day)
        result, longest, _ = deployment.prune_beside_a_writer(day)
        pruned = result.duration_seconds
    megabytes, files = deployment.measure()
    ingest, pages = median_seconds(deployment.ingest, 5), median_seconds(deployment.open_pages, 5)
    return State(day, is_pruned, megabytes, files, ingest, pages, pruned, longest)


def measure(share: int = SHARE) -> list[tuple[str, float, str]]:
    """Return (what, ratio or size, target)."""
    states: list[State] = []
    for is_pruned in (False, True):
        simulate(share, is_pruned, states.append)
    unpruned, first, pruned = states[3], states[4], states[7]
    results = [
        (f"{DAYS} days of {PROVIDERS} providers, never pruned: MB", size(unpruned, share), ""),
        (f"{DAYS} days of {PROVIDERS} providers, never pruned: files", unpruned.files * share, ""),
        (f"{DAYS} days of {PROVIDERS} providers, pruned daily: MB", size(pruned, share), "< 1000"),
        (f"{DAYS} days of {PROVIDERS} providers, pruned daily: files", pruned.files * share, ""),
        ("ingest after that, against a fresh home", pruned.ingest_seconds / first.ingest_seconds, ""),
        ("pages after that, against a fresh home", pruned.page_seconds / first.page_seconds, ""),
        ("daily prune-runs, seconds", (pruned.prune_seconds or 0) * share, ""),
        ("a writer beside it, longest wait in seconds", max(one.longest_wait_seconds or 0 for one in states), "< 1"),
    ]
    for line in format_table(states, share):
        print(line)
    return results


BYTES_PER_TICK = 1_450
"""Of a row of ``schedules.db`` with its indexes."""


def size(state: State, share: int) -> float:
    """Return the MB of a whole deployment, with the ticks of a day if it is a day old."""
    return state.megabytes * share + (TICKS_PER_DAY * BYTES_PER_TICK / 1e6 if state.days else 0)


def format_table(states: list[State], share: int) -> Iterator[str]:
    """Yield the lines of a Markdown table; sizes and numbers are those of all 24 providers."""
    yield "| days | pruned daily | MB | files | one ingest, s | pages, s | prune-runs, s | longest wait beside it, s |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in states:
        prune = (
            ("", "") if one.prune_seconds is None else (f"{one.prune_seconds:.1f}", f"{one.longest_wait_seconds:.2f}")
        )
        cells = (
            f"{one.days}",
            "yes" if one.is_pruned else "no",
            f"{size(one, share):,.0f}",
            f"{one.files * share:,}",
            f"{one.ingest_seconds:.2f}",
            f"{one.page_seconds:.3f}",
            *prune,
        )
        yield f"| {' | '.join(cells)} |"


def measure_full() -> list[tuple[str, float, str]]:
    """Measure the same with all providers; takes ten minutes or more, and 10 GB."""
    return measure(1)


if __name__ == "__main__":
    begun = time.monotonic()
    measure(int(sys.argv[1]) if sys.argv[1:] else SHARE)
    print(f"{time.monotonic() - begun:.0f} s")
