"""What the three kinds of files have in common: columns, and values that come as text."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any

from ghost_pipeline.lifecycle.additions import Addition

_OTHER_NAMES = {"provider": "provider_id", "model": "model_id"}


def column_named(name: object) -> str:
    """The column that a person means by ``name``; an unknown one as it is written."""
    written = str(name).strip()
    return _OTHER_NAMES.get(written.lower(), written.lower() if written.isascii() else written)


def addition(line: int, pairs: Iterable[tuple[object, Any]]) -> Addition:
    """The model that (column, value) ``pairs`` on ``line`` state."""
    place = f"line {line}"
    stated: dict[str, Any] = {}
    for name, value in pairs:
        column = column_named(name)
        if column in stated:
            return Addition(place, problem=f"column {column[:80]!r} is there twice")
        stated[column] = instant(value) if column == "expires_at" else value
    return Addition(place, stated)


def instant(value: Any) -> Any:
    """A date or an ISO 8601 text as an aware instant, UTC unless it says otherwise; anything else as it is."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value
