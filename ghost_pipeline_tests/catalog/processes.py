"""Processes that use one catalog at once, forked from one that has imported the program.

To start Python and import the program takes longer than what most tests let it do.
"""

import multiprocessing
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

SECONDS_TO_START = 60
SECONDS_TO_END = 120

PRELOADED = [
    "alembic.command",  # what an upgrade imports when it is needed
    "alembic.config",
    "psycopg2",
    "ghost_pipeline_tests.catalog.history.test_changes",
    "ghost_pipeline_tests.catalog.ingestion.test_crash_and_concurrency",
    "ghost_pipeline_tests.catalog.storage.test_migrations",
    "ghost_pipeline_tests.catalog.test_many_writers",
]
"""The modules of the functions that processes call, and what these import."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(PRELOADED)

Wait = Callable[[], object]
"""Reports that a process is ready, and waits until it may begin."""


class Worker:
    """A process that calls ``work(wait, *arguments)``; it is ready when this is constructed."""

    def __init__(self, work: Callable[..., object], *arguments: Any) -> None:
        self.channel, theirs = _context.Pipe()
        self.process = _context.Process(target=_call, args=(theirs, work, arguments), daemon=True)
        self.process.start()
        theirs.close()

    def wait_until_ready(self) -> None:
        """Wait until the process calls ``wait``."""
        assert self.channel.poll(SECONDS_TO_START)
        assert self.channel.recv() is None

    def begin(self) -> None:
        """Let the process go on."""
        self.channel.send(None)

    def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        self.process.kill()
        self.process.join()
        self.channel.close()

    def error(self) -> str:
        """Wait for the end and return the traceback; an empty text if there was no error."""
        assert self.channel.poll(SECONDS_TO_END)
        found: str = self.channel.recv()
        self.process.join()
        self.channel.close()
        return found


def run_together(calls: Sequence[tuple[Callable[..., object], tuple[Any, ...]]]) -> list[str]:
    """Start a process for each call, let all begin at the same moment, and return their errors."""
    workers = [Worker(work, *arguments) for work, arguments in calls]
    for worker in workers:
        worker.wait_until_ready()
    for worker in workers:
        worker.begin()
    return [error for error in [worker.error() for worker in workers] if error]


def _call(channel: Connection, work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    def wait() -> None:
        channel.send(None)
        channel.recv()

    try:
        work(wait, *arguments)
    except BaseException:
        channel.send(traceback.format_exc())
        raise
    channel.send("")
