"""Pruning of old runs: what may go, in steps that never block other writers for long; its job and its schedule.

What stays, however old: a run or an event that is the newest of its kind for an asset's partition or for a check, and a
report of inferences that the sensor has not recorded yet.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from ghost_pipeline.defs.evidence.channels import inference_reports
from ghost_pipeline.defs.evidence.reported_sightings import inference_reports_sensor, read_event_cursor
from ghost_pipeline.defs.resource import GhostCatalog, translate_errors
from ghost_pipeline.defs.upkeep.dagster_storage import (
    SMALL_PAGE_BYTES,
    SQLITE_SUFFIXES,
    DagsterStorage,
    cheap_commits,
    compact_run_file,
    enable_incremental_vacuum,
    free_bytes,
    give_back_pages,
    page_bytes,
)

COMPACT_AFTER = timedelta(hours=1)
"""A run's file is rewritten that long after its last change, when its page in the UI is hardly open any more."""

LONGEST_STEP_SECONDS = 0.3
"""Steps that take longer are halved; none should block another writer for a second, also on a slow disk."""

MAX_BATCH = 200
MAX_PAGES = 5_000
"""Pages of a SQLite file that one step gives back."""

REWRITABLE_BYTES = 16_000_000
"""A SQLite file of this size is rewritten within a fraction of a second."""

Report = Callable[[str, int, int], None]
"""Called with the name of the phase, the steps done and the steps in all."""


@dataclass(slots=True)
class PruneResult:
    """What was deleted, or would be in a dry run."""

    older_than_days: float
    is_dry_run: bool
    runs: int = 0
    kept_runs: int = 0
    """Old runs that stay because they hold the newest event of something, or a report that was not read yet."""
    unread_reports: int = 0
    """Reports of inferences that stay because ``inference_reports_sensor`` has not recorded them."""
    events: int = 0
    """Events without a run."""
    check_executions: int = 0
    orphaned_files: int = 0
    """Files of runs that were deleted without their file."""
    compacted_files: int = 0
    files_before: int = 0
    files_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    unreclaimed_bytes: int = 0
    """Free pages of SQLite files that were created without incremental vacuum; new rows fill them."""
    longest_step_seconds: float = 0.0
    duration_seconds: float = 0.0


@dataclass(slots=True)
class BatchPace:
    """Sizes batches by the time they take, and leaves other writers as much time between them."""

    size: int = 20
    longest_seconds: float = 0.0
    max_size: int = MAX_BATCH
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def step(self, work: Callable[[], object]) -> None:
        """Do one step, adapt the size of the next one to its time, and pause."""
        started = self.clock()
        work()
        took = self.clock() - started
        self.longest_seconds = max(self.longest_seconds, took)
        if took > LONGEST_STEP_SECONDS:
            self.size = max(1, self.size // 2)
        elif took < LONGEST_STEP_SECONDS / 4:
            self.size = min(self.max_size, self.size * 2)
        self.pause(min(took, LONGEST_STEP_SECONDS))


def _silent(phase: str, done: int, total: int) -> None:
    """Report nothing."""


def prune_old_runs(
    instance: dg.DagsterInstance,
    older_than: timedelta,
    now: datetime,
    *,
    is_dry_run: bool = False,
    report: Report = _silent,
) -> PruneResult:
    """Delete the finished runs and the events without a run that are older than ``older_than``.

    Also gives back SQLite's free pages and compacts the files of finished runs that stay. Repeating it after a crash
    completes it; two at once do no harm. Raises OrchestratorError if the instance's storage is neither SQLite nor
    PostgreSQL.
    """
    pruning = _Pruning(instance, older_than, now, report)
    started = time.monotonic()
    result = PruneResult(older_than / timedelta(days=1), is_dry_run)
    result.files_before, result.bytes_before = pruning.measure()
    with cheap_commits(instance):  # a power cut can undo the last deletions at most, and they are repeated next time
        pruning.prune(result)
    result.files_after, result.bytes_after = pruning.measure()
    result.duration_seconds = round(time.monotonic() - started, 3)
    return result


class _Pruning:
    def __init__(self, instance: dg.DagsterInstance, older_than: timedelta, now: datetime, report: Report) -> None:
        self._storage, self._now, self._report = DagsterStorage(instance), now, report
        self._before = now - older_than
        self._pace = BatchPace()

    def prune(self, result: PruneResult) -> None:
        """Delete what may go, unless the result is one of a dry run, and count it in ``result``."""
        is_dry_run = result.is_dry_run
        event_ids, runs_of_events = self._storage.find_latest_events()
        execution_ids, events_of_executions, runs_of_executions = self._storage.find_latest_check_executions()
        unread_ids, runs_of_unread = self._find_unread_reports()
        result.unread_reports = len(unread_ids)
        old = self._storage.find_finished_runs(self._before)
        kept = runs_of_events | runs_of_executions | runs_of_unread
        doomed = [run_id for run_id in old if run_id not in kept]
        result.runs, result.kept_runs = len(doomed), len(old) - len(doomed)
        if not is_dry_run:
            self._delete_runs(doomed)
        result.events = self._delete_pages(
            "events without a run",
            self._storage.runless_events,
            None if is_dry_run else self._storage.delete_events,
            event_ids | events_of_executions | unread_ids,
        )
        result.check_executions = self._delete_pages(
            "check executions",
            self._storage.check_executions,
            None if is_dry_run else self._storage.delete_check_executions,
            execution_ids,
        )
        if not is_dry_run:
            self._delete_runless_copies()
            result.orphaned_files = self._delete_orphaned_files()
            result.compacted_files = self._compact_files()
            result.unreclaimed_bytes = sum(self._vacuum(path) for path in self._storage.shared_files())
        result.longest_step_seconds = round(self._pace.longest_seconds, 3)

    def measure(self) -> tuple[int, int]:
        """Return the number of SQLite files of runs, and the bytes of all SQLite files."""
        own = list(self._storage.run_files())
        return len(own), sum(_size(path) for path in [*own, *self._storage.shared_files()])

    def _find_unread_reports(self) -> tuple[set[int], set[str]]:
        # Each sensor of that name reads from the first report on, so that one of them has recorded all up to the
        # highest cursor. None at all has no cursor, and every report is unread.
        cursors = self._storage.read_cursors(inference_reports_sensor.name)
        recorded = max(map(read_event_cursor, cursors), default=0)
        return self._storage.find_materializations(inference_reports.key.to_user_string(), recorded)

    def _delete_runs(self, run_ids: Sequence[str]) -> None:
        done = 0
        while done < len(run_ids):
            batch = run_ids[done : done + self._pace.size]
            self._pace.step(lambda batch=batch: self._storage.delete_runs(batch))  # type: ignore[misc]
            done += len(batch)
            self._report("runs", done, len(run_ids))

    def _delete_pages(
        self,
        phase: str,
        find: Callable[[datetime, int, int], list[int]],
        delete: Callable[[Sequence[int]], None] | None,
        kept: set[int],
    ) -> int:
        after, deleted = 0, 0
        while page := find(self._before, after, self._pace.size):
            after = page[-1]
            doomed = [row_id for row_id in page if row_id not in kept]
            if doomed and delete is not None:
                self._pace.step(lambda doomed=doomed: delete(doomed))  # type: ignore[misc]
            deleted += len(doomed)
            self._report(phase, deleted, 0)
        return deleted

    def _delete_runless_copies(self) -> None:
        counts = [1]
        while counts[-1]:
            self._pace.step(lambda: counts.append(self._storage.delete_runless_copies(self._before, self._pace.size)))

    def _delete_orphaned_files(self) -> int:
        # Files first: a run that starts meanwhile has a row by the time that the rows are read.
        files = [path for path in self._storage.run_files() if _changed_before(path, self._before)]
        known = self._storage.find_known_runs()
        orphans = [path.stem for path in files if path.stem not in known]
        for run_id in orphans:
            self._storage.delete_run_files(run_id)
        return len(orphans)

    def _compact_files(self) -> int:
        unfinished, before = self._storage.find_unfinished_runs(), self._now - COMPACT_AFTER
        files = [
            path
            for path in self._storage.run_files()
            if path.stem not in unfinished and _changed_before(path, before) and page_bytes(path) > SMALL_PAGE_BYTES
        ]
        compacted = 0
        for done, path in enumerate(files, 1):
            compacted += compact_run_file(path)
            self._report("files of runs", done, len(files))
        return compacted

    def _vacuum(self, path: Path) -> int:
        """Give back the free pages of a file. Return the bytes that can't be given back in short steps."""
        free, is_incremental = free_bytes(path)
        if not is_incremental and path.stat().st_size - free <= REWRITABLE_BYTES:
            is_incremental = enable_incremental_vacuum(path)
        elif is_incremental:
            left, pace = [1], BatchPace(MAX_BATCH, max_size=MAX_PAGES)
            while left[-1]:
                pace.step(lambda: left.append(give_back_pages(path, pace.size)))
                self._pace.longest_seconds = max(self._pace.longest_seconds, pace.longest_seconds)
                if left[-1] == left[-2]:  # another process reads an older state
                    break
        return 0 if is_incremental else free


def _changed_before(path: Path, before: datetime) -> bool:
    try:
        return path.stat().st_mtime < before.timestamp()
    except FileNotFoundError:
        return False


def _size(path: Path) -> int:
    sizes = 0
    for suffix in SQLITE_SUFFIXES:
        try:
            sizes += Path(f"{path}{suffix}").stat().st_size
        except FileNotFoundError:
            continue
    return sizes


@dg.op(description="Deletes the runs that GHOST_KEEP_RUNS_DAYS does not keep, with their files.")
def delete_old_runs(context: dg.OpExecutionContext, ghost: GhostCatalog) -> None:
    keep_for = ghost.settings().keep_runs_for
    if not keep_for:
        context.log.info("GHOST_KEEP_RUNS_DAYS is 0: all runs stay")
        return
    with translate_errors():
        result = prune_old_runs(context.instance, keep_for, datetime.now(UTC))
    context.log.info(describe_pruning(result))


@dg.op(description="Deletes archived bytes of listings that GHOST_KEEP_LISTINGS_DAYS does not keep and nothing needs.")
def delete_old_listings(context: dg.OpExecutionContext, ghost: GhostCatalog) -> None:
    if ghost.settings().keep_listings_for is None:
        context.log.info("GHOST_KEEP_LISTINGS_DAYS is not set: all listings stay")
        return
    with translate_errors(), ghost.opened() as catalog:
        context.log.info(catalog.prune_listings().describe())


def describe_pruning(result: PruneResult) -> str:
    """Return one line with the counts and sizes of ``result``."""
    verb = "would be deleted" if result.is_dry_run else "deleted"
    unread = f", {result.unread_reports:,} reports stay until they are recorded" if result.unread_reports else ""
    return (
        f"older than {result.older_than_days:g} days: {result.runs:,} runs {verb}, {result.kept_runs:,} kept as the "
        f"newest of an asset or a check, {result.events:,} events without a run, {result.check_executions:,} check "
        f"executions{unread}; {result.bytes_before / 1e6:,.1f} MB in {result.files_before:,} files of runs before, "
        f"{result.bytes_after / 1e6:,.1f} MB in {result.files_after:,} after"
    )


@dg.job(
    description="Deletes old runs with their files, and old events without a run; the newest of each stay. Deletes old "
    "bytes of listings from the archive too, if GHOST_KEEP_LISTINGS_DAYS is set."
)
def prune_runs() -> None:
    delete_old_runs()
    delete_old_listings()


@dg.schedule(
    job=prune_runs,
    cron_schedule="50 4 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every day: deletes the runs that GHOST_KEEP_RUNS_DAYS does not keep, and the archived listings that "
    "GHOST_KEEP_LISTINGS_DAYS does not keep.",
)
def prune_runs_1d(ghost: GhostCatalog) -> dg.RunRequest | dg.SkipReason:
    settings = ghost.settings()
    if not settings.keep_runs_for and settings.keep_listings_for is None:
        return dg.SkipReason("GHOST_KEEP_RUNS_DAYS is 0 and GHOST_KEEP_LISTINGS_DAYS is not set: all runs stay.")
    return dg.RunRequest()
