"""The result of fetching one provider once. Free of HTTP, so that the command line and Dagster import it quickly."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from ghost_pipeline.lifecycle.records import ResponseSummary
from ghost_pipeline.listings.files import ResponseInfo


class FetchResult(StrEnum):
    """How far a fetch got. Whether the listing is accepted is decided later, by its verdict."""

    FETCHED = "fetched"
    """All pages are in a new file."""
    PARTIAL = "partial"
    """A new file holds the pages that were read; the file itself states that more would follow."""
    EMPTY = "empty"
    """A new file holds a response without a single model."""
    NOT_MODIFIED = "not_modified"
    """304: the provider confirmed the newest file, whose modification time was updated."""
    FAILED = "failed"
    """No file: the provider sent no usable listing."""


@dataclass(frozen=True, slots=True)
class FetchOutcome:
    """One attempt, successful or not. Holds no key, and text of the provider only in redacted quotes."""

    provider_id: str
    result: FetchResult
    attempted_at: datetime
    """Aware, UTC. The response is at least as recent as this."""
    response: ResponseSummary
    """What the catalog records of the response."""
    reason: str | None = None
    """Why the result is not FETCHED, with what to do."""
    request_id: str | None = None
    """The provider's own identifier of the last request."""
    path: Path | None = None
    """The new file, or the one that a 304 confirmed."""
    info: ResponseInfo | None = None
    """The sidecar of that file."""

    @property
    def duration_seconds(self) -> float:
        """Seconds, all pages and retries."""
        return self.response.seconds or 0.0

    @property
    def models(self) -> int | None:
        """Number of models in the file; None without a file."""
        return self.info.models if self.info else None

    @property
    def sha256(self) -> str | None:
        """Digest of the file; None without a file."""
        return self.info.sha256 if self.info else None

    @property
    def failure_reason(self) -> str:
        """Why the attempt produced no listing."""
        return self.reason or "the fetch gave no reason"
