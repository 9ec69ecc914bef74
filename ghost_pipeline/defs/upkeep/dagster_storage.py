"""Access to Dagster's own storage beyond its public API: old events in batches, the files of runs, SQLite's free pages.

The only module that imports private modules of Dagster for this; ``test_dagster_storage.py`` fails if they move.
``instance.delete_run`` alone leaves the run's SQLite file, its check executions and every event without a run.
"""

import re
import shutil
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.events import ASSET_EVENTS, DagsterEventType
from dagster._core.scheduler.instigation import SensorInstigatorData
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable

from ghost_pipeline.errors import OrchestratorError

RUNLESS = ""
"""The run id of events that sensors and reports over HTTP log."""

SMALL_PAGE_BYTES = 512
"""The page size of a finished run's file: most of its 27 tables and indexes hold nothing but fill a page each."""

INDEX_FILE = "index"
SQLITE_SUFFIXES = ("", "-wal", "-shm", "-journal")

_PLAIN_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""Run ids that name files. Any other, such as ``..``, could lead out of the folder; it has none that are deleted."""

_events = SqlEventLogStorageTable.c
_executions = AssetCheckExecutionsTable.c


class DagsterStorage:
    """The runs and events of one instance, on SQLite or PostgreSQL. Each method is one short transaction.

    Raises:
        OrchestratorError: The instance keeps its runs in something else.
    """

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        event_log, runs = instance.event_log_storage, instance.run_storage
        if not isinstance(event_log, SqlEventLogStorage) or not isinstance(runs, SqlRunStorage):
            raise OrchestratorError("only runs in SQLite or PostgreSQL can be pruned", "set GHOST_KEEP_RUNS_DAYS to 0")
        self._event_log, self._runs = event_log, runs

    def find_finished_runs(self, before: datetime) -> list[str]:
        """Return the ids of the finished runs whose last update is older than ``before``, oldest first."""
        filters = dg.RunsFilter(statuses=list(FINISHED_STATUSES), updated_before=before)
        return list(reversed(self._instance.get_run_ids(filters)))

    def find_unfinished_runs(self) -> set[str]:
        """Return the ids of the runs that are queued or executing."""
        query = sa.select(RunsTable.c.run_id).where(
            RunsTable.c.status.not_in([status.value for status in FINISHED_STATUSES])
        )
        with self._runs.connect() as connection:
            return set(connection.scalars(query))

    def find_known_runs(self) -> set[str]:
        """Return the ids of all runs."""
        with self._runs.connect() as connection:
            return set(connection.scalars(sa.select(RunsTable.c.run_id)))

    def find_latest_events(self) -> tuple[set[int], set[str]]:
        """Return ids and runs of the newest event of each asset, kind of event and partition.

        The page of an asset reads "Missing", and automation starts over, once they are gone.
        """
        newest = (
            sa.select(sa.func.max(_events.id))
            .where(_events.asset_key.is_not(None))
            .where(_events.dagster_event_type.in_([kind.value for kind in ASSET_EVENTS]))
            .group_by(_events.asset_key, _events.dagster_event_type, _events.partition)
        )
        query = sa.select(_events.id, _events.run_id).where(_events.id.in_(newest))
        with self._event_log.index_connection() as connection:
            rows = connection.execute(query).all()
        return {row.id for row in rows}, {row.run_id for row in rows}

    def find_latest_check_executions(self) -> tuple[set[int], set[int], set[str]]:
        """Return row ids, event ids and runs of the newest execution of each check and partition, finished or not."""
        columns = (_executions.asset_key, _executions.check_name, _executions.partition)
        is_planned = _executions.execution_status == "PLANNED"
        newest = sa.select(sa.func.max(_executions.id)).group_by(*columns, is_planned)
        query = sa.select(_executions.id, _executions.evaluation_event_storage_id, _executions.run_id)
        with self._event_log.index_connection() as connection:
            rows = connection.execute(query.where(_executions.id.in_(newest))).all()
        return {row.id for row in rows}, {row.evaluation_event_storage_id for row in rows}, {row.run_id for row in rows}

    def find_materializations(self, asset: str, after_id: int) -> tuple[set[int], set[str]]:
        """Return ids and runs of the materializations of ``asset`` with an event id above ``after_id``."""
        query = sa.select(_events.id, _events.run_id).where(
            _events.asset_key == dg.AssetKey(asset).to_string(),
            _events.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION.value,
            _events.id > after_id,
        )
        with self._event_log.index_connection() as connection:
            rows = connection.execute(query).all()
        return {row.id for row in rows}, {row.run_id for row in rows}

    def read_cursors(self, sensor: str) -> list[str]:
        """Return the cursors of the sensor with that name, one for each code location that has run it."""
        states = self._instance.all_instigator_state()
        data = [state.instigator_data for state in states if state.instigator_name == sensor]
        return [one.cursor for one in data if isinstance(one, SensorInstigatorData) and one.cursor]

    def delete_runs(self, run_ids: Sequence[str]) -> None:
        """Delete runs with their events, files and compute logs. The rows go last, so that it can be repeated."""
        self._delete_events_where(_events.run_id.in_(run_ids))
        for run_id in run_ids:
            self.delete_run_files(run_id)
        with self._runs.connect() as connection:
            connection.execute(sa.delete(RunTagsTable).where(RunTagsTable.c.run_id.in_(run_ids)))
            connection.execute(sa.delete(RunsTable).where(RunsTable.c.run_id.in_(run_ids)))

    def delete_run_files(self, run_id: str) -> None:
        """Delete the run's SQLite file, its compute logs and its folder of outputs, if there are any.

        Links are not followed: what they point to stays.
        """
        if not _PLAIN_RUN_ID.fullmatch(run_id):
            return
        if isinstance(self._event_log, SqliteEventLogStorage):
            path = self._event_log.path_for_shard(run_id)
            for suffix in SQLITE_SUFFIXES:
                Path(path + suffix).unlink(missing_ok=True)
        with suppress(OSError):  # a link in place of the folder, or another program deletes it at the same time
            self._instance.compute_log_manager.delete_logs(prefix=[run_id])
        shutil.rmtree(Path(self._instance.storage_directory()) / run_id, ignore_errors=True)

    def runless_events(self, before: datetime, after_id: int, limit: int) -> list[int]:
        """Return the ids of a page of events without a run that are older than ``before``, oldest first."""
        query = _page(_events.id, after_id, limit).where(
            _events.run_id == RUNLESS, _events.timestamp < before.astimezone(UTC).replace(tzinfo=None)
        )
        with self._event_log.index_connection() as connection:
            return list(connection.scalars(query))

    def delete_events(self, event_ids: Collection[int]) -> None:
        """Delete events of all runs' index by id, with their tags."""
        self._delete_events_where(_events.id.in_(event_ids))

    def delete_runless_copies(self, before: datetime, limit: int) -> int:
        """Delete at most ``limit`` old events from the file that SQLite keeps for events without a run.

        Only that file: the index has them too, and everything that Dagster shows of them comes from there. Return the
        number of deleted events; 0 on PostgreSQL, which has no copies.
        """
        if not isinstance(self._event_log, SqliteEventLogStorage):
            return 0
        if not Path(self._event_log.path_for_shard(RUNLESS)).exists():
            return 0
        oldest = _page(_events.id, 0, limit).where(_events.timestamp < before.astimezone(UTC).replace(tzinfo=None))
        with self._event_log.run_connection(RUNLESS) as connection:
            deleted = connection.execute(sa.delete(SqlEventLogStorageTable).where(_events.id.in_(oldest)))
            return int(deleted.rowcount)

    def check_executions(self, before: datetime, after_id: int, limit: int) -> list[int]:
        """Return the ids of a page of check executions that are older than ``before``, oldest first."""
        query = _page(_executions.id, after_id, limit).where(
            _executions.evaluation_event_timestamp < before.astimezone(UTC).replace(tzinfo=None)
        )
        with self._event_log.index_connection() as connection:
            return list(connection.scalars(query))

    def delete_check_executions(self, row_ids: Collection[int]) -> None:
        """Delete rows of the table from which pages of checks read their history."""
        with self._event_log.index_connection() as connection:
            connection.execute(sa.delete(AssetCheckExecutionsTable).where(_executions.id.in_(row_ids)))

    def run_files(self) -> Iterator[Path]:
        """Yield the SQLite files of single runs, no links or folders. Nothing on PostgreSQL."""
        if isinstance(self._event_log, SqliteEventLogStorage):
            folder = Path(self._event_log.path_for_shard(INDEX_FILE)).parent
            for path in folder.glob("*.db"):
                is_named_by_run = path.stem != INDEX_FILE and _PLAIN_RUN_ID.fullmatch(path.stem)
                if is_named_by_run and path.is_file() and not path.is_symlink():
                    yield path

    def shared_files(self) -> list[Path]:
        """Return the SQLite files that all runs share. Nothing on PostgreSQL."""
        if not isinstance(self._event_log, SqliteEventLogStorage):
            return []
        folder = Path(self._event_log.path_for_shard(INDEX_FILE)).parent
        paths = (folder / "index.db", folder / ".db", folder.parent / "runs.db", *_schedule_files(folder.parent.parent))
        return [path for path in paths if path.exists()]

    def _delete_events_where(self, condition: sa.ColumnElement[bool]) -> None:
        tagged = sa.select(_events.id).where(condition)
        with self._event_log.index_connection() as connection:
            connection.execute(sa.delete(AssetEventTagsTable).where(AssetEventTagsTable.c.event_id.in_(tagged)))
            connection.execute(sa.delete(SqlEventLogStorageTable).where(condition))


def _page(column: sa.ColumnElement[int], after_id: int, limit: int) -> sa.Select[tuple[int]]:
    return sa.select(column).where(column > after_id).order_by(column).limit(limit)


def _schedule_files(base: Path) -> Iterator[Path]:
    return (base / "schedules").glob("schedules.db")


@contextmanager
def cheap_commits(instance: dg.DagsterInstance) -> Iterator[None]:
    """Let this process wait for the disk less often when Dagster writes to SQLite, for the length of the block.

    Dagster commits each event by itself and closes the file, which waits for the disk several times. A power cut can
    lose the last events of the runs in the block, and make the page of such a run unreadable. The catalog, which has
    connections of its own, is as durable as ever.
    """
    shared = DagsterStorage(instance).shared_files()
    if not shared:
        yield
        return
    relaxed = _Relaxed(
        frozenset(str(path.resolve()) for path in shared), str(shared[0].parent.resolve()), _CompiledStatements()
    )
    with ExitStack() as stack:
        for path in shared:  # while one connection is open, the others don't write the log back when they close
            open_file = stack.enter_context(closing(sqlite3.connect(path)))
            open_file.execute("SELECT count(*) FROM sqlite_master").fetchone()
        _relaxed.append(relaxed)
        stack.callback(_relaxed.remove, relaxed)
        yield


class _CompiledStatements(dict[Any, Any]):
    """Compiled statements of all engines: Dagster makes an engine for each event, whose own cache is always empty.

    The first part of SQLAlchemy's keys is the engine's dialect; those of SQLite are all alike here.
    """

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        """Return the statement that was compiled for any engine."""
        return super().get(key[1:], default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        if len(self) < MAX_COMPILED_STATEMENTS:
            super().__setitem__(key[1:], compiled)


MAX_COMPILED_STATEMENTS = 2_000


@dataclass(frozen=True, slots=True)
class _Relaxed:
    """The files of one instance whose commits are cheap for now."""

    shared: frozenset[str]
    folder: str
    """Of the files of single runs."""
    compiled: _CompiledStatements


_relaxed: list[_Relaxed] = []
"""One entry for each ``cheap_commits`` block that is being executed."""


@sa.event.listens_for(sa.Engine, "connect")
def _relax(connection: object, _record: object) -> None:
    # Registered for good: SQLAlchemy's list of listeners must not change while other threads connect.
    if not _relaxed or not isinstance(connection, sqlite3.Connection):
        return
    path: str = connection.execute("PRAGMA database_list").fetchone()[2]  # SQLite has resolved links
    for one in tuple(_relaxed):
        if path in one.shared:
            connection.execute("PRAGMA synchronous = NORMAL")
        elif path.startswith(one.folder):
            connection.execute("PRAGMA synchronous = OFF")


@sa.event.listens_for(sa.Engine, "engine_connect")
def _share_compiled_statements(connection: sa.Connection) -> None:
    if not _relaxed or connection.dialect.name != "sqlite":
        return
    database = str(connection.engine.url.database)
    for one in tuple(_relaxed):
        if database in one.shared or database.startswith(one.folder):
            connection.execution_options(compiled_cache=one.compiled)


def compact_run_file(path: Path) -> bool:
    """Rewrite a finished run's file with small pages, which makes it a third as large. Return False if it is in use.

    Dagster reads it as before. A crash leaves the file as it was.
    """
    if any(Path(f"{path}{suffix}").exists() for suffix in SQLITE_SUFFIXES[1:]):
        return False
    try:
        with closing(_open_existing(path, timeout=0)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")  # the page size can't change while there is a WAL
            connection.execute(f"PRAGMA page_size = {SMALL_PAGE_BYTES}")
            connection.execute("VACUUM")
            connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.DatabaseError:  # locked, because a page of the UI reads it; gone; or damaged
        return False
    return True


def _open_existing(path: Path, timeout: float) -> sqlite3.Connection:
    """Open a SQLite file that exists: another program may have deleted it, and an empty one must not take its place."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=timeout, isolation_level=None)


def page_bytes(path: Path) -> int:
    """Return the page size of a SQLite file, 0 if it is not one or does not exist."""
    try:
        with path.open("rb") as content:
            header = content.read(18)
    except FileNotFoundError:
        return 0
    return int.from_bytes(header[16:18]) if header.startswith(b"SQLite format 3") else 0


def enable_incremental_vacuum(path: Path) -> bool:
    """Let a SQLite file give back free pages step by step. Rewrites it: for small files. Return False if locked."""
    try:
        with closing(_open_existing(path, timeout=0)) as connection:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("VACUUM")
    except sqlite3.OperationalError:
        return False
    return True


def free_bytes(path: Path) -> tuple[int, bool]:
    """Return the size of the free pages of a SQLite file, and True if it can give them back step by step."""
    with closing(sqlite3.connect(path, timeout=1)) as connection:
        pages, size, mode = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("freelist_count", "page_size", "auto_vacuum")
        )
    return pages * size, mode == 2


def give_back_pages(path: Path, pages: int) -> int:
    """Cut at most ``pages`` free pages from the end of a SQLite file. Return how many are left.

    None are cut while another program writes to the file for longer than a second.
    """
    with closing(_open_existing(path, timeout=1)) as connection:
        with suppress(sqlite3.OperationalError):
            # A script runs to its end; execute() would cut one page and stop.
            connection.executescript(f"PRAGMA incremental_vacuum({pages:d});")
        left: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
    return left
