"""The files of the inbox, by inode, and how far each was read."""

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from ghost_pipeline.errors import NoInbox


@dataclass(frozen=True, slots=True)
class Position:
    """How far a file is read."""

    offset: int = 0
    lines: int = 0
    """How many lines end before ``offset``."""
    is_in_long_line: bool = False
    """Whether ``offset`` is within a line that is too long, and was told already."""


MARK_BYTES = 512


@dataclass(frozen=True, slots=True)
class FilePosition:
    """How far a file is read, and how what was read of it begins and ends."""

    position: Position
    mark: str


@dataclass(frozen=True, slots=True)
class InboxCursor:
    """Inode -> how far that file is read. A file that is renamed keeps its inode."""

    files: Mapping[int, FilePosition] = field(default_factory=dict)

    def position_in(self, inode: int, content: BinaryIO) -> Position:
        """Where to read on; the beginning for a file that is new, cut short, or holds something else by now."""
        known = self.files.get(inode)
        if known is None or fingerprint(content, known.position.offset) != known.mark:
            return Position()
        return known.position

    def to_json(self) -> str:
        """The cursor as text."""
        return json.dumps({inode: [*astuple(file.position), file.mark] for inode, file in sorted(self.files.items())})

    @classmethod
    def from_json(cls, text: str | None) -> "InboxCursor":
        """The cursor in ``text``; an empty one at the start, and for a text that a person put there.

        To start over is harmless: a sighting that is recorded again changes nothing.
        """
        try:
            return cls(
                {
                    int(inode): FilePosition(Position(int(offset), int(lines), bool(is_in_long_line)), str(mark))
                    for inode, (offset, lines, is_in_long_line, mark) in json.loads(text or "{}").items()
                }
            )
        except (ValueError, TypeError, AttributeError):
            return cls()


def fingerprint(content: BinaryIO, offset: int) -> str:
    """A digest of the first and the last bytes before ``offset``, which tells a file from what replaced it."""
    content.seek(0)
    head = content.read(min(offset, MARK_BYTES))
    content.seek(max(offset - MARK_BYTES, 0))
    tail = content.read(min(offset, MARK_BYTES))
    return sha256(head + tail).hexdigest()[:16]


SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True)
class InboxFile:
    """A file as the folder shows it."""

    path: Path
    inode: int
    mtime_ns: int

    @contextmanager
    def opened(self) -> Iterator[tuple[os.stat_result, BinaryIO]]:
        """Its content. Raises OSError, also if another file has its name by now."""
        with self.path.open("rb") as content:
            state = os.fstat(content.fileno())
            if state.st_ino != self.inode:
                raise FileNotFoundError(f"{self.path.name} was replaced just now")
            yield state, content


def find_files(folder: Path) -> list[InboxFile]:
    """Every regular file in the folder, the one that was written longest ago first. Raises NoInbox."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    state = entry.stat()
                except OSError:  # gone meanwhile, or a link to nowhere
                    continue
                if stat.S_ISREG(state.st_mode):
                    found.append(InboxFile(Path(entry.path), state.st_ino, state.st_mtime_ns))
    except FileNotFoundError:
        raise NoInbox(f"there is no {folder}: make it and append to any {folder / '*'}{SUFFIX}") from None
    except OSError as error:
        raise NoInbox(f"{folder} can't be read: {error.strerror}; mend that or set GHOST_INBOX_DIR") from error
    return sorted(found, key=lambda file: (file.mtime_ns, file.path.name))
