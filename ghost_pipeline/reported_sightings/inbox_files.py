"""The files of the inbox by inode, how far each was read, and the cursor over them."""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from ghost_pipeline.errors import NoInbox
from ghost_pipeline.listings.files import is_unfinished_or_hidden

SUFFIX = ".jsonl"

_ROTATED_NAME = re.compile(r"\.jsonl[._-]")
_NOT_LINES = re.compile(r"\.(?:gz|bz2|xz|zst|lz4|zip|Z|br)$|~$")


def is_inbox_name(name: str) -> bool:
    """Return True for names of files to read: ``a.jsonl``, or rotated, such as ``a.jsonl.1`` or ``a.jsonl-20260501``.

    A file may be created and rotated between two evaluations, so the rotated name can be the first one that is seen.
    Compressed, hidden and unfinished files (``.tmp``, ``.part``) are none.
    """
    if name.endswith(SUFFIX):
        return True
    return is_rotated_name(name) and not is_unfinished_or_hidden(name) and _NOT_LINES.search(name) is None


def is_rotated_name(name: str) -> bool:
    """Return True if something follows the suffix."""
    return not name.endswith(SUFFIX) and _ROTATED_NAME.search(name) is not None


@dataclass(frozen=True, slots=True)
class Position:
    """How far a file is read."""

    offset: int = 0
    """Bytes."""
    lines: int = 0
    """How many lines end before ``offset``."""
    is_in_long_line: bool = False
    """True if ``offset`` is within a line that is too long and was rejected already."""


MARK_BYTES = 512


@dataclass(frozen=True, slots=True)
class FilePosition:
    """How far a file is read, and how to recognize it."""

    position: Position
    mark: str
    """The fingerprint of what was read."""
    size: int
    """Bytes in the file when it was seen last."""
    mtime_ns: int = 0
    """Its modification time then."""

    @property
    def unread_bytes(self) -> int:
        """How many bytes were known to follow the position."""
        return max(self.size - self.position.offset, 0)


RACY_NS = 2_000_000_000
"""A file written later than this before now may change once more without a new modification time."""


@dataclass(frozen=True, slots=True)
class InboxCursor:
    """How far each file is read, by inode: a file that is renamed keeps its inode."""

    files: Mapping[int, FilePosition] = field(default_factory=dict)
    resume_after: tuple[int, int] | None = None
    """The ``InboxFile.order`` of the last file of a page that had no room for all files; the next page continues
    behind it."""

    def to_json(self) -> str:
        """Return the cursor as text."""
        document: dict[str, object] = {
            str(inode): [
                file.position.offset,
                file.position.lines,
                file.position.is_in_long_line,
                file.mark,
                file.size,
                file.mtime_ns,
            ]
            for inode, file in sorted(self.files.items())
        }
        if self.resume_after is not None:
            document[_RESUME_AFTER] = list(self.resume_after)
        return json.dumps(document)

    @classmethod
    def from_json(cls, text: str | None) -> "InboxCursor":
        """Return the cursor in ``text``; an empty one at the start and for an unparseable text.

        Starting over is harmless: a sighting that is recorded again changes nothing.
        """
        try:
            document = json.loads(text or "{}")
            resume_after = document.pop(_RESUME_AFTER, None)
            files = {int(inode): _file_position(*values) for inode, values in document.items()}
            return cls(files, None if resume_after is None else (int(resume_after[0]), int(resume_after[1])))
        except (ValueError, TypeError, AttributeError, IndexError, KeyError):
            return cls()


_RESUME_AFTER = "resume_after"


def _file_position(
    offset: int, lines: int, is_in_long_line: bool, mark: str, size: int | None = None, mtime_ns: int = 0
) -> FilePosition:
    # Cursors that an earlier version stored end at the mark.
    position = Position(int(offset), int(lines), bool(is_in_long_line))
    return FilePosition(position, str(mark), position.offset if size is None else int(size), int(mtime_ns))


def fingerprint(content: BinaryIO, offset: int) -> str:
    """Return a digest of the first and the last bytes before ``offset``, which differs if the file was replaced."""
    content.seek(0)
    head = content.read(min(offset, MARK_BYTES))
    content.seek(max(offset - MARK_BYTES, 0))
    tail = content.read(min(offset, MARK_BYTES))
    return sha256(head + tail).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class InboxFile:
    """A regular file as the folder shows it."""

    folder: Path
    name: str
    inode: int
    mtime_ns: int
    size: int

    @property
    def order(self) -> tuple[int, int]:
        """The file that was written longest ago comes first."""
        return self.mtime_ns, self.inode

    def is_unchanged(self, known: FilePosition, now: datetime) -> bool:
        """Return True if nothing was written to the file since ``known``, so that it need not be opened."""
        is_same = (self.size, self.mtime_ns) == (known.size, known.mtime_ns)
        return is_same and self.mtime_ns < now.timestamp() * 1e9 - RACY_NS

    @contextmanager
    def opened(self) -> Iterator[tuple[os.stat_result, BinaryIO]]:
        """Open it for reading. Raises OSError, also if its name belongs to another file or to a link by now."""
        with open(f"{self.folder}/{self.name}", "rb", opener=_open_no_link) as content:
            state = os.fstat(content.fileno())
            if state.st_ino != self.inode:
                raise FileNotFoundError(f"{self.name} was replaced just now")
            yield state, content


def _open_no_link(path: str, flags: int) -> int:
    # Whoever may write to the folder could otherwise have any file read, or block the sensor with a pipe.
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def find_files(folder: Path) -> list[InboxFile]:
    """Return every regular file in the folder, the one that was written longest ago first; no links.

    Raises NoInbox if the folder can't be read.
    """
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    state = entry.stat(follow_symlinks=False)
                except OSError:  # removed meanwhile
                    continue
                if stat.S_ISREG(state.st_mode):
                    found.append(InboxFile(folder, entry.name, state.st_ino, state.st_mtime_ns, state.st_size))
    except FileNotFoundError:
        raise NoInbox(
            f"there is no folder {folder}", f"create it and append to any {folder / '*'}{SUFFIX} in it"
        ) from None
    except OSError as error:
        raise NoInbox(
            f"the folder {folder} can't be read: {error.strerror}", "fix its permissions or set GHOST_INBOX_DIR"
        ) from error
    return sorted(found, key=lambda file: file.order)
