"""The frozen values that rules take and return. Every instant is aware and UTC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import force_setattr

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.lifecycle.prices import is_free
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
    refused_since: datetime | None = None
    """The first refusal that counts; None for a model that is not refused. See ``lifecycle/refusals/state.py``."""
    last_refused_at: datetime | None = None
    """The latest refusal that counts."""
    refusal_reason: str | None = None
    """Why it is refused: class, our own words, successor and rule."""
    manual_facts: str | None = None
    """The facts that an operator stated, with spaces between, so that listings don't; ``is_name_manual`` is apart."""

    def __post_init__(self) -> None:
        """Derive ``is_free``, also in a copy with other prices."""
        force_setattr(self, "is_free", is_free(self.input_price, self.output_price, self.prices))


class FilledRecord(ModelRecord, frozen=True, kw_only=True):
    """A model with the facts that references state where the catalog's evidence states none.

    ``is_free`` is as given, that of the evidence: it never follows from a reference.
    """

    facts_from_references: Mapping[str, str]
    """Fact -> the source that fills it, such as ``reference:litellm``; never empty. Each capability and alias has
    a name of its own, such as ``capabilities.tools``."""

    def __post_init__(self) -> None:
        """Derive nothing."""


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
    """The channel of the evidence: MANUAL for an operator, None for a sweep."""
    listing_id: int | None = None
    run_id: str | None = None
    details: Mapping[str, Any] | None = None
    """``changed``: old and new values; ``purged`` and ``removed``: the row; ``added``: the previous source.

    Sweeps add their rule, its limit and the model's last sighting; imports add ``adopted_from`` or ``imported_from``.
    """
    recorded_at: datetime | None = field(default=None, compare=False)
    """When the catalog recorded it: ``at``, but never before an earlier event of the provider. None until then."""


class ListedModel(NamedTuple):
    """One model of a listing. A named tuple and not a dataclass, because a listing may have 100,000 of them."""

    model_id: str
    """Canonical (see identity.canonical_model_id)."""
    provider_data: str
    """The provider's whole JSON object of this model, as compact text with sorted keys."""
    facts: Facts = Facts()


@dataclass(frozen=True, slots=True)
class Listing:
    """The content of one listing file, or in ``malformed_reason`` why it can't be read."""

    provider_id: str
    models: Sequence[ListedModel] = ()
    """Every model id once; the first row of an id wins."""
    inactive_ids: tuple[str, ...] = ()
    """Models that the provider marks as inactive, retired or archived: neither sighted nor missing."""
    malformed_reason: str | None = None
    """Why the listing is malformed and what to do, in one line."""
    incomplete_reasons: tuple[str, ...] = ()
    """Why the provider may have more models than these: a paging marker, rows without a usable id."""
    warnings: tuple[str, ...] = ()
    """Which values were read as unknown because they can't be used, such as a price "n/a"."""


@dataclass(frozen=True, slots=True)
class Inference:
    """Successful uses of one model, one or many, between two instants."""

    provider_id: str
    model_id: str
    first_at: datetime
    last_at: datetime
    name: str | None = None
    metadata: dict[str, Any] | None = None
    account: str = ""
    """The label of the account whose requests succeeded; empty if none was given."""


@dataclass(frozen=True, slots=True)
class Addition:
    """One model to add, or to announce the retirement of, not validated yet."""

    location: str
    """Where it is in its file, for errors: "line 3"."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Column -> value; a missing column and None mean that the value is not given."""
    error: str | None = None
    """Why it can't be read."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A row that left the catalog, and how: PURGED by a sweep or REMOVED by an operator."""

    kind: EventKind
    record: ModelRecord

    @property
    def is_removed_by_operator(self) -> bool:
        """True if sightings do not bring the model back, because an operator removed it."""
        return self.kind is EventKind.REMOVED


@dataclass(frozen=True, slots=True)
class ResponseSummary:
    """How a listing was fetched. Every field is None for a file that was not fetched by this program."""

    seconds: float | None = None
    """Duration of the fetch, with all pages and retries."""
    pages: int | None = None
    """Number of pages that were read."""
    status: int | None = None
    """HTTP status of the last response."""


@dataclass(frozen=True, slots=True)
class NotificationState:
    """How far one destination is."""

    name: str
    cursor: str
    """The place in the changes up to which messages were made."""
    prepared_at: datetime
    """When changes were last gathered for a digest."""
    notices: Mapping[str, Any]
    """Unclear providers and unlisted models that messages had, as JSON values."""
    last_success_at: datetime | None = None
    failures: int = 0
    """Attempts that failed since then."""
    next_attempt_at: datetime | None = None
    """Nothing is sent before: after a failure, and while a sender is at work."""
    last_error: str | None = None
    pending: Mapping[str, Any] | None = None
    """The message that waits for delivery, as JSON values."""
    version: int = 0

    def is_blocked(self, now: datetime) -> bool:
        """Return True if nothing may be sent yet."""
        return self.next_attempt_at is not None and self.next_attempt_at > now
