"""Read the inbox in pages: a fair share of every file, each line once.

What each kind of rotation guarantees:

- **Rename** (logrotate's default, Python's rotating handlers): nothing is lost and nothing is read twice, if the file
  stays in the folder until it is read. It is followed by its inode, and a rotated name such as ``a.jsonl.1`` is
  read even if the file was never seen under another.
- **Copy and truncate**: the copy (``a.jsonl.1``) is read from where the original was read to. What is appended between
  the copy and the truncation is lost, as for every reader.
- **Delete, or move out of the folder**: what was not read by then is lost. Bytes that were seen but not read are
  counted as vanished; bytes that were appended since the last look can't be.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from os import stat_result
from pathlib import Path
from typing import BinaryIO

from ghost_pipeline.reported_sightings.inbox_files import (
    FilePosition,
    InboxCursor,
    InboxFile,
    Position,
    find_files,
    fingerprint,
    is_inbox_name,
    is_rotated_name,
)
from ghost_pipeline.reported_sightings.report import DeadLetter, Location, RefusedSighting, Sighting, read_sighting

MAX_LINE_BYTES = 256 * 1024
"""64 KiB of metadata, written with escapes."""

LONG_LINE_SAMPLE_BYTES = 1_000
"""Bytes that are kept of a longer line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end, or the beginning of one that is too long."""

    number: int
    offset: int
    """Where it begins in the file, in bytes."""
    content: bytes
    is_too_long: bool = False


_BLANK = re.compile(rb"[ \t\n\r\x0b\x0c]*")


def split_lines(chunk: bytes, position: Position, limit: int) -> tuple[list[Line], Position]:
    """Return the first ``limit`` whole lines in ``chunk``, which begins at ``position``, and the position after them.

    Blank lines are skipped and don't count. A last line without an end is left for later, unless it is too long
    already: then its beginning is returned, and the rest is skipped as it arrives.
    """
    lines: list[Line] = []
    base, at = position.offset, 0
    while True:
        if not position.is_in_long_line:
            at, position = _skip_blank_lines(chunk, at, position)
        end = chunk.find(b"\n", at)
        if end < 0 or len(lines) >= limit:
            break
        if not position.is_in_long_line:
            lines.append(_line(position, chunk, at, end))
        at = end + 1
        position = Position(base + at, position.lines + 1)
    if end >= 0:
        return lines, position
    if position.is_in_long_line:
        position = replace(position, offset=base + len(chunk))
    elif len(chunk) - at > MAX_LINE_BYTES and len(lines) < limit:
        lines.append(_line(position, chunk, at, len(chunk)))
        position = Position(base + len(chunk), position.lines, is_in_long_line=True)
    return lines, position


def _skip_blank_lines(chunk: bytes, at: int, position: Position) -> tuple[int, Position]:
    match = _BLANK.match(chunk, at)
    end = chunk.rfind(b"\n", at, match.end() if match else at) + 1
    if end <= at:
        return at, position
    return end, Position(position.offset + end - at, position.lines + chunk.count(b"\n", at, end))


def _line(position: Position, chunk: bytes, begin: int, end: int) -> Line:
    is_too_long = end - begin > MAX_LINE_BYTES
    content = chunk[begin : begin + LONG_LINE_SAMPLE_BYTES] if is_too_long else chunk[begin:end]
    return Line(position.lines + 1, position.offset, content, is_too_long)


READ_BYTES = 1024 * 1024
"""How much one page reads; more than a line may have."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class InboxPage:
    """What one reading returned."""

    cursor: InboxCursor
    """Where to continue, once the page is recorded."""
    sightings: Sequence[Sighting] = ()
    refused: Sequence[RefusedSighting] = ()
    rejected: Sequence[DeadLetter] = ()
    has_more: bool = False
    """True if more can be read at once. A page without sightings may have more behind it: blank lines or a long one."""
    unfinished: Sequence[str] = ()
    """Names of files whose last line has no end yet."""
    unreadable: Sequence[str] = ()
    """Files that can't be read now, each with the reason."""
    vanished_bytes: int = 0
    """Bytes that were seen in a file and are gone before they were read."""

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to record."""
        return not (self.sightings or self.refused or self.rejected or self.vanished_bytes)


@dataclass(slots=True)
class _Reading:
    """One page in the making."""

    cursor: InboxCursor
    limit: int
    now: datetime
    files: dict[int, FilePosition] = field(default_factory=dict)
    read: list[Sighting | RefusedSighting | DeadLetter] = field(default_factory=list)
    bytes: int = 0
    has_more: bool = False
    resume_after: tuple[int, int] | None = None
    unfinished: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    truncated: dict[int, FilePosition] = field(default_factory=dict)
    """Inode -> how far it was read, for files that have lost what was read of them."""
    vanished: dict[int, int] = field(default_factory=dict)
    """Inode -> bytes."""

    @property
    def is_budget_spent(self) -> bool:
        return len(self.read) >= self.limit or self.bytes >= READ_BYTES


def read_inbox(folder: Path, cursor: InboxCursor, limit: int, now: datetime) -> InboxPage:
    """Return what follows ``cursor``: at most ``limit`` lines and about a megabyte, shared by all files.

    Files are read if their names say so (``is_inbox_name``) or if they were read before, whatever their names are by
    now. A line without an instant gets the modification time of its file. Raises NoInbox.
    """
    reading = _Reading(cursor, limit, now)
    found = find_files(folder)
    known = [file for file in found if file.inode in cursor.files]
    new = [file for file in found if file.inode not in cursor.files and is_inbox_name(file.name)]
    # The known ones first: whether a new file is a copy of one depends on which of them were truncated.
    unread = [file for file in (*known, *new) if _locate(file, reading)]
    _read_shares(_rotate(unread, cursor.resume_after), reading)
    _retain_renamed(reading, [*found, *find_files(folder)])
    return InboxPage(
        InboxCursor(reading.files, reading.resume_after),
        [one for one in reading.read if isinstance(one, Sighting)],
        [one for one in reading.read if isinstance(one, RefusedSighting)],
        [one for one in reading.read if isinstance(one, DeadLetter)],
        reading.has_more,
        reading.unfinished,
        reading.unreadable,
        sum(reading.vanished.values()),
    )


def _rotate(files: Sequence[InboxFile], resume_after: tuple[int, int] | None) -> list[InboxFile]:
    """Return the files behind ``resume_after`` first."""
    return sorted(files, key=lambda file: (resume_after is not None and file.order <= resume_after, file.order))


def _retain_renamed(reading: _Reading, found: Sequence[InboxFile]) -> None:
    """Forget only files that are gone: one look at a folder may miss a file that is renamed meanwhile, two do not."""
    present = {file.inode for file in found}
    for inode, known in reading.cursor.files.items():
        if inode in present:
            reading.files.setdefault(inode, known)
        else:
            reading.vanished[inode] = known.unread_bytes


def _locate(file: InboxFile, reading: _Reading) -> bool:
    """Put the file's position into the new cursor. Return True if something follows it."""
    known = reading.cursor.files.get(file.inode)
    if known is not None and file.is_unchanged(known, reading.now):
        reading.files[file.inode] = known
        return known.unread_bytes > 0
    try:
        with file.opened() as (state, content):
            position, mark = _find_position(file, state, content, reading)
    except OSError as error:
        reading.unreadable.append(f"{_printable(file.name)}: {error.strerror or error}")
        return False
    reading.files[file.inode] = FilePosition(position, mark, state.st_size, state.st_mtime_ns)
    return state.st_size > position.offset


def _find_position(file: InboxFile, state: stat_result, content: BinaryIO, reading: _Reading) -> tuple[Position, str]:
    """Return where to continue; the beginning for a file that is new, was cut short or has another content by now."""
    known = reading.cursor.files.get(file.inode)
    if known is not None:
        if fingerprint(content, known.position.offset) == known.mark:
            return known.position, known.mark
        reading.truncated[file.inode] = known
        reading.vanished[file.inode] = known.unread_bytes
    elif is_rotated_name(file.name):
        for inode, original in reading.truncated.items():
            is_within = original.position.offset > 0 and original.size <= state.st_size
            if is_within and fingerprint(content, original.position.offset) == original.mark:
                reading.vanished[inode] = 0  # this is its copy, and holds what was not read
                return original.position, original.mark
    return Position(), fingerprint(content, 0)


def _read_shares(files: Sequence[InboxFile], reading: _Reading) -> None:
    """Read an equal share of each file. What one leaves of its share goes to those after it."""
    for index, file in enumerate(files):
        if reading.is_budget_spent:
            reading.has_more = True
            reading.resume_after = files[index - 1].order
            return
        remaining = len(files) - index
        lines = max((reading.limit - len(reading.read)) // remaining, 1)
        size = max((READ_BYTES - reading.bytes) // remaining, MAX_LINE_BYTES + 1)
        _read_file(file, reading, lines, size)


def _read_file(file: InboxFile, reading: _Reading, limit: int, size: int) -> None:
    position = reading.files[file.inode].position
    try:
        with file.opened() as (state, content):
            content.seek(position.offset)
            chunk = content.read(size)
            lines, after = split_lines(chunk, position, limit)
            mark = fingerprint(content, after.offset)
    except OSError as error:
        reading.unreadable.append(f"{_printable(file.name)}: {error.strerror or error}")
        return
    end = position.offset + len(chunk)
    reading.files[file.inode] = FilePosition(after, mark, max(state.st_size, end), state.st_mtime_ns)
    reading.bytes += after.offset - position.offset
    if len(chunk) == size or len(lines) >= limit:
        reading.has_more |= after.offset < state.st_size
    elif after.offset < end:
        reading.unfinished.append(_printable(file.name))
    default_at = datetime.fromtimestamp(min(max(state.st_mtime, 0.0), reading.now.timestamp()), UTC)
    for line in lines:
        text = line.content.removeprefix(_BOM) if line.number == 1 else line.content
        if text.strip():
            reading.read.append(_read_line(line, text, file, default_at, reading.now))


def _read_line(
    line: Line, content: bytes, file: InboxFile, default_at: datetime, now: datetime
) -> Sighting | RefusedSighting | DeadLetter:
    location: Location = {"file": _printable(file.name), "line": line.number}
    raw = content.decode(errors="backslashreplace")
    if line.is_too_long:
        reason = f"has more than {MAX_LINE_BYTES:,} bytes; only its beginning is kept"
        return DeadLetter({**location, "offset": line.offset}, reason, raw)
    return read_sighting(content, location, raw, default_at, now)


def _printable(name: str) -> str:
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
