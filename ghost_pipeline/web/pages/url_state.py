"""What a page reads from the query of its URL. A form without JavaScript sends empty values, which count as missing."""

from collections.abc import Sequence
from datetime import datetime

from starlette.datastructures import QueryParams

from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.validation import parse_instant

MOST_PAGES = 20_000


class Parameters:
    """The parameters of one request. Every method raises UsageError for a value that makes no sense."""

    def __init__(self, query: QueryParams) -> None:
        self.query = query

    def text(self, name: str) -> str | None:
        """Return a text without the white space around it; None if it is missing or empty."""
        value = self.query.get(name, "").strip()
        return value or None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return every value of a parameter that may be repeated, each once."""
        stripped = (value.strip() for value in self.query.getlist(name))
        return tuple(dict.fromkeys(value for value in stripped if value))

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str | None:
        """Return one of the choices."""
        value = self.text(name)
        if value is None:
            return default
        if value not in choices:
            raise UsageError(f"{name}={value[:40]!r} is not known", f"use one of {', '.join(choices)}")
        return value

    def whole(self, name: str) -> int | None:
        """Return a whole number, which may have separators of thousands."""
        value = self.text(name)
        if value is None:
            return None
        digits = value.replace(",", "").replace("_", "")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
            raise UsageError(f"{name}={value[:40]!r} is not a whole number", "correct it or leave it empty")
        return int(digits)

    def number(self, name: str) -> float | None:
        """Return a number."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return float(value)
        except ValueError:
            raise UsageError(f"{name}={value[:40]!r} is not a number", "correct it or leave it empty") from None

    def page(self) -> int:
        """Return the number of the page, the first of which is 1."""
        number = self.whole("page") or 1
        if number > MOST_PAGES:
            raise UsageError(f"page {number:,} is too far", "narrow the selection instead")
        return number

    def instant(self, name: str) -> datetime | None:
        """Return an instant or a day in ISO 8601."""
        value = self.text(name)
        return None if value is None else parse_instant(value)

    def model_key(self) -> tuple[str, str]:
        """Return the provider and the id of the model that the parameters ``provider`` and ``id`` name."""
        # Not stripped: an id is what the link has.
        provider_id, model_id = self.query.get("provider", ""), self.query.get("id", "")
        if not provider_id or not model_id:
            raise UsageError("a model is named by its provider and its id", "start from the list of models")
        return provider_id, model_id

    def is_set(self, name: str) -> bool:
        """Return True if a box is checked."""
        return self.text(name) is not None
