"""A SQLite catalog whose file is replaced under a running program, such as by a restored backup."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.storage.database import Database


def back_up(path: Path) -> Path:
    """Return a copy of a database, made as SQLite's ``.backup`` makes it."""
    copy = path.with_suffix(".backup")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def model_ids(path: Path) -> list[str]:
    """Return the model ids that another program reads from the file."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [row[0] for row in connection.execute("SELECT model_id FROM models ORDER BY model_id")]


def test_a_restored_backup_takes_the_next_sightings_and_nothing_of_the_file_that_it_replaced(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with ModelCatalog.open(url=f"sqlite:///{path}") as catalog:
        catalog.track_successful_inference("openai", "before-the-backup")
        copy = back_up(path)
        for number in range(50):
            catalog.track_successful_inference("openai", f"lost-{number}", metadata={"text": "x" * 5_000})
        copy.replace(path)
        catalog.track_successful_inference("openai", "after-the-restore")
        assert [model.model_id for model in catalog.find_models()] == ["after-the-restore", "before-the-backup"]
        assert model_ids(path) == ["after-the-restore", "before-the-backup"]
    assert model_ids(path) == ["after-the-restore", "before-the-backup"]


def test_a_reader_sees_the_restored_backup(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with ModelCatalog.open(url=f"sqlite:///{path}") as catalog:
        copy = back_up(path)
        catalog.track_successful_inference("openai", "lost")
        copy.replace(path)
        assert catalog.find_models() == []


def test_a_transaction_during_which_the_file_is_replaced_is_done_again_in_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    database = Database(f"sqlite:///{path}")
    with database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE notes (word TEXT)"))
    copies = [back_up(path)]

    def insert(connection: sa.Connection) -> None:
        connection.execute(sa.text("INSERT INTO notes VALUES ('kept')"))
        while copies:
            copies.pop().replace(path)

    database.write(insert)
    with closing(sqlite3.connect(path)) as other_program:
        assert other_program.execute("SELECT word FROM notes").fetchall() == [("kept",)]
    database.close()


@pytest.mark.parametrize("url_of", [lambda path: f"sqlite:///{path}", lambda path: f"sqlite:///file:{path}?uri=true"])
def test_a_file_that_stays_keeps_its_connection(tmp_path: Path, url_of: Callable[[Path], str]) -> None:
    database = Database(url_of(tmp_path / "catalog.db"))
    opened: list[object] = []
    sa.event.listen(database.engine, "connect", lambda connection, _record: opened.append(connection))
    for _ in range(3):
        with database.writing() as connection:
            connection.execute(sa.text("CREATE TABLE IF NOT EXISTS notes (word TEXT)"))
    assert len(opened) == 1
    database.close()
