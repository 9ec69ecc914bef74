"""Progress bars of commands that may take longer than a second: on stderr, on a terminal only, not with ``--json``.

A dumb terminal, which can't move its cursor, shows none.

A command opens one with ``show_progress`` and hands its methods on as callbacks. The catalog and the upkeep of Dagster
report plain numbers and know nothing of terminals.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ghost_pipeline.cli.output import open_console
from ghost_pipeline.redaction import printable

SHOWN_AFTER_SECONDS = 1.0
"""A command that is done sooner shows no bar."""


class _DelayedBar:
    """A bar that appears SHOWN_AFTER_SECONDS after the first start, drawn by threads of its own."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._shown_at = time.monotonic() + SHOWN_AFTER_SECONDS
        self._timer = threading.Timer(0, bar.start)

    def start(self) -> None:
        self._timer = threading.Timer(max(self._shown_at - time.monotonic(), 0), self._bar.start)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Remove the bar and end its threads."""
        self._timer.cancel()
        self._timer.join()  # it may be starting the bar just now
        self._bar.stop()


class ProgressReport:
    """What a command is doing, and how far it is. Does nothing where no bar is shown."""

    def __init__(self, bar: Progress | None, description: str, delayed: _DelayedBar | None = None) -> None:
        self.is_shown = bar is not None
        self._bar = bar
        self._delayed = delayed
        self._task = None if bar is None else bar.add_task(_plain(description), total=None)

    @contextmanager
    def without_threads(self) -> Iterator[None]:
        """Remove the bar for the block, which forks: a process that has other threads can't do that safely."""
        if self._delayed is None:
            yield
            return
        self._delayed.stop()
        try:
            yield
        finally:
            self._delayed.start()

    def update(self, done: int, total: int | None = None, description: str | None = None) -> None:
        """Show that ``done`` steps of ``total`` are done; None as the total means that it is not known."""
        if self._bar is not None and self._task is not None:
            text = None if description is None else _plain(description)
            self._bar.update(self._task, completed=done, total=total, description=text)

    def phase(self, description: str, done: int, total: int) -> None:
        """Show the progress of one of several phases; a total of 0 means that it is not known."""
        self.update(done, total or None, description)


def _plain(text: str) -> str:
    """Return a name of a provider, a file or a phase as one line without control characters."""
    return printable(" ".join(text.split()))


@contextmanager
def show_progress(description: str, *, is_json: bool = False) -> Iterator[ProgressReport]:
    """Show a bar while the block is being executed, from SHOWN_AFTER_SECONDS on, and remove it at its end."""
    console = open_console(sys.stderr)
    if is_json or not console.is_terminal or console.is_dumb_terminal:
        yield ProgressReport(None, description)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=False)
    delayed = _DelayedBar(bar)
    delayed.start()
    try:
        yield ProgressReport(bar, description, delayed)
    finally:
        delayed.stop()
