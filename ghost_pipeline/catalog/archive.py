"""The archive of raw listings: the bytes of every listing that was ever admitted, once per distinct content."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from ghost_pipeline.catalog.archive_places import ArchivePlace, place_of, shown_place, without_password
from ghost_pipeline.errors import ArchiveError


class Archive:
    """Files named by the sha256 of their content, in a folder or wherever fsspec reaches.

    ``location`` is a path, or a URL such as ``s3://bucket/ghost/archive`` that every machine of a deployment can read
    and write; its file system's package (``s3fs``, ``gcsfs``, ``adlfs``) must be installed.
    """

    def __init__(self, location: Path | str) -> None:
        self._location = str(location)
        self.shown = shown_place(self._location)

    @cached_property
    def _place(self) -> ArchivePlace:
        """Reached when it is first needed: most of what opens a catalog has no business with its archive."""
        return place_of(self._location)

    @staticmethod
    def name_of(digest: str) -> str:
        """Where in the archive the content with that sha256 (64 hex digits) is kept."""
        return f"{digest[:2]}/{digest}.json"

    def put(self, content: bytes) -> str:
        """Keep ``content`` and give its sha256. Raises ArchiveError.

        In a folder it is there whole or not at all. A file system that can leave a part of it is no danger: a part is
        never taken for the whole, and the next time that the same content comes it is written again.
        """
        digest = sha256(content).hexdigest()
        name = self.name_of(digest)
        with self._writing():
            if self._place.size(name) != len(content):
                self._place.write(name, content)
        return digest

    def set_aside(self, name: str, content: bytes) -> None:
        """Keep what was rejected, for people to look at, as ``rejected/NAME``. Raises ArchiveError."""
        with self._writing():
            self._place.write(f"rejected/{name}", content)

    def get(self, digest: str) -> bytes:
        """The content with that sha256. Raises ArchiveError if it is gone or no longer the same."""
        name = self.name_of(digest)
        try:
            content = self._place.read(name)
        except Exception as error:
            raise ArchiveError(
                f"archive {self.shown} has no readable {name}: {self._said(error)}; ingest the listing again"
            ) from error
        if sha256(content).hexdigest() != digest:
            raise ArchiveError(
                f"archive file {name} in {self.shown} is damaged: delete it and ingest the listing again"
            )
        return content

    def _said(self, error: Exception) -> str:
        words = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        return without_password(words.splitlines()[0], self._location)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # each file system has errors of its own
            raise ArchiveError(
                f"archive {self.shown} can't be written: {self._said(error)}; "
                "free some space, or set GHOST_HOME elsewhere"
            ) from error
