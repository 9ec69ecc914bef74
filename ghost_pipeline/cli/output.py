"""Tables, JSON, exit codes and error lines."""

import json
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any, NoReturn, TextIO, cast

import click
import msgspec
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from ghost_pipeline.errors import CatalogError, FolderError, OrchestratorError, UsageError
from ghost_pipeline.redaction import printable


def print_json(document: Any) -> None:
    """Print one JSON document on stdout. Instants are ISO 8601 with Z, records are objects of their fields."""
    click.echo(_json_text(document))


def _json_text(document: Any) -> str:
    # JSON leaves DEL as it is.
    return json.dumps(msgspec.to_builtins(document), indent=2).replace("\x7f", "\\u007f")


def print_json_list(items: Iterable[Any]) -> int:
    """Print a JSON list as its items come, in the form of ``print_json``. Return the number of items."""
    written = _print_items(items, "\n")
    click.echo()
    return written


def print_json_object(members: Mapping[str, Any], name: str, items: Iterable[Any]) -> int:
    """Print a JSON object whose last member is a list, which is printed as its items come. Return their number."""
    head = _json_text(members).removesuffix("}").rstrip()
    click.echo(f"{head}{',' if members else ''}\n  {json.dumps(name)}: ", nl=False)
    written = _print_items(items, "\n  ")
    click.echo("\n}")
    return written


def _print_items(items: Iterable[Any], line_end: str) -> int:
    written = 0
    for written, item in enumerate(items, 1):
        indented = _json_text(item).replace("\n", f"{line_end}  ")  # no line break within a string of JSON
        click.echo(f"{'[' if written == 1 else ','}{line_end}  {indented}", nl=False)
    click.echo(f"{line_end}]" if written else "[]", nl=False)
    return written


FIRST_ROWS = 500
"""Rows that decide on the widths of the columns; longer tables are printed as they come."""

GAP = 2
"""Spaces between columns."""


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    numbers: Sequence[str] = (),
    optional: Sequence[str] = (),
) -> None:
    """Print a table on stdout. An unknown value is an empty cell.

    In a pipe or a file every record is one line, whatever its width. A terminal that is too narrow loses columns before
    a word is broken. A long table is printed as its rows come, one line each, with widths by its first rows.

    Args:
        columns: The headings.
        rows: One cell per column each.
        numbers: Columns that are aligned to the right.
        optional: Columns that a narrow terminal can lose, the least important first.
    """
    texts = ([_one_line(format_value(cell)) for cell in row] for row in rows)
    table = [list(columns), *islice(texts, FIRST_ROWS)]
    following = next(texts, None)
    console = open_console(sys.stdout)
    if console.is_terminal and following is None:
        _print_to_terminal(console, table, numbers, optional)
        return
    widths = [max(map(_width, column)) for column in zip(*table, strict=True)]
    columns_are_numbers = [name in numbers for name in columns]
    remaining = chain(table, () if following is None else (following,), texts)
    while page := list(islice(remaining, FIRST_ROWS)):
        click.echo("\n".join(_line(row, widths, columns_are_numbers) for row in page))


def _line(row: Sequence[str], widths: Sequence[int], are_numbers: Sequence[bool]) -> str:
    cells = map(_pad, row, widths, are_numbers)
    return (" " * GAP).join(cells).rstrip()


def _print_to_terminal(
    console: Console, table: Sequence[Sequence[str]], numbers: Sequence[str], optional: Sequence[str]
) -> None:
    table = [list(column) for column in zip(*table, strict=True)]
    for name in optional:
        if _min_width(table) <= console.width:
            break
        table = [column for column in table if column[0] != name]
    grid = Table(box=None, header_style="bold", pad_edge=False, padding=(0, GAP, 0, 0))
    for column, width in zip(table, _share_width(table, console.width), strict=True):
        justify: JustifyMethod = "right" if column[0] in numbers else "left"
        grid.add_column(Text(column[0]), justify=justify, width=width, overflow="fold")
    for row in list(zip(*table, strict=True))[1:]:
        grid.add_row(*map(Text, row))
    console.print(grid)


def _share_width(table: Sequence[Sequence[str]], available: int) -> list[int]:
    """Return a width for each column: its longest word, and more as long as there is room.

    Without room even for the words, the widest columns break theirs.
    """
    widths = [_longest_word(column) for column in table]
    room = available - _min_width(table)
    for _ in range(-room):
        widest = max(range(len(widths)), key=widths.__getitem__)
        widths[widest] = max(widths[widest] - 1, 1)
    wanted = [max(map(cell_len, column)) - width for column, width in zip(table, widths, strict=True)]
    for index in sorted(range(len(table)), key=lambda index: wanted[index]):
        extra = min(max(room, 0), wanted[index])
        widths[index] += extra
        room -= extra
    return widths


def _min_width(table: Sequence[Sequence[str]]) -> int:
    return sum(map(_longest_word, table)) + GAP * (len(table) - 1)


def _longest_word(cells: Sequence[str]) -> int:
    return max((cell_len(word) for cell in cells for word in cell.split()), default=1)


def _width(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _one_line(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return printable(" ".join(text.splitlines()))


def _pad(text: str, width: int, is_number: bool) -> str:
    padding = " " * (width - _width(text))
    return padding + text if is_number else text + padding


def count(number: int, noun: str) -> str:
    """Return a number with its noun, singular or plural: "1 model", "2,000 models"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def format_value(value: Any) -> str:
    """Return a value as text for people."""
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
        case dict():
            text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
        case list() | tuple():
            text = ", ".join(format_value(one) for one in value)
        case _:
            text = str(value)
    return text


def format_state(
    *, is_active: bool, last_seen_at: datetime, is_exact: bool = True, refused_since: datetime | None = None
) -> str:
    """Return the state of a model; if not ``is_exact``, it was seen last at ``last_seen_at`` or before."""
    if is_active:
        return "active" if refused_since is None else f"! active, but refused since {format_value(refused_since)}"
    return f"! ghost, last seen {'' if is_exact else 'by '}{format_value(last_seen_at)}"


def warn(line: str) -> None:
    """Print a warning line on stderr."""
    click.echo(f"Warning: {printable(line)}", err=True)


class PrintableStream:
    """A text stream that escapes the control characters in what is written to it, except line ends and tabs.

    It stands for stdout and stderr while a command runs, so that no name from a provider, a file or a database can
    send commands to the terminal, whichever line shows it.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write the escaped text."""
        return self.stream.write(printable(text, keep="\n\t"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def open_console(stream: Any) -> Console:
    """Return Rich's console for a stream. With NO_COLOR, or on a dumb terminal, it sends no escape sequences."""
    file = raw_stream(stream)
    console = Console(file=file, highlight=False, markup=False)
    is_plain = console.no_color or console.is_dumb_terminal
    return Console(file=file, highlight=False, markup=False, color_system=None) if is_plain else console


def raw_stream(stream: Any) -> TextIO:
    """Return the stream below a PrintableStream, for Rich, which writes colours; its text must be printable already."""
    below: TextIO = stream.stream if isinstance(stream, PrintableStream) else stream
    return below


EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_CATALOG = 3


class ErrorHandlingGroup(click.Group):
    """A group whose commands report an error in one line: what happened, to what, what to do. No tracebacks."""

    def main(self, *arguments: Any, **settings: Any) -> Any:
        """Run the command line with stdout and stderr that escape control characters, in usage errors too."""
        out, err = PrintableStream(sys.stdout), PrintableStream(sys.stderr)
        with redirect_stdout(cast(TextIO, out)), redirect_stderr(cast(TextIO, err)):
            return super().main(*arguments, **settings)

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
