"""The archive stores bytes once and complete, in a folder and on fsspec file systems."""

import threading
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.catalog.storage.archive import Archive
from ghost_pipeline.errors import ArchiveError, SettingsError
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.catalog.oracle_driver import READER, listing_bytes

CONTENT = b'{"data": [{"id": "gpt-x"}]}'
NAME = Archive.name_of(sha256(CONTENT).hexdigest())


class Kept:
    """The content of an archive, read from outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files, self.path = fsspec.core.url_to_fs(url)

    def names(self) -> list[str]:
        if not self.files.exists(self.path):
            return []
        return [path.removeprefix(self.path).strip("/") for path in self.files.find(self.path)]

    def overwrite(self, name: str, content: bytes) -> None:
        self.files.pipe_file(f"{self.path}/{name}", content)

    def written_at(self, name: str) -> datetime:
        at = self.files.modified(f"{self.path}/{name}")
        assert isinstance(at, datetime)
        return at


@pytest.fixture(params=["folder", "memory"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    return Kept(str(tmp_path / "archive") if request.param == "folder" else f"memory://{tmp_path.name}/archive")


@pytest.fixture
def archive(kept: Kept) -> Archive:
    return Archive(kept.url)


def test_the_same_content_is_kept_once(archive: Archive, kept: Kept) -> None:
    digest = archive.store(CONTENT)
    written_at = kept.written_at(NAME)
    assert archive.store(CONTENT) == digest == sha256(CONTENT).hexdigest()
    assert kept.names() == [NAME]
    assert kept.written_at(NAME) == written_at, "it was not written again"
    assert archive.load(digest) == CONTENT


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 1000])
def test_any_bytes_come_back_as_they_were(archive: Archive, content: bytes) -> None:
    assert archive.load(archive.store(content)) == content


def test_damaged_content_is_an_error_with_the_file_s_name(archive: Archive, kept: Kept) -> None:
    digest = archive.store(CONTENT)
    kept.overwrite(NAME, CONTENT.replace(b"x", b"y"))
    with pytest.raises(ArchiveError, match=rf"{digest}.json in .*archive is damaged"):
        archive.load(digest)


def test_truncated_content_is_replaced_by_the_next_store(archive: Archive, kept: Kept) -> None:
    digest = archive.store(CONTENT)
    kept.overwrite(NAME, CONTENT[:5])
    with pytest.raises(ArchiveError, match="is damaged"):
        archive.load(digest)
    archive.store(CONTENT)
    assert archive.load(digest) == CONTENT


def test_missing_content_is_an_error(archive: Archive) -> None:
    with pytest.raises(ArchiveError, match="ingest the listing again"):
        archive.load("0" * 64)


def test_what_another_machine_wrote_is_seen(kept: Kept) -> None:
    here, there = Archive(kept.url), Archive(kept.url)
    with pytest.raises(ArchiveError):
        here.load(sha256(CONTENT).hexdigest())
    assert here.load(there.store(CONTENT)) == CONTENT


def test_a_write_that_fails_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / NAME / "in the way").mkdir(parents=True)
    with pytest.raises(ArchiveError, match="can't be written"):
        Archive(tmp_path).store(CONTENT)
    assert Kept(str(tmp_path)).names() == []


def test_an_archive_below_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError, match="set GHOST_HOME"):
        Archive(tmp_path / "file").store(CONTENT)


def test_many_writers_of_the_same_content_all_succeed(archive: Archive, kept: Kept) -> None:
    digests: list[str] = []
    writers = [threading.Thread(target=lambda: digests.append(archive.store(CONTENT))) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert digests == [sha256(CONTENT).hexdigest()] * 8
    assert kept.names() == [NAME]


def test_a_catalog_whose_home_is_a_url_archives_there(tmp_path: Path) -> None:
    home = f"memory://{tmp_path.name}/ghost"
    settings = Settings(database_url=f"sqlite:///{tmp_path}/catalog.db").at_home(home)
    content = listing_bytes({"gpt-x": 1})
    with ModelCatalog.open(settings, reader=READER) as catalog:
        submission = SubmittedListing("openai", "openai.json", content, datetime(2026, 5, 1, tzinfo=UTC))
        catalog.reconcile(catalog.admit(submission).listing_id)
        assert len(catalog.find_models()) == 1
    assert Kept(f"{home}/archive").names() == [Archive.name_of(sha256(content).hexdigest())]


def test_a_home_that_is_a_url_needs_a_database_and_a_folder_for_dagster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    settings = Settings.from_environment({"GHOST_HOME": "s3://bucket/ghost"})
    assert settings.archive_location == "s3://bucket/ghost/archive"
    with pytest.raises(SettingsError, match="set GHOST_DATABASE_URL"):
        _ = settings.catalog_url
    with pytest.raises(SettingsError, match="set DAGSTER_HOME"):
        _ = settings.dagster_home


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    settings = Settings.from_environment({"GHOST_HOME": f"file://{tmp_path}"})
    assert settings.home == tmp_path
    assert settings.archive_location == str(tmp_path / "archive")


def test_a_file_system_that_is_not_there_is_named_without_its_password_when_it_is_needed() -> None:
    archive = Archive("nosuchscheme://key:hunter2@bucket/ghost")
    with pytest.raises(ArchiveError, match=r"nosuchscheme://\*\*\*@bucket/ghost can't be written") as caught:
        archive.store(CONTENT)
    assert "hunter2" not in str(caught.value)


def test_a_file_system_s_error_is_shown_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    def telling(self: object, path: str) -> bytes:
        raise RuntimeError(f"403 for memory://key:hunter2@bucket/{path}")

    monkeypatch.setattr(MemoryFileSystem, "cat_file", telling)
    with pytest.raises(ArchiveError, match=r"403 for memory://\*\*\*@bucket") as caught:
        Archive("memory://key:hunter2@bucket/ghost").load("0" * 64)
    assert "hunter2" not in str(caught.value)
