"""The archive: the raw bytes of every listing, by their sha256, in a folder or behind a URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from ghost_pipeline.atomic_file import atomic_write
from ghost_pipeline.errors import ArchiveError
from ghost_pipeline.redaction import redact_url


class ArchiveBackend(Protocol):
    """The storage operations that an archive needs. Names use ``/``."""

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes; None if it does not exist."""

    def write(self, name: str, content: bytes, *, is_private: bool = False) -> None:
        """Write a file."""

    def read(self, name: str) -> bytes:
        """Read a file."""


class Folder:
    """A local folder. A file is written under another name, synced, then renamed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes; None if it does not exist."""
        try:
            return (self._path / name).stat().st_size
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes, *, is_private: bool = False) -> None:
        """Write a file, whole or not at all; with ``is_private``, for its owner only."""
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, content, is_private=is_private)

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
        """Return the size of a file in bytes; None if it does not exist."""
        path = f"{self._path}/{name}"
        self._files.invalidate_cache()  # other machines write as well
        try:
            return int(self._files.size(path))
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes, *, is_private: bool = False) -> None:
        """Write a file."""
        path = f"{self._path}/{name}"
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(path, content)

    def read(self, name: str) -> bytes:
        """Read a file."""
        return bytes(self._files.cat_file(f"{self._path}/{name}"))


def open_backend(location: str) -> ArchiveBackend:
    """Return the backend for a path or a URL. Raises what fsspec raises for a file system that is not installed."""
    return RemoteFolder(location) if "://" in location else Folder(Path(location))


class Archive:
    """Files named by the sha256 of their content, in a folder or wherever fsspec reaches.

    ``location`` is a path, or a URL such as ``s3://bucket/ghost/archive`` that every machine of a deployment can read
    and write; its file system's package (``s3fs``, ``gcsfs``, ``adlfs``) must be installed.
    """

    def __init__(self, location: Path | str) -> None:
        self._location = str(location)
        self.shown = redact_url(self._location)

    @cached_property
    def _place(self) -> ArchiveBackend:
        """Backend, opened at its first use, because most commands do not need the archive."""
        return open_backend(self._location)

    @staticmethod
    def name_of(digest: str) -> str:
        """Return the name in the archive of the content with that sha256 (64 hex digits)."""
        return f"{digest[:2]}/{digest}.json"

    def store(self, content: bytes, digest: str | None = None) -> str:
        """Store ``content`` and return its sha256, which is calculated unless given. Raises ArchiveError.

        A local folder has the whole file or none. Where another file system left a part of it, the size differs, so the
        content is written again the next time.
        """
        digest = digest or sha256(content).hexdigest()
        name = self.name_of(digest)
        with self._writing():
            if self._place.size(name) != len(content):
                self._place.write(name, content)
        return digest

    def quarantine(self, name: str, content: bytes) -> None:
        """Store rejected input as ``rejected/NAME``, where an operator can read it. Raises ArchiveError."""
        with self._writing():
            self._place.write(f"rejected/{name}", content, is_private=True)

    def load(self, digest: str) -> bytes:
        """Return the content with that sha256. Raises ArchiveError if it is missing or damaged."""
        name = self.name_of(digest)
        try:
            content = self._place.read(name)
        except Exception as error:
            raise ArchiveError(
                f"archive {self.shown} has no readable {name}: {self._describe(error)}", "ingest the listing again"
            ) from error
        if sha256(content).hexdigest() != digest:
            raise ArchiveError(
                f"archive file {name} in {self.shown} is damaged", "delete it and ingest the listing again"
            )
        return content

    def _describe(self, error: Exception) -> str:
        message = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        return redact_url(self._location, message.splitlines()[0])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # each file system has errors of its own
            raise ArchiveError(
                f"archive {self.shown} can't be written: {self._describe(error)}",
                "free some space, or set GHOST_HOME to another folder",
            ) from error
