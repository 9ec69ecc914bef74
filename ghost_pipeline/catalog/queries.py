"""Find models, their history and statistics."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.claims.filling import STATED_ONLY, Filling
from ghost_pipeline.catalog.filtering import after_sql, order_sql, selected_sql, undecided_sql
from ghost_pipeline.catalog.results import ModelColumn, ModelFilter, ModelHistory, ModelPlace
from ghost_pipeline.catalog.storage.repository import MODEL_COLUMNS, list_events, model_record, read_event_page
from ghost_pipeline.catalog.storage.tables import IS_OF_OTHER_SOURCE, listings, models, providers
from ghost_pipeline.catalog.storage.unknown_names import unknown_model_error
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline.settings import Thresholds


def list_columns() -> list[ModelColumn]:
    """Return the columns of the table of models, in its order."""
    return [ModelColumn(one.name, str(one.type), one.comment, bool(one.nullable)) for one in models.columns]


def find_models(
    connection: sa.Connection,
    wanted: ModelFilter,
    which: sa.ColumnElement[bool] | None = None,
    after: ModelPlace | None = None,
    filling: Filling = STATED_ONLY,
) -> list[ModelRecord]:
    """Return the models that the filter and the condition select, in the filter's order, those after a place."""
    dialect = connection.dialect.name
    query = _where(connection, filling.select_records(), wanted, which, filling)
    if after is None:
        query = query.where(*filling.candidates(connection, wanted))
    else:
        query = query.where(after_sql(wanted, after, dialect, filling.columns))
    query = query.order_by(*order_sql(wanted, dialect, filling.columns)).limit(wanted.limit)
    return [filling.record(row) for row in connection.execute(query)]


def read_model_page(
    connection: sa.Connection,
    columns: Sequence[str] | None,
    wanted: ModelFilter,
    which: sa.ColumnElement[bool] | None,
    after: tuple[str, str] | None,
    limit: int,
    filling: Filling = STATED_ONLY,
) -> Sequence[sa.Row[Any]]:
    """Return the columns of at most ``limit`` models whose provider and id come after ``after``, in that order.

    ``columns`` None is what ``filling.record`` needs.
    """
    key = (models.c.provider_id, models.c.model_id)
    query = filling.select_records() if columns is None else filling.select(columns)
    query = _where(connection, query, wanted, which, filling).order_by(*key).limit(limit)
    # A text that is in more than a page of models is not rare.
    beyond = filling.candidates(connection, wanted) if after is None else [sa.tuple_(*key) > after]
    query = query.where(*beyond)
    return connection.execute(query).all()


def find_active_models_by_id(connection: sa.Connection, model_id: str) -> list[ModelRecord]:
    """Return the active models of any provider with an id; a look-up for each provider, by the index of both."""
    query = (
        sa.select(*MODEL_COLUMNS)
        .where(
            models.c.provider_id.in_(sa.select(providers.c.id)),
            models.c.model_id == model_id,
            models.c.is_active == sa.true(),
        )
        .order_by(models.c.provider_id)
    )
    return [model_record(row) for row in connection.execute(query)]


def find_shared_ids(
    connection: sa.Connection,
    wanted: ModelFilter,
    which: sa.ColumnElement[bool] | None,
    filling: Filling = STATED_ONLY,
) -> set[str]:
    """Return the ids that models of more than one provider have, of those that the filter selects."""
    query = _where(connection, filling.select(["model_id"]), wanted, which, filling)
    return set(connection.scalars(query.group_by(models.c.model_id).having(sa.func.count() > 1)))


def read_sorted_rows(
    connection: sa.Connection,
    wanted: ModelFilter,
    which: sa.ColumnElement[bool] | None,
    filling: Filling = STATED_ONLY,
) -> "array[int]":
    """Return the numbers of the rows that the filter selects, in its order: 8 bytes for each model."""
    query = _where(connection, filling.select(["id"]), wanted, which, filling)
    query = query.where(*filling.candidates(connection, wanted))
    query = query.order_by(*order_sql(wanted, connection.dialect.name, filling.columns)).limit(wanted.limit)
    return array("q", connection.execution_options(yield_per=10_000).execute(query).scalars())


def read_rows(
    connection: sa.Connection,
    columns: Sequence[str] | None,
    numbers: Sequence[int],
    filling: Filling = STATED_ONLY,
) -> list[sa.Row[Any]]:
    """Return the columns of the rows of these numbers, in their order; without models that were deleted meanwhile.

    ``columns`` None is what ``filling.record`` needs. The last column is the number.
    """
    query = filling.select_records() if columns is None else filling.select(columns)
    query = query.add_columns(models.c.id).where(models.c.id.in_(numbers))
    found = {row[-1]: row for row in connection.execute(query)}
    return [found[number] for number in numbers if number in found]


def count_undecided(
    connection: sa.Connection,
    wanted: ModelFilter,
    which: sa.ColumnElement[bool] | None = None,
    filling: Filling = STATED_ONLY,
) -> int:
    """Return how many models the filter leaves out only because a fact is unknown."""
    conditions = undecided_sql(wanted, connection.dialect.name, filling.columns)
    query = sa.select(sa.func.count()).select_from(filling.rows).where(*conditions)
    query = query.where(*filling.candidates(connection, wanted))
    return connection.execute(query if which is None else query.where(which)).scalar_one()


def _where(
    connection: sa.Connection,
    query: sa.Select[Any],
    wanted: ModelFilter,
    which: sa.ColumnElement[bool] | None,
    filling: Filling,
) -> sa.Select[Any]:
    query = query.where(*selected_sql(wanted, connection.dialect.name, filling.columns))
    return query if which is None else query.where(which)


def find_names(connection: sa.Connection, begin: str, provider_id: str | None, limit: int) -> list[str]:
    """Return the first slugs of providers, or ids of one provider's models, that begin with a text: by an index."""
    column: sa.ColumnElement[str] = providers.c.id if provider_id is None else models.c.model_id
    query = sa.select(column).where(column >= begin, column < begin + "\U0010ffff").order_by(column).limit(limit)
    if provider_id is not None:
        query = query.where(models.c.provider_id == provider_id)
    return list(connection.execute(query).scalars())


def list_inactive_models(connection: sa.Connection, limit: int) -> list[ModelRecord]:
    """Return at most ``limit`` ghosts, the latest first."""
    query = (
        sa.select(*MODEL_COLUMNS)
        .where(models.c.is_active == sa.false())
        .order_by(models.c.deactivated_at.desc(), models.c.provider_id, models.c.model_id)
        .limit(limit)
    )
    return [model_record(row) for row in connection.execute(query)]


def model_history(
    connection: sa.Connection, provider_id: str, model_id: str, max_events: int | None = None
) -> ModelHistory:
    """Return one model with its events (the oldest ``max_events`` of them) and its listing.

    Raises UnknownModel if it never was in the catalog.
    """
    query = sa.select(*MODEL_COLUMNS).where(models.c.provider_id == provider_id, models.c.model_id == model_id)
    row = connection.execute(query).one_or_none()
    model = None if row is None else model_record(row)
    if max_events is None:
        events = list_events(connection, provider_id, model_id)
    else:
        events = [event for _, event in read_event_page(connection, provider_id, model_id, 0, max_events)]
    if model is None and not events:
        raise unknown_model_error(connection, provider_id, model_id, is_past=True)
    return ModelHistory(model, events, None if model is None else _listing(connection, model.listing_id))


def _listing(connection: sa.Connection, listing_id: int | None) -> dict[str, Any] | None:
    columns = ("id", "file_name", "observed_at", "verdict", "sha256", "run_id")
    query = sa.select(*(listings.c[name] for name in columns)).where(listings.c.id == listing_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else dict(row._mapping)


def count_models(connection: sa.Connection, used_since: datetime) -> dict[str, Any]:
    """Return ``total``, ``by_source``, ``active``, ``inactive``, ``unlisted``, ``refused``, ``by_provider``.

    ``unlisted`` models were used since an instant and are not listed. Every count is one of entries of an index; nearly
    all models have the source INDEX, so those of the other sources are counted, and the rest is of this one.
    """
    by_provider = {
        provider_id: _nothing()
        for provider_id in connection.execute(sa.select(providers.c.id).order_by(providers.c.id)).scalars()
    }
    for slug, count in _count_by_provider(connection):
        by_provider[slug]["total"] = by_provider[slug]["active"] = count
        by_provider[slug]["by_source"][Source.INDEX.value] = count
    for slug, count in _count_by_provider(connection, models.c.is_active == sa.false()):
        by_provider[slug]["inactive"] = count
        by_provider[slug]["active"] -= count
    of_others = sa.select(models.c.provider_id, models.c.source, sa.func.count()).where(IS_OF_OTHER_SOURCE)
    for slug, source, count in connection.execute(of_others.group_by(models.c.provider_id, models.c.source)):
        by_provider[slug]["by_source"][source] = count
        by_provider[slug]["by_source"][Source.INDEX.value] -= count
    for slug, count in _count_by_provider(connection, models.c.refused_since.is_not(None)):
        by_provider[slug]["refused"] = count
    for slug, count in _count_unlisted(connection, used_since):
        by_provider[slug]["unlisted"] = count
    return {**_sum_statistics(by_provider.values()), "by_provider": by_provider}


def _count_by_provider(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> Sequence[sa.Row[Any]]:
    query = sa.select(models.c.provider_id, sa.func.count()).where(*which)
    return connection.execute(query.group_by(models.c.provider_id)).all()


def _count_unlisted(connection: sa.Connection, used_since: datetime) -> Iterator[sa.Row[Any]]:
    """Yield each provider and how many models ``is_unlisted_sql`` selects: from a range of an index of listed models.

    Few models are behind their provider's latest complete listing. Without one all models are read.
    """
    used = sa.select(sa.func.count()).where(models.c.provider_id == providers.c.id, models.c.last_used_at >= used_since)
    behind = used.where(models.c.last_listed_at < providers.c.last_complete_at).scalar_subquery()
    never_listed = used.where(models.c.last_listed_at.is_(None)).scalar_subquery()
    has_listing = providers.c.last_complete_at.is_not(None)
    count = sa.case((has_listing, behind + never_listed), else_=used.scalar_subquery())
    yield from connection.execute(sa.select(providers.c.id, count))


def _sum_statistics(every: Iterable[dict[str, Any]]) -> dict[str, Any]:
    everything = _nothing()
    for stats in every:
        for name, value in stats.items():
            if name == "by_source":
                for source, count in value.items():
                    everything["by_source"][source] += count
            else:
                everything[name] += value
    return everything


def _nothing() -> dict[str, Any]:
    return {**no_models(), "unlisted": 0, "refused": 0}


def no_models() -> dict[str, Any]:
    """Return the statistics of no models."""
    return {"total": 0, "by_source": {source.value: 0 for source in Source}, "active": 0, "inactive": 0}


def add_to_statistics(stats: dict[str, Any], source: str, count: int, *, is_active: bool) -> None:
    """Add models of one source and state to statistics."""
    stats["total"] += count
    stats["by_source"][source] += count
    stats["active" if is_active else "inactive"] += count


def is_unlisted_sql(now: datetime, thresholds: Thresholds) -> sa.ColumnElement[bool]:
    """Return the SQL equivalent of ``absence.is_unlisted`` over rows of ``models``. Never NULL, for negation."""
    used = sa.and_(models.c.last_used_at.is_not(None), models.c.last_used_at >= now - thresholds.stale_after)
    listed = sa.exists().where(
        providers.c.id == models.c.provider_id,
        models.c.last_listed_at >= providers.c.last_complete_at,
    )
    return sa.and_(used, sa.not_(listed))


def find_models_behind_their_list(connection: sa.Connection) -> list[ModelRecord]:
    """Return used models that their provider's latest complete listing does not contain, whenever they were used.

    ``lifecycle.absence.is_delisted`` decides whether the use is recent. Reads a range of an index of each provider: few
    models are behind the latest listing.
    """
    query = (
        sa.select(*MODEL_COLUMNS)
        .join(providers, providers.c.id == models.c.provider_id)
        .where(models.c.last_listed_at < providers.c.last_complete_at, models.c.last_used_at.is_not(None))
        .order_by(models.c.provider_id, models.c.model_id)
    )
    return [model_record(row) for row in connection.execute(query)]


def find_retiring_models(connection: sa.Connection, until: datetime, used_since: datetime) -> list[ModelRecord]:
    """Return the models that retire up to ``until``, or should have, and were used since, by date.

    Reads a range of the index of dates, which few models have.
    """
    query = (
        sa.select(*MODEL_COLUMNS)
        .where(models.c.expires_at <= until, models.c.last_used_at >= used_since)
        .order_by(models.c.expires_at, models.c.provider_id, models.c.model_id)
    )
    return [model_record(row) for row in connection.execute(query)]


def find_refused_models(connection: sa.Connection, used_since: datetime) -> list[ModelRecord]:
    """Return the models that are refused and were used since, by provider and id: by the index of the refused."""
    query = (
        sa.select(*MODEL_COLUMNS)
        .select_from(providers.join(models, models.c.provider_id == providers.c.id))
        .where(models.c.refused_since.is_not(None), models.c.last_used_at >= used_since)
    )
    found = (model_record(row) for row in connection.execute(query))
    return sorted(found, key=lambda model: (model.provider_id, model.model_id))
