"""A file is replaced completely or stays unchanged."""

import threading
from pathlib import Path

import pytest

from ghost_pipeline.errors import ExportRefused
from ghost_pipeline.exports import open_export


def write_export(path: Path, content: bytes) -> None:
    with open_export(path) as file:
        file.write(content)


def test_a_new_file_can_be_read_by_whoever_may_read_new_files(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")
    write_export(tmp_path / "models.yaml", b"new")
    assert (tmp_path / "models.yaml").read_bytes() == b"new"
    assert (tmp_path / "models.yaml").stat().st_mode == (tmp_path / "other").stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models.yaml", "other"]


def test_a_replaced_file_keeps_its_permissions_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_export(link, b"new")
    assert link.is_symlink()
    assert (real.read_bytes(), real.stat().st_mode & 0o777) == (b"new", 0o640)


def test_a_path_that_is_not_a_file_is_an_error(tmp_path: Path) -> None:
    for place in (tmp_path, Path("/dev/null"), tmp_path / "none" / "models.yaml"):
        with pytest.raises(ExportRefused):
            write_export(place, b"new")


def test_when_it_cannot_be_written_the_old_file_stays_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "models.yaml"
    path.write_bytes(b"old")

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ExportRefused, match="No space left on device"):
        write_export(path, b"new")
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"old"]


def test_a_reader_finds_the_old_or_the_new_content_and_never_half_of_it(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    versions = [bytes([letter]) * 200_000 for letter in b"ab"]
    write_export(path, versions[0])
    is_done = threading.Event()
    torn = []

    def read() -> None:
        while not is_done.is_set():
            content = path.read_bytes()
            if content not in versions:
                torn.append(content)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        write_export(path, versions[number % 2])
    is_done.set()
    reader.join()
    assert not torn
