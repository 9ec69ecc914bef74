"""The fast path for bytes that repeat the provider's latest reconciled listing.

Such a listing is new evidence: every model in it was seen again. Only parsing and comparing are saved. The path is
taken only where its result is that of the full one, which a property test proves.
"""

from datetime import datetime

import sqlalchemy as sa

from ghost_pipeline.catalog.ingestion import attempts
from ghost_pipeline.catalog.ingestion.attempts import complete_of, is_listed_sql
from ghost_pipeline.catalog.ingestion.bulk import (
    mark_as_listed,
    mark_listed,
    select_ghosts,
    write_reactivations,
)
from ghost_pipeline.catalog.results import ListingAttempt, ListingCounts, ListingOutcome
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.tables import models
from ghost_pipeline.lifecycle.records import ProviderRecord
from ghost_pipeline.lifecycle.verdicts import Assessment, is_late
from ghost_pipeline.lifecycle.vocabulary import Verdict

_IS_CONFIRMED = sa.and_(
    models.c.provider_id == sa.bindparam("of_provider"),
    # This narrows it to an index range; listing_id alone has no index.
    models.c.last_listed_at >= sa.bindparam("confirmed_at", type_=models.c.last_listed_at.type),
    models.c.listing_id == sa.bindparam("confirmed_by"),
)
"""The earlier listing confirmed the model, and no later one."""
_CONFIRMED = sa.select(
    sa.select(sa.func.count()).select_from(models).where(_IS_CONFIRMED).scalar_subquery(),
    sa.exists().where(is_listed_sql(), models.c.listing_id.is_distinct_from(sa.bindparam("confirmed_by"))),
)
"""How many models the earlier listing confirmed, and whether any other model is expected."""
_CONFIRMED_GHOSTS = select_ghosts(_IS_CONFIRMED)
_MARK_CONFIRMED = mark_as_listed(_IS_CONFIRMED)


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
    parameters = _parameters(earlier.attempt) | complete_of(provider)
    confirmed_count, is_more_expected = connection.execute(_CONFIRMED, parameters).one()
    return earlier if confirmed_count == _model_count(earlier) and not is_more_expected else None


def reconcile_unchanged(connection: sa.Connection, attempt: ListingAttempt) -> ListingOutcome | None:
    """Confirm the models of the listing that this attempt repeats; return None if it has to be parsed."""
    provider = repository.get_or_create_provider(connection, attempt.provider_id)
    earlier = find_unchanged(connection, provider, attempt.sha256, attempt.format_version, attempt.observed_at)
    if earlier is None:
        return None
    parameters = _parameters(earlier.attempt)
    reactivated = write_reactivations(connection, _CONFIRMED_GHOSTS, attempt, parameters)
    mark_listed(connection, _MARK_CONFIRMED, attempt, parameters)
    count = _model_count(earlier)
    counts = ListingCounts(models=count, confirmed=count, reactivated=reactivated)
    assessment = Assessment(Verdict.COMPLETE)
    attempts.complete_attempt(connection, attempt, assessment, counts)
    repository.lift_hold(connection, provider, attempt.observed_at)
    return ListingOutcome(attempt, assessment, counts)


def _model_count(outcome: ListingOutcome) -> int:
    return 0 if outcome.counts is None else outcome.counts.models


def _parameters(earlier: ListingAttempt) -> dict[str, object]:
    return {
        "of_provider": earlier.provider_id,
        "confirmed_at": earlier.observed_at,
        "confirmed_by": earlier.id,
    }
