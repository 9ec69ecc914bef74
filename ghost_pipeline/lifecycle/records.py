"""What the catalog remembers of a model and of a provider, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ghost_pipeline.lifecycle.vocabulary import EventKind, Source


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One model of the catalog, active or ghost. Instants are aware and UTC; unknown is None."""

    provider_id: str
    model_id: str
    source: Source
    is_active: bool
    first_seen_at: datetime
    last_seen_at: datetime
    name: str | None = None
    is_name_manual: bool = False
    """A person named the model, so listings don't."""
    last_listed_at: datetime | None = None
    last_used_at: datetime | None = None
    deactivated_at: datetime | None = None
    is_free: bool | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    capabilities: tuple[str, ...] | None = None
    expires_at: datetime | None = None
    provider_data: Mapping[str, Any] | None = None
    """The provider's JSON object of the model, as last listed."""
    inference_metadata: Mapping[str, Any] | None = None
    """What run-time clients said of the model."""
    listing_id: int | None = None
    """The listing that confirmed the model last."""


FACTS = (
    "name",
    "is_free",
    "context_window",
    "max_output_tokens",
    "input_price",
    "output_price",
    "capabilities",
    "expires_at",
    "provider_data",
)
"""The fields that a listing refreshes."""


@dataclass(frozen=True, slots=True)
class ProviderRecord:
    """One provider of the catalog."""

    id: str
    label: str
    held_since: datetime | None = None
    held_reason: str | None = None
    last_listing_at: datetime | None = None
    last_complete_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ModelEvent:
    """One line of the audit trail."""

    provider_id: str
    model_id: str
    kind: EventKind
    at: datetime
    source: Source | None = None
    """The channel of the evidence, MANUAL for a person's word, None for a sweep."""
    listing_id: int | None = None
    run_id: str | None = None
    details: Mapping[str, Any] | None = None
    """``changed``: old and new of what changed; tombstones: the row; ``added``: the previous source.

    Besides, where the model was taken in from elsewhere: ``adopted_from`` or ``imported_from``.
    """
