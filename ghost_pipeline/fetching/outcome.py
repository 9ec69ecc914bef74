"""What became of asking one provider once."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from ghost_pipeline.lifecycle.records import ResponseSummary


class FetchResult(StrEnum):
    """How far a fetch got. What the listing is worth is said later, by its verdict."""

    FETCHED = "fetched"
    """All pages are in a new file."""
    PARTIAL = "partial"
    """A new file holds what was read; the file itself says that more would follow."""
    EMPTY = "empty"
    """A new file holds an answer without a single model."""
    NOT_MODIFIED = "not_modified"
    """304: the provider confirms the newest file, whose modification time says so."""
    FAILED = "failed"
    """No file: nothing that can be believed came back."""


@dataclass(frozen=True, slots=True)
class FetchOutcome:
    """One attempt, good or bad. Holds no key and nothing unquoted that a provider said."""

    provider_id: str
    result: FetchResult
    attempted_at: datetime
    """Aware, UTC. What the answer says was true at this instant or later."""
    duration: float
    """Seconds, all pages and repetitions."""
    reason: str | None = None
    """Why it is not FETCHED, for a person to act on."""
    status: int | None = None
    """HTTP status of the last answer; None if there was none."""
    pages: int = 0
    """Pages that were read."""
    models: int | None = None
    """Models in the file; None if there is no file or it was not read."""
    path: Path | None = None
    """The new file, or the one that a 304 confirms."""
    sha256: str | None = None
    """Of that file."""
    request_id: str | None = None
    """What the provider calls the last request."""

    @property
    def failure_reason(self) -> str:
        """Why no listing came of the attempt."""
        return self.reason or "the fetch gave no reason"

    @property
    def response_summary(self) -> ResponseSummary:
        """What the catalog records of the response."""
        return ResponseSummary(round(self.duration, 3), self.pages, self.status)
