"""The frozen values that the catalog's operations take and return."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord, ResponseSummary
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


@dataclass(frozen=True, slots=True)
class SweepResult:
    """The models that a sweep changed, or would change on a dry run, and the providers whose models were held."""

    models: tuple[tuple[str, str], ...] = ()
    """(provider id, model id)"""
    held: dict[str, str] = field(default_factory=dict)
    """Provider -> why it is held, for providers with models that only their hold kept."""

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


@dataclass(frozen=True, slots=True)
class ModelFilter:
    """Which models a query returns. A fact that is unknown matches no condition on it."""

    provider_ids: tuple[str, ...] = ()
    """Providers by any of their names; empty for all."""
    is_active: bool | None = True
    """True for active models, False for ghosts, None for both."""
    is_free: bool | None = None
    capabilities: tuple[str, ...] = ()
    """All of them are required."""
    source: Source | None = None
    is_unlisted: bool = False
    """Only models that were used recently and that their provider's latest complete listing does not contain."""


@dataclass(frozen=True, slots=True)
class ModelHistory:
    """One model with its events."""

    model: ModelRecord | None
    """None for a model that has left the catalog."""
    events: Sequence[ModelEvent]
    listing: dict[str, Any] | None
    """The listing that confirmed the model last: id, file_name, observed_at, verdict, sha256, run_id."""


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
