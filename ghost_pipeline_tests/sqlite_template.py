"""New SQLite catalogs for the tests: a copy of what the migrations made of the first one.

To run all migrations takes ten times as long as to copy their result, and nearly every test needs a new catalog.
"""

import sqlite3
import tempfile
import uuid
from functools import cache
from pathlib import Path

from ghost_pipeline.catalog.storage import schema, text_index
from ghost_pipeline.catalog.storage.database import Database

migrate = schema.upgrade
"""The upgrade that runs the migrations, whatever has replaced it in ``schema``."""

IDENTITY = "catalog_identity"
"""The table with the id of a catalog, of which no two have the same."""

_WRITTEN = "SELECT count(*) FROM sqlite_master"
_DEFINITIONS = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%' ORDER BY rowid"
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"


def upgrade(database: Database) -> None:
    """Upgrade the schema as ``schema.upgrade`` does; an empty SQLite catalog gets copies of another's tables."""
    if not database.is_sqlite or not _copy(database):
        migrate(database)


def _copy(database: Database) -> bool:
    """Create the tables of an empty catalog in one transaction, as an upgrade does; return False if there are some."""
    definitions, rows = _template()
    with database.writing(has_foreign_keys=False) as connection:
        if connection.exec_driver_sql(_WRITTEN).scalar_one():
            return False
        for definition in definitions:
            connection.exec_driver_sql(definition)
        for table, row in rows:
            values = (uuid.uuid4().hex,) if table == IDENTITY else row
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)
        text_index.ensure(connection)
    return True


@cache
def _template() -> tuple[list[str], list[tuple[str, tuple[object, ...]]]]:
    """Return the statements that create what an upgraded catalog has, and the table and values of each row in it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalog.db"
        database = Database(f"sqlite:///{path}")
        migrate(database)
        database.close()
        connection = sqlite3.connect(path)
        definitions = [sql for name, sql in connection.execute(_DEFINITIONS) if not text_index.is_own_table(name)]
        tables = [name for (name,) in connection.execute(_TABLES) if not text_index.is_own_table(name)]
        rows = [(table, row) for table in tables for row in connection.execute(f"SELECT * FROM {table}")]
        connection.close()
    return definitions, rows
