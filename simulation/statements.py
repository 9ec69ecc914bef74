"""Execute the catalog's statements on SQLite's driver directly, in steps without a fault: a shorter way to the same.

SQLAlchemy's work around each statement would be two fifths of the simulation's time. What the catalog executes stays
what it is: SQLAlchemy compiles every statement, and its types convert parameters and values. Left out is what it does
again at each execution. Steps with a crash or a fault of the database go the whole way, because errors, roll-backs and
lost connections are what SQLAlchemy handles there; only what was compiled for an engine before the process died is not
compiled again for the next. Everything on PostgreSQL goes the whole way, too. A statement that fails here
is executed again the whole way. ``test_simulation.py`` compares both ways.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple
from weakref import ReferenceType, ref

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Row
from sqlalchemy.engine.interfaces import CacheStats
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.sql.compiler import SQLCompiler

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.storage.tables import Instant


class _Prepared(NamedTuple):
    statement: sa.Executable
    """Keeps its identity taken."""
    compiled: SQLCompiler
    sql: str
    own: Mapping[str, Any]
    """Values of the statement itself, unless the execution passes others."""
    take: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    """Return the parameters in the order in which the driver takes them."""
    converted: tuple[tuple[int, Callable[[Any], Any]], ...]
    """Places of parameters that a type of SQLAlchemy converts."""
    metadata: SimpleResultMetaData | None
    """Names and types of the columns; None if it returns no rows."""

    def values(self, passed: Mapping[str, Any]) -> Sequence[Any]:
        """Return the parameters of one execution as the driver takes them. Raises KeyError."""
        taken = self.take({**self.own, **passed} if self.own else passed)
        if not self.converted:
            return taken
        values = list(taken)
        for place, convert in self.converted:
            values[place] = convert(values[place])
        return values


class _Rows:
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

    def _others(self) -> IteratorResult[Any]:
        return IteratorResult(self._metadata, iter(self._rows))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._others(), name)


class _Written(NamedTuple):
    """The result of a statement without rows."""

    rowcount: int
    inserted_primary_key: tuple[int | None]
    """Right for one row of a table with a number as its key."""


_Key = tuple[Any, ...]
"""Identity of the statement, whether it gets several sets of parameters, and their names."""
_prepared: dict[_Key, _Prepared | None] = {}
"""None for what SQLAlchemy has to execute."""
_seen: dict[_Key, "ReferenceType[sa.Executable]"] = {}
"""Statements that were executed once: most of them are made for one execution, and not worth preparing."""


class DirectConnection(sa.Connection):
    """A connection that executes statements that it knows on the driver."""

    def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """Execute the statement, directly if it was prepared."""
        key, first = _key(statement, parameters)
        is_many, prepared = key[1], _prepared.get(key)
        fairy: Any = self._dbapi_connection
        if prepared is None or execution_options or self._transaction is None or fairy is None:
            if key not in _prepared:
                _prepare_what_repeats(key, statement, self.dialect)
            return super().execute(statement, parameters, execution_options=execution_options)
        driver = fairy.dbapi_connection
        try:
            if is_many:
                cursor = driver.executemany(prepared.sql, list(map(prepared.values, parameters)))
            else:
                cursor = driver.execute(prepared.sql, prepared.values(first))
            if prepared.metadata is None:
                return _Written(cursor.rowcount, (cursor.lastrowid,))
            return _Rows(prepared.metadata, cursor.fetchall())
        except (sqlite3.Error, KeyError):
            return super().execute(statement, parameters)

    def exec_driver_sql(self, statement: str, parameters: Any = None, execution_options: Any = None) -> Any:
        """Execute a statement of the driver; those that fill temporary tables go to it directly."""
        if statement.lstrip().startswith(_OF_TEMPORARY_TABLES) and self._transaction is not None:
            driver: Any = self.connection.dbapi_connection
            try:
                return driver.executemany(statement, parameters) if parameters else driver.execute(statement)
            except sqlite3.Error:
                pass  # below with SQLAlchemy's error
        return super().exec_driver_sql(statement, parameters, execution_options)


class CompiledConnection(sa.Connection):
    """A connection that does all that SQLAlchemy does, but does not compile again the statements that it knows."""

    def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """Execute the statement, as it was compiled for another engine of the same kind if it was."""
        key, _ = _key(statement, parameters)
        prepared = _prepared.get(key)
        if prepared is None or execution_options:
            return super().execute(statement, parameters, execution_options=execution_options)
        sets = parameters if key[1] else [parameters] if parameters else []
        context, compiled = self.dialect.execution_ctx_cls._init_compiled, prepared.compiled
        return self._execute_context(
            *(self.dialect, context, compiled, sets, self._execution_options, compiled, sets, statement, None),
            cache_hit=CacheStats.CACHE_HIT,
        )


def _key(statement: Any, parameters: Any) -> tuple[_Key, Mapping[str, Any]]:
    """Return the key of an execution, and its parameters or the first set of them."""
    is_many = isinstance(parameters, (list, tuple)) and len(parameters) > 0
    first = parameters[0] if is_many else parameters or {}
    return (id(statement), is_many, *first), first


_OF_TEMPORARY_TABLES = ("CREATE TEMPORARY TABLE", "INSERT INTO staged_models", "DELETE FROM")


_DIALECT = sqlite.dialect()
_instant_text = lru_cache(maxsize=10_000)(Instant().bind_processor(_DIALECT))
_instant = lru_cache(maxsize=10_000)(Instant().result_processor(_DIALECT, None))
"""The instants of most models of a listing are equal."""


def _prepare_what_repeats(key: _Key, statement: sa.Executable, dialect: sa.Dialect) -> None:
    seen = _seen.get(key)
    if seen is not None and seen() is statement:
        _prepared[key] = _prepare(key, statement, dialect)
    else:
        _seen[key] = ref(statement)


def _prepare(key: _Key, statement: Any, dialect: sa.Dialect) -> _Prepared | None:
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
        or any(bind.callable for bind in binds.values())
        or (is_read and not compiled._ordered_columns)
        or compiled.positiontup is None
    ):
        return None
    convert: dict[str, Any] = dict(compiled._bind_processors)
    convert |= {name: _instant_text for name in convert if isinstance(binds[name].type, Instant)}
    names_in_order = compiled.positiontup
    return _Prepared(
        statement,
        compiled,
        compiled.string,
        own={bind.key: bind.value for bind in binds.values() if not bind.required},
        take=_taking([binds[name].key for name in names_in_order]),
        converted=tuple((place, convert[name]) for place, name in enumerate(names_in_order) if name in convert),
        metadata=_metadata(compiled, dialect) if is_read else None,
    )


def _taking(keys: list[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Return the function that takes the values of keys."""
    return itemgetter(*keys) if len(keys) > 1 else lambda known: tuple(known[key] for key in keys)


def _metadata(compiled: SQLCompiler, dialect: sa.Dialect) -> SimpleResultMetaData:
    columns: Sequence[Any] = compiled._result_columns
    processors = [
        _instant if isinstance(column.type, Instant) else column.type._cached_result_processor(dialect, None)
        for column in columns
    ]
    return SimpleResultMetaData([column.keyname for column in columns], _processors=processors)


def executed_directly(catalog: ModelCatalog) -> AbstractContextManager[None]:
    """Execute what the catalog executes in the block directly, if it is on SQLite."""
    return _connecting(catalog, DirectConnection)


def compiled_before(catalog: ModelCatalog) -> AbstractContextManager[None]:
    """Execute what the catalog executes in the block the whole way, but for compiling, if it is on SQLite."""
    return _connecting(catalog, CompiledConnection)


@contextmanager
def _connecting(catalog: ModelCatalog, connection_class: type[sa.Connection]) -> Iterator[None]:
    engine = catalog._database.engine
    if not catalog._database.is_sqlite:
        yield
        return
    engine._connection_cls = connection_class
    try:
        yield
    finally:
        engine._connection_cls = sa.Connection
