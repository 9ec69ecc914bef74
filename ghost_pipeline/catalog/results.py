"""The frozen values that the catalog's operations take and return."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.claims.resolution import SOURCE_COLUMNS
from ghost_pipeline.lifecycle.identity import (
    MAX_MODEL_ID_LENGTH,
    advise_nearest,
    is_usable_text,
    nearest_names,
    provider_slug,
)
from ghost_pipeline.lifecycle.records import MODEL_FIELDS, ModelEvent, ModelRecord, ResponseSummary
from ghost_pipeline.lifecycle.validation import (
    validate_capabilities,
    validate_price,
    validate_source,
    validate_tokens,
)
from ghost_pipeline.lifecycle.verdicts import Assessment
from ghost_pipeline.lifecycle.vocabulary import Source, Verdict


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """A fetch attempt that produced no listing."""

    provider_id: str
    reason: str
    """What went wrong and what to do, in one line."""
    attempted_at: datetime
    run_id: str | None = None
    response: ResponseSummary = field(default_factory=ResponseSummary)


@dataclass(frozen=True, slots=True)
class SubmittedListing:
    """One listing for the catalog: its bytes, and where and when they were observed."""

    provider_id: str
    file_name: str
    content: bytes = field(repr=False)
    observed_at: datetime
    run_id: str | None = None
    """The Dagster run that submits it."""
    response: ResponseSummary = field(default_factory=ResponseSummary)
    sha256: str = ""
    """Of the content, as 64 hex digits: its name in the archive. Calculated unless given."""

    def __post_init__(self) -> None:
        if not self.sha256:
            object.__setattr__(self, "sha256", sha256(self.content).hexdigest())


@dataclass(frozen=True, slots=True)
class ListingCounts:
    """How many models a listing changed. models = created + updated + confirmed; reactivated is part of them."""

    models: int = 0
    created: int = 0
    updated: int = 0
    confirmed: int = 0
    reactivated: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class ListingAttempt:
    """What a row of ``listings`` records of an attempt apart from its assessment."""

    id: int
    provider_id: str
    file_name: str | None
    sha256: str | None
    """None for a failed attempt, as are the file name and the format version."""
    format_version: str | None
    observed_at: datetime
    inactive: Sequence[str] = ()
    """Models that the provider marks as inactive."""
    run_id: str | None = None


PREVIEW_LENGTH = 20
"""How many of the created and of the missing model ids an outcome has."""


@dataclass(frozen=True, slots=True)
class ListingOutcome:
    """The result of one attempt: after its admission, after its reconciliation, or as its row records it."""

    attempt: ListingAttempt
    assessment: Assessment
    counts: ListingCounts | None = None
    """None while a listing is admitted and not reconciled."""
    created_ids: tuple[str, ...] = ()
    """The first ``PREVIEW_LENGTH`` models that it created; empty if it was read from the row."""

    @property
    def listing_id(self) -> int:
        """The id of its row."""
        return self.attempt.id

    @property
    def provider_id(self) -> str:
        """The slug of its provider."""
        return self.attempt.provider_id

    @property
    def verdict(self) -> Verdict:
        """The verdict on it."""
        return self.assessment.verdict

    @property
    def reason(self) -> str | None:
        """The reason of its verdict, with advice."""
        return self.assessment.reason

    @property
    def is_refused(self) -> bool:
        """See ``Assessment.is_refused``."""
        return self.assessment.is_refused

    @property
    def is_finished(self) -> bool:
        """True if nothing is left to do: it lists no models, or it is reconciled."""
        return self.counts is not None

    @property
    def missing_ids(self) -> tuple[str, ...]:
        """The first ``PREVIEW_LENGTH`` expected models that it lacks; empty if it was read from the row."""
        return tuple(sorted(self.assessment.missing_ids)[:PREVIEW_LENGTH])


Effect = Literal["created", "restored", "reactivated", "updated", "ignored"]


@dataclass(frozen=True, slots=True)
class SightingResult:
    """The effect of one sighting; ``ignored`` if an operator removed the model."""

    provider_id: str
    model_id: str
    effect: Effect


RefusalEffect = Literal["refused", "still_refused", "recorded", "not_evidence", "unknown", "ignored"]


@dataclass(frozen=True, slots=True)
class RefusalResult:
    """The effect of one refused request.

    ``refused``: the model is refused since. ``still_refused``: it was before. ``recorded``: it takes more. It changes
    nothing about the model where it is ``not_evidence``, the model is ``unknown``, or it came too late (``ignored``).
    """

    provider_id: str
    model_id: str
    effect: RefusalEffect
    refusal_class: str
    """A ``RefusalClass``."""


@dataclass(frozen=True, slots=True)
class DueModel:
    """A model that a sweep would change, with its last evidence."""

    provider_id: str
    model_id: str
    last_seen_at: datetime
    last_listed_at: datetime | None
    last_used_at: datetime | None
    due_at: datetime | None
    """The first instant at which the sweep takes it."""


@dataclass(frozen=True, slots=True)
class SweepResult:
    """The models that a sweep changed, or would change on a dry run, and the providers whose models were held."""

    models: tuple[tuple[str, str], ...] = ()
    """(provider id, model id)"""
    held: dict[str, str] = field(default_factory=dict)
    """Provider -> why it is held, for providers with models that only their hold kept."""
    due: tuple[DueModel, ...] = field(default=(), compare=False)
    """Of a dry run: the evidence of each model, in the order of ``models``."""
    due_within_24h: int = field(default=0, compare=False)
    """Of a dry run: how many other models are due within 24 hours if nothing happens."""
    expired_refusals: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    """Of the stale sweep: the models whose refusal expired, or has expired."""

    @property
    def changed(self) -> int:
        """The number of models."""
        return len(self.models)


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The result of an import. Every row is counted once, in one of the six counts after ``rows``."""

    origin: str
    """The table, or the file."""
    columns: dict[str, str]
    """Columns that were read: the catalog's name -> the origin's name."""
    left_out: tuple[str, ...]
    """The origin's other columns."""
    rows: int
    created: int
    """Models that were not in the catalog before."""
    updated: int
    """Models of the catalog that changed."""
    unchanged: int
    """Models of the catalog that did not change."""
    repeated: int
    """Rows of a model that an earlier row had named; they only filled in missing facts."""
    kept_out: int
    """Models that had left the catalog and stay outside."""
    refused: int
    """Rows without a valid provider or model."""
    refusals: tuple[str, ...] = ()
    """Why the first of them were rejected."""
    remarked: int = 0
    """How many values could not be stored as they were."""
    remarks: tuple[str, ...] = ()
    """What was stored instead, for the first of them."""


SORTABLE_COLUMNS = tuple(
    name for name in MODEL_FIELDS if name not in ("capabilities", "prices", "provider_data", "inference_metadata")
)
"""Columns by which models can be sorted: all but those of JSON."""


def validate_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of models and of sources, each once. Raises UsageError, with the nearest name."""
    for name in names:
        if name not in MODEL_FIELDS and name not in SOURCE_COLUMNS:
            raise UsageError(
                f"models have no column {str(name)[:40]!r}",
                advise_nearest(nearest_names(str(name), MODEL_FIELDS), f"the columns are: {', '.join(MODEL_FIELDS)}"),
            )
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class ModelFilter:
    """Which models a query returns, in which order and how many. A fact that is unknown meets no condition on it.

    Raises UsageError for a value that makes no sense. ``filtering.conditions`` declares what the conditions mean.
    """

    provider_ids: Sequence[str] = ()
    """Providers by any of their names, which become their slugs; empty for all."""
    is_active: bool | None = True
    """True for active models, False for ghosts, None for both."""
    is_free: bool | None = None
    is_cost_unknown: bool = False
    """Only models of which it is not known whether they are free."""
    capabilities: Sequence[str] = ()
    """All of them are required."""
    source: Source | str | None = None
    is_refused: bool | None = None
    """True for models that their providers refuse, False for the others, None for both."""
    is_unlisted: bool = False
    """Only models that were used recently and that their provider's latest complete listing does not contain."""
    is_retiring: bool = False
    """Only models whose end was announced, past dates included."""
    is_stated_only: bool = True
    """False to fill unknown facts from references, for conditions, order and results; never ``is_free``."""
    search: str | None = None
    """Text that the id or the name contains, in any case of its letters. No character has a special meaning."""
    min_context_window: int | None = None
    """Tokens."""
    max_input_price: float | None = None
    """USD per million tokens."""
    max_output_price: float | None = None
    """USD per million tokens."""
    sort: str | None = None
    """A column of SORTABLE_COLUMNS, after a "-" in descending order. Unknown values come last in both; models with
    equal values, and all without a column, are by provider and id."""
    limit: int | None = None
    """The largest number of models."""

    def __post_init__(self) -> None:
        if isinstance(self.provider_ids, str):
            raise UsageError(f"provider_ids must be a list of names, not the text {self.provider_ids[:40]!r}")
        valid = {
            "provider_ids": tuple(dict.fromkeys(map(provider_slug, self.provider_ids))),
            "capabilities": validate_capabilities(self.capabilities) or (),
            "source": None if self.source is None else validate_source(self.source),
            "search": _validate_search(self.search),
            "min_context_window": validate_tokens("the smallest context_window", self.min_context_window),
            "max_input_price": validate_price("the highest input_price", self.max_input_price),
            "max_output_price": validate_price("the highest output_price", self.max_output_price),
        }
        for name, value in valid.items():
            object.__setattr__(self, name, value)
        if self.sort is not None and self.sort_column not in SORTABLE_COLUMNS:
            nearest = nearest_names(str(self.sort_column), SORTABLE_COLUMNS)
            raise UsageError(
                f"models can't be sorted by {str(self.sort)[:40]!r}",
                advise_nearest(nearest, f"the columns are: {', '.join(SORTABLE_COLUMNS)}"),
            )
        if self.limit is not None and (not isinstance(self.limit, int) or self.limit < 1):
            raise UsageError(f"the limit {str(self.limit)[:40]!r} is not a whole number from 1 up")

    @property
    def sort_column(self) -> str | None:
        """The column by which the models are sorted; None for provider and id."""
        return None if self.sort is None else str(self.sort).removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """True if the largest value comes first."""
        return self.sort is not None and self.sort.startswith("-")


def _validate_search(text: str | None) -> str | None:
    """Return the text to search for. Raises UsageError for one that no id and no name can contain."""
    if text is None:
        return None
    if not isinstance(text, str) or not text:
        raise UsageError("the text to search for is empty", "give a part of an id or a name")
    if len(text) > MAX_MODEL_ID_LENGTH:
        raise UsageError(
            f"the text to search for has {len(text):,} characters", f"give at most {MAX_MODEL_ID_LENGTH}, as ids have"
        )
    if not is_usable_text(text):
        raise UsageError(
            f"the text to search for, {text[:40]!r}, contains control characters", "no id and no name does"
        )
    return text


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """A place in the order of a filter's models: after one of them."""

    provider_id: str
    model_id: str
    value: Any = None
    """Of the column by which the models are sorted; None without one, or if it is unknown."""


@dataclass(frozen=True, slots=True)
class ModelHistory:
    """One model with its events."""

    model: ModelRecord | None
    """None for a model that has left the catalog."""
    events: Sequence[ModelEvent]
    listing: dict[str, Any] | None
    """The listing that confirmed the model last: id, file_name, observed_at, verdict, sha256, run_id."""


AnnouncementEffect = Literal["announced", "moved", "unchanged", "withdrawn"]


@dataclass(frozen=True, slots=True)
class AnnouncementResult:
    """What an announcement of a retirement, or its withdrawal, did."""

    provider_id: str
    model_id: str
    effect: AnnouncementEffect
    expires_at: datetime | None
    """The date that stands now."""
    previous_expires_at: datetime | None
    """The date that stood before."""
    replaced_by: str | None
    is_in_catalog: bool
    notes: tuple[str, ...] = ()
    """What is unusual: a date in the past or before the first sighting, an unknown model, another date in listings."""


@dataclass(frozen=True, slots=True)
class ModelColumn:
    """A column of the table of models."""

    name: str
    type: str
    """In SQL."""
    description: str | None
    is_nullable: bool


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """The version of a catalog's schema."""

    catalog: str
    """Its URL without the password."""
    current: str | None
    """None for a database without a catalog."""
    head: str
    """The version that this program needs."""
    before: str | None
    """The version before the upgrade, if there was one."""


@dataclass(frozen=True, slots=True)
class PrunedListings:
    """What pruning the archive deleted, or would delete in a dry run."""

    is_dry_run: bool
    deleted: int
    """Files with the bytes of listings."""
    kept: int
    deleted_bytes: int

    def describe(self) -> str:
        """Return one line with the counts."""
        verb = "would be deleted" if self.is_dry_run else "deleted"
        size = f"{self.deleted_bytes / 1e6:,.1f} MB"
        return f"bytes of {self.deleted:,} listings {verb} ({size}), those of {self.kept:,} stay"
