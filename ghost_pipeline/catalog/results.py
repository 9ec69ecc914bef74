"""What the catalog's operations take and give, as frozen values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal

from ghost_pipeline.lifecycle.listing import Listing
from ghost_pipeline.lifecycle.vocabulary import Verdict

Parse = Callable[[str, bytes], Listing]
"""Reads a provider's bytes: (provider slug, content) -> listing. Called only where the bytes must be looked into."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One listing handed to the catalog: the bytes, and where and when they were seen."""

    provider_id: str
    file_name: str
    content: bytes = field(repr=False)
    observed_at: datetime
    format_version: str
    """Changes when the same bytes would be read differently."""
    run_id: str | None = None
    """The Dagster run that submits it."""

    @property
    def sha256(self) -> str:
        """The digest under which the archive keeps the content."""
        return sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class ListingCounts:
    """What a listing did to the models. models = created + updated + confirmed; reactivated is part of them."""

    models: int = 0
    created: int = 0
    updated: int = 0
    confirmed: int = 0
    reactivated: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class ListingOutcome:
    """What became of one listing, after admission (without counts) or after reconciliation."""

    listing_id: int
    provider_id: str
    file_name: str
    sha256: str
    observed_at: datetime
    verdict: Verdict
    reason: str | None = None
    is_late: bool = False
    is_tolerated: bool = False
    counts: ListingCounts | None = None
    created_ids: tuple[str, ...] = ()
    """The first of the models that it created, for a person to look at."""
    missing_ids: tuple[str, ...] = ()
    """The first of the models that are missing from it."""

    @property
    def is_refused(self) -> bool:
        """Whether nothing of the listing reaches the models and somebody should look at it."""
        return self.verdict.is_refused and not self.is_tolerated


Effect = Literal["created", "restored", "reactivated", "updated", "ignored"]


@dataclass(frozen=True, slots=True)
class SightingResult:
    """What one sighting did; ``ignored`` if a person removed the model."""

    provider_id: str
    model_id: str
    effect: Effect


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep changed, or would change on a dry run, and whom it passed over."""

    models: tuple[tuple[str, str], ...] = ()
    """(provider id, model id)"""
    held: dict[str, str] = field(default_factory=dict)
    """Provider -> why it is held, for providers with models that only their hold kept."""

    @property
    def changed(self) -> int:
        """How many models."""
        return len(self.models)
