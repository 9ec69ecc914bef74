"""The run launcher of ``dagster.yaml`` under GHOST_HOME: a run starts in a process that has imported all it needs.

Dagster's own launcher has the code server start a process for each run, which imports Dagster and this package first:
longer than most runs take. Here one process has done so, and is forked for each run where that is safe.
"""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import dagster as dg

# Where Dagster documents them for launchers of one's own.
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from ghost_pipeline.defs.run_processes.prepared_worker import PreparedWorker
from ghost_pipeline.defs.run_processes.run_files import FOLDER, LaunchedRun, RunFiles, find_run_files

_POLL_SECONDS = 0.05


class PreparedRunLauncher(RunLauncher[dg.DagsterInstance], ConfigurableClass):
    """Starts runs in processes that need not import anything.

    No process is started before the first launch, since every program that opens the instance has a launcher.
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._inst_data = inst_data
        self._lock = threading.Lock()  # Dagster may launch in several threads
        self._worker: PreparedWorker | None = None
        self._launched: set[str] = set()
        """The ids of runs that may still be going on."""

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """The entry of ``dagster.yaml``."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the schema of the entry's ``config``: there is nothing to configure."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        """Return the launcher of an entry of ``dagster.yaml``."""
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand the run to the waiting process. Raises DagsterInvariantViolationError for a run without code."""
        run = context.dagster_run
        origin = context.job_code_origin
        if origin is None:
            raise dg.DagsterInvariantViolationError(f"run {run.run_id} does not name the code of its job")
        command = ExecuteRunArgs(origin, run.run_id, self._instance.get_ref()).get_command_args()
        files = self._files(run.run_id)
        files.create()
        with self._lock:
            if self._worker is None:
                self._remove_files_of_finished_runs()
                self._worker = PreparedWorker()
            self._worker.execute(LaunchedRun(files, command[command.index("api") :]))
            self._launched = {run_id for run_id in self._launched if self._files(run_id).exist()} | {run.run_id}

    def terminate(self, run_id: str) -> bool:
        """Ask the run's process to interrupt the run, from whichever process. Return False if it has ended."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or not self._may_be_running(run):
            return False
        self._instance.report_run_canceling(run)
        self._files(run_id).request_stop()
        return True

    def _may_be_running(self, run: dg.DagsterRun) -> bool:
        # A process takes the lock before it reports that the run has started.
        files = self._files(run.run_id)
        return files.exist() and (run.status is dg.DagsterRunStatus.STARTING or files.are_held())

    @property
    def supports_check_run_worker_health(self) -> bool:
        """True: Dagster's monitoring of runs records the failure of a run whose process was killed."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return whether the process of a run that has started is there. Dagster fails the run if it is not.

        A run of ``ghost-pipeline ingest``, or of another launcher, has no files and counts as running.
        """
        if not self._files(run.run_id).exist() or self._may_be_running(run):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the process of the run was killed")

    def join(self, timeout: int = 30) -> None:
        """Wait until all runs are over, at most ``timeout`` seconds."""
        ends_at = time.monotonic() + timeout
        while time.monotonic() < ends_at and any(self._is_going_on(run_id) for run_id in self._launched):
            time.sleep(_POLL_SECONDS)

    def _is_going_on(self, run_id: str) -> bool:
        run = self._instance.get_run_by_id(run_id)
        return run is not None and not run.is_finished and self._files(run_id).exist()

    def dispose(self) -> None:
        """End the waiting process. The runs go on, as with Dagster's own launcher."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def _files(self, run_id: str) -> RunFiles:
        return RunFiles(Path(self._instance.root_directory) / FOLDER, run_id)

    def _remove_files_of_finished_runs(self) -> None:
        """Remove the files that killed processes left and that no run needs any more."""
        for files in find_run_files(self._files("").folder):
            run = self._instance.get_run_by_id(files.run_id)
            if run is None or run.is_finished:
                files.remove()
