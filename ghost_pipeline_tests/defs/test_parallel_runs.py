"""Many files are ingested by several processes, none of which is left, whatever ends them."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import psutil
import pytest

from ghost_pipeline import ModelCatalog
from ghost_pipeline.defs.local_runs import open_instance
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.web.ui_process import environment, is_working

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="one process ingests all files here"
)
PROVIDERS = [f"p{number}" for number in range(8)]
SECONDS = 60


class Command:
    """``ingest`` of eight files as a process, while this one holds the write lock of the catalog."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings.from_environment(environment(folder))
        models = folder / "models"
        models.mkdir()
        for provider_id in PROVIDERS:
            rows = [{"id": "a"}, {"id": "b"}]
            (models / f"{provider_id}_models.json").write_text(json.dumps({"data": rows}))
        ModelCatalog.open(self.settings).close()
        self.folder = folder
        self.leader = self.start()

    def start(self) -> subprocess.Popen[str]:
        """Start the command in a process group of its own, as a shell does."""
        return subprocess.Popen(
            # A shell without job control starts a background job, and so these tests, with SIGINT ignored.
            ["env", "--default-signal=INT", sys.executable, "-W", "error", "-m", "ghost_pipeline", "ingest", "--json"],
            cwd=self.folder,
            env=environment(self.folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def workers(self) -> list[psutil.Process]:
        """Return the processes that ingest, once each has begun with a file."""
        wait_until(lambda: len(list((self.settings.dagster_home / "history" / "runs").glob("*-*.db"))) == 2)
        return psutil.Process(self.leader.pid).children()

    def statuses(self) -> dict[str, dg.DagsterRunStatus]:
        """Return the status of each provider's run."""
        with open_instance(self.settings) as instance:
            runs = instance.get_runs(dg.RunsFilter(job_name="ingest_listing"))
        return {run.tags["dagster/partition"]: run.status for run in runs}

    def counts(self) -> dict[str, int]:
        """Return the number of models of each provider in the catalog."""
        with ModelCatalog.open(self.settings) as catalog:
            models = catalog.find_models()
        return {one: sum(model.provider_id == one for model in models) for one in PROVIDERS}


def wait_until(is_true: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + SECONDS
    while not is_true():
        assert time.monotonic() < ends_at
        time.sleep(0.05)


@contextmanager
def write_lock(settings: Settings) -> Iterator[None]:
    """Stop every other writer of the catalog for the block."""
    with closing(sqlite3.connect(settings.home / "catalog.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    monkeypatch.setenv("DAGSTER_HOME", "")
    command = Command(tmp_path)
    yield command
    command.leader.kill()
    command.leader.communicate()


def test_the_file_of_a_killed_process_is_left_for_the_next_run_and_the_others_are_ingested(command: Command) -> None:
    with write_lock(command.settings):
        killed, other = command.workers()
        killed.kill()
    out, err = command.leader.communicate(timeout=SECONDS)
    listings = json.loads(out)["listings"]
    assert command.leader.returncode == 3, err
    assert [listing["provider"] for listing in listings] == PROVIDERS
    assert err.splitlines() == [f"[{number}/8] p{number - 1}_models.json" for number in range(1, 9)]
    (failed,) = (listing for listing in listings if listing["verdict"] is None)
    assert failed["reason"] == "the process that ingested it was killed by SIGKILL; run the command again"
    assert failed["provider"] in ("p0", "p1")
    statuses = command.statuses()
    assert statuses.pop(failed["provider"]) is dg.DagsterRunStatus.FAILURE
    assert statuses == {one: dg.DagsterRunStatus.SUCCESS for one in PROVIDERS if one != failed["provider"]}
    assert command.counts() == {one: 0 if one == failed["provider"] else 2 for one in PROVIDERS}
    assert not is_working(other)
    again = command.start()
    again.communicate(timeout=SECONDS)
    assert again.returncode == 0
    assert set(command.counts().values()) == {2}


@pytest.mark.parametrize("is_terminal", [True, False])
def test_an_interrupted_command_leaves_no_process_and_no_unfinished_run(command: Command, is_terminal: bool) -> None:
    with write_lock(command.settings):
        workers = command.workers()
        if is_terminal:
            os.killpg(command.leader.pid, signal.SIGINT)
        else:
            command.leader.terminate()
        time.sleep(0.3)
    out, err = command.leader.communicate(timeout=SECONDS)
    assert (command.leader.returncode, out) == (1, "")
    assert "Aborted!" in err
    assert not [worker for worker in workers if is_working(worker)]
    statuses = command.statuses()
    assert 2 <= len(statuses) < len(PROVIDERS)
    assert set(statuses.values()) <= {dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS}
    assert dg.DagsterRunStatus.FAILURE in statuses.values()
    for provider_id, count in command.counts().items():
        assert count == (2 if statuses.get(provider_id) is dg.DagsterRunStatus.SUCCESS else 0), statuses


def test_the_processes_of_a_killed_command_end_with_their_file(command: Command) -> None:
    with write_lock(command.settings):
        workers = command.workers()
        command.leader.kill()
        command.leader.wait()
    wait_until(lambda: not any(is_working(worker) for worker in workers))
    assert command.statuses() == {"p0": dg.DagsterRunStatus.SUCCESS, "p1": dg.DagsterRunStatus.SUCCESS}


RAISING = """
from dataclasses import replace
from pathlib import Path
import sys
import dagster as dg
from ghost_pipeline.defs.local_runs import Assignment, open_instance
from ghost_pipeline.defs.parallel_runs import Workers
from ghost_pipeline.errors import SettingsError
from ghost_pipeline.listings.files import find_listings
from ghost_pipeline.settings import Settings

settings = Settings.from_environment()
file, = find_listings(settings.models_dir).files
Path("file").touch()
with open_instance(settings) as instance:
    broken = replace(settings, home=Path("file"))
    with Workers(2, dg.Definitions(), broken, instance) as workers:
        try:
            list(workers.ingest([Assignment(file, file.modified_at)]))
        except SettingsError as error:
            print(error, error.__notes__)
"""


def test_an_error_that_is_not_of_a_file_is_raised_with_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "openai_models.json").write_text('{"data": []}')
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", RAISING],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert ran.stdout.startswith(f"the folder {tmp_path / 'file' / 'dagster'} can't be created: Not a directory;"), ran
    assert "in open_instance" in ran.stdout
