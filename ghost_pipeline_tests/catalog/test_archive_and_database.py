"""The archive keeps bytes once and whole; the database's errors are the project's and hold no password."""

import threading
from hashlib import sha256
from pathlib import Path

import pytest
import sqlalchemy as sa

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.archive import Archive
from ghost_pipeline.catalog.database import Database
from ghost_pipeline.errors import ArchiveError, CatalogError, CatalogSchemaError, CatalogUnavailable, SettingsError

CONTENT = b'{"data": [{"id": "gpt-x"}]}'


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def test_the_same_content_is_kept_once(archive: Archive) -> None:
    digest = archive.put(CONTENT)
    written_at = archive.path_of(digest).stat().st_mtime_ns
    assert archive.put(CONTENT) == digest == sha256(CONTENT).hexdigest()
    assert files_in(archive.folder) == [archive.path_of(digest)]
    assert archive.path_of(digest).stat().st_mtime_ns == written_at, "it was not written again"
    assert archive.get(digest) == CONTENT


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 1000])
def test_any_bytes_come_back_as_they_were(archive: Archive, content: bytes) -> None:
    assert archive.get(archive.put(content)) == content


def test_damaged_content_is_told_with_the_file_s_name(archive: Archive) -> None:
    digest = archive.put(CONTENT)
    archive.path_of(digest).write_bytes(CONTENT.replace(b"x", b"y"))
    with pytest.raises(ArchiveError, match=f"{digest}.json is damaged"):
        archive.get(digest)


def test_content_that_was_cut_short_is_mended_by_the_next_put(archive: Archive) -> None:
    digest = archive.put(CONTENT)
    archive.path_of(digest).write_bytes(CONTENT[:5])
    archive.put(CONTENT)
    assert archive.get(digest) == CONTENT


def test_content_that_is_gone_is_told(archive: Archive) -> None:
    with pytest.raises(ArchiveError, match="ingest the listing again"):
        archive.get("0" * 64)


def test_a_write_that_fails_leaves_nothing_half_written(archive: Archive) -> None:
    path = archive.path_of(sha256(CONTENT).hexdigest())
    (path / "in the way").mkdir(parents=True)
    with pytest.raises(ArchiveError, match="can't be written"):
        archive.put(CONTENT)
    assert files_in(archive.folder) == []


def test_an_archive_below_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError, match="set GHOST_HOME"):
        Archive(tmp_path / "file").put(CONTENT)


def test_many_writers_of_the_same_content_all_succeed(archive: Archive) -> None:
    digests: list[str] = []
    writers = [threading.Thread(target=lambda: digests.append(archive.put(CONTENT))) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert digests == [sha256(CONTENT).hexdigest()] * 8
    assert files_in(archive.folder) == [archive.path_of(digests[0])]


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
    ],
)
def test_a_url_that_cannot_be_used_is_a_settings_error_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="GHOST_DATABASE_URL") as caught:
        Database(url)
    assert "hunter2" not in str(caught.value)


def test_a_driver_that_does_not_exist_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="GHOST_DATABASE_URL"):
        Database("postgresql+nosuchdriver://u:hunter2@host/x")


def test_a_database_without_tables_says_how_to_make_them(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(CatalogSchemaError, match="ghost-pipeline db upgrade"), database.reading() as connection:
        connection.execute(sa.text("SELECT * FROM models"))
    database.close()


def test_a_folder_in_the_catalog_s_place_is_told(tmp_path: Path) -> None:
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
