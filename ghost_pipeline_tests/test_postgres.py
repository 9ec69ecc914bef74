"""The PostgreSQL of the tests keeps its files in a folder of the current user."""

import os
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa

from ghost_pipeline_tests.postgres import private_runtime_dir, server


def test_the_runtime_folder_is_the_user_s_own(tmp_path: Path) -> None:
    folder = private_runtime_dir(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "python_PostgresServer").is_dir()
    assert private_runtime_dir(tmp_path) == folder


def test_a_folder_of_another_user_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = private_runtime_dir(tmp_path)
    monkeypatch.setattr(os, "getuid", lambda: taken.stat().st_uid + 1)
    assert private_runtime_dir(tmp_path) != taken


def test_the_lock_file_of_the_server_is_in_that_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(private_runtime_dir(tmp_path)))
    platformdirs = pytest.importorskip("platformdirs")
    assert platformdirs.user_runtime_path("python_PostgresServer").is_dir()


def content(url: str) -> dict[str, list[tuple[object, ...]]]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        names = [*sa.inspect(connection).get_table_names(), "pg_sequences"]
        rows = {name: [tuple(row) for row in connection.exec_driver_sql(f"TABLE {name}")] for name in names}
        statistics = connection.exec_driver_sql("SELECT starelid FROM pg_statistic WHERE starelid >= 16384")
        rows["statistics"] = [tuple(row) for row in statistics]
    engine.dispose()
    return rows


def test_a_catalog_that_is_used_again_is_as_it_was_created() -> None:
    url = server().new_url()
    created = content(url)
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO providers (id, label) VALUES ('acme', 'Acme')")
        connection.exec_driver_sql("SELECT nextval('models_id_seq')")
        connection.exec_driver_sql("DELETE FROM catalog_identity")
        connection.exec_driver_sql("ANALYZE providers")
        assert content(url) != created
        server().drop(url)
        connection.invalidate()
    engine.dispose()
    assert server().new_url() == url
    assert content(url) == created
    server().drop(url)


@pytest.mark.parametrize(
    "alteration",
    [
        "ALTER TABLE models ADD COLUMN more text",
        "ALTER TABLE models ALTER COLUMN name SET NOT NULL",
        "CREATE TABLE more (id int)",
        "CREATE SCHEMA more",
        "DO $$BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET work_mem = 1024'; END$$",
    ],
)
def test_a_catalog_that_was_altered_is_not_used_again(alteration: str) -> None:
    url = server().new_url()
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(alteration)
    engine.dispose()
    server().drop(url)
    other = server().new_url()
    assert other != url
    server().drop(other)
