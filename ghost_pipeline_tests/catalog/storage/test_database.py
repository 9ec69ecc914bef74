"""Database errors are translated, contain no password, and leave nothing half-written."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.errors import CatalogError, CatalogSchemaError, CatalogUnavailable, SettingsError
from ghost_pipeline_tests.catalog.backends import Place


@pytest.mark.parametrize(
    "url", ["postgresql://user:hunter2@127.0.0.1:1/none", "postgresql+psycopg2://u:hunter2@[::1]:1/x"]
)
def test_an_unreachable_server_may_pass_and_its_password_is_hidden(url: str) -> None:
    with pytest.raises(CatalogUnavailable) as caught:
        ModelCatalog.open(url=url)
    assert "hunter2" not in str(caught.value)
    assert "***" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "mysql://u:hunter2@host/x",
        "postgresql://u:hunter2@h:port/x",
        "postgresql://u:p@hunter2@host/x",
        "postgresql://u:p@r/hunter2@host/x",
    ],
)
def test_a_url_that_cannot_be_used_is_a_settings_error_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="GHOST_DATABASE_URL") as caught:
        Database(url)
    assert "hunter2" not in str(caught.value)


def test_a_driver_that_does_not_exist_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="GHOST_DATABASE_URL"):
        Database("postgresql+nosuchdriver://u:hunter2@host/x")


def test_the_error_for_a_database_without_tables_names_the_command_that_creates_them(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(CatalogSchemaError, match="ghost-pipeline db upgrade"), database.reading() as connection:
        connection.execute(sa.text("SELECT * FROM models"))
    database.close()


def test_a_folder_in_place_of_the_catalog_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").mkdir()
    with pytest.raises(CatalogError, match="unable to open"):
        ModelCatalog.open(url=f"sqlite:///{tmp_path / 'catalog.db'}")


def write_half(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(sa.text("INSERT INTO notes VALUES ('half')"))
        connection.execute(sa.text("DROP TABLE nowhere"))


def test_a_transaction_that_raises_leaves_nothing_behind(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'catalog.db'}")
    with database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE notes (word TEXT)"))
    with pytest.raises(CatalogError, match="nowhere"):
        write_half(database)
    with database.reading() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM notes")).scalar() == 0
    database.close()


def test_a_new_file_that_another_program_is_writing_is_opened_once_that_is_done(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as writer:
        writer.execute("CREATE TABLE somebody (id INTEGER)")
        writer.execute("BEGIN IMMEDIATE")
        commit = threading.Timer(0.3, writer.execute, ["COMMIT"])
        commit.start()
        database = Database(f"sqlite:///{path}")
        with database.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        commit.join()
    database.close()


def test_a_catalog_that_can_not_be_opened_leaves_no_connection_open(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.opened().close()
    database = place.database()
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE catalog_version SET version_num = '9999'"))
    database.close()
    opened: list[Database] = []
    make = Database.__init__

    def remember(self: Database, url: str, *, is_read_only: bool = False) -> None:
        make(self, url, is_read_only=is_read_only)
        opened.append(self)

    monkeypatch.setattr(Database, "__init__", remember)
    with pytest.raises(CatalogSchemaError, match="newer than this program"):
        place.opened()
    pool = opened[0].engine.pool
    assert isinstance(pool, sa.pool.QueuePool)
    assert (pool.checkedin(), pool.checkedout()) == (0, 0)
