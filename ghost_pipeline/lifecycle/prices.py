"""The vocabulary of ``prices``, and whether a model is free.

``prices`` is a JSON object with everything that a row states of what the model costs. Amounts are USD as decimal
strings, so that they are exact. A missing name is not stated; "0" is stated as 0.

Three names are lists or objects instead of amounts:

- ``tiers``: ``[{"above_input_tokens": 200000, "input": "2.5"}]``. The amounts of a tier replace the others for a
  request with more tokens than that. ``above_output_tokens`` counts the tokens of the answer.
- ``windows``: ``[{"utc_start": "1630", "utc_end": "0030", "input": "0.1"}]``, for a part of the day.
- ``other``: the provider's field -> what it contains, for amounts without a known unit, such as ``{"prompt": "-1"}``.

``zero_is_price`` is true if every amount is 0 and the provider is known to state real zeros. Elsewhere 0 may be filler.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from ghost_pipeline.errors import UsageError

Prices = Mapping[str, Any]

TOKEN_PRICES = (
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "cache_storage",
    "reasoning",
    "audio_input",
    "audio_output",
    "audio_cache_read",
    "image_input",
)
"""USD per 1,000,000 tokens; ``cache_storage`` per 1,000,000 tokens and hour."""

UNIT_PRICES = ("per_request", "per_web_search", "per_input_image", "per_output_image", "input_characters")
"""USD per unit; ``input_characters`` per 1,000,000 characters."""

PRICE_NAMES = frozenset((*TOKEN_PRICES, *UNIT_PRICES))

_BOUNDS = frozenset({"above_input_tokens", "above_output_tokens"})
_TIMES = frozenset({"utc_start", "utc_end"})
_AMOUNT = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")


def parse_amount(text: str) -> Decimal | None:
    """Return the amount that ``text`` writes as a decimal number; None for any other text."""
    stripped = text.strip()
    return Decimal(stripped) if _AMOUNT.fullmatch(stripped) else None


def is_free(input_price: float | None, output_price: float | None, prices: Prices | None = None) -> bool | None:
    """Return True if the model costs nothing, False if any stated amount is above 0, and None if that is unknown.

    ``prices`` decides where it is known. The two columns alone are what operators and older exports state, and their
    zeros are prices.
    """
    if (input_price or 0) > 0 or (output_price or 0) > 0:
        return False
    if prices is None:
        return True if input_price == 0 and output_price == 0 else None
    amounts = [parse_amount(text) for text in _amounts(prices)]
    if any(amount is not None and amount > 0 for amount in amounts):
        return False
    is_known = "input" in prices and "output" in prices and all(amount == 0 for amount in amounts)
    return True if is_known and prices.get("zero_is_price") else None


def _amounts(prices: Prices) -> Iterator[str]:
    for name, value in prices.items():
        if name in PRICE_NAMES:
            yield value
        elif name in ("tiers", "windows"):
            for part in value:
                yield from (amount for key, amount in part.items() if key in PRICE_NAMES)
        elif name == "other":
            yield from value.values()


def validate_prices(prices: object) -> Prices | None:
    """Return ``prices`` as another catalog exported it. Raises UsageError for what is outside the vocabulary."""
    if prices is None:
        return None
    if not isinstance(prices, Mapping):
        raise UsageError(f"prices must be a JSON object, not {str(prices)[:40]!r}")
    for name, value in prices.items():
        if name in ("tiers", "windows"):
            for part in value if isinstance(value, list) else [None]:
                _validate_part(name, part)
        elif name == "other":
            is_valid = isinstance(value, Mapping) and all(isinstance(text, str) for text in value.values())
            _require(name, value, is_valid=is_valid)
        elif name == "zero_is_price":
            _require(name, value, is_valid=value is True)
        else:
            _validate_amount(name, value)
    return dict(prices)


def _validate_part(name: str, part: object) -> None:
    if not isinstance(part, Mapping):
        raise UsageError(f"prices: {name} must be a list of objects")
    for key, value in part.items():
        if key in _BOUNDS:
            _require(key, value, is_valid=type(value) is int and value >= 0)
        elif key in _TIMES:
            _require(key, value, is_valid=isinstance(value, str))
        else:
            _validate_amount(key, value)


def _validate_amount(name: str, value: object) -> None:
    if name not in PRICE_NAMES:
        raise UsageError(
            f"prices: there is no {str(name)[:40]!r}", f"the amounts are: {', '.join(sorted(PRICE_NAMES))}"
        )
    amount = parse_amount(value) if isinstance(value, str) else None
    _require(name, value, is_valid=amount is not None and amount >= 0)


def _require(name: str, value: object, *, is_valid: bool) -> None:
    if not is_valid:
        raise UsageError(f"prices: {name} can't be {str(value)[:40]!r}", 'an amount is text such as "0.15"')
