"""Rows of ``listings``: write, complete and find attempts, and derive what is expected of a provider's next listing."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.results import (
    FailedAttempt,
    ListingAttempt,
    ListingCounts,
    ListingOutcome,
    SubmittedListing,
)
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.tables import listings, models, text_literal
from ghost_pipeline.errors import CatalogError, UnknownProvider
from ghost_pipeline.lifecycle.records import ProviderRecord, ResponseSummary
from ghost_pipeline.lifecycle.verdicts import Assessment, Expectation, ShrunkenListing, accepts_empty_listing
from ghost_pipeline.lifecycle.vocabulary import Verdict

_ATTEMPT_COLUMNS = tuple(listings.c[one.name] for one in fields(ListingAttempt))
_ASSESSMENT_COLUMNS = tuple(listings.c[name] for name in ("verdict", "reason", "is_late", "is_accepted_empty"))
_COUNT_COLUMNS = {
    "models": listings.c.model_count,
    "created": listings.c.created_count,
    "updated": listings.c.updated_count,
    "confirmed": listings.c.confirmed_count,
    "reactivated": listings.c.reactivated_count,
    "missing": listings.c.missing_count,
}
"""Every field of ListingCounts, in their order -> the column that stores it."""

_OUTCOME = sa.select(*_ATTEMPT_COLUMNS, *_ASSESSMENT_COLUMNS, *_COUNT_COLUMNS.values())
_ATTEMPT_LENGTH, _OUTCOME_LENGTH = len(_ATTEMPT_COLUMNS), len(_OUTCOME.selected_columns)

NEWEST_FIRST = (listings.c.observed_at.desc(), listings.c.id.desc())
"""The order of attempts. Of two at one instant, the one that was recorded later is the newer."""


def lists_models_sql() -> sa.ColumnElement[bool]:
    """Return the SQL equivalent of ``Verdict.lists_models`` over rows of ``listings``."""
    return listings.c.verdict.in_([text_literal(one) for one in Verdict if one.lists_models])


_OUTCOME_OF = _OUTCOME.where(listings.c.id == sa.bindparam("listing_id"))
LATEST_RECONCILED = (
    _OUTCOME.where(
        listings.c.provider_id == sa.bindparam("provider_id"),
        listings.c.model_count.is_not(None),
        lists_models_sql(),
        listings.c.is_late.is_(False),
    )
    .order_by(*NEWEST_FIRST)
    .limit(1)
)
"""The newest reconciled listing of ``provider_id`` that was not late."""
_INSERT = sa.insert(listings)
_COMPLETE = (
    sa.update(listings)
    .where(listings.c.id == sa.bindparam("attempt_id"), listings.c.model_count.is_(None))
    .values(
        {
            column.name: sa.bindparam(column.name)
            for column in (listings.c.missing_ids, *_ASSESSMENT_COLUMNS, *_COUNT_COLUMNS.values())
        }
    )
)


def is_refused_sql() -> sa.ColumnElement[bool]:
    """Return the SQL equivalent of ``Assessment.is_refused`` over rows of ``listings``."""
    return sa.and_(sa.not_(lists_models_sql()), listings.c.is_accepted_empty.is_(False))


_PROVIDER_ID: sa.BindParameter[str] = sa.bindparam("provider_id")
_LAST_COMPLETE_AT = sa.bindparam("last_complete_at", type_=listings.c.observed_at.type)


def is_listed_sql() -> sa.ColumnElement[bool]:
    """Return the SQL equivalent of ``absence.is_listed`` over the rows of ``models``; a range of an index.

    The parameters are ``complete_of``. Without a complete listing the range is empty, because a comparison with NULL is
    never true.
    """
    return sa.and_(models.c.provider_id == _PROVIDER_ID, models.c.last_listed_at >= _LAST_COMPLETE_AT)


def complete_of(provider: ProviderRecord) -> dict[str, object]:
    """Return the provider and when its last complete listing was observed, as parameters."""
    return {"provider_id": provider.id, "last_complete_at": provider.last_complete_at}


def insert_attempt(
    connection: sa.Connection,
    submission: SubmittedListing,
    format_version: str,
    assessment: Assessment,
    inactive: Sequence[str],
) -> ListingOutcome:
    """Record an admitted listing. One that lists no models is finished with that."""
    values: dict[str, object] = {
        "provider_id": submission.provider_id,
        "file_name": submission.file_name,
        "sha256": submission.sha256,
        "format_version": format_version,
        "observed_at": submission.observed_at,
        "inactive": list(inactive),
        "run_id": submission.run_id,
    }
    counts = None if assessment.verdict.lists_models else ListingCounts()
    more = {"bytes": len(submission.content), **_response_columns(submission.response)}
    return _insert(connection, values, more, assessment, counts)


def insert_failed_attempt(connection: sa.Connection, failed: FailedAttempt, assessment: Assessment) -> ListingOutcome:
    """Record an attempt that produced no listing. Its row has no file, no bytes and no format."""
    values: dict[str, object] = {
        "provider_id": failed.provider_id,
        "file_name": None,
        "sha256": None,
        "format_version": None,
        "observed_at": failed.attempted_at,
        "inactive": [],
        "run_id": failed.run_id,
    }
    return _insert(connection, values, _response_columns(failed.response), assessment, ListingCounts())


def _insert(
    connection: sa.Connection,
    values: dict[str, object],
    more: Mapping[str, object],
    assessment: Assessment,
    counts: ListingCounts | None,
) -> ListingOutcome:
    row = {**values, **more, **_assessment_values(assessment), **({} if counts is None else _count_values(counts))}
    inserted = connection.execute(_INSERT, row).inserted_primary_key
    assert inserted is not None  # noqa: S101 - both dialects return it
    return ListingOutcome(ListingAttempt(id=int(inserted[0]), **values), assessment, counts)  # type: ignore[arg-type]


def complete_attempt(
    connection: sa.Connection, attempt: ListingAttempt, assessment: Assessment, counts: ListingCounts
) -> None:
    """Write the result of a reconciliation; a row that has one keeps the first."""
    is_confirmable = assessment.verdict is Verdict.SHRUNKEN and not assessment.is_late
    parameters = {
        "attempt_id": attempt.id,
        "missing_ids": sorted(assessment.missing_ids) if is_confirmable else None,
        **_assessment_values(assessment),
        **_count_values(counts),
    }
    connection.execute(_COMPLETE, parameters)


def read_outcome(connection: sa.Connection, listing_id: int) -> ListingOutcome:
    """Return what the row of an attempt records. Raises CatalogError if there is none."""
    row = connection.execute(_OUTCOME_OF, {"listing_id": listing_id}).one_or_none()
    if row is None:
        raise CatalogError(f"the catalog has no listing {listing_id}", "ingest the provider's file again")
    return listing_outcome(row)


def find_attempt(connection: sa.Connection, provider_id: str, run_id: str | None) -> int | None:
    """Return the id of the listing that ``run_id`` admitted for the provider; without a run, of its newest one.

    Failed attempts produced no listing and are skipped.
    """
    query = sa.select(listings.c.id).where(listings.c.provider_id == provider_id, listings.c.sha256.is_not(None))
    if run_id is not None:
        query = query.where(listings.c.run_id == run_id)
    return connection.execute(query.order_by(*NEWEST_FIRST).limit(1)).scalar()


def list_attempts_before(connection: sa.Connection, provider_id: str, before: datetime) -> list[ListingOutcome]:
    """Return the provider's finished attempts that were observed before an instant and not late, the oldest first."""
    query = _OUTCOME.where(
        listings.c.provider_id == provider_id,
        listings.c.observed_at < before,
        listings.c.model_count.is_not(None),
        listings.c.is_late.is_(False),
    )
    return [listing_outcome(row) for row in connection.execute(query.order_by(listings.c.observed_at, listings.c.id))]


def latest_readable_at(connection: sa.Connection, provider_id: str) -> datetime | None:
    """Return the instant of the provider's newest listing that was reconciled or empty, and not late."""
    query = sa.select(sa.func.max(listings.c.observed_at)).where(
        listings.c.provider_id == provider_id,
        listings.c.model_count.is_not(None),
        listings.c.verdict.in_([verdict.value for verdict in Verdict if verdict.is_readable]),
        listings.c.is_late.is_(False),
    )
    return connection.execute(query).scalar()


_IS_CONFIRMABLE = sa.and_(
    listings.c.provider_id == _PROVIDER_ID,
    listings.c.observed_at > _LAST_COMPLETE_AT,
    listings.c.missing_ids.is_not(None),
)
_EXPECTATION_FLAGS = sa.select(
    sa.exists().where(models.c.provider_id == _PROVIDER_ID, models.c.last_listed_at.is_not(None)),
    sa.exists().where(
        listings.c.provider_id == _PROVIDER_ID,
        listings.c.observed_at == _LAST_COMPLETE_AT,
        listings.c.verdict == text_literal(Verdict.EMPTY),
        listings.c.is_late.is_(False),
    ),
    sa.exists().where(_IS_CONFIRMABLE),
)
"""Whether a model was ever listed, whether the last complete listing is empty, and whether any may be confirmed."""
_EXPECTED = sa.select(models.c.model_id).where(is_listed_sql())
_SHRUNKEN = (
    sa.select(listings.c.observed_at, listings.c.missing_ids).where(_IS_CONFIRMABLE).order_by(listings.c.observed_at)
)


def read_expectation(connection: sa.Connection, provider: ProviderRecord) -> Expectation:
    """Return what the catalog expects of the provider's next listing."""
    has_listed_models, is_released_empty, has_shrunken = connection.execute(
        _EXPECTATION_FLAGS, complete_of(provider)
    ).one()
    return Expectation(
        expected_ids=_expected_ids(connection, provider),
        last_listing_at=provider.last_listing_at,
        shrunken=_shrunken_listings(connection, provider) if has_shrunken else (),
        has_listed_models=has_listed_models,
        is_released_empty=is_released_empty,
    )


def accepts_empty(connection: sa.Connection, provider_id: str) -> bool:
    """Return what ``accepts_empty_listing`` returns for the catalog as it is now."""
    try:
        expectation = read_expectation(connection, repository.get_provider(connection, provider_id))
    except UnknownProvider:
        expectation = Expectation()
    return accepts_empty_listing(provider_id, expectation)


def _expected_ids(connection: sa.Connection, provider: ProviderRecord) -> frozenset[str]:
    if provider.last_complete_at is None:  # a query for no row would be planned as a scan of the whole table
        return frozenset()
    return frozenset(connection.execute(_EXPECTED, complete_of(provider)).scalars())


def _shrunken_listings(connection: sa.Connection, provider: ProviderRecord) -> tuple[ShrunkenListing, ...]:
    rows = connection.execute(_SHRUNKEN, complete_of(provider))
    return tuple(ShrunkenListing(observed_at, frozenset(missing)) for observed_at, missing in rows)


def listing_outcome(row: sa.Row[Any]) -> ListingOutcome:
    """Return the outcome in a row that begins with the columns of LATEST_RECONCILED."""
    verdict, reason, is_late, is_accepted_empty, *counts = row[_ATTEMPT_LENGTH:_OUTCOME_LENGTH]
    return ListingOutcome(
        ListingAttempt(*row[:_ATTEMPT_LENGTH]),
        Assessment(Verdict(verdict), reason, is_late=is_late, is_accepted_empty=is_accepted_empty),
        None if counts[0] is None else ListingCounts(*counts),
    )


def _assessment_values(assessment: Assessment) -> dict[str, object]:
    values = {column.name: getattr(assessment, column.name) for column in _ASSESSMENT_COLUMNS}
    return values | {"verdict": assessment.verdict.value}


def _count_values(counts: ListingCounts) -> dict[str, int]:
    return {column.name: getattr(counts, name) for name, column in _COUNT_COLUMNS.items()}


def _response_columns(response: ResponseSummary) -> dict[str, float | int | None]:
    return {name: getattr(response, name) for name in ResponseSummary.__dataclass_fields__}
