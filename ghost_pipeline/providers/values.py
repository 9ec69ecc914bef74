"""Convert a JSON value to a fact: tokens, prices, instants, texts.

Each function returns None for a value that is documented to mean "unknown", and raises Unreadable for one that can't be
used.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.prices import parse_amount
from ghost_pipeline.lifecycle.validation import END_OF_DAY, parse_end

MAX_TOKENS = 10**15
MAX_PRICE = 5_000
"""USD per million tokens. The dearest model costs 600; what is above this is in another unit, such as USD per hour."""
MAX_NAME = 512
_MAX_EPOCH_SECONDS = 10**11  # later instants are milliseconds, and which is meant would be a guess

_INTEGER = re.compile(r"-?[0-9]{1,20}")
_EPOCH = re.compile(r"[0-9]{9,11}")


class Unreadable(ValueError):
    """A value that can't be read as the fact that its field holds."""


def tokens(value: Any) -> int | None:
    """Return a number of tokens; providers write 0 or a negative number for "unknown"."""
    if type(value) is int:
        number = value
    elif value is None:
        return None
    elif (type(value) is float and value.is_integer()) or (type(value) is str and _INTEGER.fullmatch(value.strip())):
        number = int(value)
    else:
        raise Unreadable
    if number > MAX_TOKENS:
        raise Unreadable
    return number if number > 0 else None


PriceUnit = Callable[[Any], Decimal | None]
"""Converts a price of some unit to USD per million tokens; negative prices mean "unknown" (OpenRouter's "-1")."""


def per_token(value: Any) -> Decimal | None:
    """Convert a price in USD for one token."""
    return _usd_per_million(_priceable(value), 6)


def per_million(value: Any) -> Decimal | None:
    """Convert a price in USD for a million tokens."""
    return _usd_per_million(_priceable(value), 0)


def cents_per_100_million(value: Any) -> Decimal | None:
    """Convert a price in USD cents for 100 million tokens."""
    return _usd_per_million(_priceable(value), -4)


def per_unit(value: Any) -> Decimal | None:
    """Return a price in USD for one unit, such as a request, an image or a search."""
    return _usd_per_million(_priceable(value), 0)


def _priceable(value: Any) -> str | int | float:
    if type(value) is str or type(value) is int or type(value) is float:
        return value
    raise Unreadable


@lru_cache(maxsize=4096, typed=True)
def _usd_per_million(value: str | float, shift: int) -> Decimal | None:
    amount = _decimal(value)
    if amount < 0:
        return None
    usd = amount.scaleb(shift)
    if usd > MAX_PRICE or (float(usd) == 0 and amount > 0):
        raise Unreadable
    return abs(usd)  # "-0" is 0


def _decimal(value: str | float) -> Decimal:
    if isinstance(value, str):
        text = value
    elif isinstance(value, int):
        if abs(value) > MAX_TOKENS:
            raise Unreadable
        return Decimal(value)
    else:
        text = repr(value)
    amount = parse_amount(text)
    if amount is None:
        raise Unreadable
    return amount


def instant(value: Any) -> datetime | None:
    """Return the aware UTC instant of an ISO date or date and time, of epoch seconds, or of ``{year, month, day}``.

    A day without a time is its last second: the model still answers on that day.
    """
    if value == "":
        return None
    try:
        if isinstance(value, str):
            return _epoch(int(value)) if _EPOCH.fullmatch(value) else parse_end(value)
        if isinstance(value, dict):
            return _calendar_day(value)
    except (ValueError, OverflowError, UsageError):
        raise Unreadable from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _epoch(value)
    raise Unreadable


def _epoch(seconds: float) -> datetime | None:
    if not math.isfinite(seconds) or abs(seconds) >= _MAX_EPOCH_SECONDS:
        raise Unreadable
    return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None


def _calendar_day(day: dict[str, Any]) -> datetime | None:
    """Convert Google's ``google.type.Date``, in which 0 is an unknown part."""
    year, month, date = (day.get(part) for part in ("year", "month", "day"))
    if not year or not month or not date:
        return None
    if type(year) is int and type(month) is int and type(date) is int:
        return datetime(year, month, date, *END_OF_DAY, tzinfo=UTC)
    raise Unreadable


def text(value: Any) -> str | None:
    """Return a line of text; white space alone is None."""
    if type(value) is not str or len(value) > MAX_NAME:
        raise Unreadable
    line = value.strip()
    if not line.isprintable():
        line = " ".join(line.split())
        if any(character < " " or character == "\x7f" for character in line):
            raise Unreadable
    return line or None


def number(value: Any) -> float:
    """Return any number as a float."""
    if type(value) is int and abs(value) <= MAX_TOKENS:
        return float(value)
    if type(value) is float:
        return value
    raise Unreadable


def flag(value: Any) -> bool:
    """Return true or false."""
    if type(value) is bool:
        return value
    raise Unreadable


def words(value: Any) -> tuple[str, ...]:
    """Return the words of a list in lower case; a single word counts as a list of one."""
    if type(value) is str:
        return (value.strip().lower(),)
    if type(value) is not list:
        raise Unreadable
    try:
        return _in_lower_case(tuple(value))
    except (AttributeError, TypeError):  # not all of them are strings
        raise Unreadable from None


@lru_cache(maxsize=4096)
def _in_lower_case(raw: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words in lower case. Cached: the rows of a listing mostly repeat the same few lists."""
    return tuple([word.strip().lower() for word in raw])


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Return the JSON objects of a list."""
    if type(value) is list and all(type(item) is dict for item in value):
        return value
    raise Unreadable
