"""The archive of raw listings: the bytes of every listing that was ever admitted, once per distinct content."""

import os
import tempfile
from hashlib import sha256
from pathlib import Path

from ghost_pipeline.errors import ArchiveError


class Archive:
    """A folder of files named by the sha256 of their content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path_of(self, digest: str) -> Path:
        """Where the content with that sha256 (64 hex digits) is kept."""
        return self.folder / digest[:2] / f"{digest}.json"

    def put(self, content: bytes) -> str:
        """Keep ``content`` and give its sha256. Whole or not at all: written aside, synced, then renamed.

        Raises ArchiveError.
        """
        digest = sha256(content).hexdigest()
        path = self.path_of(digest)
        try:
            if not (path.exists() and path.stat().st_size == len(content)):
                _write_whole(path, content)
        except OSError as error:
            raise ArchiveError(
                f"archive {self.folder} can't be written: {error.strerror}; free some space or set GHOST_HOME"
            ) from error
        return digest

    def get(self, digest: str) -> bytes:
        """The content with that sha256. Raises ArchiveError if it is gone or no longer the same."""
        path = self.path_of(digest)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ArchiveError(
                f"archive {self.folder} has no readable {path.name}: {error.strerror}; ingest the listing again"
            ) from error
        if sha256(content).hexdigest() != digest:
            raise ArchiveError(f"archive file {path} is damaged: delete it and ingest the listing again")
        return content


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
