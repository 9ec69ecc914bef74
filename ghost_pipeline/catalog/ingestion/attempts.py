"""Reading and writing rows of ``listings``: one an attempt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ghost_pipeline.catalog.results import FailedAttempt, ListingCounts, ListingOutcome, SubmittedListing
from ghost_pipeline.catalog.storage.tables import listings, models
from ghost_pipeline.errors import CatalogError
from ghost_pipeline.lifecycle.records import ProviderRecord, ResponseSummary
from ghost_pipeline.lifecycle.verdicts import Assessment, Expectation, ShrunkenListing
from ghost_pipeline.lifecycle.vocabulary import Verdict

PREVIEW_LENGTH = 20
"""How many model ids an outcome shows of those created and of those missing."""


@dataclass(frozen=True, slots=True)
class ListingAttempt:
    """One row of ``listings``; a failed one has no file, no bytes and no format."""

    id: int
    provider_id: str
    file_name: str | None
    sha256: str | None
    format_version: str | None
    observed_at: datetime
    is_late: bool
    verdict: Verdict
    reason: str | None
    model_count: int | None
    inactive: Sequence[str]
    run_id: str | None

    @property
    def is_finished(self) -> bool:
        """Whether it was refused, or reconciled; not if it is only admitted."""
        return self.model_count is not None


_COUNT_COLUMNS = {
    "models": listings.c.model_count,
    "created": listings.c.created_count,
    "updated": listings.c.updated_count,
    "confirmed": listings.c.confirmed_count,
    "reactivated": listings.c.reactivated_count,
    "missing": listings.c.missing_count,
}
"""The fields of ListingCounts, in their order -> the columns that keep them."""

REFUSED = tuple(verdict.value for verdict in Verdict if verdict.is_refused)

_ATTEMPT_COLUMNS = tuple(listings.c[name] for name in ListingAttempt.__dataclass_fields__)


def insert_attempt(
    connection: sa.Connection,
    submission: SubmittedListing,
    sha256: str,
    assessment: Assessment,
    inactive: Sequence[str],
) -> int:
    """Record an attempt; a refused one is finished with that. Gives its id."""
    values: dict[str, object] = {
        "provider_id": submission.provider_id,
        "file_name": submission.file_name,
        "sha256": sha256,
        "bytes": len(submission.content),
        "format_version": submission.format_version,
        "observed_at": submission.observed_at,
        "is_late": assessment.is_late,
        "verdict": assessment.verdict.value,
        "reason": assessment.reason,
        "inactive": list(inactive),
        "run_id": submission.run_id,
        **_response_columns(submission.response),
    }
    if assessment.verdict.is_refused:
        values |= _count_columns(ListingCounts())
    return _insert(connection, values)


def insert_failed_attempt(connection: sa.Connection, failed: FailedAttempt, assessment: Assessment) -> int:
    """Record an attempt that brought no listing. Gives its id."""
    values: dict[str, object] = {
        "provider_id": failed.provider_id,
        "observed_at": failed.attempted_at,
        "is_late": assessment.is_late,
        "verdict": assessment.verdict.value,
        "reason": assessment.reason,
        "inactive": [],
        "run_id": failed.run_id,
        **_response_columns(failed.response),
        **_count_columns(ListingCounts()),
    }
    return _insert(connection, values)


def _insert(connection: sa.Connection, values: Mapping[str, object]) -> int:
    inserted = connection.execute(sa.insert(listings).values(values)).inserted_primary_key
    assert inserted is not None  # noqa: S101 - both dialects give it
    return int(inserted[0])


def complete_attempt(
    connection: sa.Connection, attempt: ListingAttempt, assessment: Assessment, counts: ListingCounts
) -> None:
    """Complete an attempt's row; one that is complete keeps what it said."""
    is_confirmable = assessment.verdict is Verdict.SHRUNKEN and not assessment.is_late
    connection.execute(
        sa.update(listings)
        .where(listings.c.id == attempt.id, listings.c.model_count.is_(None))
        .values(
            verdict=assessment.verdict.value,
            reason=assessment.reason,
            is_late=assessment.is_late,
            missing_ids=sorted(assessment.missing_ids) if is_confirmable else None,
            **_count_columns(counts),
        )
    )


def read_attempt(connection: sa.Connection, listing_id: int) -> ListingAttempt:
    """The attempt with that id. Raises CatalogError if there is none."""
    row = connection.execute(sa.select(*_ATTEMPT_COLUMNS).where(listings.c.id == listing_id)).one_or_none()
    if row is None:
        raise CatalogError(f"the catalog has no listing {listing_id}: ingest the provider's file again")
    return _attempt(row)


def find_attempt(connection: sa.Connection, provider_id: str, run_id: str | None) -> int | None:
    """The id of the listing that ``run_id`` admitted for the provider; without a run, of the provider's newest.

    An attempt that brought none is passed over.
    """
    query = sa.select(listings.c.id).where(listings.c.provider_id == provider_id, listings.c.sha256.is_not(None))
    if run_id is not None:
        query = query.where(listings.c.run_id == run_id)
    query = query.order_by(listings.c.observed_at.desc(), listings.c.id.desc()).limit(1)
    return connection.execute(query).scalar()


def latest_reconciled(connection: sa.Connection, provider_id: str) -> ListingAttempt | None:
    """The provider's latest listing that was folded into the models, late ones apart."""
    query = (
        sa.select(*_ATTEMPT_COLUMNS)
        .where(
            listings.c.provider_id == provider_id,
            listings.c.model_count.is_not(None),
            listings.c.verdict.not_in(REFUSED),
            listings.c.is_late.is_(False),
        )
        .order_by(listings.c.observed_at.desc(), listings.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _attempt(row)


def latest_readable_at(connection: sa.Connection, provider_id: str) -> datetime | None:
    """When the provider's latest listing was observed that says anything: reconciled, or empty."""
    query = sa.select(sa.func.max(listings.c.observed_at)).where(
        listings.c.provider_id == provider_id,
        listings.c.model_count.is_not(None),
        listings.c.verdict.in_([verdict.value for verdict in Verdict if verdict.is_readable]),
        listings.c.is_late.is_(False),
    )
    return connection.execute(query).scalar()


def read_outcome(connection: sa.Connection, listing_id: int) -> ListingOutcome:
    """What the row says became of an attempt. Raises CatalogError if there is none."""
    attempt = read_attempt(connection, listing_id)
    row = connection.execute(sa.select(*_COUNT_COLUMNS.values()).where(listings.c.id == listing_id)).one()
    counts = ListingCounts(*row) if attempt.is_finished else None
    assessment = Assessment(attempt.verdict, attempt.reason, is_late=attempt.is_late)
    return to_outcome(attempt, attempt.id, attempt.sha256, assessment, counts)


def expectation(connection: sa.Connection, provider: ProviderRecord) -> Expectation:
    """What the catalog holds against the provider's next listing."""
    if provider.last_complete_at is None:
        return Expectation(last_listing_at=provider.last_listing_at)
    expected = connection.execute(
        sa.select(models.c.model_id).where(
            models.c.provider_id == provider.id, models.c.last_listed_at >= provider.last_complete_at
        )
    ).scalars()
    shrunken = connection.execute(
        sa.select(listings.c.observed_at, listings.c.missing_ids)
        .where(
            listings.c.provider_id == provider.id,
            listings.c.observed_at > provider.last_complete_at,
            listings.c.missing_ids.is_not(None),
        )
        .order_by(listings.c.observed_at)
    )
    return Expectation(
        expected_ids=frozenset(expected),
        last_listing_at=provider.last_listing_at,
        shrunken=tuple(ShrunkenListing(observed_at, frozenset(missing)) for observed_at, missing in shrunken),
    )


def to_outcome(
    attempt: ListingAttempt | SubmittedListing,
    listing_id: int,
    sha256: str | None,
    assessment: Assessment,
    counts: ListingCounts | None,
    created_ids: Sequence[str] = (),
) -> ListingOutcome:
    """What the caller is told of an attempt."""
    return ListingOutcome(
        listing_id=listing_id,
        provider_id=attempt.provider_id,
        file_name=attempt.file_name,
        sha256=sha256,
        observed_at=attempt.observed_at,
        verdict=assessment.verdict,
        reason=assessment.reason,
        is_late=assessment.is_late,
        is_accepted_empty=assessment.is_accepted_empty,
        counts=ListingCounts() if counts is None and assessment.verdict.is_refused else counts,
        created_ids=tuple(created_ids),
        missing_ids=tuple(sorted(assessment.missing_ids)[:PREVIEW_LENGTH]),
    )


def _attempt(row: sa.Row[tuple[object, ...]]) -> ListingAttempt:
    values = dict(row._mapping)
    values["verdict"] = Verdict(values["verdict"])
    return ListingAttempt(**values)


def _count_columns(counts: ListingCounts) -> dict[str, int]:
    return {column.name: getattr(counts, name) for name, column in _COUNT_COLUMNS.items()}


def _response_columns(response: ResponseSummary) -> dict[str, float | int | None]:
    return {name: getattr(response, name) for name in ResponseSummary.__dataclass_fields__}
