"""Serve an application until a signal ends it: the socket, the signals, and what is where on one port.

``serve_pages`` serves the web page alone, for ``ghost-pipeline web``; ``dagster_ui`` serves it beside Dagster's UI.
"""

import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from types import FrameType

import uvicorn
from starlette.responses import RedirectResponse

from ghost_pipeline.errors import OrchestratorError, SettingsError
from ghost_pipeline.web.links import PREFIX
from ghost_pipeline.web.security import Application, Receive, RequestGuard, Scope, Send, TokenGuard, is_allowed_host

LOOPBACK = "127.0.0.1"

REQUEST_GRACE_SECONDS = 2
"""How long open requests may take to end when the server is stopped."""


def serve_pages(
    pages: Application,
    host: str,
    port: int,
    allowed_hosts: Sequence[str],
    announce: Callable[[], None],
    stopping: threading.Event,
    token: str | None = None,
) -> None:
    """Serve the web page until SIGTERM or SIGINT: at the root, and below ``links.PREFIX`` for proxies that keep it.

    Args:
        pages: The application.
        host: The address to listen on.
        port: The port to listen on.
        allowed_hosts: Host names that requests may carry besides loopback's, such as that of a reverse proxy.
        announce: Called once requests are accepted.
        stopping: Set once the server stops.
        token: What every request must carry; None if anyone who reaches the server may read.

    Raises:
        OrchestratorError: The port is taken.
        SettingsError: Others can reach ``host``, and there is no token.
    """
    if token is None and not is_allowed_host(host):
        raise SettingsError(
            f"others than this machine can reach {host}", "name the variable of a token with --token-variable"
        )
    with closing(listen(host, port)) as listener, interrupted_by_signals():
        guarded = route_by_prefix(pages, pages)
        if token is not None:
            guarded = TokenGuard(guarded, token)
        own = [] if host in ("0.0.0.0", "::") else [host]  # noqa: S104 - these are no names of a server
        server = QuietServer(RequestGuard(guarded, [*allowed_hosts, *own]), stopping)
        announce()
        server.run(sockets=[listener])


def route_by_prefix(pages: Application, other: Application) -> Application:
    """Return an application that passes what is below ``links.PREFIX`` on to ``pages``, and the rest to ``other``."""

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and path == PREFIX:
            await RedirectResponse(f"{PREFIX}/")(scope, receive, send)
        elif scope["type"] == "http" and path.startswith(f"{PREFIX}/"):
            await pages({**scope, "root_path": PREFIX}, receive, send)
        else:
            await other(scope, receive, send)

    return route


class QuietServer(uvicorn.Server):
    """A server that logs warnings only, and announces that it stops before it waits for open requests."""

    def __init__(self, application: Application, stopping: threading.Event) -> None:
        config = uvicorn.Config(
            application,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # nothing here depends on the client's address, and anyone can send these
            timeout_graceful_shutdown=REQUEST_GRACE_SECONDS,
        )
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at a signal."""
        self._stopping.set()
        super().handle_exit(sig, frame)

    def stop(self) -> None:
        """Stop, called by another thread."""
        self._stopping.set()
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens, so that a busy port is noticed before anything is started."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise OrchestratorError(f"{host} can't be used: {error.strerror}", "choose another --host") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise OrchestratorError(
            f"port {port} of {host} can't be used: {error.strerror}", "stop the program that uses it or choose --port"
        ) from error
    return listener


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """End the block at SIGTERM or SIGINT, also where a shell started this program with SIGINT ignored (``&``).

    A handler, unlike an ignored signal, is not inherited by the processes that are started here.
    """
    previous = {number: signal.signal(number, _raise_interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _raise_interrupt(number: int, frame: FrameType | None) -> None:
    # The second signal must not interrupt the stopping that the first one began.
    for again in (signal.SIGTERM, signal.SIGINT):
        signal.signal(again, signal.SIG_IGN)
    raise KeyboardInterrupt
