"""What another program kept as a model's data, as the JSON object that ``provider_data`` is."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ghost_pipeline.catalog.column_types import canonical_json

NOT_AN_OBJECT = "not_an_object"
"""The key under which ``provider_data`` keeps what is no JSON object."""

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def provider_object(kept: Any) -> dict[str, Any] | None:
    """``kept`` (a JSON value, or text with JSON in it) as an object; None for nothing.

    Nothing is lost: text that is no JSON, and JSON that is no object or that PostgreSQL can't keep, becomes the value
    of ``not_an_object``.
    """
    value = kept
    if isinstance(kept, bytes):
        value = kept = kept.decode("utf-8", "backslashreplace")
    if isinstance(kept, str):
        try:
            value = msgspec.json.decode(kept)
        except (msgspec.DecodeError, RecursionError):
            value = kept
    if value is None or value == "":
        return None
    if holds_nul(value):
        return {NOT_AN_OBJECT: kept.replace("\x00", "\\u0000") if isinstance(kept, str) else canonical_json(kept)}
    return value if isinstance(value, dict) else {NOT_AN_OBJECT: value}


def is_kept_aside(provider_data: Mapping[str, Any] | None) -> bool:
    """Whether it is what ``provider_object`` made of something that was no JSON object."""
    return provider_data is not None and provider_data.keys() == {NOT_AN_OBJECT}


def holds_nul(value: Any) -> bool:
    """Whether there is a NUL character in a JSON value: PostgreSQL keeps none in ``jsonb``."""
    text = canonical_json(value)
    return "\\u0000" in text and _NUL.search(text) is not None  # the pattern alone is slow on what is mostly without
