"""The process that runs come from: it imports what a run needs, and does for each run what ``dagster api`` does.

To import Dagster and this package takes longer than most runs. While the process waits for runs on its standard input
it has no thread, no open database and no connection, so that it can be forked for each of them. It ends when its input
does, which is when the process that started it closes it or dies, however that happens.
"""

import gc
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

# What ``python -m dagster`` calls.
from dagster._cli import main as dagster_command

from ghost_pipeline.defs.local_runs import QUIET
from ghost_pipeline.defs.run_processes.prepared_worker import FORKS
from ghost_pipeline.defs.run_processes.run_files import LaunchedRun, RunFiles
from ghost_pipeline.defs.upkeep.dagster_storage import cheap_commits

DEFINITIONS = "ghost_pipeline.definitions"

STOP_POLL_SECONDS = 0.2
"""How often a run's process looks whether it has to stop."""


def execute_handed_over_runs() -> None:
    """Execute the runs that standard input names, one a line, each in a process of its own."""
    try:
        _preload()
        run = _next_run()
    except KeyboardInterrupt:  # Ctrl-C in a terminal reaches every process of its group
        return
    if run is not None:
        _execute(run)


def _preload() -> None:
    importlib.import_module(DEFINITIONS)
    # The run imports this one itself, as a process that is started for it would: it reads settings.
    del sys.modules[DEFINITIONS]
    _rehearse()
    gc.collect()
    gc.freeze()  # what is never touched again stays shared by all forked processes


def _rehearse() -> None:
    """Execute a job in memory that does nothing: Dagster imports much of what a run needs only then."""

    @dg.op
    def do_nothing() -> None:
        pass

    @dg.job(executor_def=dg.in_process_executor, resource_defs={"io_manager": dg.FilesystemIOManager()})
    def rehearsal() -> None:
        do_nothing()

    rehearsal.execute_in_process(run_config=QUIET)


def _next_run() -> LaunchedRun | None:
    """Return the run that this process has to execute. Where processes are forked, one of them returns for each run."""
    if not FORKS:
        line = sys.stdin.buffer.readline()
        return LaunchedRun.of_line(line) if line else None
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system forgets the ended ones
    while line := sys.stdin.buffer.readline():
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            sys.stdin.close()
            return LaunchedRun.of_line(line)
    return None


def _execute(run: LaunchedRun) -> None:
    with (
        run.files.held(),
        dg.DagsterInstance.get() as instance,
        cheap_commits(instance),
        _interrupted_on_request(run.files),
    ):
        sys.argv = ["dagster", *run.arguments]
        try:
            dagster_command()  # type: ignore[no-untyped-call]
        except SystemExit as ended:  # the regular end of a command, too
            if ended.code:
                raise


@contextmanager
def _interrupted_on_request(files: RunFiles) -> Iterator[None]:
    """Interrupt the main thread once somebody asks for it, as Ctrl-C would."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(STOP_POLL_SECONDS):
            if files.is_stop_requested():
                _interrupt_main_thread()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()


def _interrupt_main_thread() -> None:
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)
    else:  # sent to this thread alone, so that it also ends a wait of it
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


if __name__ == "__main__":
    execute_handed_over_runs()
