"""The archive: the raw bytes of every listing, by their sha256, in a folder or behind a URL."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from ghost_pipeline.atomic_file import atomic_write
from ghost_pipeline.errors import ArchiveError
from ghost_pipeline.redaction import redact_url, redact_user_info


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of an archive."""

    name: str
    size: int
    modified_at: datetime | None
    """When it was written; None where the file system does not record it."""


class ArchiveBackend(Protocol):
    """The storage operations that an archive needs. Names use ``/``."""

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes; None if it does not exist."""

    def write(self, name: str, content: bytes, *, is_private: bool = False) -> None:
        """Write a file."""

    def read(self, name: str) -> bytes:
        """Read a file."""

    def find(self) -> Iterator[StoredFile]:
        """Yield the files in folders of two characters. No links."""

    def move(self, name: str, new_name: str) -> None:
        """Rename a file, replacing another one. Raises FileNotFoundError."""

    def delete(self, name: str) -> None:
        """Delete a file, if it exists."""


class Folder:
    """A local folder. A file is written under another name, synced, then renamed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes; None if it does not exist."""
        try:
            return os.stat(f"{self._path}/{name}").st_size
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

    def find(self) -> Iterator[StoredFile]:
        """Yield the files in folders of two characters. No links, also not to folders."""
        for folder in self._path.glob("??"):
            if folder.is_symlink() or not folder.is_dir():
                continue
            for path in folder.iterdir():
                with suppress(FileNotFoundError):
                    status = path.lstat()
                    if stat.S_ISREG(status.st_mode):
                        at = datetime.fromtimestamp(status.st_mtime, UTC)
                        yield StoredFile(f"{folder.name}/{path.name}", status.st_size, at)

    def move(self, name: str, new_name: str) -> None:
        """Rename a file, replacing another one. Raises FileNotFoundError."""
        (self._path / name).replace(self._path / new_name)

    def delete(self, name: str) -> None:
        """Delete a file, if it exists."""
        (self._path / name).unlink(missing_ok=True)


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

    def find(self) -> Iterator[StoredFile]:
        """Yield the files in folders of two characters."""
        self._files.invalidate_cache()
        root = self._files._strip_protocol(self._path)  # as the names that find() returns begin
        for path, info in self._files.find(root, detail=True).items():
            name = str(path).removeprefix(root).strip("/")
            if re.fullmatch(r"../[^/]+", name):
                yield StoredFile(name, int(info["size"]), self._modified_at(path))

    def _modified_at(self, path: str) -> datetime | None:
        try:
            at: datetime = self._files.modified(path)
        except (NotImplementedError, FileNotFoundError):
            return None
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at

    def move(self, name: str, new_name: str) -> None:
        """Rename a file, replacing another one. Raises FileNotFoundError."""
        self._files.mv(f"{self._path}/{name}", f"{self._path}/{new_name}")

    def delete(self, name: str) -> None:
        """Delete a file, if it exists."""
        with suppress(FileNotFoundError):
            self._files.rm_file(f"{self._path}/{name}")


def open_backend(location: str) -> ArchiveBackend:
    """Return the backend for a path or a URL. Raises what fsspec raises for a file system that is not installed."""
    return RemoteFolder(location) if "://" in location else Folder(Path(location))


_WITHDRAWN = ".withdrawn"
_LISTING_NAME = re.compile(r"[0-9a-f]{2}/(?P<digest>[0-9a-f]{64})\.json(\.withdrawn)?")


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

    def find_listings(self) -> Iterator[tuple[str, StoredFile]]:
        """Yield digest and file of each listing, withdrawn ones too. Raises ArchiveError."""
        with self._writing():
            for file in self._place.find():
                match = _LISTING_NAME.fullmatch(file.name)
                if match and match["digest"][:2] == file.name[:2]:
                    yield match["digest"], file

    def withdraw(self, digest: str) -> bool:
        """Rename a listing, so that the next ``store`` of its content writes it anew. Return False if it is gone.

        A withdrawn listing is to be discarded or reinstated. Raises ArchiveError.
        """
        with self._writing():
            try:
                self._place.move(self.name_of(digest), self.name_of(digest) + _WITHDRAWN)
            except FileNotFoundError:
                return False
            return True

    def reinstate(self, digest: str) -> None:
        """Give a withdrawn listing its name again. Raises ArchiveError."""
        with self._writing(), suppress(FileNotFoundError):  # another program did
            self._place.move(self.name_of(digest) + _WITHDRAWN, self.name_of(digest))

    def discard(self, digest: str) -> None:
        """Delete a withdrawn listing. Raises ArchiveError."""
        with self._writing():
            self._place.delete(self.name_of(digest) + _WITHDRAWN)

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
        return redact_user_info(message.splitlines()[0], self._location)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # each file system has errors of its own
            raise ArchiveError(
                f"archive {self.shown} can't be written: {self._describe(error)}",
                "free some space, or set GHOST_HOME to another folder",
            ) from error
