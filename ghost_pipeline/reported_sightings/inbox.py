"""Read the inbox in pages."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ghost_pipeline.reported_sightings.inbox_files import (
    SUFFIX,
    FilePosition,
    InboxCursor,
    InboxFile,
    Position,
    find_files,
    fingerprint,
)
from ghost_pipeline.reported_sightings.report import DeadLetter, Location, Sighting, read_sighting

MAX_LINE_BYTES = 256 * 1024
"""64 KiB of metadata, written with escapes."""

SHOWN_OF_TOO_LONG = 1_000
"""Bytes that are kept of a longer line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end, or the beginning of one that is too long."""

    number: int
    content: bytes
    is_too_long: bool = False


def split_lines(appended: bytes, position: Position, limit: int) -> tuple[list[Line], Position]:
    """The whole lines in ``appended``, which follows ``position``, ``limit`` of them at most; and where they end.

    A last line that has no end yet is left, unless it is too long already: then its beginning is given, and the rest
    is passed over as it comes.
    """
    lines: list[Line] = []
    at = 0
    while len(lines) < limit:
        end = appended.find(b"\n", at)
        if end < 0:
            break
        if not position.is_in_long_line:
            lines.append(_line(position.lines + 1, appended[at:end]))
        position = Position(position.offset + end + 1 - at, position.lines + 1)
        at = end + 1
    else:
        return lines, position
    rest = appended[at:]
    if position.is_in_long_line:
        position = replace(position, offset=position.offset + len(rest))
    elif len(rest) > MAX_LINE_BYTES:
        lines.append(_line(position.lines + 1, rest))
        position = Position(position.offset + len(rest), position.lines, is_in_long_line=True)
    return lines, position


def _line(number: int, content: bytes) -> Line:
    if len(content) > MAX_LINE_BYTES:
        return Line(number, content[:SHOWN_OF_TOO_LONG], is_too_long=True)
    return Line(number, content)


READ_BYTES = 1024 * 1024
"""How much of a file is in memory at once; more than a line may have."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class InboxPage:
    """What was read at once."""

    cursor: InboxCursor
    """Where to read on, once the page is dealt with."""
    sightings: Sequence[Sighting] = ()
    rejected: Sequence[DeadLetter] = ()
    unfinished: Sequence[str] = ()
    """Files that end in a line without an end: it waits."""
    unreadable: Sequence[str] = ()
    """Files that can't be read now, and why."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to deal with."""
        return not self.sightings and not self.rejected


@dataclass(slots=True)
class _Reading:
    folder: Path
    cursor: InboxCursor
    limit: int
    now: datetime
    files: dict[int, FilePosition] = field(default_factory=dict)
    read: list[Sighting | DeadLetter] = field(default_factory=list)
    lines: int = 0
    bytes: int = 0
    unfinished: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        return self.lines >= self.limit or self.bytes >= READ_BYTES


def read_inbox(folder: Path, cursor: InboxCursor, limit: int, now: datetime) -> InboxPage:
    """What follows ``cursor``, at most ``limit`` lines of about a megabyte. Raises NoInbox.

    Read are files named ``*.jsonl``, and those that were so named when their reading began, whatever they are called
    by now. A line that says no instant is of the instant when its file was written last.
    """
    reading = _Reading(folder, cursor, limit, now)
    found = find_files(folder)
    for file in found:
        if file.path.name.endswith(SUFFIX) or file.inode in cursor.files:
            _read_file(file, reading)
    _retain_renamed(reading, [*found, *find_files(folder)])
    return InboxPage(
        InboxCursor(reading.files),
        [one for one in reading.read if isinstance(one, Sighting)],
        [one for one in reading.read if isinstance(one, DeadLetter)],
        reading.unfinished,
        reading.unreadable,
    )


def _retain_renamed(reading: _Reading, found: Sequence[InboxFile]) -> None:
    """Forget only files that are gone: one look at a folder may miss a file that is renamed meanwhile, two do not."""
    there = {file.inode for file in found}
    for inode, known in reading.cursor.files.items():
        if inode in there:
            reading.files.setdefault(inode, known)


def _read_file(file: InboxFile, reading: _Reading) -> None:
    if reading.is_full:
        return
    try:
        with file.opened() as (state, content):
            position = reading.cursor.position_in(file.inode, content)
            content.seek(position.offset)
            appended = content.read(READ_BYTES)
            lines, after = split_lines(appended, position, reading.limit - reading.lines)
            mark = fingerprint(content, after.offset)
    except OSError as error:
        reading.unreadable.append(f"{file.path.name}: {error.strerror or error}")
        return
    if after.offset:
        reading.files[file.inode] = FilePosition(after, mark)
    reading.lines += len(lines)
    reading.bytes += after.offset - position.offset
    if len(appended) < READ_BYTES and after.offset < position.offset + len(appended) and not reading.is_full:
        reading.unfinished.append(file.path.name)
    told_at = datetime.fromtimestamp(min(max(state.st_mtime, 0.0), reading.now.timestamp()), UTC)
    for line in lines:
        _read_line(line, file, told_at, reading)


def _read_line(line: Line, file: InboxFile, told_at: datetime, reading: _Reading) -> None:
    content = line.content.removeprefix(_BOM) if line.number == 1 else line.content
    where: Location = {"file": _shown(file.path.name), "line": line.number}
    said = content.decode(errors="backslashreplace")
    if line.is_too_long:
        reading.read.append(DeadLetter(where, f"has more than {MAX_LINE_BYTES:,} bytes; this is its beginning", said))
    elif content.strip():
        reading.read.append(read_sighting(content, where, said, told_at, reading.now))


def _shown(name: str) -> str:
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
