"""Files by which a run's process and others find each other: one that its process locks, one that asks it to stop.

A process id would not do: the system gives it to another program once the process has ended. A lock ends with its
process, however that ends, on every system, and a file can be seen by a process that is not the run's parent.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

FOLDER = "run_processes"
"""Below DAGSTER_HOME."""

SECONDS_TO_STOP = 2
"""How long runs that are interrupted may take to record it."""

_POLL_SECONDS = 0.05

_LOCK, _STOP = ".lock", ".stop"


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of one run. They exist from its launch to the end of its process."""

    folder: Path
    run_id: str

    @property
    def _lock(self) -> Path:
        return self.folder / f"{self.run_id}{_LOCK}"

    @property
    def _stop(self) -> Path:
        return self.folder / f"{self.run_id}{_STOP}"

    def create(self) -> None:
        """Create the files, before the run is handed to its process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock.touch()

    def remove(self) -> None:
        """Remove the files. Those that another process has open at the moment stay on some systems."""
        for path in (self._lock, self._stop):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the length of a block. Called by the run's process.

        The files are removed after it, unless it raised an exception: the run's end may not be recorded then.
        """
        with FileLock(self._lock):
            yield
        self.remove()

    def exist(self) -> bool:
        """Return True if the run was launched and the end of its process was not regular, or is still to come."""
        return self._lock.exists()

    def are_held(self) -> bool:
        """Return True if the run's process holds the lock at the moment.

        If it ends at the same time, an empty file may stay, which the next start of the daemon removes.
        """
        if not self.exist():
            return False
        try:
            with FileLock(self._lock, timeout=0):
                return False
        except Timeout:
            return True

    def request_stop(self) -> None:
        """Ask the run's process to interrupt the run, wherever it runs."""
        self._stop.touch()

    def is_stop_requested(self) -> bool:
        """Return True if somebody asked the run's process to interrupt the run."""
        return self._stop.exists()


@dataclass(frozen=True, slots=True)
class LaunchedRun:
    """What the process of a run reads from its standard input."""

    files: RunFiles
    arguments: Sequence[str]
    """Of the command ``dagster``."""

    def to_line(self) -> bytes:
        """Return it as a line."""
        document = {"folder": str(self.files.folder), "run_id": self.files.run_id, "arguments": self.arguments}
        return json.dumps(document).encode() + b"\n"

    @classmethod
    def of_line(cls, line: bytes) -> Self:
        """Return what ``to_line`` wrote."""
        document = json.loads(line)
        return cls(RunFiles(Path(document["folder"]), document["run_id"]), document["arguments"])


def find_run_files(folder: Path) -> list[RunFiles]:
    """Return the files of all runs that were launched and have not ended regularly."""
    locks = sorted(path for path in folder.glob(f"*{_LOCK}") if path.is_file() and not path.is_symlink())
    return [RunFiles(folder, path.stem) for path in locks]


def interrupt_runs(dagster_home: Path) -> None:
    """Interrupt all runs that are going on, and wait until they have recorded it, for SECONDS_TO_STOP at most."""
    running = [files for files in find_run_files(dagster_home / FOLDER) if files.are_held()]
    for files in running:
        files.request_stop()
    ends_at = time.monotonic() + SECONDS_TO_STOP
    while any(files.exist() for files in running) and time.monotonic() < ends_at:
        time.sleep(_POLL_SECONDS)
