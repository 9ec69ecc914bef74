"""Files of models that people add by hand (CSV, YAML, JSON) -> additions. Nothing here checks their values."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, NoReturn

import yaml

from ghost_pipeline.errors import InvalidAdditions
from ghost_pipeline.lifecycle.facts import ADDITION_COLUMNS, FACTS, FactKind
from ghost_pipeline.lifecycle.records import Addition

__all__ = ["read_additions"]

_KINDS = {fact.name: fact.kind for fact in FACTS}
_OTHER_NAMES = {"provider": "provider_id", "model": "model_id"}


def column_named(name: object) -> str:
    """The column that a person means by ``name``; an unknown one as it is written."""
    written = str(name).strip()
    return _OTHER_NAMES.get(written.lower(), written.lower() if written.isascii() else written)


def addition(line: int, pairs: Iterable[tuple[object, Any]]) -> Addition:
    """The model that (column, value) ``pairs`` on ``line`` state."""
    place = f"line {line}"
    stated: dict[str, Any] = {}
    for name, value in pairs:
        column = column_named(name)
        if column in stated:
            return Addition(place, problem=f"column {column[:80]!r} is there twice")
        stated[column] = instant(value) if _KINDS.get(column) is FactKind.INSTANT else value
    return Addition(place, stated)


def instant(value: Any) -> Any:
    """A date or an ISO 8601 text as an aware instant, UTC unless it says otherwise; anything else as it is."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


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
        return _READ_CELL.get(_KINDS.get(column), str)(cell)
    except ValueError:
        return cell


def _words(cell: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", cell) if word]


_READ_CELL: Mapping[FactKind | None, Callable[[str], Any]] = {
    FactKind.TOKENS: int,
    FactKind.PRICE: float,
    FactKind.CAPABILITIES: _words,
}

_SPACE = re.compile(r"[ \t\r\n]*")


class _Pairs(list[tuple[str, Any]]):
    """An object's members as they were written, so that one that is there twice can be named."""


def read_json(text: str) -> list[Addition]:
    """The models of a JSON text. Raises InvalidAdditions for what is no JSON list."""
    return _Rows(text).read()


class _Rows:
    """Reads the list element by element, to know the line on which each one begins."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line, self._counted = 1, 0
        self._decoder = json.JSONDecoder(object_pairs_hook=_Pairs, parse_constant=self._refuse_constant)

    def read(self) -> list[Addition]:
        additions: list[Addition] = []
        self._take("[", "a list of models, [{...}, {...}], is expected")
        if self._next() == "]":
            self._at += 1
        else:
            self._read_rest(additions)
        if self._next():
            self._fail("something stands after the end of the list")
        return additions

    def _read_rest(self, additions: list[Addition]) -> None:
        while True:
            additions.append(self._element())
            if self._next() == "]":
                self._at += 1
                return
            self._take(",", "a comma or the end of the list is expected")

    def _element(self) -> Addition:
        self._next()
        line = self._line_here()
        try:
            value, self._at = self._decoder.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            raise InvalidAdditions(f"line {error.lineno}: {error.msg}") from error
        except (ValueError, RecursionError) as error:
            raise InvalidAdditions(f"line {line}: can't be read: {error}") from error
        if not isinstance(value, _Pairs):
            return Addition(f"line {line}", problem="is no object: give each model as {...}")
        return addition(line, value)

    def _next(self) -> str:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def _take(self, character: str, otherwise: str) -> None:
        if self._next() != character:
            self._fail(otherwise)
        self._at += 1

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _fail(self, why: str) -> NoReturn:
        raise InvalidAdditions(f"line {self._line_here()}: {why}")

    @staticmethod
    def _refuse_constant(word: str) -> NoReturn:
        raise ValueError(f"{word} is no JSON")


_MERGE = "tag:yaml.org,2002:merge"


def read_yaml(text: str) -> list[Addition]:
    """The models of a YAML text. Raises InvalidAdditions for what is no YAML list."""
    try:
        loader = yaml.SafeLoader(text)
        try:
            return _additions(loader, loader.get_single_node())
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InvalidAdditions(f"line {mark.line + 1 if mark else 1}: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidAdditions(f"is no YAML that can be read: {' '.join(str(error).split())[:200]}") from error


def _additions(loader: yaml.SafeLoader, root: yaml.Node | None) -> list[Addition]:
    if root is None:
        return []
    if not isinstance(root, yaml.SequenceNode):
        line = root.start_mark.line + 1
        raise InvalidAdditions(f"line {line}: a list of models is expected, each beginning with '- '")
    return [_addition(loader, node) for node in root.value]


def _addition(loader: yaml.SafeLoader, node: yaml.Node) -> Addition:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        return Addition(f"line {line}", problem="is no mapping: give each model as 'column: value' lines")
    keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE]
    twice = [key for key in keys if keys.count(key) > 1]
    if twice:
        return Addition(f"line {line}", problem=f"column {twice[0][:80]!r} is there twice")
    try:
        stated: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    except yaml.MarkedYAMLError as error:
        return Addition(f"line {line}", problem=f"can't be read: {error.problem or error.context}")
    except (ValueError, LookupError, AttributeError) as error:
        # What the library raises for 2027-02-30, and for texts that a tag (!!int, !!bool, !!timestamp) does not fit.
        return Addition(f"line {line}", problem=f"has a value that can't be read: {error}")
    return addition(line, stated.items())


READERS: Mapping[str, Callable[[str], list[Addition]]] = {
    ".csv": read_csv,
    ".json": read_json,
    ".yaml": read_yaml,
    ".yml": read_yaml,
}
"""The end of a file's name -> what reads its text."""


def read_additions(path: Path) -> list[Addition]:
    """The models that the file states, in its order, each with its line.

    Raises InvalidAdditions for a file that can't be read as what its name says, or that states nothing.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidAdditions(f"{path} is of no kind that can be read: name it {', '.join(READERS)}")
    try:
        additions = reader(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InvalidAdditions(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InvalidAdditions(f"{path} line {line} is no UTF-8 text: save the file as UTF-8") from error
    except InvalidAdditions as error:
        raise InvalidAdditions(f"{path} {error}") from error
    if not additions:
        raise InvalidAdditions(f"{path} states no model: give at least one")
    return additions
