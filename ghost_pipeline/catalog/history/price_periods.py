"""What a model cost when: its prices after each of its events, and the listing that stated them first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.storage.repository import EVENT_COLUMNS, MODEL_COLUMNS, model_event, model_record
from ghost_pipeline.catalog.storage.tables import listings, model_events, models
from ghost_pipeline.lifecycle.events import rebuild
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import Source, Verdict


@dataclass(frozen=True, slots=True)
class PricePeriod:
    """A time in which a model's prices did not change. Prices are as in ``models``."""

    input_price: float | None
    output_price: float | None
    prices: Mapping[str, Any] | None
    first_listed_at: datetime
    """When they were stated first."""
    last_listed_at: datetime | None
    """The latest listing that is known to have contained the model with them; None if only an operator stated them.

    Exact for the current prices and for a model that left the catalog. Earlier, a listing is known to have contained
    the model if it has an event of it, or if nothing that was expected was missing from it and from those since. After
    a listing that something was missing from, others may have contained the model too.
    """
    sha256: str | None
    """The digest of the listing that stated them first; None for an operator's."""


def read_price_periods(
    connection: sa.Connection, provider_id: str, model_id: str, at: datetime | None = None
) -> list[PricePeriod] | None:
    """Return the periods with known prices, the oldest first; with ``at`` only the one of that instant.

    None for a model that the catalog never had.
    """
    row = connection.execute(
        sa.select(*MODEL_COLUMNS).where(models.c.provider_id == provider_id, models.c.model_id == model_id)
    ).one_or_none()
    query = (
        sa.select(*EVENT_COLUMNS, listings.c.sha256)
        .outerjoin(listings, listings.c.id == model_events.c.listing_id)
        .where(model_events.c.provider_id == provider_id, model_events.c.model_id == model_id)
        .order_by(model_events.c.id.desc())
    )
    events = [(model_event(event), event.sha256) for event in connection.execute(query)]
    if not events:
        return None
    drafts = _draft_periods(None if row is None else model_record(row), events)
    ends: list[datetime | None] = [*(draft.first_listed_at for draft in drafts[1:]), None]
    ended = [one for one in zip(drafts, ends, strict=True) if at is None or one[0].first_listed_at <= at]
    return [
        PricePeriod(
            *draft.amounts, draft.first_listed_at, _last_listed_at(connection, provider_id, draft, end), draft.sha256
        )
        for draft, end in (ended if at is None else ended[-1:])
        if draft.amounts != (None, None, None)
    ]


Amounts = tuple[float | None, float | None, Mapping[str, Any] | None]


@dataclass(slots=True)
class _Draft:
    """A period while the events in it are read."""

    amounts: Amounts
    first_listed_at: datetime
    sha256: str | None
    listed_at: datetime | None = None
    """The latest instant that an event of the model proves."""
    proven_before: datetime | None = None
    """The one before: the listing with the next price may also have, say, reactivated the model."""
    is_exact: bool = False
    """No later listing contained it."""


def _draft_periods(current: ModelRecord | None, events: Sequence[tuple[ModelEvent, str | None]]) -> list[_Draft]:
    """Return the periods, the oldest first; ``events`` with the digests of their listings are the newest first."""
    changes: list[tuple[ModelEvent, str | None, ModelRecord | None, ModelRecord | None]] = []
    record = current
    for event, sha256 in events:
        before = rebuild(record, [event])
        changes.append((event, sha256, before, record))
        record = before
    drafts: list[_Draft] = []
    for event, sha256, before, after in reversed(changes):
        if after is None:
            _end_listings(drafts, before)
            continue
        amounts = (after.input_price, after.output_price, after.prices)
        if not drafts or drafts[-1].amounts != amounts:
            if drafts and drafts[-1].listed_at == event.at and event.source is Source.INDEX:
                drafts[-1].listed_at = drafts[-1].proven_before
            drafts.append(_Draft(amounts, event.at, sha256))
        if event.listing_id is not None and event.source is Source.INDEX:
            if drafts[-1].listed_at != event.at:
                drafts[-1].proven_before = drafts[-1].listed_at
            drafts[-1].listed_at, drafts[-1].is_exact = event.at, False
    _end_listings(drafts, current)
    return drafts


def _end_listings(drafts: Sequence[_Draft], record: ModelRecord | None) -> None:
    """Note which listing contained the model last; it may be before the last period, which is then an operator's."""
    if record is None or record.last_listed_at is None:
        return
    for draft in reversed(drafts):
        if draft.first_listed_at <= record.last_listed_at:
            draft.listed_at, draft.is_exact = record.last_listed_at, True
            return


def _last_listed_at(
    connection: sa.Connection, provider_id: str, draft: _Draft, end: datetime | None
) -> datetime | None:
    """Return the latest listing before ``end`` that is known to have contained the model."""
    if draft.is_exact or draft.listed_at is None or end is None:
        return draft.listed_at
    is_complete = listings.c.verdict == Verdict.COMPLETE.value
    attempts = (
        listings.c.provider_id == provider_id,
        listings.c.model_count.is_not(None),
        listings.c.is_late.is_(False),
    )
    since = (*attempts, listings.c.observed_at > draft.listed_at, listings.c.observed_at < end)
    is_gap = sa.and_(
        listings.c.verdict.not_in([verdict.value for verdict in Verdict if not verdict.is_readable]),
        sa.or_(sa.not_(is_complete), listings.c.missing_count > 0),
    )
    # Until there was a complete listing, nothing was expected that could be missing.
    expected = sa.exists().where(*attempts, is_complete, listings.c.observed_at <= draft.listed_at)
    gap = sa.select(sa.func.min(listings.c.observed_at)).where(*since, is_gap)
    first_gap, is_expected = connection.execute(sa.select(gap.scalar_subquery(), expected)).one()
    if not is_expected:
        return draft.listed_at
    last = sa.select(sa.func.max(listings.c.observed_at)).where(*since, is_complete)
    if first_gap is not None:
        last = last.where(listings.c.observed_at < first_gap)
    return connection.execute(last).scalar() or draft.listed_at
