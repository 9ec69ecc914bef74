"""Runs of many files in several processes of one command, which are forked after Dagster is loaded.

To load Dagster takes longer than to ingest a few small files, so that processes that start from nothing gain nothing.
A forked process must inherit no thread, no open SQLite file and no connection: fork before those are opened.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

import dagster as dg

from ghost_pipeline.defs.local_runs import Assignment, Ingestion, RunReport, open_instance
from ghost_pipeline.defs.upkeep.dagster_storage import cheap_commits
from ghost_pipeline.errors import OrchestratorError
from ghost_pipeline.settings import Settings

FILES_PER_PROCESS = 4
"""A process for fewer files costs about as much as it saves: it opens Dagster's instance anew."""

MOST_PROCESSES = 8
"""More would wait for each other: SQLite has one writer at a time."""

SECONDS_TO_STOP = 5
"""How long a process that is asked to end may take to record that its run was interrupted."""


def count_processes(files: int) -> int:
    """Return in how many processes to ingest ``files`` files, at most one per core; 1 where forking is not safe.

    It is safe on Linux, in a process without other threads.
    """
    if sys.platform != "linux" or len(os.listdir("/proc/self/task")) > 1:
        return 1
    return max(1, min(len(os.sched_getaffinity(0)), files // FILES_PER_PROCESS, MOST_PROCESSES))


@dataclass(slots=True, eq=False)
class _Worker:
    """A process, this end of its pipe, and the file that it is ingesting."""

    process: BaseProcess
    connection: Connection
    assignment: Assignment | None = None


class Workers:
    """Processes that ingest files, each one file at a time. A context manager: none of them outlives the block.

    The block must be in the main thread: SIGTERM interrupts it as Ctrl-C does.
    """

    def __init__(
        self, count: int, definitions: dg.Definitions, settings: Settings, instance: dg.DagsterInstance
    ) -> None:
        """Fork ``count`` processes. There must be no other thread, open SQLite file or connection.

        Args:
            count: The number of processes.
            definitions: The definitions with the job.
            settings: The settings, from which each process opens an instance of its own.
            instance: The instance on which to record the end of runs whose process was killed.
        """
        self._instance = instance
        self._workers: list[_Worker] = []
        self._on_sigterm: Any = None
        context = multiprocessing.get_context("fork")
        for _ in range(count):
            ours, theirs = context.Pipe()
            inherited = [ours, *(worker.connection for worker in self._workers)]
            process = context.Process(target=_serve, args=(theirs, inherited, definitions, settings))
            process.start()
            theirs.close()  # the process has the only other copy, so that its death ends the pipe
            self._workers.append(_Worker(process, ours))

    def __enter__(self) -> Self:
        self._on_sigterm = signal.signal(signal.SIGTERM, signal.default_int_handler)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        is_interrupted = kind is not None and not issubclass(kind, Exception)
        try:
            for worker in self._workers:
                worker.connection.close()  # a process ends when it asks for another file
                if is_interrupted:
                    worker.process.terminate()
            for worker in self._workers:
                worker.process.join(SECONDS_TO_STOP if is_interrupted else None)
        finally:
            for worker in self._workers:
                worker.process.kill()
                worker.process.join()
                if worker.assignment is not None:
                    self._end_run(worker.assignment, "interrupted")
            signal.signal(signal.SIGTERM, self._on_sigterm)

    def ingest(self, assignments: Iterable[Assignment]) -> Iterator[RunReport]:
        """Ingest files and yield the report of each once it is done, in any order.

        The next assignment is taken when a process is free. If a process is killed, its file is reported as failed,
        and the others go on.

        Raises:
            Exception: What a process raised that was not the failure of a run.
        """
        remaining = iter(assignments)
        for worker in self._workers:
            _send_next(worker, remaining)
        while busy := [worker for worker in self._workers if worker.assignment is not None]:
            ready = wait([worker.connection for worker in busy])
            for worker in busy:
                if worker.connection in ready and worker.assignment is not None:
                    report = self._receive(worker, worker.assignment)
                    if worker in self._workers:
                        _send_next(worker, remaining)
                    yield report
        for assignment in remaining:
            yield _failed(assignment, "not ingested, because every process of this command was killed")

    def _receive(self, worker: _Worker, assignment: Assignment) -> RunReport:
        try:
            received = worker.connection.recv()
        except (EOFError, OSError):
            return self._report_death(worker, assignment)
        worker.assignment = None
        if isinstance(received, Exception):
            raise received
        report: RunReport = received
        return report

    def _report_death(self, worker: _Worker, assignment: Assignment) -> RunReport:
        self._workers.remove(worker)
        worker.connection.close()
        worker.process.join()
        reason = f"the process that ingested it {_describe_end(worker.process.exitcode)}; run the command again"
        self._end_run(assignment, reason)
        return _failed(assignment, reason)

    def _end_run(self, assignment: Assignment, reason: str) -> None:
        """Record that a run has failed if its process could not."""
        run = self._instance.get_run_by_id(assignment.run_id)
        if run is not None and not run.is_finished:
            self._instance.report_run_failed(run, reason)


def _send_next(worker: _Worker, remaining: Iterator[Assignment]) -> None:
    worker.assignment = next(remaining, None)
    if worker.assignment is not None:
        with suppress(OSError):  # the process was killed, which the wait for its report finds
            worker.connection.send(worker.assignment)


def _failed(assignment: Assignment, reason: str) -> RunReport:
    return RunReport(assignment.file.provider_id, assignment.run_id, is_success=False, error=reason)


def _describe_end(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"was killed by {signal.Signals(-exit_code).name}"
    return f"ended with exit code {exit_code}"


def _serve(
    connection: Connection, inherited: Sequence[Connection], definitions: dg.Definitions, settings: Settings
) -> None:
    """Ingest the files that the parent sends, until it closes its end or dies."""
    # In a process group of its own, so that Ctrl-C reaches the parent alone, which interrupts each process once. A
    # second interrupt would break off the recording of the first.
    os.setpgrp()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    for one in inherited:  # an open copy would hide the parent's death
        one.close()
    try:
        with open_instance(settings) as instance, cheap_commits(instance):
            ingestion = Ingestion(definitions, instance)
            while (assignment := _next_assignment(connection)) is not None:
                connection.send(ingestion.ingest(assignment))
    except KeyboardInterrupt:
        return  # the parent reports it
    except Exception as error:  # noqa: BLE001 - the parent raises it
        with suppress(OSError):  # the parent has gone
            connection.send(_sendable(error))


def _next_assignment(connection: Connection) -> Assignment | None:
    try:
        assignment: Assignment = connection.recv()
    except (EOFError, OSError):
        return None
    return assignment


def _sendable(error: Exception) -> Exception:
    """Return an error that the parent can raise, with this process's traceback as a note."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - this process's own object
    except Exception:  # noqa: BLE001 - an exception of any library, with any state
        return OrchestratorError(f"unexpected {type(error).__name__}: {error}", "run it again with --debug")
    return error
