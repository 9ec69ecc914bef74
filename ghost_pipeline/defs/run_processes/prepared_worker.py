"""The waiting process as its parent sees it: runs go in; it is replaced once it is gone or its code has changed."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

import ghost_pipeline
from ghost_pipeline.defs.run_processes.run_files import LaunchedRun

COMMAND = (sys.executable, "-m", "ghost_pipeline.defs.run_processes.worker")

FORKS = sys.platform == "linux"
"""Where a process can be forked for each run; elsewhere one executes a single run and ends."""

SECONDS_TO_END = 2
"""How long a process without a run may take to end once its input is closed."""

_PACKAGE = Path(ghost_pipeline.__file__).parent


class PreparedWorker:
    """A process that executes runs, or has executed one where it can't be forked; there is always a next one."""

    def __init__(self) -> None:
        self._former: list[subprocess.Popen[bytes]] = []
        """Those that have not ended yet. To ask for it also collects the exit code of those that have."""
        self._start()

    def _start(self) -> None:
        self._code = _newest_code()
        self._process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE)  # noqa: S603 - the program's own command

    @property
    def process_id(self) -> int:
        """The id of the process that takes the next run."""
        return self._process.pid

    def execute(self, run: LaunchedRun) -> None:
        """Hand a run over. Raises OSError if a process can't be started."""
        if self._code != _newest_code():  # somebody works on this package: the run has to use what is there
            self._replace()
        try:
            self._send(run)
        except BrokenPipeError:  # it was killed
            self._replace()
            self._send(run)
        if not FORKS:
            self._replace()

    def _send(self, run: LaunchedRun) -> None:
        pipe = self._input()
        pipe.write(run.to_line())
        pipe.flush()

    def _replace(self) -> None:
        self._close_input()
        self._former = [one for one in (*self._former, self._process) if one.poll() is None]
        self._start()

    def close(self) -> None:
        """End the process. The runs that it was handed go on."""
        self._close_input()
        for process in (*self._former, self._process):
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_END)

    def _close_input(self) -> None:
        with suppress(BrokenPipeError):  # it was killed before it took the last run
            self._input().close()

    def _input(self) -> IO[bytes]:
        if self._process.stdin is None:
            raise AssertionError("the process is started with a pipe as its standard input")
        return self._process.stdin


def _newest_code() -> int:
    """Return the newest modification time of a source file of this package, in nanoseconds."""
    return max(path.stat().st_mtime_ns for path in _PACKAGE.rglob("*.py"))
