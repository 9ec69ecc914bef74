"""The connection to the catalog's database: one transaction per call, retried where that can help."""

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
import sqlalchemy as sa
import tenacity

from ghost_pipeline.catalog.storage import event_log
from ghost_pipeline.catalog.storage.database_errors import (
    CommitErrorTranslation,
    DriverErrorTranslation,
    shown_url,
)
from ghost_pipeline.catalog.storage.tables import canonical_json
from ghost_pipeline.errors import CatalogConflict, CatalogError, SettingsError

SQLITE_BUSY_SECONDS = 60
"""How long a SQLite writer waits for the others; a reconcile of 100,000 models takes a few seconds."""

POSTGRESQL_CONNECT_SECONDS = 10
"""How long to wait for a server that does not answer, unless the URL has a ``connect_timeout``."""

TRIES = 4
"""How often a transaction is tried that is rolled back by a deadlock, a conflict or a dropped connection."""

FIRST_WAIT_SECONDS = 0.05
"""How long to wait at most before the second try; before each later one twice as long."""

READING_SECONDS = 15
"""How long a statement may take on PostgreSQL in a database that is opened for reading only."""

READING_POOL = {"pool_size": 20, "max_overflow": 0, "pool_timeout": READING_SECONDS}
"""Connections of a database that is opened for reading only; more requests than that wait for one."""

FileIdentity = tuple[int, int]
"""The device and inode of a file."""

_Result = TypeVar("_Result")
_BEGIN = "begin"
"""The key of a connection's ``info`` for the statement that begins its next transaction."""
_FILE = "file"
"""The key of a connection's ``info`` for the identity of the SQLite file that it opened."""
_SQLITE_WRITING = {"is_writing": True}
_POSTGRESQL_WRITING = {
    "isolation_level": "READ COMMITTED"
}  # after waiting for a lock, what was committed meanwhile is visible
_POSTGRESQL_READING = {"isolation_level": "REPEATABLE READ"}  # all of it from one moment


class Database:
    """An engine with the project's transaction rules.

    On SQLite a writer takes the write lock when its transaction begins, so that what it read stays true until it
    commits; on PostgreSQL writers lock the provider that they write of. Readers see one state and never block.

    If it is read-only, the database itself refuses every change, whatever the program sends.
    """

    def __init__(self, url: str, *, is_read_only: bool = False) -> None:
        self.url = _parsed(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _engine(self.url, is_read_only=is_read_only)
        self._opened_file: FileIdentity | None = None
        self._reopening = threading.Lock()
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _configure_sqlite)
            sa.event.listen(self.engine, "connect", _query_only if is_read_only else _use_write_ahead_log)
            sa.event.listen(self.engine, "connect", self._remember_file)
            sa.event.listen(self.engine, "close", self._empty_log_of_replaced_file)
            # Not by an event: a listener of one kind makes every statement look for listeners of all kinds.
            self.engine.dialect.do_begin = _begin_sqlite  # type: ignore[method-assign, assignment]
        else:
            sa.event.listen(self.engine, "connect", _use_utc)
            if is_read_only:
                sa.event.listen(self.engine, "connect", _refuse_changes)

    @property
    def shown_url(self) -> str:
        """URL without user, password and parameters."""
        return shown_url(self.url)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a transaction that only reads, from one snapshot. Raises CatalogError."""
        self._reopen_replaced_file()
        with DriverErrorTranslation(self.url), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(**_POSTGRESQL_READING)
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self, *, has_foreign_keys: bool = True) -> Iterator[sa.Connection]:
        """Open a transaction that commits when the block ends and rolls back when it raises.

        The events that it recorded take their place in the order of commits (see ``event_log``). Without
        ``has_foreign_keys`` SQLite allows to drop and recreate a table that others refer to, which is how migrations
        alter one. Raises CatalogError.
        """
        self._reopen_replaced_file()
        with (
            DriverErrorTranslation(self.url),
            self.engine.connect() as connection,
            _AS_USUAL if has_foreign_keys else _without_foreign_keys(connection),
        ):
            connection.execution_options(
                **event_log.begin(), **(_SQLITE_WRITING if self.is_sqlite else _POSTGRESQL_WRITING)
            )
            if self.is_sqlite:
                connection.info[_BEGIN] = "BEGIN IMMEDIATE"
            transaction = connection.begin()
            try:
                yield connection
                event_log.take_positions(connection)
            except BaseException:
                transaction.rollback()
                raise
            with CommitErrorTranslation(self.url):
                transaction.commit()

    def write(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Call ``work`` in a transaction of its own, and again if it was rolled back by a conflict.

        Not if the connection broke during the commit, because the change may have been made. Raises CatalogError.
        """
        for earlier in range(TRIES - 1):
            try:
                return self._write_once(work)
            except CatalogConflict:
                time.sleep(random.uniform(0, FIRST_WAIT_SECONDS * 2**earlier))  # noqa: S311 - not a secret
        return self._write_once(work)

    def _write_once(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        with self.writing() as connection:
            file = connection.info.get(_FILE)
            result = work(connection)
        if file is not None and file != self._file_identity():
            raise CatalogConflict(f"catalog {self.shown_url} was replaced by another file during a transaction")
        return result

    def make_folder(self) -> None:
        """Create the folder of a SQLite file, so that the default needs no set-up."""
        if self.is_sqlite and self.url.database and not self.url.database.startswith("file:"):
            try:
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CatalogError(
                    f"catalog {self.shown_url} can't be created: {error.strerror}",
                    "set GHOST_HOME or GHOST_DATABASE_URL to a writable folder",
                ) from error

    def is_there(self) -> bool:
        """Return False if the database is a SQLite file that does not exist, which connecting would create."""
        name = self.url.database
        return not self.is_sqlite or (name is not None and (name.startswith("file:") or Path(name).is_file()))

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    def _file_identity(self) -> FileIdentity | None:
        """Return the device and inode of the SQLite file at the URL's path; None if there is no such file."""
        path = self.url.database
        if not self.is_sqlite or not path or path.startswith(("file:", ":")):
            return None
        try:
            status = os.stat(path)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _reopen_replaced_file(self) -> None:
        """Close the pooled connections if the file at the path is another one, such as a restored backup.

        They would write to the file that was replaced, without an error. All are closed before one is opened, because
        SQLite's locks belong to the process and the path.
        """
        file = self._file_identity()
        with self._reopening:
            if self._opened_file is not None and file != self._opened_file:
                self.engine.dispose()
            self._opened_file = file

    def _remember_file(self, _connection: object, record: Any) -> None:
        record.info[_FILE] = self._file_identity()

    def _empty_log_of_replaced_file(self, connection: Any, record: Any) -> None:
        """Write SQLite's log into the replaced file, so that the next connection does not apply it to the new one."""
        if record is not None and record.info.get(_FILE) != self._file_identity():
            with suppress(sqlite3.Error):  # another program still uses it
                connection.execute("PRAGMA busy_timeout = 0")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()


def _engine(url: sa.URL, *, is_read_only: bool) -> sa.Engine:
    is_sqlite = url.get_backend_name() == "sqlite"
    options = _sqlite_options() if is_sqlite else _postgresql_options(url)
    if is_read_only:
        options |= READING_POOL
        if is_sqlite and url.database and not url.database.startswith(("file:", ":")):
            options["creator"] = partial(_connect_read_only, url.database)
    try:
        return sa.create_engine(
            url,
            json_serializer=canonical_json,
            json_deserializer=msgspec.json.decode,
            **options,
        )
    except (sa.exc.ArgumentError, ImportError) as error:
        raise SettingsError(
            f"GHOST_DATABASE_URL names the driver {url.drivername!r}, which is not installed",
            "use 'sqlite' or 'postgresql' alone",
        ) from error


def _connect_read_only(path: str) -> sqlite3.Connection:
    """Open a SQLite file that must exist, so that nothing can change it."""
    # Several threads use a connection, one after the other, as the pool hands it out.
    return sqlite3.connect(
        f"file:{quote(str(Path(path).absolute()))}?mode=ro",
        uri=True,
        timeout=SQLITE_BUSY_SECONDS,
        check_same_thread=False,
    )


def _sqlite_options() -> dict[str, Any]:
    return {"connect_args": {"timeout": SQLITE_BUSY_SECONDS}}


def _postgresql_options(url: sa.URL) -> dict[str, Any]:
    default = {"connect_timeout": POSTGRESQL_CONNECT_SECONDS, "application_name": "ghost-pipeline"}
    return {
        "pool_pre_ping": True,
        "connect_args": {name: value for name, value in default.items() if name not in url.query},
    }


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise SettingsError(
            "GHOST_DATABASE_URL is not a database URL",
            "it looks like 'sqlite:////folder/catalog.db' or 'postgresql://user@host/name'",
        ) from error
    if "@" in f"{parsed.host}{parsed.database}" and parsed.get_backend_name() != "sqlite":
        raise SettingsError(
            "GHOST_DATABASE_URL has more than one '@'", "write those of the password as %40, or use PGPASSWORD"
        )
    if parsed.get_backend_name() in ("postgres", "postgresql"):
        # SQLAlchemy's default driver differs between its versions; dagster-postgres brings this one.
        is_plain = parsed.drivername in ("postgres", "postgresql")
        return parsed.set(drivername="postgresql+psycopg2") if is_plain else parsed
    if parsed.get_backend_name() != "sqlite":
        raise SettingsError(f"GHOST_DATABASE_URL names {parsed.get_backend_name()!r}", "use sqlite or postgresql")
    return parsed


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late; _begin_sqlite issues it
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.close()


def _use_utc(connection: Any, _record: object) -> None:
    """Set the session's time zone: in another one, the first and last days that are stored have no date in Python."""
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
    connection.commit()


def _query_only(connection: Any, _record: object) -> None:
    # As well as opening the file for reading only, for URLs with parameters of their own.
    connection.execute("PRAGMA query_only = ON").close()


def _refuse_changes(connection: Any, _record: object) -> None:
    """Let PostgreSQL refuse every change in this session, and every statement that takes too long."""
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        cursor.execute(f"SET statement_timeout = '{READING_SECONDS}s'")
    connection.commit()


@tenacity.retry(
    # SQLite fails this statement at once while another connection writes, whatever the busy time-out is.
    retry=tenacity.retry_if_exception(lambda error: getattr(error, "sqlite_errorname", None) == "SQLITE_BUSY"),
    wait=tenacity.wait_fixed(0.02),
    stop=tenacity.stop_after_delay(SQLITE_BUSY_SECONDS),
    reraise=True,
)
def _use_write_ahead_log(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()


_AS_USUAL = nullcontext()


@contextmanager
def _without_foreign_keys(connection: sa.Connection) -> Iterator[None]:
    """Switch SQLite's foreign keys off for the transactions of the block; it ignores that within a transaction."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: sa.PoolProxiedConnection) -> None:
    driver: Any = connection.dbapi_connection
    driver.execute(connection.info.pop(_BEGIN, "BEGIN"))
