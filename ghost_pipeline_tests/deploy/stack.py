"""The services of the Compose file as processes on loopback: the same commands, in the same order."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from ghost_pipeline_tests.deploy.compose import DEPLOY, TARGETS, command, environment, health_check

PATIENCE_SECONDS = 120
"""How long something that will happen may take on a busy machine."""

STOPPING_SECONDS = 30
"""How long a service may take to end when it is asked to."""


class Stack:
    """A folder that is laid out like the image, and the processes that were started in it.

    Each service leads a process group of its own, which takes the place of its container: killed as a whole.
    """

    def __init__(self, folder: Path, postgres_url: str) -> None:
        self.folder = folder
        self.models_dir = folder / "models"
        self.models_dir.mkdir()
        for name, target in TARGETS.items():
            (folder / target).parent.mkdir(exist_ok=True)
            shutil.copy(DEPLOY / name, folder / target)
        code_server, webserver = free_port(), free_port()
        self._ports = {"code-server": code_server, "webserver": webserver}
        self.webserver_url = f"http://127.0.0.1:{webserver}"
        self._here = {
            "PGPASSWORD": "",
            "DAGSTER_POSTGRES_URL": postgres_url,
            "GHOST_DATABASE_URL": postgres_url,
            "GHOST_CODE_SERVER_HOST": "127.0.0.1",
            "GHOST_CODE_SERVER_PORT": str(code_server),
            "DAGSTER_CODE_SERVER_HOST": "127.0.0.1",
            "DAGSTER_CODE_SERVER_PORT": str(code_server),
            "DAGSTER_WEBSERVER_HOST": "127.0.0.1",
            "DAGSTER_WEBSERVER_PORT": str(webserver),
        }
        self._image = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "DAGSTER_HOME": str(folder / "dagster"),
            "GHOST_HOME": str(folder / "home"),
            "GHOST_MODELS_DIR": str(self.models_dir),
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def environment(self, service: str) -> dict[str, str]:
        """Return the variables of the image and the Compose file, with this machine's addresses."""
        given = environment(service)
        return {**self._image, **given, **{name: self._here[name] for name in given if name in self._here}}

    def run(self, service: str) -> None:
        """Run a service that ends, such as an upgrade."""
        subprocess.run(
            command(service), cwd=self.folder, env=self.environment(service), check=True, timeout=PATIENCE_SECONDS
        )

    def start(self, service: str) -> None:
        """Start a service that keeps running. Its output goes to ``<service>.log``."""
        with (self.folder / f"{service}.log").open("ab") as log:
            self._running[service] = subprocess.Popen(
                command(service),
                cwd=self.folder,
                env=self.environment(service),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_obey_signals,  # noqa: PLW1509 - it takes no lock that another thread could hold
            )

    def is_healthy(self, service: str) -> bool:
        """Return True if the service's health check passes now. It is run, which takes seconds, if its port is open."""
        assert self._running[service].poll() is None, f"{service} ended\n{self.logs()}"
        if service in self._ports and not _is_open(self._ports[service]):
            return False
        checked = subprocess.run(
            health_check(service), cwd=self.folder, env=self.environment(service), capture_output=True
        )
        return checked.returncode == 0

    def wait_for(self, happened: Callable[[], bool], what: str) -> None:
        """Wait until something has happened; show the logs of the services if it has not."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            assert time.monotonic() < deadline, f"never happened: {what}\n{self.logs()}"
            time.sleep(0.2)

    def wait_until_healthy(self, service: str) -> None:
        """Wait for its health check to pass."""
        self.wait_for(lambda: self.is_healthy(service), f"{service} is healthy")

    def kill(self, service: str) -> None:
        """Kill a container: every process in it ends at once."""
        self._end(service, signal.SIGKILL)

    def stop(self) -> list[str]:
        """Stop everything, the first started last. Return the command lines of what had to be killed."""
        services = reversed(list(self._running))
        return [stubborn for service in services for stubborn in self._end(service, signal.SIGTERM)]

    def logs(self) -> str:
        """Return the last lines of each service's log."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.stem}\n{log.read_text(errors='replace')[-4000:]}" for log in logs)

    def _end(self, service: str, how: signal.Signals) -> list[str]:
        leader = self._running.pop(service)
        members = [psutil.Process(leader.pid), *psutil.Process(leader.pid).children(recursive=True)]
        os.killpg(leader.pid, how)
        _, alive = psutil.wait_procs(members, timeout=STOPPING_SECONDS)
        stubborn = [" ".join(process.cmdline()) for process in alive]
        for process in alive:
            process.kill()
        psutil.wait_procs(alive)
        leader.wait()
        return stubborn


def _obey_signals() -> None:
    """Restore SIGINT: a shell's background job ignores it, and Dagster then ignores SIGTERM as well."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return an unused port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
