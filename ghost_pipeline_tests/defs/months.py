"""Months of operation in seconds: copies of real runs, as many a day as a deployment makes, with back-dated times.

A copy is a file of its own with the run's events, and rows in the tables that all runs share.
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


@dataclass(frozen=True, slots=True)
class _Event:
    """One event of a template run in the shared tables."""

    row: Sequence[Any]
    """Columns of ``event_logs``; the last is the event's JSON."""
    tags: Sequence[Sequence[Any]]
    executions: Sequence[Sequence[Any]]


class Months:
    """Adds days to the Dagster folder of an instance on SQLite."""

    def __init__(self, dagster_home: Path, templates: Sequence[str]) -> None:
        self._folder = dagster_home / "history"
        with closing(_connect(self._folder / "runs" / "index.db")) as index:
            self._events = {run_id: _read_events(index, run_id) for run_id in templates}

    def add_day(self, day: datetime, templates: Sequence[str]) -> None:
        """Copy a run for each of ``templates``, spread over the day that begins at ``day``."""
        times = [day + timedelta(days=1) * number / len(templates) for number in range(len(templates))]
        copies = [(old, str(uuid.uuid4()), at) for old, at in zip(templates, times, strict=True)]
        for old, new, at in copies:
            self._copy_file(old, new, at)
        with closing(_connect(self._folder / "runs" / "index.db")) as index, index:
            for copy in copies:
                _copy_events(index, self._events[copy[0]], *copy)
        with closing(_connect(self._folder / "runs.db")) as runs, runs:
            for copy in copies:
                _copy_run(runs, *copy)

    def _copy_file(self, old: str, new: str, at: datetime) -> None:
        # Both ids have one length, and each index has the same value in all rows: SQLite's file stays in order.
        path = self._folder / "runs" / f"{new}.db"
        path.write_bytes((self._folder / "runs" / f"{old}.db").read_bytes().replace(old.encode(), new.encode()))
        os.utime(path, (at.timestamp(), at.timestamp()))


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def _copy_events(index: sqlite3.Connection, events: Sequence[_Event], old: str, new: str, at: datetime) -> None:
    stamp = f"{at:%Y-%m-%d %H:%M:%S.%f}"
    for event in events:
        copied = index.execute(
            "INSERT INTO event_logs (dagster_event_type, step_key, asset_key, partition, event, run_id, timestamp) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*event.row[:-1], event.row[-1].replace(old, new), new, stamp),
        )
        index.executemany(
            "INSERT INTO asset_event_tags (asset_key, key, value, event_id, event_timestamp) VALUES (?, ?, ?, ?, ?)",
            [(*tag, copied.lastrowid, stamp) for tag in event.tags],
        )
        index.executemany(
            "INSERT INTO asset_check_executions (asset_key, check_name, partition, execution_status, evaluation_event, "
            "run_id, evaluation_event_timestamp, evaluation_event_storage_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(*row[:-1], row[-1].replace(old, new), new, stamp, copied.lastrowid) for row in event.executions],
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
