"""CSV: a line of column names, then a line a model. An empty cell states nothing; capabilities are words with spaces,
commas or semicolons between them.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping
from typing import Any

from ghost_pipeline.additions.columns import addition, column_named
from ghost_pipeline.errors import InvalidAdditions
from ghost_pipeline.lifecycle.additions import ADDITION_COLUMNS, Addition


def read_csv(text: str) -> list[Addition]:
    """The models of a CSV text. Raises InvalidAdditions for bad quoting and for columns that are not known."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] | None = None
    additions = []
    line = 1
    try:
        for cells in reader:
            if columns is None:
                columns = _columns(cells)
            elif any(cell.strip() for cell in cells):
                additions.append(_row(line, columns, cells))
            line = reader.line_num + 1  # a quoted cell may span lines: the next row begins where this one ended
    except csv.Error as error:
        raise InvalidAdditions(f"line {line}: {error}") from error
    return additions


def _columns(cells: list[str]) -> list[str]:
    columns = [column_named(cell) for cell in cells]
    unknown = [column for column in columns if column not in ADDITION_COLUMNS]
    if unknown:
        named = ", ".join(repr(column[:80]) for column in unknown[:5])
        raise InvalidAdditions(f"line 1: there is no column {named}; there are: {', '.join(ADDITION_COLUMNS)}")
    twice = [column for column in columns if columns.count(column) > 1]
    if twice:
        raise InvalidAdditions(f"line 1: column {twice[0]!r} is there twice")
    lacking = [column for column in ("provider_id", "model_id") if column not in columns]
    if lacking:
        raise InvalidAdditions(f"line 1: there is no column {lacking[0]!r}, which every model needs")
    return columns


def _row(line: int, columns: list[str], cells: list[str]) -> Addition:
    if len(cells) != len(columns):
        return Addition(f"line {line}", problem=f"has {len(cells)} cells, but there are {len(columns)} columns")
    said = [(column, cell.strip()) for column, cell in zip(columns, cells, strict=True)]
    return addition(line, [(column, _value(column, cell)) for column, cell in said if cell])


def _value(column: str, cell: str) -> Any:
    """The value of a cell; one that can't be read stays text, which the catalog's checks will name."""
    try:
        return _VALUES.get(column, str)(cell)
    except ValueError:
        return cell


def _words(cell: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", cell) if word]


_VALUES: Mapping[str, Callable[[str], Any]] = {
    "context_window": int,
    "max_output_tokens": int,
    "input_price": float,
    "output_price": float,
    "capabilities": _words,
}
