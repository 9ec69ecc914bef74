"""Checks on what people and clients hand to the catalog. Each gives the value back or raises UsageError."""

from collections.abc import Collection
from datetime import datetime, timedelta

from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.vocabulary import CAPABILITIES, Source

MAX_NUMBER = 10**15
"""Above this neither a context window nor a price is meant."""

MAX_SPAN = 1_000_000


def aware(instant: datetime) -> datetime:
    """An instant that says its time zone."""
    if not isinstance(instant, datetime):
        raise UsageError(f"an instant must be a datetime with a time zone, not {type(instant).__name__}")
    if instant.tzinfo is None:
        raise UsageError(f"{instant.isoformat()} has no time zone: say which, such as {instant.isoformat()}+00:00")
    return instant


def checked_tokens(what: str, number: object) -> int | None:
    """A number of tokens, or None."""
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int):
        raise UsageError(f"{what} {str(number)[:40]!r} is no whole number: give one, or leave it out")
    if not 1 <= number <= MAX_NUMBER:
        raise UsageError(f"{what} is out of range: give a number from 1 up, or leave it out")
    return number


def checked_price(what: str, number: object) -> float | None:
    """A price in USD per million tokens, or None."""
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise UsageError(f"{what} {str(number)[:40]!r} is no number: give USD per million tokens, or leave it out")
    if not 0 <= number <= MAX_NUMBER:
        raise UsageError(f"{what} is out of range: give a number from 0 up, or leave it out")
    return number


def checked_span(unit: str, span: float) -> timedelta:
    """A span of so many ``hours`` or ``days``."""
    if not 0 <= span <= MAX_SPAN:
        raise UsageError(f"{span} {unit} is out of range: give 0 to {MAX_SPAN:,}")
    return timedelta(**{unit: span})


def checked_capabilities(capabilities: Collection[str] | None) -> tuple[str, ...] | None:
    """Words of the vocabulary, sorted; None for none."""
    if isinstance(capabilities, str) or not isinstance(capabilities, Collection | None):
        raise UsageError(f"capabilities must be a list of words, not {str(capabilities)[:40]!r}")
    for word in capabilities or ():
        if word not in CAPABILITIES:
            raise UsageError(f"{str(word)[:40]!r} is no capability; the vocabulary is: {', '.join(CAPABILITIES)}")
    return tuple(sorted(set(capabilities))) if capabilities else None


def checked_source(source: Source | str) -> Source:
    """A source by its name."""
    try:
        return Source(source)
    except ValueError:
        raise UsageError(f"{source!r} is no source: INDEX, INFERENCE or MANUAL") from None


def checked_reason(reason: str) -> str:
    """A reason on one line, which there must be."""
    line = " ".join(reason.split())
    if not line:
        raise UsageError("a failed attempt needs a reason: say in one line what went wrong")
    return line
