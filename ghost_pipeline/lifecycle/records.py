"""The frozen values that rules take and return. Every instant is aware and UTC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import force_setattr

from ghost_pipeline.lifecycle.facts import Facts, is_free
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source


class ModelRecord(Facts, frozen=True):
    """One model of the catalog, active or ghost, with its facts. Instants are aware and UTC; unknown is None."""

    provider_id: str
    model_id: str
    source: Source
    is_active: bool
    first_seen_at: datetime
    last_seen_at: datetime
    is_name_manual: bool = False
    """An operator named the model, so listings don't."""
    last_listed_at: datetime | None = None
    last_used_at: datetime | None = None
    deactivated_at: datetime | None = None
    is_free: bool | None = None
    """Follows from the prices, whatever is given for it."""
    provider_data: Mapping[str, Any] | None = None
    """The provider's JSON object of the model, as last listed."""
    inference_metadata: Mapping[str, Any] | None = None
    """What run-time clients reported of the model."""
    listing_id: int | None = None
    """The listing that confirmed the model last."""

    def __post_init__(self) -> None:
        """Derive ``is_free``, also in a copy with other prices."""
        force_setattr(self, "is_free", is_free(self.input_price, self.output_price))


MODEL_FIELDS = ModelRecord.__struct_fields__
"""The columns of a model, in the order of exports: the record's own, then the facts, so that a new fact comes last."""


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


class ListedModel(NamedTuple):
    """One sighted row of a listing. A named tuple, not a dataclass: a listing may have 100,000 of them."""

    model_id: str
    """Canonical (see identity.canonical_model_id)."""
    provider_data: str
    """The provider's JSON object of this model, whole: compact JSON text with sorted keys."""
    facts: Facts = Facts()


@dataclass(frozen=True, slots=True)
class Listing:
    """What parsing one file gave. Either ``defect`` says why it can't be read, or the rest says what it holds."""

    provider_id: str
    models: Sequence[ListedModel] = ()
    """The sightings; every model id once, the first row of an id wins."""
    inactive_ids: tuple[str, ...] = ()
    """Rows that the provider itself marks inactive, retired or archived: no sighting, and not missing either."""
    malformed_reason: str | None = None
    """Why the listing is malformed, for a person to act on."""
    incomplete_reasons: tuple[str, ...] = ()
    """Why there may be more models than these: a paging marker, rows without a usable id."""
    remarks: tuple[str, ...] = ()
    """What was read as unknown though something stood there (a price "n/a")."""


@dataclass(frozen=True, slots=True)
class Inference:
    """A model answered, once or often, between two instants."""

    provider_id: str
    model_id: str
    first_at: datetime
    last_at: datetime
    name: str | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Addition:
    """One model that a person states, not checked yet."""

    place: str
    """Where the person finds it, for errors: "line 3"."""
    stated: Mapping[str, Any] = field(default_factory=dict)
    """Column -> value; what is left out or None is not stated."""
    problem: str | None = None
    """Why it can't even be read."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A row that left the catalog, and how: PURGED by a sweep or REMOVED by a person."""

    kind: EventKind
    record: ModelRecord

    @property
    def is_closed_to_sightings(self) -> bool:
        """Whether evidence alone does not bring the model back, because a person sent it away."""
        return self.kind is EventKind.REMOVED


@dataclass(frozen=True, slots=True)
class ResponseSummary:
    """How a provider's answer came about, as far as it is known: nothing is, of a file that a person put there."""

    seconds: float | None = None
    """All pages and repetitions."""
    pages: int | None = None
    """Pages that were read."""
    status: int | None = None
    """HTTP status of the last answer."""
