"""Connections to SQLite that leave out work which SQLAlchemy does again at each statement and each transaction.

SQLAlchemy's work around each statement would be two fifths of the simulation's time. What the catalog executes stays
what it is. Steps with a fault of the database or a crash at a statement go the whole way, because errors and lost
connections are what SQLAlchemy handles there; only what was compiled for an engine before the process died is not
compiled again for the next. Everything on PostgreSQL goes the whole way, too. Errors are SQLAlchemy's: a statement that
fails here is executed again the whole way, unless SQLite has rolled back. ``test_simulation.py`` compares both ways.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import CacheStats

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.ingestion import bulk
from simulation.statements import PREPARED, Rows, Written, key_of, prepare_what_repeats

_OF_TEMPORARY_TABLES = ("CREATE TEMPORARY TABLE", "INSERT INTO staged_models", "DELETE FROM")


class DirectConnection(sa.Connection):
    """A connection that executes statements that it knows on the driver.

    It stays open from one transaction to the next: to take a connection from the pool and to return it takes longer
    than most transactions. SQLAlchemy sees one long transaction until one is rolled back.
    """

    is_lent = False
    """Whether the catalog uses it."""
    has_begun = False
    """Whether a transaction of the database is open, for all that SQLAlchemy sees."""
    _cursor: sqlite3.Cursor | None = None
    """The driver's cursor for everything that is executed directly."""

    def begin(self) -> Any:
        """Begin a transaction of the database."""
        if self._transaction is None or self.has_begun:
            seen = super().begin()  # raises if one has begun
        else:
            seen = self._transaction
            try:
                self.dialect.do_begin(self.connection)
            except sqlite3.Error as error:
                self.fail(error)
        self.has_begun = True
        return _DirectTransaction(self, seen)

    def fail(self, error: sqlite3.Error, statement: str | None = None) -> NoReturn:
        """Roll back and raise the driver's error as SQLAlchemy's."""
        self._end()
        self._handle_dbapi_exception(error, statement, None, None, None)

    def _end(self) -> None:
        self.has_begun = False
        if self._transaction is not None:
            self._transaction.rollback()

    def execution_options(self, **options: Any) -> sa.Connection:
        """Set options of the catalog, which SQLAlchemy's SQLite does not know."""
        self._execution_options = self._execution_options.union(options)
        return self

    def close(self) -> None:
        """Keep the connection for the next transaction, unless the last one was rolled back or has not ended."""
        driver: Any = None if self._dbapi_connection is None else self._dbapi_connection.dbapi_connection
        is_ended = driver is not None and not driver.in_transaction
        self.has_begun = False
        if self.is_lent and is_ended and self._transaction is not None and self._transaction.is_active:
            self.is_lent, self._execution_options = False, self.engine._execution_options
        else:
            super().close()

    def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """Execute the statement, directly if it was prepared."""
        key, first = key_of(statement, parameters)
        is_many, prepared = key[1], PREPARED.get(key)
        fairy: Any = self._dbapi_connection
        if prepared is None or execution_options or not self.has_begun or fairy is None:
            if key not in PREPARED:
                prepare_what_repeats(key, statement, self.dialect)
            if not self.has_begun:
                self._end()  # so that SQLAlchemy begins a transaction
            return super().execute(statement, parameters, execution_options=execution_options)
        driver = fairy.dbapi_connection
        cursor = self._direct_cursor(driver)
        try:
            if is_many:
                cursor.executemany(prepared.sql, list(map(prepared.values, parameters)))
            else:
                cursor.execute(prepared.sql, prepared.values(first))
            if prepared.metadata is None:
                return Written(cursor.rowcount, (cursor.lastrowid,))
            return Rows(prepared.metadata, cursor.fetchall())
        except KeyError:
            return super().execute(statement, parameters)  # with SQLAlchemy's error
        except sqlite3.Error as error:
            if not driver.in_transaction:  # the database has rolled back
                self.fail(error, prepared.sql)
            return super().execute(statement, parameters)  # with SQLAlchemy's error

    def _direct_cursor(self, driver: sqlite3.Connection) -> sqlite3.Cursor:
        if self._cursor is None or self._cursor.connection is not driver:
            self._cursor = driver.cursor()
        return self._cursor

    def exec_driver_sql(self, statement: str, parameters: Any = None, execution_options: Any = None) -> Any:
        """Execute a statement of the driver; those that fill temporary tables go to it directly."""
        if not self.has_begun:
            self._end()
        elif statement.lstrip().startswith(_OF_TEMPORARY_TABLES):
            driver: Any = self.connection.dbapi_connection
            cursor = self._direct_cursor(driver)
            try:
                return cursor.executemany(statement, parameters) if parameters else cursor.execute(statement)
            except sqlite3.Error as error:
                if not driver.in_transaction:
                    self.fail(error, statement)
        return super().exec_driver_sql(statement, parameters, execution_options)


class _DirectTransaction:
    """A transaction of the database within the one that SQLAlchemy sees."""

    def __init__(self, connection: DirectConnection, seen: sa.RootTransaction) -> None:
        self._connection, self._seen = connection, seen

    def commit(self) -> None:
        """Commit, and leave SQLAlchemy's transaction as it is."""
        connection = self._connection
        if not self._seen.is_active or connection.invalidated:
            self._seen.commit()  # with SQLAlchemy's error
        try:
            connection.dialect.do_commit(connection.connection)
        except sqlite3.Error as error:
            connection.fail(error)
        connection.has_begun = False

    def rollback(self) -> None:
        """Roll back, and end SQLAlchemy's transaction."""
        self._connection.has_begun = False
        if self._seen.is_active:  # otherwise the error has ended it
            self._seen.rollback()

    def __enter__(self) -> "_DirectTransaction":
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if error is None:
            self.commit()
        else:
            self.rollback()


class CompiledConnection(sa.Connection):
    """A connection that does all that SQLAlchemy does, but does not compile again the statements that it knows."""

    def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """Execute the statement, as it was compiled for another engine of the same kind if it was."""
        key, _ = key_of(statement, parameters)
        prepared = PREPARED.get(key)
        if prepared is None or execution_options:
            return super().execute(statement, parameters, execution_options=execution_options)
        sets = parameters if key[1] else [parameters] if parameters else []
        context, compiled = self.dialect.execution_ctx_cls._init_compiled, prepared.compiled
        return self._execute_context(
            *(self.dialect, context, compiled, sets, self._execution_options, compiled, sets, statement, None),
            cache_hit=CacheStats.CACHE_HIT,
        )


_kept: WeakKeyDictionary[sa.Engine, DirectConnection] = WeakKeyDictionary()
"""The connection of each engine that stays open."""


def _lend(engine: sa.Engine) -> DirectConnection:
    """Return the connection that stays open, or another one while it is lent."""
    kept = _kept.get(engine)
    if kept is None or kept.closed:
        kept = _kept[engine] = DirectConnection(engine)
        driver: Any = kept.connection.dbapi_connection
        for statement in bulk._definitions("sqlite")[0]:
            driver.execute(statement)  # later it would have every statement prepared again
    elif kept.is_lent:
        return DirectConnection(engine)
    kept.is_lent = True
    return kept


def execute_directly(catalog: ModelCatalog) -> None:
    """Execute from now on directly what the catalog executes, if it is on SQLite."""
    if catalog._database.is_sqlite:
        engine = catalog._database.engine
        engine._connection_cls = _lend  # type: ignore[assignment]
        engine.dialect.do_commit = _commit  # type: ignore[method-assign, assignment]


def _commit(connection: sa.PoolProxiedConnection) -> None:
    """Commit by a statement that the driver keeps prepared; its own method has it parsed each time."""
    driver: Any = connection.dbapi_connection
    if driver.in_transaction:
        driver.execute("COMMIT")


def close_kept(catalog: ModelCatalog) -> None:
    """Close the connection that stays open, as a process that ends does."""
    kept = _kept.pop(catalog._database.engine, None)
    if kept is not None:
        sa.Connection.close(kept)


@contextmanager
def executed_compiled(catalog: ModelCatalog) -> Iterator[None]:
    """Execute in the block what the catalog executes the whole way, but for compiling, if it is on SQLite."""
    engine = catalog._database.engine
    before = engine._connection_cls
    if catalog._database.is_sqlite:
        close_kept(catalog)
        engine._connection_cls = CompiledConnection
    try:
        yield
    finally:
        engine._connection_cls = before
