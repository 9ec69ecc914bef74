"""Compile the catalog's statements once, so that SQLite's driver can execute them without SQLAlchemy's work for each.

SQLAlchemy compiles every statement, and its types convert parameters and values. Left out is what it does again at
each execution.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple
from weakref import ReferenceType, ref

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Row
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.sql.compiler import SQLCompiler

from ghost_pipeline.catalog.storage.tables import Instant

_Convert = Callable[[Any], Any]
_Take = Callable[[Mapping[str, Any]], Sequence[Any]]


class Prepared(NamedTuple):
    """A statement as the driver executes it."""

    statement: sa.Executable
    """Keeps its identity taken."""
    compiled: SQLCompiler
    sql: str
    values: _Take
    """Return the parameters of one execution, in the order in which the driver takes them."""
    metadata: SimpleResultMetaData | None
    """Names and types of the columns; None if it returns no rows."""


class Rows:
    """A result with rows, in the ways in which the catalog mostly takes them."""

    def __init__(self, metadata: SimpleResultMetaData, rows: list[tuple[Any, ...]]) -> None:
        self._metadata = metadata
        self._rows = rows

    def all(self) -> list[Row[Any]]:
        """Return every row."""
        metadata = self._metadata
        processors, indexes = metadata._processors, metadata._key_to_index
        return [Row(metadata, processors, indexes, row) for row in self._rows]

    def __iter__(self) -> Iterator[Row[Any]]:
        return iter(self.all())

    def one_or_none(self) -> Row[Any] | None:
        """Return the only row, or None."""
        return self.all()[0] if len(self._rows) == 1 else self._others().one_or_none()

    def one(self) -> Row[Any]:
        """Return the only row."""
        return self.all()[0] if len(self._rows) == 1 else self._others().one()

    def first(self) -> Row[Any] | None:
        """Return the first row, or None."""
        return next(iter(self.all()), None)

    def scalars(self) -> list[Any]:
        """Return the first value of every row."""
        processors = self._metadata._processors
        convert = None if processors is None else processors[0]
        values = [row[0] for row in self._rows]
        return values if convert is None else list(map(convert, values))

    def _others(self) -> IteratorResult[Any]:
        return IteratorResult(self._metadata, iter(self._rows))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._others(), name)


class Written(NamedTuple):
    """The result of a statement without rows."""

    rowcount: int
    inserted_primary_key: tuple[int | None]
    """Right for one row of a table with a number as its key."""


Key = tuple[Any, ...]
"""Identity of the statement, whether it gets several sets of parameters, and their names."""
PREPARED: dict[Key, Prepared | None] = {}
"""None for what SQLAlchemy has to execute."""
_seen: dict[Key, "ReferenceType[sa.Executable]"] = {}
"""Statements that were executed once: most of them are made for one execution, and not worth preparing."""


def key_of(statement: Any, parameters: Any) -> tuple[Key, Mapping[str, Any]]:
    """Return the key of an execution, and its parameters or the first set of them."""
    is_many = isinstance(parameters, (list, tuple)) and len(parameters) > 0
    first = parameters[0] if is_many else parameters or {}
    return (id(statement), is_many, *first), first


_DIALECT = sqlite.dialect()
_instant_text = lru_cache(maxsize=10_000)(Instant().bind_processor(_DIALECT))
_instant = lru_cache(maxsize=10_000)(Instant().result_processor(_DIALECT, None))
"""The instants of most models of a listing are equal."""


def prepare_what_repeats(key: Key, statement: sa.Executable, dialect: sa.Dialect) -> None:
    """Prepare a statement that is executed for the second time."""
    seen = _seen.get(key)
    if seen is not None and seen() is statement:
        PREPARED[key] = _prepare(key, statement, dialect)
    else:
        _seen[key] = ref(statement)


def _prepare(key: Key, statement: Any, dialect: sa.Dialect) -> Prepared | None:
    _, is_many, *names = key
    compiled: SQLCompiler = statement.compile(dialect=dialect, column_keys=sorted(names), for_executemany=is_many)
    is_read = not (compiled.isinsert or compiled.isupdate or compiled.isdelete)
    binds = {name: bind for bind, name in compiled.bind_names.items()}
    if (
        statement._execution_options
        or compiled.literal_execute_params
        or compiled.post_compile_params
        or compiled.effective_returning
        or (compiled.isinsert and compiled.insert_prefetch)
        or any(bind.callable or (bind.required and bind.key not in names) for bind in binds.values())
        or (is_read and not compiled._ordered_columns)
        or compiled.positiontup is None
    ):
        return None
    convert: dict[str, Any] = dict(compiled._bind_processors)
    convert |= {name: _instant_text for name in convert if isinstance(binds[name].type, Instant)}
    names_in_order = compiled.positiontup
    return Prepared(
        statement,
        compiled,
        compiled.string,
        _taking([binds[name] for name in names_in_order], [convert.get(name) for name in names_in_order], names),
        metadata=_metadata(compiled, dialect) if is_read else None,
    )


def _taking(
    binds: Sequence[sa.BindParameter[Any]], converts: Sequence[_Convert | None], passed: Collection[str]
) -> _Take:
    """Return the function that takes the values of parameters; values of the statement itself are converted once."""
    if not any(converts) and all(bind.key in passed for bind in binds):
        keys = [bind.key for bind in binds]
        return itemgetter(*keys) if len(keys) > 1 else lambda parameters: [parameters[key] for key in keys]
    own = [
        None if bind.key in passed else bind.value if convert is None else convert(bind.value)
        for bind, convert in zip(binds, converts, strict=True)
    ]
    moving = [
        (place, bind.key, convert)
        for place, (bind, convert) in enumerate(zip(binds, converts, strict=True))
        if bind.key in passed
    ]

    def take(parameters: Mapping[str, Any]) -> list[Any]:
        values = own.copy()
        for place, key, convert in moving:
            values[place] = parameters[key] if convert is None else convert(parameters[key])
        return values

    return take


def _metadata(compiled: SQLCompiler, dialect: sa.Dialect) -> SimpleResultMetaData:
    columns: Sequence[Any] = compiled._result_columns
    processors = [
        _instant if isinstance(column.type, Instant) else column.type._cached_result_processor(dialect, None)
        for column in columns
    ]
    return SimpleResultMetaData([column.keyname for column in columns], _processors=processors)
