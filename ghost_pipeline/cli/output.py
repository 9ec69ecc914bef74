"""What commands print: JSON for programs, tables and sentences for people."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ghost_pipeline.lifecycle.plain import plain


def print_json(document: Any) -> None:
    """One JSON document on stdout. Instants are ISO 8601 with Z, records are objects of their fields."""
    click.echo(json.dumps(plain(document), indent=2))


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
