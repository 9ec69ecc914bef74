"""The connection to the catalog's database: one transaction a call, one clear error for whatever goes wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from ghost_pipeline.catalog.column_types import canonical_json
from ghost_pipeline.errors import CatalogError, CatalogSchemaError, CatalogUnavailable, SettingsError

SQLITE_BUSY_SECONDS = 60
"""How long a SQLite writer waits for the others; a reconcile of 100,000 models takes a few seconds."""

_WRITING = {"is_writing": True}


class Database:
    """An engine with the project's transaction rules.

    On SQLite a writer takes the write lock when its transaction begins, so that what it read stays true until it
    commits; readers see the last commit (WAL) and wait for nobody.
    """

    def __init__(self, url: str) -> None:
        self.url = _parsed(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _engine(self.url)
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _configure_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)

    @property
    def shown_url(self) -> str:
        """The URL without its password."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that only reads. Raises CatalogError."""
        with self._errors_told(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that commits when the block ends and leaves nothing behind when it raises.

        Raises CatalogError.
        """
        with self._errors_told(), self.engine.connect().execution_options(**_WRITING) as connection, connection.begin():
            yield connection

    def make_folder(self) -> None:
        """Make the folder of a SQLite file, so that a first use of the embedded default just works."""
        if self.is_sqlite and self.url.database and not self.url.database.startswith("file:"):
            try:
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CatalogError(
                    f"catalog {self.shown_url} can't be made: {error.strerror}; set GHOST_HOME or GHOST_DATABASE_URL "
                    "to a place that can be written"
                ) from error

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    def forget_inherited_connections(self) -> None:
        """In a forked child: leave the parent's connections to the parent."""
        self.engine.dispose(close=False)

    @contextmanager
    def _errors_told(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise _told(error, self.shown_url) from error
        except sa.exc.TimeoutError as error:
            raise CatalogUnavailable(f"catalog {self.shown_url}: no free connection; try again") from error


def _engine(url: sa.URL) -> sa.Engine:
    is_sqlite = url.get_backend_name() == "sqlite"
    try:
        return sa.create_engine(
            url,
            json_serializer=canonical_json,
            json_deserializer=msgspec.json.decode,
            **({"connect_args": {"timeout": SQLITE_BUSY_SECONDS}} if is_sqlite else {"pool_pre_ping": True}),
        )
    except (sa.exc.ArgumentError, ImportError) as error:
        raise SettingsError(
            f"GHOST_DATABASE_URL names the driver {url.drivername!r}, which is not there: "
            "use 'sqlite' or 'postgresql' alone"
        ) from error


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise SettingsError(
            "GHOST_DATABASE_URL is not a database URL; it looks like 'sqlite:////folder/catalog.db' "
            "or 'postgresql://user@host/name'"
        ) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise SettingsError(
            f"GHOST_DATABASE_URL names {parsed.get_backend_name()!r}; the catalog lives on sqlite or postgresql"
        )
    # SQLAlchemy's default driver differs between its versions; dagster-postgres brings this one.
    return parsed.set(drivername="postgresql+psycopg2") if parsed.drivername == "postgresql" else parsed


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late; _begin_sqlite says it
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA temp_store = MEMORY")
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    is_writing = connection.get_execution_options().get("is_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


_ADVICE = (
    ("no such table", CatalogSchemaError, "it has no catalog schema: run 'ghost-pipeline db upgrade'"),
    ("does not exist", CatalogSchemaError, "it has no catalog schema: run 'ghost-pipeline db upgrade'"),
    ("no such column", CatalogSchemaError, "its schema is not this program's: run 'ghost-pipeline db upgrade'"),
    ("database is locked", CatalogUnavailable, "another program is writing: try again"),
    ("full", CatalogUnavailable, "free some space and try again; nothing was half-written"),
    ("unable to open", CatalogError, "check that the folder exists and can be written"),
    ("readonly", CatalogError, "it can't be written: check the file's permissions"),
    ("not a database", CatalogError, "the file is no SQLite database: move it away or set GHOST_DATABASE_URL"),
    ("malformed", CatalogError, "the file is damaged: restore it from a copy"),
)


def _told(error: sa.exc.DBAPIError, shown_url: str) -> CatalogError:
    said = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    for words, kind, advice in _ADVICE:
        if words in said:
            return kind(f"catalog {shown_url}: {said}; {advice}")
    is_passing = isinstance(error, sa.exc.OperationalError) or error.connection_invalidated
    kind = CatalogUnavailable if is_passing else CatalogError
    return kind(f"catalog {shown_url}: {said}; check that it can be reached and try again")
