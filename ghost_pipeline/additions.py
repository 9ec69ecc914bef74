"""Read files of models that users add by hand (CSV, YAML, JSON). The catalog checks the values, not this module."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, NoReturn

import yaml

from ghost_pipeline.errors import InvalidAdditions, UsageError
from ghost_pipeline.lifecycle.facts import ADDITION_COLUMNS, FACTS, FactKind
from ghost_pipeline.lifecycle.records import Addition
from ghost_pipeline.lifecycle.validation import parse_instant

__all__ = ["read_additions"]

_KINDS = {fact.name: fact.kind for fact in FACTS}
_OTHER_NAMES = {"provider": "provider_id", "model": "model_id"}


def _column_of(name: object) -> str:
    """Return the column that the user means by ``name``; an unknown one as it is written."""
    written = str(name).strip()
    return _OTHER_NAMES.get(written.lower(), written.lower() if written.isascii() else written)


def _to_addition(place: str, pairs: Iterable[tuple[object, Any]]) -> Addition:
    """Return the model that (column, value) ``pairs`` state."""
    stated: dict[str, Any] = {}
    for name, value in pairs:
        column = _column_of(name)
        if column in stated:
            return Addition(place, error=f"column {column[:80]!r} is a duplicate")
        stated[column] = _to_instant(value) if _KINDS.get(column) is FactKind.INSTANT else value
    return Addition(place, stated)


def _to_instant(value: Any) -> Any:
    """Return a date or an ISO 8601 text as an aware instant in UTC unless it names a zone; anything else as it is."""
    if isinstance(value, str):
        try:
            return parse_instant(value)
        except UsageError:
            return value
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def read_csv(text: str) -> list[Addition]:
    """Return the models of a CSV text. Raises InvalidAdditions for bad quoting and unknown columns."""
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
    columns = [_column_of(cell) for cell in cells]
    unknown = [column for column in columns if column not in ADDITION_COLUMNS]
    if unknown:
        named = ", ".join(repr(column[:80]) for column in unknown[:5])
        raise InvalidAdditions(f"line 1: unknown column {named}", f"the columns are: {', '.join(ADDITION_COLUMNS)}")
    twice = [column for column in columns if columns.count(column) > 1]
    if twice:
        raise InvalidAdditions(f"line 1: column {twice[0]!r} is a duplicate", "remove one of them")
    lacking = [column for column in ("provider_id", "model_id") if column not in columns]
    if lacking:
        raise InvalidAdditions(f"line 1: column {lacking[0]!r} is missing", "every model needs it")
    return columns


def _row(line: int, columns: list[str], cells: list[str]) -> Addition:
    if len(cells) != len(columns):
        return Addition(f"line {line}", error=f"has {len(cells)} cells, but there are {len(columns)} columns")
    stated = [(column, cell.strip()) for column, cell in zip(columns, cells, strict=True)]
    return _to_addition(f"line {line}", [(column, _value(column, cell)) for column, cell in stated if cell])


def _value(column: str, cell: str) -> Any:
    """Return the value of a cell. One that can't be read stays text, which the catalog then reports."""
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


class _Pairs(list[tuple[str, Any]]):
    """An object's members as they were written, so that a duplicate can be named."""


def read_json(text: str) -> list[Addition]:
    """Return the models of a JSON text. Raises InvalidAdditions if it is not a JSON list."""
    try:
        items = json.loads(text, object_pairs_hook=_Pairs, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise InvalidAdditions(f"line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidAdditions(f"cannot be read: {error}") from error
    if type(items) is not list:
        raise InvalidAdditions("is not a list of models", "write [{...}, {...}]")
    return [_json_addition(f"item {number}", item) for number, item in enumerate(items, start=1)]


def _json_addition(place: str, item: Any) -> Addition:
    if not isinstance(item, _Pairs):
        return Addition(place, error="is not an object: write each model as {...}")
    return _to_addition(place, item)


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not valid JSON")


_MERGE = "tag:yaml.org,2002:merge"


def read_yaml(text: str) -> list[Addition]:
    """Return the models of a YAML text. Raises InvalidAdditions if it is not a YAML list."""
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
        raise InvalidAdditions(f"is not valid YAML: {' '.join(str(error).split())[:200]}") from error


def _additions(loader: yaml.SafeLoader, root: yaml.Node | None) -> list[Addition]:
    if root is None:
        return []
    if not isinstance(root, yaml.SequenceNode):
        line = root.start_mark.line + 1
        raise InvalidAdditions(f"line {line}: not a list of models", "begin each model with '- '")
    return [_addition(loader, node) for node in root.value]


def _addition(loader: yaml.SafeLoader, node: yaml.Node) -> Addition:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        return Addition(f"line {line}", error="is not a mapping: write each model as 'column: value' lines")
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
    return _to_addition(f"line {line}", stated.items())


READERS: Mapping[str, Callable[[str], list[Addition]]] = {
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
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidAdditions(f"{path} has no suffix of a known format", f"name it {', '.join(READERS)}")
    try:
        additions = reader(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InvalidAdditions(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InvalidAdditions(f"{path} line {line} is not UTF-8", "save the file as UTF-8") from error
    except InvalidAdditions as error:
        raise InvalidAdditions(f"{path} {error.reason}", error.advice) from error
    if not additions:
        raise InvalidAdditions(f"{path} states no model", "give at least one")
    return additions
