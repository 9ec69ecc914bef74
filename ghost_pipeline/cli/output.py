"""Tables, JSON, exit codes and error lines."""

import json
import sys
import traceback
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ghost_pipeline.errors import CatalogError, FolderError, OrchestratorError, UsageError


def print_json(document: Any) -> None:
    """One JSON document on stdout. Instants are ISO 8601 with Z, records are objects of their fields."""
    click.echo(json.dumps(msgspec.to_builtins(document), indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Sequence[str] = ()) -> None:
    """A table on stdout; ``numbers`` names the columns that align right. Unknown is shown as nothing."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        is_number = column in numbers
        table.add_column(column, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    for row in rows:
        table.add_row(*(escape(shown(cell)) for cell in row))
    _console().print(table)


def shown(value: Any) -> str:
    """A value as people read it."""
    match value:
        case None:
            text = ""
        case datetime():
            text = f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
        case bool():
            text = "yes" if value else "no"
        case int():
            text = f"{value:,}"
        case float():
            text = f"{value:g}"
        case list() | tuple():
            text = ", ".join(shown(one) for one in value)
        case _:
            text = str(value)
    return text


def warn(line: str) -> None:
    """A line on stderr for something a person should look at."""
    click.echo(f"Warning: {line}", err=True)


def _console() -> Console:
    # Rich wraps to 80 columns where there is no terminal; a pipe takes whatever is wide enough to read.
    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_CATALOG = 3


class ErrorHandlingGroup(click.Group):
    """A group whose commands end with a line that says what, where and what to do, never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; with ``--debug``, errors show their traceback before their line."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except UsageError as error:
            _end(ctx, str(error), EXIT_USAGE)
        except (CatalogError, FolderError, OrchestratorError) as error:
            _end(ctx, str(error), EXIT_CATALOG)
        except Exception as error:  # noqa: BLE001 - the last line of defence of a command line
            _end(ctx, f"unexpected {type(error).__name__}: {error}; run it again with --debug", EXIT_CATALOG)


def _end(ctx: click.Context, line: str, code: int) -> NoReturn:
    if ctx.params.get("debug"):
        traceback.print_exc()
    click.echo(f"Error: {' '.join(line.split())}", err=True)
    sys.exit(code)
