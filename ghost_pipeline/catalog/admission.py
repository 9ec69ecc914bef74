"""Admission: give a listing its verdict, keep its bytes, record the attempt, set the hold."""

import sqlalchemy as sa

from ghost_pipeline.catalog import listing_rows, provider_rows
from ghost_pipeline.catalog.archive import Archive
from ghost_pipeline.catalog.database import Database
from ghost_pipeline.catalog.results import ListingOutcome, Parse, Submission
from ghost_pipeline.catalog.unchanged import find_unchanged
from ghost_pipeline.lifecycle.listing import Listing
from ghost_pipeline.lifecycle.verdicts import Judgement, judge
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline.settings import Thresholds


def admit(
    database: Database, archive: Archive, thresholds: Thresholds, submission: Submission, parse: Parse
) -> ListingOutcome:
    """Admit one listing. No model changes here. Raises CatalogError, ArchiveError.

    Bytes that repeat the provider's latest reconciled listing are not parsed again.
    """
    digest = archive.put(submission.content)
    with database.writing() as connection:
        outcome = _admit_unchanged(connection, submission, digest)
    if outcome is None:
        listing = parse(submission.provider_id, submission.content)
        with database.writing() as connection:
            outcome = _admit_parsed(connection, submission, digest, listing, thresholds)
    return outcome


def _admit_unchanged(connection: sa.Connection, submission: Submission, digest: str) -> ListingOutcome | None:
    provider = provider_rows.lock_provider(connection, submission.provider_id)
    earlier = find_unchanged(connection, provider, digest, submission.format_version, submission.observed_at)
    if earlier is None:
        return None
    judgement = Judgement(Verdict.COMPLETE)
    listing_id = listing_rows.insert_attempt(connection, submission, digest, judgement, earlier.inactive)
    provider_rows.note_listing(connection, provider, submission.observed_at)
    return listing_rows.outcome(submission, listing_id, digest, judgement, None)


def _admit_parsed(
    connection: sa.Connection, submission: Submission, digest: str, listing: Listing, thresholds: Thresholds
) -> ListingOutcome:
    provider = provider_rows.lock_provider(connection, submission.provider_id)
    expectation = listing_rows.expectation(connection, provider)
    judgement = judge(listing, submission.observed_at, expectation, thresholds)
    listing_id = listing_rows.insert_attempt(connection, submission, digest, judgement, listing.inactive_ids)
    provider_rows.note_listing(connection, provider, submission.observed_at)
    if judgement.sets_hold:
        provider_rows.set_hold(connection, provider, submission.observed_at, hold_reason(judgement))
    return listing_rows.outcome(submission, listing_id, digest, judgement, None)


def hold_reason(judgement: Judgement) -> str:
    """Why the provider is held, with the verdict that did it."""
    return f"{judgement.verdict.value}: {judgement.reason or 'no reason given'}"
