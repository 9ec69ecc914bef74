"""Months of operation in seconds: copies of real runs, as many a day as a deployment makes, with back-dated times.

A copy of a run is a SQLite file of its own with the run's events, and rows in the tables that all runs share. What
sensors log without a run is copied too. Works on Dagster's SQLite files only; the runs must have finished.
"""

import os
import sqlite3
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

RUNLESS = ""
"""The run id of events that sensors log."""


@dataclass(frozen=True, slots=True)
class _Event:
    """One event in the tables that all runs share."""

    row: Sequence[Any]
    """Type, step, asset, partition and JSON of the event."""
    tags: Sequence[Sequence[Any]]
    executions: Sequence[Sequence[Any]]


class RunHistory:
    """Adds days to the Dagster folder of an instance on SQLite.

    Args:
        dagster_home: The folder of the instance.
        templates: Ids of finished runs; RUNLESS for the events that belong to none.
    """

    def __init__(self, dagster_home: Path, templates: Sequence[str]) -> None:
        self._folder = dagster_home / "history"
        self._ticks = dagster_home / "schedules" / "schedules.db"
        with closing(_connect(self._index)) as index:
            self._events = {run_id: _read_events(index, run_id) for run_id in templates}
        # Whatever a reader has not written back yet would be missing in a copy of the file alone.
        for path in (self._file_of(run_id) for run_id in templates if run_id != RUNLESS):
            with closing(sqlite3.connect(path)) as file:
                file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._files = {run_id: self._file_of(run_id).read_bytes() for run_id in templates if run_id != RUNLESS}

    @property
    def _index(self) -> Path:
        return self._folder / "runs" / "index.db"

    def _file_of(self, run_id: str) -> Path:
        return self._folder / "runs" / f"{run_id}.db"

    def add_day(self, day: datetime, templates: Sequence[str]) -> list[str]:
        """Copy each of ``templates``, spread over the day that begins at ``day``. Return the ids of the new runs."""
        times = [day + timedelta(days=1) * number / len(templates) for number in range(len(templates))]
        copies = [
            (old, RUNLESS if old == RUNLESS else str(uuid.uuid4()), at)
            for old, at in zip(templates, times, strict=True)
        ]
        runs = [copy for copy in copies if copy[0] != RUNLESS]
        for old, new, at in runs:
            self._copy_file(old, new, at)
        with closing(_connect(self._index)) as index, index:
            for old, new, at in copies:
                _copy_events(index, [_renamed(event, old, new) for event in self._events[old]], new, at)
        with closing(_connect(self._folder / "runs" / ".db")) as runless, runless:
            for old, new, at in copies:
                if old == RUNLESS:
                    _insert_events(runless, self._events[old], new, at)
        with closing(_connect(self._folder / "runs.db")) as shared, shared:
            for copy in runs:
                _copy_run(shared, *copy)
        return [new for _, new, _ in runs]

    def add_ticks(self, number: int, template: Sequence[Any]) -> None:
        """Add rows to the table of ticks: selector id, status, type, timestamp and JSON."""
        with closing(_connect(self._ticks)) as ticks, ticks:
            ticks.executemany(
                "INSERT INTO job_ticks (job_origin_id, selector_id, status, type, timestamp, tick_body) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [template] * number,
            )

    def _copy_file(self, old: str, new: str, at: datetime) -> None:
        # Both ids have one length, and each index has the same value in all rows: SQLite's file stays in order.
        path = self._file_of(new)
        path.write_bytes(self._files[old].replace(old.encode(), new.encode()))
        os.utime(path, (at.timestamp(), at.timestamp()))


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def _insert_events(file: sqlite3.Connection, events: Sequence[_Event], run_id: str, at: datetime) -> list[int]:
    """Insert rows of ``event_logs``; return their ids."""
    stamp = f"{at:%Y-%m-%d %H:%M:%S.%f}"
    return [
        file.execute(
            "INSERT INTO event_logs (dagster_event_type, step_key, asset_key, partition, event, run_id, timestamp) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*event.row, run_id, stamp),
        ).lastrowid
        or 0
        for event in events
    ]


def _copy_events(index: sqlite3.Connection, events: Sequence[_Event], run_id: str, at: datetime) -> None:
    stamp = f"{at:%Y-%m-%d %H:%M:%S.%f}"
    for event, event_id in zip(events, _insert_events(index, events, run_id, at), strict=True):
        index.executemany(
            "INSERT INTO asset_event_tags (asset_key, key, value, event_id, event_timestamp) VALUES (?, ?, ?, ?, ?)",
            [(*tag, event_id, stamp) for tag in event.tags],
        )
        index.executemany(
            "INSERT INTO asset_check_executions (asset_key, check_name, partition, execution_status, evaluation_event, "
            "run_id, evaluation_event_timestamp, evaluation_event_storage_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(*row, run_id, stamp, event_id) for row in event.executions],
        )


def _renamed(event: _Event, old: str, new: str) -> _Event:
    """Return the event as one of the run ``new``."""
    if old == RUNLESS:
        return event
    return _Event(
        (*event.row[:-1], event.row[-1].replace(old, new)),
        event.tags,
        [(*row[:-1], row[-1] and row[-1].replace(old, new)) for row in event.executions],
    )


def _read_events(index: sqlite3.Connection, run_id: str) -> list[_Event]:
    found = index.execute(
        "SELECT id, dagster_event_type, step_key, asset_key, partition, event FROM event_logs WHERE run_id = ? "
        "ORDER BY id",
        (run_id,),
    ).fetchall()
    return [
        _Event(
            row,
            index.execute(
                "SELECT asset_key, key, value FROM asset_event_tags WHERE event_id = ?", (event_id,)
            ).fetchall(),
            index.execute(
                "SELECT asset_key, check_name, partition, execution_status, evaluation_event "
                "FROM asset_check_executions WHERE evaluation_event_storage_id = ?",
                (event_id,),
            ).fetchall(),
        )
        for event_id, *row in found
    ]


def _copy_run(runs: sqlite3.Connection, old: str, new: str, at: datetime) -> None:
    stamp = f"{at:%Y-%m-%d %H:%M:%S.%f}"
    runs.execute(
        "INSERT INTO runs (run_id, snapshot_id, pipeline_name, mode, status, run_body, partition, partition_set, "
        "create_timestamp, update_timestamp, start_time, end_time) "
        "SELECT ?, snapshot_id, pipeline_name, mode, status, replace(run_body, ?, ?), partition, partition_set, ?, ?, "
        "?, ? FROM runs WHERE run_id = ?",
        (new, old, new, stamp, stamp, at.timestamp(), at.timestamp() + 1, old),
    )
    runs.execute(
        "INSERT INTO run_tags (run_id, key, value) SELECT ?, key, value FROM run_tags WHERE run_id = ?", (new, old)
    )
