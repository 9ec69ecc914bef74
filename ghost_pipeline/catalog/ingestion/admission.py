"""Admission: assess a listing, archive its bytes, record the attempt, set or lift the provider's hold."""

from datetime import datetime

import sqlalchemy as sa

from ghost_pipeline.catalog.ingestion import attempts
from ghost_pipeline.catalog.ingestion.future_instants import lock_providers
from ghost_pipeline.catalog.ingestion.unchanged import find_unchanged
from ghost_pipeline.catalog.results import FailedAttempt, ListingOutcome, SubmittedListing
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.archive import Archive
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.lifecycle.records import Listing, ProviderRecord
from ghost_pipeline.lifecycle.verdicts import Assessment, assess, assess_failed_attempt
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline.listings.parsing import ListingReader
from ghost_pipeline.settings import Thresholds

SMALL_LISTING = 100_000
"""Bytes that are parsed in about a millisecond, while the provider is locked: a second transaction costs more."""


def admit(
    database: Database,
    archive: Archive,
    thresholds: Thresholds,
    reader: ListingReader,
    submission: SubmittedListing,
    now: datetime,
) -> tuple[ListingOutcome, Listing | None]:
    """Admit one listing. No model changes, except that instants after ``now`` are corrected.

    Raises CatalogError, ArchiveError. Bytes that repeat the provider's latest reconciled listing are not parsed again.

    Returns:
        The outcome, and the parsed listing if it was parsed and is still to be reconciled.
    """
    archive.store(submission.content, submission.sha256)
    version = reader.format_version(submission.provider_id)
    listing: Listing | None = None

    def assess_and_record(connection: sa.Connection) -> ListingOutcome | None:
        nonlocal listing
        [provider] = lock_providers(connection, [submission.provider_id], submission.observed_at, now)
        if listing is None:
            unchanged = _admit_unchanged(connection, provider, submission, version)
            if unchanged is not None or len(submission.content) > SMALL_LISTING:
                return unchanged
            listing = reader.parse(submission.provider_id, submission.content)
        return _admit_parsed(connection, provider, submission, version, listing, thresholds)

    outcome = database.write(assess_and_record)
    if outcome is None:
        listing = reader.parse(submission.provider_id, submission.content)
        outcome = database.write(assess_and_record)
    assert outcome is not None  # noqa: S101 - a parsed listing is always recorded
    # Again, now that the row is visible: the archive may have been pruned of the same bytes meanwhile.
    archive.store(submission.content, submission.sha256)
    return outcome, None if outcome.is_finished else listing


def record_failure(database: Database, failed: FailedAttempt, now: datetime) -> ListingOutcome:
    """Record a fetch attempt that produced no listing, and hold its provider. No model changes. Raises CatalogError."""
    return database.write(lambda connection: _record_failure(connection, failed, now))


def _record_failure(connection: sa.Connection, failed: FailedAttempt, now: datetime) -> ListingOutcome:
    [provider] = lock_providers(connection, [failed.provider_id], failed.attempted_at, now)
    assessment = assess_failed_attempt(failed.reason, failed.attempted_at, provider.last_listing_at)
    _update_provider(connection, provider, failed.attempted_at, assessment)
    return attempts.insert_failed_attempt(connection, failed, assessment)


def _admit_unchanged(
    connection: sa.Connection, provider: ProviderRecord, submission: SubmittedListing, version: str
) -> ListingOutcome | None:
    found = find_unchanged(connection, provider, submission.sha256, version, submission.observed_at)
    if found is None:
        return None
    assessment = Assessment(Verdict.COMPLETE)
    _update_provider(connection, provider, submission.observed_at, assessment)
    return attempts.insert_attempt(connection, submission, version, assessment, found.earlier.attempt.inactive)


def _admit_parsed(
    connection: sa.Connection,
    provider: ProviderRecord,
    submission: SubmittedListing,
    version: str,
    listing: Listing,
    thresholds: Thresholds,
) -> ListingOutcome:
    expectation = attempts.read_expectation(connection, provider)
    assessment = assess(listing, submission.observed_at, expectation, thresholds)
    _update_provider(connection, provider, submission.observed_at, assessment)
    return attempts.insert_attempt(connection, submission, version, assessment, listing.inactive_ids)


def _update_provider(connection: sa.Connection, provider: ProviderRecord, at: datetime, assessment: Assessment) -> None:
    repository.advance_last_listing_at(connection, provider, at)
    if assessment.sets_hold:
        repository.set_hold(connection, provider, at, format_hold_reason(assessment))
    elif assessment.lifts_hold and assessment.is_accepted_empty:
        # Reconciliation lifts the hold of others, together with their changes; here nothing is left for it to do. The
        # last complete listing stays what it was: were it this one, models that are adopted later would seem released.
        repository.lift_hold(connection, provider, provider.last_complete_at)


def format_hold_reason(assessment: Assessment) -> str:
    """Return why the provider is held, beginning with the verdict."""
    return f"{assessment.verdict.value}: {assessment.reason or 'no reason given'}"
