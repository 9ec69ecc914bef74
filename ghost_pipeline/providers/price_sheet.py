"""Collect what a row states of prices, for the two columns and for the JSON of ``lifecycle/prices.py``."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ghost_pipeline.providers.values import PriceUnit, Unreadable
from ghost_pipeline.providers.wire_format import Fields

MAX_TEXT = 40
"""Characters that are kept of an amount without a known unit."""

Bounds = tuple[int | None, int | None]
"""A tier's ``above_input_tokens`` and ``above_output_tokens``."""

BASE: Bounds = (None, None)


class PriceSheet:
    """The prices of one row, by tier."""

    def __init__(self) -> None:
        self._tiers: dict[Bounds, dict[str, Decimal]] = {}
        self._windows: list[dict[str, Any]] = []
        self._other: dict[str, str] = {}

    def state(self, name: str, amount: Decimal, tier: Bounds = BASE) -> None:
        """Record an amount in the unit of ``name``. Of two amounts for one tier the higher one counts."""
        amounts = self._tiers.setdefault(tier, {})
        amounts[name] = max(amounts.get(name, amount), amount)

    def state_other(self, field: str, value: object) -> None:
        """Record that ``field`` contains a value that is not a price in a known unit."""
        self._other[field] = str(value)[:MAX_TEXT]

    def state_window(self, conditions: Mapping[str, Any], amounts: Mapping[str, Decimal]) -> None:
        """Record amounts that count for a part of the day. The base becomes the highest of the day.

        A price that changes twice a day would be two events a day.
        """
        self._windows.append({**conditions, **{name: amount_text(amount) for name, amount in amounts.items()}})
        if not conditions.keys() & {"above_input_tokens"}:
            for name, amount in amounts.items():
                self.state(name, amount)

    def read(self, fields: Fields, name: str, unit: PriceUnit, *path: str, tier: Bounds = BASE) -> None:
        """Read one field; note it if it can't be read."""
        value = fields.raw(*path)
        if value is None:
            return
        try:
            amount = unit(value)
        except Unreadable:
            fields.note(*path)
            amount = None
        if amount is None:
            self.state_other(path[-1], value)
        else:
            self.state(name, amount, tier)

    def column(self, name: str) -> float | None:
        """Return the base amount as a column contains it."""
        amount = self._tiers.get(BASE, {}).get(name)
        return None if amount is None else float(amount)

    @property
    def is_all_zero(self) -> bool:
        """Whether there are amounts, and each is 0."""
        amounts = [amount for tier in self._tiers.values() for amount in tier.values()]
        return bool(amounts) and not any(amounts) and not self._other

    def prices(self, *, is_zero_a_price: bool = False) -> dict[str, Any] | None:
        """Return the JSON; None if the row states nothing.

        ``is_zero_a_price`` is true if this provider's 0 is a price for a row like this one.
        """
        found: dict[str, Any] = {name: amount_text(amount) for name, amount in self._tiers.get(BASE, {}).items()}
        tiers = [_tier(bounds, self._amounts(bounds)) for bounds in sorted(self._tiers, key=_order) if bounds != BASE]
        if tiers:
            found["tiers"] = tiers
        if self._windows:
            found["windows"] = self._windows
        if self._other:
            found["other"] = self._other
        if is_zero_a_price and self.is_all_zero:
            found["zero_is_price"] = True
        return found or None

    def _amounts(self, bounds: Bounds) -> dict[str, Decimal]:
        """Return a tier's amounts, with those of lower tiers that it lacks: a reader takes one tier and the base."""
        amounts: dict[str, Decimal] = {}
        for lower in sorted(self._tiers, key=_order):
            if lower != BASE and all(a <= b for a, b in zip(_order(lower), _order(bounds), strict=True)):
                amounts.update(self._tiers[lower])
        return amounts

    def filler_facts(self) -> dict[str, Any]:
        """Return the facts of a row whose zeros may be filler: two zeros are no price."""
        if self.is_all_zero:
            return {"prices": self.prices()}
        return {"input_price": self.column("input"), "output_price": self.column("output"), "prices": self.prices()}


def amount_text(amount: Decimal) -> str:
    """Return a decimal string without an exponent or trailing zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _order(bounds: Bounds) -> tuple[int, int]:
    return bounds[0] or 0, bounds[1] or 0


def _tier(bounds: Bounds, amounts: Mapping[str, Decimal]) -> dict[str, Any]:
    above = zip(("above_input_tokens", "above_output_tokens"), bounds, strict=True)
    conditions = {name: bound for name, bound in above if bound is not None}
    return {**conditions, **{name: amount_text(amount) for name, amount in amounts.items()}}
