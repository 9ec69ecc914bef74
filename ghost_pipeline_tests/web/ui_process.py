"""``ghost-pipeline ui`` as a separate process, and requests to it as browsers and programs send them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import psutil

SECONDS_TO_START = 90
SECONDS_TO_STOP = 10


class UiProcess:
    """A running UI on a free port of loopback, with a home and a models folder of its own."""

    def __init__(self, folder: Path, *options: str, ignores_sigint: bool = False) -> None:
        self.folder = folder
        self.port = free_port()
        self.log = folder / "ui.log"
        (folder / "models").mkdir(exist_ok=True)
        # A shell without job control starts a background job with SIGINT ignored.
        prefix = ["env", "--ignore-signal=INT"] if ignores_sigint else ["env", "--default-signal=INT"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*prefix, *ui_command(self.port), *options],
                cwd=folder,
                env=environment(folder),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_until_up(self) -> None:
        """Wait for the line that names the address."""
        ends_at = time.monotonic() + SECONDS_TO_START
        while "http://" not in self.log.read_text():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < ends_at, self.log.read_text()
            time.sleep(0.1)

    def request(
        self, method: str, path: str, body: str = "", headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Return status and body of a request. ``Host`` is the address unless ``headers`` has another."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, body or None, dict(headers or {}))
            answer = connection.getresponse()
            # What follows 101 is not a body.
            return answer.status, "" if answer.status == 101 else answer.read().decode(errors="replace")

    def processes(self) -> list[psutil.Process]:
        """Return the process and all below it."""
        leader = psutil.Process(self._process.pid)
        return [leader, *leader.children(recursive=True)]

    def stop(self) -> Sequence[str]:
        """Send SIGTERM to the leader alone; return the command lines of what is still running 10 seconds later."""
        if self._process.poll() is not None:
            return []
        ends_at = time.monotonic() + SECONDS_TO_STOP
        _, *below = self.processes()
        self._process.send_signal(signal.SIGTERM)
        stubborn = []
        try:
            self._process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            stubborn.append("ghost-pipeline ui")
            self._process.kill()
            self._process.wait()
        while any(is_working(process) for process in below) and time.monotonic() < ends_at:
            time.sleep(0.1)
        for process in below:
            if is_working(process):
                stubborn.append(" ".join(process.cmdline()))
                process.kill()
        return stubborn

    @property
    def exit_code(self) -> int:
        """Exit code of the leader."""
        return self._process.wait(SECONDS_TO_STOP)


@contextmanager
def running_ui(folder: Path, *options: str, ignores_sigint: bool = False) -> Iterator[UiProcess]:
    """Start a UI for the length of a block."""
    ui = UiProcess(folder, *options, ignores_sigint=ignores_sigint)
    try:
        ui.wait_until_up()
        yield ui
    finally:
        ui.stop()


def is_working(process: psutil.Process) -> bool:
    """Return False for a process that has ended, even if its exit code was not collected."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def ui_command(port: int) -> list[str]:
    return [sys.executable, "-m", "ghost_pipeline", "ui", "--port", str(port)]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a program that works in ``folder``, without the keys of this machine."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("GHOST_", "DAGSTER_"))}
    own = {name: value for name, value in others.items() if not name.endswith("_API_KEY")}
    return {**own, "GHOST_HOME": str(folder / "home"), "GHOST_MODELS_DIR": str(folder / "models")}


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
