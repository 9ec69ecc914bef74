"""The fast path for bytes that repeat the provider's latest reconciled listing.

Such a listing is new evidence: every model in it was seen again. Only parsing and comparing are saved. The path is
taken only where its result is that of the full one, which a property test proves.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from ghost_pipeline.catalog.ingestion import attempts
from ghost_pipeline.catalog.ingestion.attempts import complete_of, is_listed_sql
from ghost_pipeline.catalog.ingestion.bulk import (
    mark_as_listed,
    mark_listed,
    select_ghosts,
    write_reactivations,
)
from ghost_pipeline.catalog.refusals.settling import has_concerned, settle_provider
from ghost_pipeline.catalog.results import ListingAttempt, ListingCounts, ListingOutcome
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.repository import IS_CURRENT
from ghost_pipeline.catalog.storage.tables import announcements, listings, models, withheld_facts
from ghost_pipeline.lifecycle.events import Cause
from ghost_pipeline.lifecycle.records import ProviderRecord
from ghost_pipeline.lifecycle.verdicts import Assessment, is_late
from ghost_pipeline.lifecycle.vocabulary import Source, Verdict
from ghost_pipeline.settings import Thresholds


def _is_confirmed_by(at: sa.ColumnElement[datetime], listing_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Return the condition that the listing, observed at ``at``, confirmed the model, and no later one."""
    return sa.and_(
        models.c.provider_id == sa.bindparam("of_provider"),
        models.c.last_listed_at >= at,  # narrows it to an index range; listing_id alone has no index
        models.c.listing_id == listing_id,
    )


def _repeated() -> sa.Select[Any]:
    """Return the query of the latest reconciled listing, and if it has the given bytes, of its models.

    Namely how many it confirmed, whether one of them is a ghost, and whether any other model is expected.
    """
    latest = attempts.LATEST_RECONCILED.subquery()
    is_confirmed = _is_confirmed_by(latest.c.observed_at, latest.c.id)
    confirmed = sa.select(sa.func.count()).select_from(models).where(is_confirmed).scalar_subquery()
    ghost = sa.exists().where(is_confirmed, models.c.is_active == sa.false())
    other = sa.exists().where(is_listed_sql(), models.c.listing_id.is_distinct_from(latest.c.id))
    # What is withheld of them may be confirmed now. One EXISTS in the other, so that the few rows are read first.
    is_of_row = sa.and_(
        models.c.provider_id == withheld_facts.c.provider_id, models.c.model_id == withheld_facts.c.model_id
    )
    withheld = sa.exists().where(
        withheld_facts.c.provider_id == sa.bindparam("of_provider"), sa.exists().where(is_of_row, is_confirmed)
    )
    is_same = latest.c.sha256 == sa.bindparam("digest")
    return sa.select(
        *latest.c,
        sa.case((is_same, confirmed)).label("confirmed"),
        sa.case((is_same, ghost)).label("has_ghosts"),
        sa.case((is_same, other)).label("is_more_expected"),
        sa.case((is_same, sa.or_(withheld, _is_announced_anew(is_confirmed)))).label("is_open"),
    )


def _is_announced_anew(is_confirmed: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Return the condition that the bytes state another retirement of a model than an operator announced since.

    The listing is then the newer statement, so it has to be compared with the announcement.
    """
    listed_at, successor = announcements.c.listed_expires_at, announcements.c.listed_replaced_by
    is_of_row = sa.and_(
        models.c.provider_id == announcements.c.provider_id, models.c.model_id == announcements.c.model_id
    )
    replaces = sa.exists().where(is_of_row, is_confirmed, models.c.replaced_by.is_distinct_from(successor))
    return sa.exists().where(
        announcements.c.provider_id == sa.bindparam("of_provider"),
        IS_CURRENT,
        sa.or_(
            sa.and_(
                announcements.c.superseded_at.is_(None),
                listed_at.is_not(None),
                listed_at != announcements.c.retires_at,
            ),
            sa.and_(successor.is_not(None), replaces),
        ),
    )


_REPEATED = _repeated()
_OF_ATTEMPT = listings.alias()
_REPEATED_BY_ATTEMPT = _REPEATED.add_columns(
    sa.select(_OF_ATTEMPT.c.observed_at)
    .where(
        _OF_ATTEMPT.c.id == sa.bindparam("attempt_id"),
        _OF_ATTEMPT.c.provider_id == sa.bindparam("of_provider"),
        _OF_ATTEMPT.c.sha256 == sa.bindparam("digest"),
    )
    .scalar_subquery()
    .label("attempt_observed_at"),
    has_concerned(sa.bindparam("of_provider")).label("has_concerned"),
)
"""The same, with what else the reconciliation of an attempt asks."""
_IS_CONFIRMED = _is_confirmed_by(
    sa.bindparam("confirmed_at", type_=models.c.last_listed_at.type), sa.bindparam("confirmed_by")
)
_CONFIRMED_GHOSTS = select_ghosts(_IS_CONFIRMED)
_MARK_CONFIRMED = mark_as_listed(_IS_CONFIRMED)


class Repeated(NamedTuple):
    """The listing whose bytes came again."""

    earlier: ListingOutcome
    has_ghosts: bool
    """Whether one of its models is a ghost now."""


def find_unchanged(
    connection: sa.Connection,
    provider: ProviderRecord,
    digest: str | None,
    format_version: str | None,
    observed_at: datetime,
) -> Repeated | None:
    """Return the listing that these bytes repeat, if confirming its models is all that there is to do.

    It must have been complete without a reason (such as models that an operator removed), the catalog must have every
    model of it as it left them, but for what operators stated; no implausible value of them may be withheld, no
    retirement may have been announced that it contradicts, nothing else may be expected of the provider, and the
    repetition must not be late.
    """
    row = connection.execute(_REPEATED, _repeated_parameters(provider, digest)).one_or_none()
    return None if row is None else _repeated_by(row, provider, digest, format_version, observed_at)


def _repeated_parameters(provider: ProviderRecord, digest: str | None) -> dict[str, object]:
    return {**complete_of(provider), "of_provider": provider.id, "digest": digest}


def _repeated_by(
    row: sa.Row[Any],
    provider: ProviderRecord,
    digest: str | None,
    format_version: str | None,
    observed_at: datetime,
) -> Repeated | None:
    earlier = attempts.listing_outcome(row)
    if (
        (earlier.attempt.sha256, earlier.attempt.format_version) != (digest, format_version)
        or earlier.verdict is not Verdict.COMPLETE
        or earlier.reason is not None
        or is_late(observed_at, provider.last_listing_at)
    ):
        return None
    is_all = row.confirmed == _model_count(earlier) and not (row.is_more_expected or row.is_open)
    return Repeated(earlier, row.has_ghosts) if is_all else None


def reconcile_unchanged(
    connection: sa.Connection, attempt: ListingAttempt, now: datetime, thresholds: Thresholds
) -> ListingOutcome | None:
    """Confirm the models of the listing that this attempt repeats.

    Return None if it has to be parsed, or if the catalog has no such attempt any more.
    """
    provider = repository.get_or_create_provider(connection, attempt.provider_id)
    parameters = {**_repeated_parameters(provider, attempt.sha256), "attempt_id": attempt.id}
    row = connection.execute(_REPEATED_BY_ATTEMPT, parameters).one_or_none()
    if row is None or row.attempt_observed_at is None:
        return None
    attempt = replace(attempt, observed_at=row.attempt_observed_at)  # its instant may have been corrected
    found = _repeated_by(row, provider, attempt.sha256, attempt.format_version, attempt.observed_at)
    if found is None:
        return None
    earlier = found.earlier
    parameters = _confirmed_parameters(earlier.attempt)
    reactivated = write_reactivations(connection, _CONFIRMED_GHOSTS, attempt, parameters) if found.has_ghosts else 0
    mark_listed(connection, _MARK_CONFIRMED, attempt, parameters)
    count = _model_count(earlier)
    counts = ListingCounts(models=count, confirmed=count, reactivated=reactivated)
    assessment = Assessment(Verdict.COMPLETE)
    attempts.complete_attempt(connection, attempt, assessment, counts)
    repository.lift_hold(connection, provider, attempt.observed_at)
    if row.has_concerned:
        cause = Cause(attempt.observed_at, Source.INDEX, attempt.id, attempt.run_id)
        settle_provider(connection, provider.id, cause, now, thresholds)
    return ListingOutcome(attempt, assessment, counts)


def _model_count(outcome: ListingOutcome) -> int:
    return 0 if outcome.counts is None else outcome.counts.models


def _confirmed_parameters(earlier: ListingAttempt) -> dict[str, object]:
    return {
        "of_provider": earlier.provider_id,
        "confirmed_at": earlier.observed_at,
        "confirmed_by": earlier.id,
    }
