"""The fast path for bytes that repeat the provider's latest reconciled listing.

Such a listing is new evidence: every model in it was seen again. Only parsing and comparing are saved. The path is
taken only where its result is that of the full one, which a property test proves.
"""

from datetime import datetime

import sqlalchemy as sa

from ghost_pipeline.catalog.ingestion import attempts
from ghost_pipeline.catalog.ingestion.attempts import is_listed_sql
from ghost_pipeline.catalog.ingestion.bulk import mark_listed, write_reactivations
from ghost_pipeline.catalog.results import ListingAttempt, ListingCounts, ListingOutcome
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.tables import models
from ghost_pipeline.lifecycle.records import ProviderRecord
from ghost_pipeline.lifecycle.verdicts import Assessment, is_late
from ghost_pipeline.lifecycle.vocabulary import Verdict


def find_unchanged(
    connection: sa.Connection,
    provider: ProviderRecord,
    digest: str | None,
    format_version: str | None,
    observed_at: datetime,
) -> ListingOutcome | None:
    """Return the listing that these bytes repeat, if confirming its models is all that there is to do.

    It must have been complete without a reason (such as models that an operator removed), the catalog must have every
    model of it as it left them, nothing else may be expected of the provider, and the repetition must not be late.
    """
    earlier = attempts.latest_reconciled(connection, provider.id)
    if (
        earlier is None
        or (earlier.attempt.sha256, earlier.attempt.format_version) != (digest, format_version)
        or earlier.verdict is not Verdict.COMPLETE
        or earlier.reason is not None
        or is_late(observed_at, provider.last_listing_at)
    ):
        return None
    count_confirmed = sa.select(sa.func.count()).where(_confirmed_by(provider, earlier.attempt))
    confirmed_count = connection.execute(count_confirmed).scalar_one()
    other_expected = connection.execute(
        sa.select(models.c.id)
        .where(is_listed_sql(provider), models.c.listing_id.is_distinct_from(earlier.attempt.id))
        .limit(1)
    ).one_or_none()
    return earlier if confirmed_count == _model_count(earlier) and other_expected is None else None


def reconcile_unchanged(connection: sa.Connection, attempt: ListingAttempt) -> ListingOutcome | None:
    """Confirm the models of the listing that this attempt repeats; return None if it has to be parsed."""
    provider = repository.get_or_create_provider(connection, attempt.provider_id)
    earlier = find_unchanged(connection, provider, attempt.sha256, attempt.format_version, attempt.observed_at)
    if earlier is None:
        return None
    confirmed = _confirmed_by(provider, earlier.attempt)
    reactivated = write_reactivations(connection, confirmed, attempt)
    mark_listed(connection, confirmed, attempt)
    count = _model_count(earlier)
    counts = ListingCounts(models=count, confirmed=count, reactivated=reactivated)
    assessment = Assessment(Verdict.COMPLETE)
    attempts.complete_attempt(connection, attempt, assessment, counts)
    repository.lift_hold(connection, provider, attempt.observed_at)
    return ListingOutcome(attempt, assessment, counts)


def _model_count(outcome: ListingOutcome) -> int:
    return 0 if outcome.counts is None else outcome.counts.models


def _confirmed_by(provider: ProviderRecord, earlier: ListingAttempt) -> sa.ColumnElement[bool]:
    # last_listed_at narrows it to an index range; listing_id alone has no index.
    return sa.and_(
        models.c.provider_id == provider.id,
        models.c.last_listed_at >= earlier.observed_at,
        models.c.listing_id == earlier.id,
    )
