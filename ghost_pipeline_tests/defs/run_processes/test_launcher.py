"""Runs that the launcher of ``dagster.yaml`` starts, in real processes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.definitions.reconstruct import ReconstructableRepository  # as Dagster's own tests of launchers do
from dagster._core.launcher import WorkerStatus

from ghost_pipeline.defs.fetching import fetch_provider
from ghost_pipeline.defs.ingestion import ingest_listing, listing_run_config
from ghost_pipeline.defs.local_runs import open_instance
from ghost_pipeline.defs.resource import providers
from ghost_pipeline.defs.run_processes import prepared_worker
from ghost_pipeline.defs.run_processes.launcher import PreparedRunLauncher
from ghost_pipeline.defs.run_processes.run_files import FOLDER, RunFiles, find_run_files, interrupt_runs
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.defs.builders import NOON, listing
from ghost_pipeline_tests.web.ui_process import is_working

NOT_FOUND, RUNNING = WorkerStatus.NOT_FOUND, WorkerStatus.RUNNING

DEFINITIONS = "ghost_pipeline.definitions"
LONG_RUN = "ghost_pipeline_tests.defs.run_processes.long_run"

START = """
import time
from ghost_pipeline.defs.run_processes.prepared_worker import PreparedWorker
worker = PreparedWorker()
print(worker.process_id, flush=True)
time.sleep(60)
"""

TERMINATE = """
import sys, dagster
with dagster.DagsterInstance.get() as instance:
    print(instance.run_launcher.terminate(sys.argv[1]))
"""


@dataclass(frozen=True)
class Home:
    """A home with its instance, and the launcher that the instance has by its ``dagster.yaml``."""

    folder: Path
    instance: dg.DagsterInstance

    @property
    def launcher(self) -> PreparedRunLauncher:
        own = self.instance.run_launcher
        assert isinstance(own, PreparedRunLauncher)
        return own

    def launch(self, module: str, job: str, tags: dict[str, str], config: dict[str, object]) -> str:
        """Launch a run of a job and return its id."""
        repository = ReconstructableRepository.for_module(module, "definitions", os.getcwd())
        job_code = repository.get_reconstructable_job(job)
        run = self.instance.create_run_for_job(
            job_code.get_definition(), run_config=config, tags=tags, job_code_origin=job_code.get_python_origin()
        )
        self.instance.launch_run(run.run_id, workspace=None)  # type: ignore[arg-type] # no launcher of ours needs it
        return run.run_id

    def launch_long(self) -> tuple[str, int]:
        """Launch a run that lasts, and return its id and that of its process once it is at work."""
        pid_file = self.folder / "pid"
        pid_file.unlink(missing_ok=True)
        run_id = self.launch(LONG_RUN, "long_job", {"pid_file": str(pid_file)}, {})
        wait_until(lambda: pid_file.exists() and pid_file.read_text())
        return run_id, int(pid_file.read_text())

    def ingest(self, content: bytes) -> dg.DagsterRun:
        """Write a file of OpenAI, launch the run that ingests it, and return the run when it is over."""
        path = self.folder / "models" / "openai_models.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return self.run_to_end(ingest_listing.name, "openai", listing_run_config(path, NOON))

    def run_to_end(self, job: str, provider_id: str, config: dict[str, object]) -> dg.DagsterRun:
        """Launch a run of one of this package's jobs and return it when it is over."""
        self.instance.add_dynamic_partitions(str(providers.name), [provider_id])
        run_id = self.launch(DEFINITIONS, job, {"dagster/partition": provider_id}, config)
        self.launcher.join(60)
        return self.run(run_id)

    def run(self, run_id: str) -> dg.DagsterRun:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run

    def messages(self, run_id: str) -> str:
        return "\n".join(str(entry) for entry in self.instance.all_logs(run_id))

    def files(self) -> list[str]:
        return sorted(path.name for path in (Path(self.instance.root_directory) / FOLDER).iterdir())

    def workers(self) -> list[psutil.Process]:
        """Return the processes that this one started to wait for runs."""
        own = [one for one in psutil.Process().children() if is_working(one)]
        return [one for one in own if prepared_worker.COMMAND[-1] in one.cmdline()]


def wait_until(is_true: Callable[[], object]) -> None:
    ends_at = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < ends_at
        time.sleep(0.05)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("launcher")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GHOST_HOME", str(folder / "home"))
        patch.setenv("GHOST_PROVIDERS_FILE", str(folder / "providers.toml"))
        patch.delenv("DAGSTER_HOME", raising=False)
        (folder / "providers.toml").touch()
        with open_instance(Settings.from_environment()) as instance:
            patch.setenv("DAGSTER_HOME", instance.root_directory)
            yield Home(folder, instance)
    assert not Home(folder, instance).workers()


def test_a_run_is_executed_in_a_process_that_has_imported_everything_and_a_refused_listing_is_red(home: Home) -> None:
    assert home.workers() == []  # nothing is started before the first launch
    assert home.ingest(listing("one", "two")).status is dg.DagsterRunStatus.SUCCESS
    [worker] = home.workers()
    refused = home.ingest(b"not a listing")
    assert refused.status is dg.DagsterRunStatus.FAILURE
    assert "STEP_FAILURE" in refused.tags.values()  # what is not done again
    assert "Started process for run" in home.messages(refused.run_id)
    assert home.workers() == [worker]
    wait_until(lambda: home.files() == [])


@pytest.mark.skipif(not prepared_worker.FORKS, reason="processes are not forked here")
def test_the_waiting_process_has_one_thread_and_no_database_open_and_is_the_parent_of_the_runs(home: Home) -> None:
    run_id, pid = home.launch_long()
    [worker] = home.workers()
    assert psutil.Process(pid).ppid() == worker.pid
    assert worker.num_threads() == 1
    assert worker.net_connections() == []
    assert [file.path for file in worker.open_files() if file.path.endswith(".db")] == []
    home.launcher.terminate(run_id)
    home.launcher.join()


def test_another_process_can_terminate_a_run(home: Home) -> None:
    run_id, pid = home.launch_long()
    ended = subprocess.run([sys.executable, "-c", TERMINATE, run_id], capture_output=True, text=True, check=True)
    assert ended.stdout == "True\n"
    home.launcher.join()
    assert home.run(run_id).status is dg.DagsterRunStatus.CANCELED
    wait_until(lambda: not psutil.pid_exists(pid))
    assert not home.launcher.terminate(run_id)


def test_a_run_whose_process_was_killed_is_found_and_no_other_run(home: Home) -> None:
    run_id, pid = home.launch_long()
    assert home.launcher.check_run_worker_health(home.run(run_id)).status is RUNNING
    psutil.Process(pid).kill()
    wait_until(lambda: not psutil.pid_exists(pid))
    assert home.instance.run_monitoring_enabled
    assert home.launcher.check_run_worker_health(home.run(run_id)).status is NOT_FOUND
    assert not home.launcher.terminate(run_id)
    home.instance.report_run_failed(home.run(run_id))  # what the monitoring does then
    command = dg.GraphDefinition(name="of_a_command").to_job()
    assert home.launcher.check_run_worker_health(home.instance.create_run_for_job(command)).status is RUNNING


def test_an_edited_provider_file_is_read_by_the_next_run(home: Home) -> None:
    file = home.folder / "providers.toml"
    for text, problem in (
        ("[providers.acme]\nbase_url = 3\n", "base_url must be"),
        ("[others]\n", "'others' is unknown"),
    ):
        file.write_text(text)
        run = home.run_to_end(fetch_provider.name, "acme", {})
        assert run.status is dg.DagsterRunStatus.FAILURE
        assert problem in home.messages(run.run_id)
    file.write_text("")


def test_the_waiting_process_ends_when_the_one_that_started_it_is_killed(home: Home) -> None:
    with subprocess.Popen([sys.executable, "-c", START], stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        waiting = psutil.Process(int(daemon.stdout.readline()))
        daemon.kill()
    wait_until(lambda: not is_working(waiting))


def test_the_ui_lets_its_runs_record_that_they_were_interrupted(home: Home) -> None:
    run_id, _ = home.launch_long()
    home.launcher.dispose()
    assert home.workers() == []
    assert home.run(run_id).status is dg.DagsterRunStatus.STARTED
    interrupt_runs(Path(home.instance.root_directory))
    assert home.run(run_id).status is dg.DagsterRunStatus.FAILURE
    assert "interrupted" in home.messages(run_id)
    wait_until(lambda: not any(name.startswith(run_id) for name in home.files()))
    home.ingest(listing("one"))  # the launcher begins anew, and removes what killed processes left
    wait_until(lambda: home.files() == [])


def test_entries_of_other_kinds_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    (folder / "a folder.lock").mkdir(parents=True)
    (folder / "a link.lock").symlink_to(tmp_path)
    os.mkfifo(folder / "a pipe.lock")
    RunFiles(folder, "a run").create()
    assert find_run_files(folder) == [RunFiles(folder, "a run")]
    interrupt_runs(tmp_path)
