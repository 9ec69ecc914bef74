"""From the bytes that were appended to a file to whole lines."""

from dataclasses import dataclass, replace

MAX_LINE_BYTES = 256 * 1024
"""64 KiB of metadata, written with escapes."""

SHOWN_OF_TOO_LONG = 1_000
"""Bytes that are kept of a longer line."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a file is read."""

    offset: int = 0
    lines: int = 0
    """How many lines end before ``offset``."""
    is_in_long_line: bool = False
    """Whether ``offset`` is within a line that is too long, and was told already."""


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
