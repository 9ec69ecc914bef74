"""The catalog as it was: today's rows, with the events undone that were recorded since. It costs what has changed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import dropwhile, islice
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from msgspec.structs import replace

from ghost_pipeline.catalog.filtering import decides_on_facts, matches
from ghost_pipeline.catalog.history.newer_events import (
    PAGE_SIZE,
    find_newer_events,
    find_page_end,
    read_newer_events,
)
from ghost_pipeline.catalog.ingestion.attempts import lists_models_sql
from ghost_pipeline.catalog.queries import add_to_statistics, no_models
from ghost_pipeline.catalog.results import ModelFilter, ModelPlace
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.repository import EVENT_COLUMNS, MODEL_COLUMNS, model_event, model_record
from ghost_pipeline.catalog.storage.tables import event_batches, listings, model_events, models, providers
from ghost_pipeline.lifecycle.events import rebuild
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.transitions import latest_known


@dataclass(frozen=True, slots=True)
class PastModel:
    """A model as the catalog showed it at an instant.

    Its source, state and facts are exact. ``last_listed_at``, ``last_used_at``, ``listing_id`` and
    ``inference_metadata``, which no event keeps, are None if what they record is later; so is ``manual_facts``, and
    ``is_name_manual`` False, if an operator stated or withdrew a fact later.
    """

    model: ModelRecord
    is_last_seen_exact: bool
    """False if ``last_seen_at`` is only the latest that it can have been, by the listings until then."""


@dataclass(frozen=True, slots=True)
class PastHistory:
    """One model at an instant, with the events that were recorded until then."""

    past: PastModel | None
    """None for a model that was outside the catalog."""
    events: Sequence[ModelEvent]


def first_recorded_at(connection: sa.Connection) -> datetime | None:
    """Return when the first event of the catalog was recorded; None without events."""
    first = sa.select(sa.func.min(event_batches.c.recorded_at)).where(event_batches.c.provider_id == providers.c.id)
    recorded = connection.execute(sa.select(first.scalar_subquery())).scalars()
    return min((at for at in recorded if at is not None), default=None)


def iterate_models_at(
    database: Database,
    at: datetime,
    wanted: ModelFilter,
    on_undecided: Callable[[PastModel], None] | None = None,
    after: ModelPlace | None = None,
) -> Iterator[PastModel]:
    """Yield the models that the catalog had at an instant and that the filter selects, in its order, after a place.

    ``on_undecided`` is called with each model that is left out only because a fact is unknown. A filter with ``sort``
    has all its models in memory. Each page is a transaction of its own; what is recorded between them is undone like
    everything else after ``at``.
    """
    if wanted.sort is None:
        found = _iterate_by_key(database, at, wanted, on_undecided, after)
    else:
        found = iter(_sort(_iterate_by_key(database, at, wanted, on_undecided), wanted))
        if after is not None:  # the past does not change, so the model is there
            found = islice(dropwhile(lambda past: not _is_at(past.model, after), found), 1, None)
    yield from islice(found, wanted.limit)
    if on_undecided is not None and decides_on_facts(wanted):
        for _ in found:  # to count the undecided after the limit
            pass


def _sort(found: Iterable[PastModel], wanted: ModelFilter) -> list[PastModel]:
    """Return the models by the filter's column, as ``filtering.order_sql``: unknown values last."""
    known: list[tuple[Any, PastModel]] = []
    unknown: list[tuple[Any, PastModel]] = []
    for past in found:
        value = getattr(past.model, str(wanted.sort_column))
        (unknown if value is None else known).append((value, past))
    known.sort(key=itemgetter(0), reverse=wanted.is_descending)
    return [past for _, past in known + unknown]


def _is_at(model: ModelRecord, place: ModelPlace) -> bool:
    return (model.provider_id, model.model_id) == (place.provider_id, place.model_id)


def _iterate_by_key(
    database: Database,
    at: datetime,
    wanted: ModelFilter,
    on_undecided: Callable[[PastModel], None] | None,
    after: ModelPlace | None = None,
) -> Iterator[PastModel]:
    with database.reading() as connection:
        slugs = connection.execute(sa.select(providers.c.id).order_by(providers.c.id)).scalars().all()
    for slug in slugs:
        if (wanted.provider_ids and slug not in wanted.provider_ids) or (after and slug < after.provider_id):
            continue
        last: str | None = after.model_id if after and slug == after.provider_id else ""
        while last is not None:
            with database.reading() as connection:
                page, last = _read_page(connection, slug, at, last)
            for past in page:
                is_selected = matches(wanted, past.model)
                if is_selected:
                    yield past
                elif is_selected is None and on_undecided is not None:
                    on_undecided(past)


def _read_page(
    connection: sa.Connection, provider_id: str, at: datetime, after: str
) -> tuple[list[PastModel], str | None]:
    """Return the models of one provider whose ids follow ``after``, and the id to continue after; None at the end."""
    query = sa.select(*MODEL_COLUMNS).where(models.c.provider_id == provider_id, models.c.model_id > after)
    rows = connection.execute(query.order_by(models.c.model_id).limit(PAGE_SIZE)).all()
    newer = find_newer_events(connection, provider_id, at)
    ends = [rows[-1].model_id if len(rows) == PAGE_SIZE else None, find_page_end(connection, newer, after)]
    last = min((end for end in ends if end is not None), default=None)
    current = {row.model_id: model_record(row) for row in rows if last is None or row.model_id <= last}
    undone = read_newer_events(connection, newer, after, last)
    before = [
        record
        for model_id in current.keys() | undone.keys()
        if (record := rebuild(current.get(model_id), undone.get(model_id, ()))) is not None
    ]
    limit = _last_evidence_at(connection, provider_id, at)
    return [_past(record, at, limit) for record in sorted(before, key=lambda one: one.model_id)], last


def read_model_at(
    connection: sa.Connection, provider_id: str, model_id: str, at: datetime, max_events: int | None = None
) -> PastHistory:
    """Return one model as it was at an instant, with its events until then or the oldest ``max_events`` of them.

    Without events the catalog never had it until then.
    """
    is_model = (models.c.provider_id == provider_id, models.c.model_id == model_id)
    row = connection.execute(sa.select(*MODEL_COLUMNS).where(*is_model)).one_or_none()
    query = (
        sa.select(*EVENT_COLUMNS)
        .where(model_events.c.provider_id == provider_id, model_events.c.model_id == model_id)
        .order_by(model_events.c.id.desc())
        .execution_options(yield_per=PAGE_SIZE)
    )
    older = deque[ModelEvent](maxlen=max_events)

    def split() -> Iterator[ModelEvent]:
        for event in map(model_event, connection.execute(query)):
            if event.recorded_at is not None and event.recorded_at > at:
                yield event
            else:
                older.appendleft(event)

    record = rebuild(None if row is None else model_record(row), split())
    past = None if record is None else _past(record, at, _last_evidence_at(connection, provider_id, at))
    return PastHistory(past, list(older))


def count_models_at(connection: sa.Connection, at: datetime) -> dict[str, Any]:
    """Return ``total``, ``by_source``, ``active``, ``inactive``, and the same in ``by_provider``, at an instant.

    Today's counts without the models that have changed since, and with those as they were. A provider of which nothing
    was recorded until then is left out.
    """
    groups = (models.c.provider_id, models.c.source, models.c.is_active)
    counts: dict[tuple[str, str, bool], int] = {}
    for *group, count in connection.execute(sa.select(*groups, sa.func.count()).group_by(*groups)):
        counts[group[0], group[1], bool(group[2])] = count
    for slug in connection.execute(sa.select(providers.c.id)).scalars().all():
        for current, events in iterate_changed(connection, slug, at):
            for record, step in ((current, -1), (rebuild(current, events), 1)):
                if record is not None:
                    group_of = (slug, record.source.value, record.is_active)
                    counts[group_of] = counts.get(group_of, 0) + step
    everything = no_models()
    by_provider: dict[str, dict[str, Any]] = {}
    for (slug, source, is_active), count in sorted(counts.items()):
        if count:
            for stats in (everything, by_provider.setdefault(slug, no_models())):
                add_to_statistics(stats, source, count, is_active=is_active)
    return {**everything, "by_provider": by_provider}


def iterate_changed(
    connection: sa.Connection, provider_id: str, since: datetime
) -> Iterator[tuple[ModelRecord | None, Sequence[ModelEvent]]]:
    """Yield each model with events recorded after an instant: as it is today, and these events, the newest first."""
    newer = find_newer_events(connection, provider_id, since)
    after: str | None = None if newer.first_id is None else ""
    while after is not None:
        last = find_page_end(connection, newer, after)
        found = read_newer_events(connection, newer, after, last)
        current = _read_models(connection, provider_id, list(found))
        for model_id in sorted(found):
            yield current.get(model_id), found[model_id]
        after = last


def _read_models(connection: sa.Connection, provider_id: str, model_ids: Sequence[str]) -> dict[str, ModelRecord]:
    found = {}
    for begin in range(0, len(model_ids), PAGE_SIZE):
        query = sa.select(*MODEL_COLUMNS).where(
            models.c.provider_id == provider_id, models.c.model_id.in_(model_ids[begin : begin + PAGE_SIZE])
        )
        found.update({row.model_id: model_record(row) for row in connection.execute(query)})
    return found


def _last_evidence_at(connection: sa.Connection, provider_id: str, at: datetime) -> datetime | None:
    """Return the latest instant up to ``at`` of a listing of the provider that lists models, or of an event."""
    listed = (
        sa.select(listings.c.observed_at)
        .where(
            listings.c.provider_id == provider_id,
            listings.c.observed_at <= at,
            listings.c.model_count.is_not(None),
            lists_models_sql(),
        )
        .order_by(listings.c.observed_at.desc())
        .limit(1)
    )
    recorded = sa.select(sa.func.max(event_batches.c.recorded_at)).where(
        event_batches.c.provider_id == provider_id, event_batches.c.recorded_at <= at
    )
    return latest_known(connection.execute(listed).scalar(), connection.execute(recorded).scalar())


def _past(record: ModelRecord, at: datetime, last_evidence_at: datetime | None) -> PastModel:
    """Return what is known of a rebuilt model's sightings at an instant."""
    is_exact = record.last_seen_at <= at
    is_listed_later = record.last_listed_at is not None and record.last_listed_at > at
    is_used_later = record.last_used_at is not None and record.last_used_at > at
    is_refused_later = record.last_refused_at is not None and record.last_refused_at > at
    # A use writes no event, so the last use can have been at any moment.
    latest = at if record.last_used_at is not None or last_evidence_at is None else last_evidence_at
    known = replace(
        record,
        last_seen_at=record.last_seen_at if is_exact else max(min(latest, at), record.first_seen_at),
        last_listed_at=None if is_listed_later else record.last_listed_at,
        last_used_at=None if is_used_later else record.last_used_at,
        last_refused_at=None if is_refused_later else record.last_refused_at,
        listing_id=None if is_listed_later else record.listing_id,
        inference_metadata=None if is_used_later else record.inference_metadata,
    )
    return PastModel(known, is_exact)
