"""What a person may say of a model that is added by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ADDITION_COLUMNS = (
    "provider_id",
    "model_id",
    "name",
    "context_window",
    "max_output_tokens",
    "input_price",
    "output_price",
    "capabilities",
    "expires_at",
)
"""Everything that can be said. Tokens, USD per million tokens, words of the vocabulary, an aware instant."""


@dataclass(frozen=True, slots=True)
class Addition:
    """One model that a person states, not checked yet."""

    place: str
    """Where the person finds it, for errors: "line 3"."""
    stated: Mapping[str, Any] = field(default_factory=dict)
    """Column -> value; what is left out or None is not stated."""
    problem: str | None = None
    """Why it can't even be read."""
