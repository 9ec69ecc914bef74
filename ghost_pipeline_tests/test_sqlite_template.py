"""A SQLite catalog that the tests copy is as the migrations create one."""

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

from ghost_pipeline.catalog.storage import schema
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline_tests.sqlite_template import IDENTITY, migrate


def created(path: Path, upgrade: Callable[[Database], None]) -> tuple[object, ...]:
    """Return what an upgrade of no file creates: definitions, rows of each table but the identity, the journal mode."""
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    with sqlite3.connect(path) as connection:
        select = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master"
        definitions = connection.execute(select).fetchall()
        tables = [name for kind, name, _, _ in definitions if kind == "table"]
        rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables if name != IDENTITY}
        modes = [connection.execute(f"PRAGMA {name}").fetchone() for name in ("journal_mode", "page_size", "encoding")]
    connection.close()
    # Migrations that create a table anew add its constraints in any order.
    lines = sorted((kind, name, table, sorted(re.split(r",? ?\n\t?", sql))) for kind, name, table, sql in definitions)
    return lines, rows, modes


def identity(path: Path) -> str:
    with sqlite3.connect(path) as connection:
        [(found,)] = connection.execute(f"SELECT id FROM {IDENTITY}")
    connection.close()
    return str(found)


def test_a_copy_is_what_the_migrations_create_with_an_identity_of_its_own(tmp_path: Path) -> None:
    copy, other, migrated = (tmp_path / name for name in ("copy.db", "other.db", "migrated.db"))
    assert created(copy, schema.upgrade) == created(other, schema.upgrade) == created(migrated, migrate)
    identities = {identity(path) for path in (copy, other, migrated)}
    assert [len(one) for one in identities] == [32, 32, 32]


def test_tables_that_exist_already_are_migrated(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE of_another_program (id INTEGER)")
    connection.close()
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    assert schema.current_revision(database) == schema.HEAD
    database.close()
