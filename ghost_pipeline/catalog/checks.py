"""Checks on what people and clients hand to the catalog. Each gives the value back or raises UsageError."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.vocabulary import CAPABILITIES, Source

_Number = TypeVar("_Number", int | None, float | None)

MAX_NUMBER = 10**15
"""Above this neither a context window nor a price is meant."""

MAX_SPAN = 1_000_000


def aware(instant: datetime) -> datetime:
    """An instant that says its time zone."""
    if instant.tzinfo is None:
        raise UsageError(f"{instant.isoformat()} has no time zone: say which, such as {instant.isoformat()}+00:00")
    return instant


def checked_number(what: str, number: _Number, least: int) -> _Number:
    """A number of tokens or dollars, or None."""
    if number is not None and not least <= number <= MAX_NUMBER:
        raise UsageError(f"{what} {number} is out of range: give a number from {least} up, or leave it out")
    return number


def checked_span(unit: str, span: float) -> timedelta:
    """A span of so many ``hours`` or ``days``."""
    if not 0 <= span <= MAX_SPAN:
        raise UsageError(f"{span} {unit} is out of range: give 0 to {MAX_SPAN:,}")
    return timedelta(**{unit: span})


def checked_capabilities(capabilities: Sequence[str] | None) -> tuple[str, ...] | None:
    """Words of the vocabulary, sorted; None for none."""
    for word in capabilities or ():
        if word not in CAPABILITIES:
            raise UsageError(f"{word!r} is no capability; the vocabulary is: {', '.join(CAPABILITIES)}")
    return tuple(sorted(set(capabilities))) if capabilities else None


def checked_source(source: Source | str) -> Source:
    """A source by its name."""
    try:
        return Source(source)
    except ValueError:
        raise UsageError(f"{source!r} is no source: INDEX, INFERENCE or MANUAL") from None
