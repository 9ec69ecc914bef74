"""Read files that users write by hand (CSV, YAML, JSON): models to add, retirements to announce.

The catalog checks the values, not this module.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, NoReturn

import yaml

from ghost_pipeline.errors import InvalidAdditions, InvalidAnnouncements, UsageError
from ghost_pipeline.lifecycle.facts import ADDITION_COLUMNS, FACTS, FactKind
from ghost_pipeline.lifecycle.records import Addition
from ghost_pipeline.lifecycle.retirement import ANNOUNCEMENT_COLUMNS
from ghost_pipeline.lifecycle.validation import END_OF_DAY, parse_end

__all__ = ["read_additions", "read_announcements"]


@dataclass(frozen=True, slots=True)
class Layout:
    """What the rows of a file are about."""

    noun: str
    columns: tuple[str, ...]
    kinds: Mapping[str, FactKind]
    """Column -> how its cells are read; other columns are text."""
    other_names: Mapping[str, str]
    error: type[UsageError]
    required: tuple[str, ...] = ("provider_id", "model_id")

    def column_of(self, name: object) -> str:
        """Return the column that the user means by ``name``; an unknown one as it is written."""
        written = str(name).strip()
        return self.other_names.get(written.lower(), written.lower() if written.isascii() else written)

    def row(self, place: str, pairs: Iterable[tuple[object, Any]]) -> Addition:
        """Return the row that (column, value) ``pairs`` state."""
        stated: dict[str, Any] = {}
        for name, value in pairs:
            column = self.column_of(name)
            if column in stated:
                return Addition(place, error=f"column {column[:80]!r} is a duplicate")
            stated[column] = _to_instant(value) if self.kinds.get(column) is FactKind.INSTANT else value
        return Addition(place, stated)


_OTHER_NAMES = {"provider": "provider_id", "model": "model_id"}

ADDITIONS = Layout("model", ADDITION_COLUMNS, {fact.name: fact.kind for fact in FACTS}, _OTHER_NAMES, InvalidAdditions)
ANNOUNCEMENTS = Layout(
    "announcement",
    ANNOUNCEMENT_COLUMNS,
    {"retires_at": FactKind.INSTANT},
    {**_OTHER_NAMES, "retires": "retires_at", "source": "source_url"},
    InvalidAnnouncements,
    ("provider_id", "model_id", "retires_at"),
)


def _to_instant(value: Any) -> Any:
    """Return a date or an ISO 8601 text as an aware instant in UTC unless it names a zone; anything else as it is.

    A day without a time is its last second.
    """
    if isinstance(value, str):
        try:
            return parse_end(value)
        except UsageError:
            return value
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time(*END_OF_DAY))
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def read_csv(text: str, layout: Layout = ADDITIONS) -> list[Addition]:
    """Return the rows of a CSV text. Raises the layout's error for bad quoting and unknown columns."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] | None = None
    rows = []
    line = 1
    try:
        for cells in reader:
            if columns is None:
                columns = _columns(cells, layout)
            elif any(cell.strip() for cell in cells):
                rows.append(_row(line, columns, cells, layout))
            line = reader.line_num + 1  # a quoted cell may span lines: the next row begins where this one ended
    except csv.Error as error:
        raise layout.error(f"line {line}: {error}") from error
    return rows


def _columns(cells: list[str], layout: Layout) -> list[str]:
    columns = [layout.column_of(cell) for cell in cells]
    unknown = [column for column in columns if column not in layout.columns]
    if unknown:
        named = ", ".join(repr(column[:80]) for column in unknown[:5])
        raise layout.error(f"line 1: unknown column {named}", f"the columns are: {', '.join(layout.columns)}")
    twice = [column for column in columns if columns.count(column) > 1]
    if twice:
        raise layout.error(f"line 1: column {twice[0]!r} is a duplicate", "remove one of them")
    lacking = [column for column in layout.required if column not in columns]
    if lacking:
        raise layout.error(f"line 1: column {lacking[0]!r} is missing", f"every {layout.noun} needs it")
    return columns


def _row(line: int, columns: list[str], cells: list[str], layout: Layout) -> Addition:
    if len(cells) != len(columns):
        return Addition(f"line {line}", error=f"has {len(cells)} cells, but there are {len(columns)} columns")
    stated = [(column, cell.strip()) for column, cell in zip(columns, cells, strict=True)]
    pairs = [(column, _value(layout.kinds.get(column), cell)) for column, cell in stated if cell]
    return layout.row(f"line {line}", pairs)


def _value(kind: FactKind | None, cell: str) -> Any:
    """Return the value of a cell. One that can't be read stays text, which the catalog then reports."""
    try:
        return _READ_CELL.get(kind, str)(cell)
    except ValueError:
        return cell


def _words(cell: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", cell) if word]


_READ_CELL: Mapping[FactKind | None, Callable[[str], Any]] = {
    FactKind.TOKENS: int,
    FactKind.PRICE: float,
    FactKind.CAPABILITIES: _words,
}


class _Pairs(list[tuple[str, Any]]):
    """An object's members as they were written, so that a duplicate can be named."""


def read_json(text: str, layout: Layout = ADDITIONS) -> list[Addition]:
    """Return the rows of a JSON text. Raises the layout's error if it is not a JSON list."""
    try:
        items = json.loads(text, object_pairs_hook=_Pairs, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise layout.error(f"line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise layout.error(f"cannot be read: {error}") from error
    if type(items) is not list:
        raise layout.error(f"is not a list of {layout.noun}s", "write [{...}, {...}]")
    return [_json_row(f"item {number}", item, layout) for number, item in enumerate(items, start=1)]


def _json_row(place: str, item: Any, layout: Layout) -> Addition:
    if not isinstance(item, _Pairs):
        return Addition(place, error=f"is not an object: write each {layout.noun} as {{...}}")
    return layout.row(place, item)


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not valid JSON")


_MERGE = "tag:yaml.org,2002:merge"


def read_yaml(text: str, layout: Layout = ADDITIONS) -> list[Addition]:
    """Return the rows of a YAML text. Raises the layout's error if it is not a YAML list."""
    try:
        loader = yaml.SafeLoader(text)
        try:
            return _yaml_rows(loader, loader.get_single_node(), layout)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise layout.error(f"line {mark.line + 1 if mark else 1}: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise layout.error(f"is not valid YAML: {' '.join(str(error).split())[:200]}") from error


def _yaml_rows(loader: yaml.SafeLoader, root: yaml.Node | None, layout: Layout) -> list[Addition]:
    if root is None:
        return []
    if not isinstance(root, yaml.SequenceNode):
        line = root.start_mark.line + 1
        raise layout.error(f"line {line}: not a list of {layout.noun}s", f"begin each {layout.noun} with '- '")
    return [_yaml_row(loader, node, layout) for node in root.value]


def _yaml_row(loader: yaml.SafeLoader, node: yaml.Node, layout: Layout) -> Addition:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        return Addition(f"line {line}", error=f"is not a mapping: write each {layout.noun} as 'column: value' lines")
    keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE]
    twice = [key for key in keys if keys.count(key) > 1]
    if twice:
        return Addition(f"line {line}", error=f"column {twice[0][:80]!r} is a duplicate")
    try:
        stated: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    except yaml.MarkedYAMLError as error:
        return Addition(f"line {line}", error=f"can't be read: {error.problem or error.context}")
    except (ValueError, LookupError, AttributeError) as error:
        # What the library raises for 2027-02-30, and for texts that a tag (!!int, !!bool, !!timestamp) does not fit.
        return Addition(f"line {line}", error=f"has a value that can't be read: {error}")
    return layout.row(f"line {line}", stated.items())


READERS: Mapping[str, Callable[[str, Layout], list[Addition]]] = {
    ".csv": read_csv,
    ".json": read_json,
    ".yaml": read_yaml,
    ".yml": read_yaml,
}
"""Suffix of a file's name -> the function that reads its text."""


def read_additions(path: Path) -> list[Addition]:
    """Return the models that the file states, in its order, each with its line (JSON: its position).

    Raises InvalidAdditions for a file that can't be read in the format of its suffix, or that states no model.
    """
    return _read(path, ADDITIONS)


def read_announcements(path: Path) -> list[Addition]:
    """Return the announcements of retirements that the file states, as read_additions. Raises InvalidAnnouncements."""
    return _read(path, ANNOUNCEMENTS)


def _read(path: Path, layout: Layout) -> list[Addition]:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise layout.error(f"{path} has no suffix of a known format", f"name it {', '.join(READERS)}")
    try:
        rows = reader(path.read_bytes().decode("utf-8-sig"), layout)
    except OSError as error:
        raise layout.error(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise layout.error(f"{path} line {line} is not UTF-8", "save the file as UTF-8") from error
    except layout.error as error:
        raise layout.error(f"{path} {error.reason}", error.advice) from error
    if not rows:
        raise layout.error(f"{path} states no {layout.noun}", "give at least one")
    return rows
