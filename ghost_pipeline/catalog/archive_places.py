"""Where an archive can be: a local folder, or whatever file system fsspec has for a URL."""

from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from ghost_pipeline.whole_files import write_whole


class ArchivePlace(Protocol):
    """What an archive needs of the place where it is. Names use ``/``."""

    def size(self, name: str) -> int | None:
        """The size of a file in bytes; None if it isn't there."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file."""

    def read(self, name: str) -> bytes:
        """Read a file."""


class Folder:
    """A local folder. Files are written aside, synced, then renamed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def size(self, name: str) -> int | None:
        """The size of a file in bytes; None if it isn't there."""
        try:
            return (self._path / name).stat().st_size
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)

    def read(self, name: str) -> bytes:
        """Read a file."""
        return (self._path / name).read_bytes()


class RemoteFolder:
    """A folder of an fsspec file system. Object stores write whole objects or none."""

    def __init__(self, url: str) -> None:
        import fsspec  # noqa: PLC0415 - only where GHOST_HOME is a URL

        file_system, path = fsspec.core.url_to_fs(url)
        self._files: Any = file_system
        self._path = path.rstrip("/")

    def size(self, name: str) -> int | None:
        """The size of a file in bytes; None if it isn't there."""
        path = f"{self._path}/{name}"
        self._files.invalidate_cache()  # other machines write as well
        try:
            return int(self._files.size(path))
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file."""
        path = f"{self._path}/{name}"
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(path, content)

    def read(self, name: str) -> bytes:
        """Read a file."""
        return bytes(self._files.cat_file(f"{self._path}/{name}"))


def place_of(location: str) -> ArchivePlace:
    """The place that a path or a URL names. Raises what fsspec raises for a file system that isn't there."""
    return RemoteFolder(location) if "://" in location else Folder(Path(location))


def shown_place(location: str) -> str:
    """The location without a password."""
    return without_password(location, location)


def without_password(text: str, location: str) -> str:
    """``text`` without what stands before the host in the URL ``location``."""
    secret, at, _ = urlsplit(location).netloc.rpartition("@") if "://" in location else ("", "", "")
    return text.replace(f"{secret}@", "***@") if at else text
