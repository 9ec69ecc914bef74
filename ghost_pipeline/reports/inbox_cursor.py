"""What is remembered of the inbox: how far each file is read, whatever it is called by now."""

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from hashlib import sha256
from typing import BinaryIO

from ghost_pipeline.reports.lines import Position

MARK_BYTES = 512


@dataclass(frozen=True, slots=True)
class ReadFile:
    """How far a file is read, and how what was read of it begins and ends."""

    position: Position
    mark: str


@dataclass(frozen=True, slots=True)
class InboxCursor:
    """Inode -> how far that file is read. A file that is renamed keeps its inode."""

    files: Mapping[int, ReadFile] = field(default_factory=dict)

    def position_in(self, inode: int, content: BinaryIO) -> Position:
        """Where to read on; the beginning for a file that is new, cut short, or holds something else by now."""
        known = self.files.get(inode)
        if known is None or mark_of(content, known.position.offset) != known.mark:
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
                    int(inode): ReadFile(Position(int(offset), int(lines), bool(is_in_long_line)), str(mark))
                    for inode, (offset, lines, is_in_long_line, mark) in json.loads(text or "{}").items()
                }
            )
        except (ValueError, TypeError, AttributeError):
            return cls()


def mark_of(content: BinaryIO, offset: int) -> str:
    """A digest of the first and the last bytes before ``offset``, which tells a file from what replaced it."""
    content.seek(0)
    head = content.read(min(offset, MARK_BYTES))
    content.seek(max(offset - MARK_BYTES, 0))
    tail = content.read(min(offset, MARK_BYTES))
    return sha256(head + tail).hexdigest()[:16]
