"""When the waiting process is replaced, with a small program in its place that writes down the runs that it takes."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ghost_pipeline.defs.run_processes import prepared_worker
from ghost_pipeline.defs.run_processes.prepared_worker import PreparedWorker
from ghost_pipeline.defs.run_processes.run_files import LaunchedRun, RunFiles
from ghost_pipeline_tests.defs.run_processes.test_launcher import wait_until
from ghost_pipeline_tests.web.ui_process import is_working

PROGRAM = """
import json, pathlib, sys
for line in sys.stdin:
    run = json.loads(line)
    (pathlib.Path(run["folder"]) / run["run_id"]).touch()
"""


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PreparedWorker]:
    (tmp_path / "code.py").touch()
    monkeypatch.setattr(prepared_worker, "_PACKAGE", tmp_path)
    monkeypatch.setattr(prepared_worker, "COMMAND", (sys.executable, "-c", PROGRAM))
    worker = PreparedWorker()
    yield worker
    worker.close()


def execute(worker: PreparedWorker, folder: Path, run_id: str) -> int:
    """Hand over a run, wait until a process has taken it, and return the id of the process."""
    worker.execute(LaunchedRun(RunFiles(folder, run_id), ["api"]))
    wait_until((folder / run_id).exists)
    return worker.process_id


@pytest.mark.skipif(not prepared_worker.FORKS, reason="a process executes one run here")
def test_one_process_takes_all_runs_until_the_code_changes(worker: PreparedWorker, tmp_path: Path) -> None:
    first = execute(worker, tmp_path, "1")
    assert execute(worker, tmp_path, "2") == first
    (tmp_path / "more.py").touch()
    os.utime(tmp_path / "more.py", (2_000_000_000, 2_000_000_000))
    assert (second := execute(worker, tmp_path, "3")) != first
    assert execute(worker, tmp_path, "4") == second


def test_a_process_that_was_killed_is_replaced(worker: PreparedWorker, tmp_path: Path) -> None:
    first = psutil.Process(worker.process_id)
    first.kill()
    wait_until(lambda: not is_working(first))
    assert execute(worker, tmp_path, "1") != first.pid


def test_where_processes_are_not_forked_each_run_has_one_of_its_own(
    worker: PreparedWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared_worker, "FORKS", False)
    processes = {worker.process_id, execute(worker, tmp_path, "1"), execute(worker, tmp_path, "2")}
    assert len(processes) == 3
