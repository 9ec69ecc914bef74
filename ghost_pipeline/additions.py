"""Read files that users write by hand (CSV, YAML, JSON): models to add, retirements to announce; one row at a time.

The catalog checks the values, not this module.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, NoReturn, TextIO

import yaml

from ghost_pipeline.errors import InvalidAdditions, InvalidAnnouncements, UsageError
from ghost_pipeline.lifecycle.facts import ADDITION_COLUMNS, FACTS, FactKind
from ghost_pipeline.lifecycle.records import Addition
from ghost_pipeline.lifecycle.retirement import ANNOUNCEMENT_COLUMNS
from ghost_pipeline.lifecycle.validation import END_OF_DAY, parse_end
from ghost_pipeline.redaction import from_csv_cell

__all__ = ["AdditionFile", "read_additions", "read_announcements"]


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


def read_csv(content: TextIO, layout: Layout = ADDITIONS) -> Iterator[Addition]:
    """Yield the rows of a CSV text. Raises the layout's error for bad quoting and unknown columns."""
    reader = csv.reader(content, strict=True)
    columns: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            if columns is None:
                columns = _columns(cells, layout)
            elif any(cell.strip() for cell in cells):
                yield _row(line, columns, cells, layout)
            line = reader.line_num + 1  # a quoted cell may span lines: the next row begins where this one ended
    except csv.Error as error:
        raise layout.error(f"line {line}: {error}") from error


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
    stated = [(column, from_csv_cell(cell.strip())) for column, cell in zip(columns, cells, strict=True)]
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


def read_json(content: TextIO, layout: Layout = ADDITIONS) -> Iterator[Addition]:
    """Yield the rows of a JSON text. Raises the layout's error if it is not a JSON list."""
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs, parse_constant=_refuse_constant)
    number, buffer = 0, _skip_space("", content)
    expected = "["
    while buffer.startswith(expected):
        rest = _skip_space(buffer[1:], content)
        if not number and rest.startswith("]"):
            buffer = rest
            break
        found = _next_item(decoder, rest, content)
        if found is None:
            break
        number += 1
        item, buffer = found
        yield _json_row(f"item {number}", item, layout)
        expected = ","
    if not buffer.startswith("]") or (buffer[1:] + content.read()).strip(_JSON_SPACE):
        _raise_json_error(content, layout)


CHUNK_CHARACTERS = 65_536
_JSON_SPACE = " \t\n\r"


def _skip_space(buffer: str, content: TextIO) -> str:
    """Return the text from its next sign on, read on if need be; ``""`` at the end."""
    buffer = buffer.lstrip(_JSON_SPACE)
    while not buffer and (more := content.read(CHUNK_CHARACTERS)):
        buffer = more.lstrip(_JSON_SPACE)
    return buffer


def _next_item(decoder: json.JSONDecoder, buffer: str, content: TextIO) -> tuple[Any, str] | None:
    """Return the next item of a list and the text from the sign that follows it on; None if there is no valid one."""
    while True:
        try:
            item, end = decoder.raw_decode(buffer)
        except (ValueError, RecursionError):
            rest = ""  # of an error, or of an item whose end has not been read
        else:
            rest = buffer[end:].lstrip(_JSON_SPACE)
        if rest:
            return item, rest
        # As much again, so that an item of any length is parsed a few times at most.
        more = content.read(max(CHUNK_CHARACTERS, len(buffer)))
        if not more:
            return None
        buffer = (buffer + more).lstrip(_JSON_SPACE)


def _raise_json_error(content: TextIO, layout: Layout) -> NoReturn:
    """Raise the layout's error for a text that is not a list; the parser of whole texts names the line."""
    content.seek(0)
    try:
        json.loads(content.read(), object_pairs_hook=_Pairs, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise layout.error(f"line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise layout.error(f"cannot be read: {error}") from error
    raise layout.error(f"is not a list of {layout.noun}s", "write [{...}, {...}]")


def _json_row(place: str, item: Any, layout: Layout) -> Addition:
    if not isinstance(item, _Pairs):
        return Addition(place, error=f"is not an object: write each {layout.noun} as {{...}}")
    return layout.row(place, item)


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not valid JSON")


_MERGE = "tag:yaml.org,2002:merge"


def read_yaml(content: TextIO, layout: Layout = ADDITIONS) -> Iterator[Addition]:
    """Yield the rows of a YAML text. Raises the layout's error if it is not a YAML list."""
    try:
        loader = yaml.SafeLoader(content)
        try:
            yield from _yaml_rows(loader, layout)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise layout.error(f"line {mark.line + 1 if mark else 1}: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise layout.error(f"is not valid YAML: {' '.join(str(error).split())[:200]}") from error


def _yaml_rows(loader: Any, layout: Layout) -> Iterator[Addition]:
    loader.get_event()  # the beginning of the stream
    if loader.check_event(yaml.StreamEndEvent):
        return
    loader.get_event()  # the beginning of the document
    first = loader.peek_event()
    if not isinstance(first, yaml.SequenceStartEvent):
        if isinstance(first, yaml.ScalarEvent) and not first.value:
            return  # a document of comments only
        raise layout.error(
            f"line {first.start_mark.line + 1}: not a list of {layout.noun}s", f"begin each {layout.noun} with '- '"
        )
    loader.get_event()
    while not loader.check_event(yaml.SequenceEndEvent):
        yield _yaml_row(loader, loader.compose_node(None, None), layout)
        loader.constructed_objects.clear()
    loader.get_event()
    loader.get_event()  # the end of the document
    if not loader.check_event(yaml.StreamEndEvent):
        again = loader.get_event().start_mark
        raise yaml.composer.ComposerError(
            "expected a single document in the stream", None, "but found another document", again
        )


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


READERS: Mapping[str, Callable[[TextIO, Layout], Iterator[Addition]]] = {
    ".csv": read_csv,
    ".json": read_json,
    ".yaml": read_yaml,
    ".yml": read_yaml,
}
"""Suffix of a file's name -> the function that reads its text."""


class AdditionFile:
    """The models that a file states, in its order, each with its line (JSON: its position).

    Each iteration reads the file anew and keeps one model in memory. It raises InvalidAdditions for a file that can't
    be read in the format of its suffix, or that states no model.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Addition]:
        return _read(self._path, ADDITIONS)


def read_additions(path: Path) -> list[Addition]:
    """Return all models of an ``AdditionFile``. Raises InvalidAdditions."""
    return list(AdditionFile(path))


def read_announcements(path: Path) -> list[Addition]:
    """Return the announcements of retirements that the file states, as read_additions. Raises InvalidAnnouncements."""
    return list(_read(path, ANNOUNCEMENTS))


def _read(path: Path, layout: Layout) -> Iterator[Addition]:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise layout.error(f"{path} has no suffix of a known format", f"name it {', '.join(READERS)}")
    is_empty = True
    try:
        with path.open(encoding="utf-8-sig", newline="") as content:
            for row in reader(content, layout):
                is_empty = False
                yield row
    except OSError as error:
        raise layout.error(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = _find_bad_line(path)
        raise layout.error(f"{path} line {line} is not UTF-8", "save the file as UTF-8") from error
    except layout.error as error:
        raise layout.error(f"{path} {error.reason}", error.advice) from error
    if is_empty:
        raise layout.error(f"{path} states no {layout.noun}", "give at least one")


def _find_bad_line(path: Path) -> int:
    """Return the number of the first line that is not UTF-8."""
    line = 1
    with path.open("rb") as content:
        for line, text in enumerate(content, 1):  # noqa: B007 - the last line if another program changed the file
            try:
                text.decode()
            except UnicodeDecodeError:
                break
    return line
