"""Processes for the tests that are forked from one that has imported the program.

To start Python and import the program takes longer than what most tests let a process do. Where the start itself, an
option of Python or what happens at its end matters, a test starts Python.
"""

import io
import multiprocessing
import os
import runpy
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import reduction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

SECONDS_TO_START = 60
SECONDS_TO_END = 120

PRELOADED = [
    "alembic.command",  # what an upgrade imports when it is needed
    "alembic.config",
    "psycopg2",
    "ghost_pipeline.cli.progress",  # what each command of the command line imports
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


class Program:
    """``python`` with arguments that begin with -m or -c, as a process with these files and variables."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path | None = None,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> None:
        files = [None if one is None else _File(one) for one in (stdin, stdout, stderr)]
        place = str(folder or Path.cwd())
        self.process = _context.Process(target=_run, args=(tuple(arguments), dict(environment), place, files))
        self.process.start()

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        self.process.join(SECONDS_TO_END)
        assert self.process.exitcode is not None, "it does not end"
        return self.process.exitcode


class _File:
    """An open file that is passed to a process, which gets the number that it has there."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (reduction.DupFd(self.number),)


def _received(copy: Any) -> int:
    number: int = copy.detach()
    return number


def _run(arguments: Sequence[str], environment: Mapping[str, str], folder: str, files: Sequence[int | None]) -> None:
    """Do what Python does with its arguments. Ends with SystemExit if the program does."""
    for number, given in enumerate(files):
        if given is not None:
            os.dup2(given, number)
            os.close(given)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    kind, what, *others = arguments
    sys.argv = [kind, *others]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
