"""Serve Dagster's UI behind the guard, and run its daemon: what ``ghost-pipeline ui`` starts and stops.

The only place that imports what is private in Dagster's webserver, which accepts requests from every web page in the
user's browser and has no setting against it, so that its application is served here, behind ``web.security``.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import dagster as dg

# Private in Dagster, and the only way to get the webserver's application.
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster_webserver.app import create_app_from_workspace_process_context

from ghost_pipeline.errors import OrchestratorError
from ghost_pipeline.web.security import Application, RequestGuard
from ghost_pipeline.web.serving import LOOPBACK, QuietServer, interrupted_by_signals, listen, route_by_prefix

CODE_MODULE = "ghost_pipeline.definitions"

DAEMON_GRACE_SECONDS = 5
"""How long the daemon may take to end. Together with the server's it stays well below the 10 s of a container."""


def serve_ui(
    open_instance: Callable[[], dg.DagsterInstance],
    port: int,
    allowed_hosts: Sequence[str],
    announce: Callable[[], None],
    pages: Application,
    stopping: threading.Event,
    interrupt_runs: Callable[[], None],
) -> None:
    """Serve the UI on ``port`` of loopback and run the daemon until SIGTERM, SIGINT or the end of either.

    Args:
        open_instance: Opens the Dagster instance, once the port is known to be free.
        port: On loopback.
        allowed_hosts: Host names that requests may carry besides loopback's, such as that of a reverse proxy.
        announce: Called once requests are accepted.
        pages: The application of the web page, which is served below ``links.PREFIX``.
        stopping: Set once the server stops.
        interrupt_runs: Lets the runs that are still going on record their end, before their processes are killed.

    Raises:
        OrchestratorError: The port is taken, or the daemon ended by itself.
    """
    with (
        closing(listen(LOOPBACK, port)) as listener,
        interrupted_by_signals(),
        open_instance() as instance,
        _daemon(interrupt_runs) as daemon,
        _application(instance) as application,
    ):
        server = QuietServer(RequestGuard(route_by_prefix(pages, application), allowed_hosts), stopping)
        logging.getLogger("uvicorn.error").addFilter(_is_worth_logging)
        threading.Thread(target=_stop_after, args=(daemon, server), daemon=True).start()
        announce()
        try:
            server.run(sockets=[listener])
        finally:
            daemon.terminate()  # so that it ends while the application is closed, and not only after that
        # uvicorn raises the signal that stopped it again, so this line is reached only without one.
        raise OrchestratorError(f"the Dagster daemon ended with exit code {daemon.wait()}", "its log is above")


@contextmanager
def _application(instance: dg.DagsterInstance) -> Iterator[Application]:
    """Load the code in a process of its own and yield Dagster's ASGI application on it."""
    target = ModuleTarget(
        module_name=CODE_MODULE, attribute=None, working_directory=str(Path.cwd()), location_name=None
    )
    instance.optimize_for_webserver(statement_timeout=15_000, pool_recycle=3_600, max_overflow=20)
    with WorkspaceProcessContext(
        instance, target, version=dg.__version__, code_server_log_level="WARNING"
    ) as workspace:
        yield create_app_from_workspace_process_context(workspace)


@contextmanager
def _daemon(interrupt_runs: Callable[[], None]) -> Iterator[subprocess.Popen[bytes]]:
    """Run Dagster's daemon in a process group of its own; at the end of the block nothing of the group is left."""
    command = [sys.executable, "-m", "dagster._daemon", "run", "--module-name", CODE_MODULE]
    quiet = ["--log-level", "warning", "--code-server-log-level", "warning"]
    daemon = subprocess.Popen([*command, *quiet], stdin=subprocess.DEVNULL, process_group=0)  # noqa: S603 - the program's own command
    try:
        yield daemon
    finally:
        daemon.terminate()
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(DAEMON_GRACE_SECONDS)
        interrupt_runs()  # most are done by now
        with suppress(ProcessLookupError):  # what is left: its code server and runs, or the daemon itself
            os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()


def _is_worth_logging(record: logging.LogRecord) -> bool:
    """Return False for the error that uvicorn logs for each websocket that the guard answers with 403."""
    return "without completing handshake" not in record.getMessage()


def _stop_after(daemon: subprocess.Popen[bytes], server: QuietServer) -> None:
    daemon.wait()
    server.stop()
