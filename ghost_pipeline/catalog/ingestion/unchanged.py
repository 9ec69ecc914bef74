"""The cheap path for bytes that repeat the provider's latest reconciled listing.

Such a listing is new evidence all the same: every model that it lists was seen again. What can be spared is parsing
and comparing. The path is taken only where the outcome is exactly that of the long one, which a property test proves.
"""

from datetime import datetime

import sqlalchemy as sa

from ghost_pipeline.catalog.ingestion import attempts
from ghost_pipeline.catalog.ingestion.attempts import ListingAttempt
from ghost_pipeline.catalog.ingestion.bulk import mark_listed, write_reactivations
from ghost_pipeline.catalog.results import ListingCounts, ListingOutcome
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.tables import models
from ghost_pipeline.lifecycle.records import ProviderRecord
from ghost_pipeline.lifecycle.verdicts import Assessment
from ghost_pipeline.lifecycle.vocabulary import Verdict


def find_unchanged(
    connection: sa.Connection,
    provider: ProviderRecord,
    digest: str | None,
    format_version: str | None,
    observed_at: datetime,
) -> ListingAttempt | None:
    """The listing that these bytes repeat, if repeating it is all that there is to do.

    It must have been complete with nothing to remark (such as models that a person keeps out), every model of it must
    be in the catalog as it left it, nothing else may be expected of the provider, and the repetition must not be late.
    """
    earlier = attempts.latest_reconciled(connection, provider.id)
    if (
        earlier is None
        or (earlier.sha256, earlier.format_version) != (digest, format_version)
        or earlier.verdict is not Verdict.COMPLETE
        or earlier.reason is not None
        or (provider.last_listing_at is not None and observed_at < provider.last_listing_at)
    ):
        return None
    standing = connection.execute(sa.select(sa.func.count()).where(_confirmed_by(provider, earlier))).scalar_one()
    others = connection.execute(
        sa.select(models.c.id)
        .where(
            models.c.provider_id == provider.id,
            models.c.last_listed_at >= provider.last_complete_at,
            models.c.listing_id.is_distinct_from(earlier.id),
        )
        .limit(1)
    ).one_or_none()
    return earlier if standing == earlier.model_count and others is None else None


def reconcile_unchanged(connection: sa.Connection, attempt: ListingAttempt) -> ListingOutcome | None:
    """Confirm the models of the listing that this attempt repeats; None where the long way must be gone."""
    provider = repository.get_or_create_provider(connection, attempt.provider_id)
    earlier = find_unchanged(connection, provider, attempt.sha256, attempt.format_version, attempt.observed_at)
    if earlier is None:
        return None
    confirmed = _confirmed_by(provider, earlier)
    reactivated = write_reactivations(connection, confirmed, attempt)
    mark_listed(connection, confirmed, attempt)
    count = earlier.model_count or 0
    counts = ListingCounts(models=count, confirmed=count, reactivated=reactivated)
    assessment = Assessment(Verdict.COMPLETE)
    attempts.complete_attempt(connection, attempt, assessment, counts)
    repository.lift_hold(connection, provider, attempt.observed_at)
    return attempts.to_outcome(attempt, attempt.id, attempt.sha256, assessment, counts)


def _confirmed_by(provider: ProviderRecord, earlier: ListingAttempt) -> sa.ColumnElement[bool]:
    # last_listed_at narrows it to an index range; listing_id alone has no index.
    return sa.and_(
        models.c.provider_id == provider.id,
        models.c.last_listed_at >= earlier.observed_at,
        models.c.listing_id == earlier.id,
    )
