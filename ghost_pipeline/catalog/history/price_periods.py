"""What a model cost when: its prices after each of its events, and the listing that stated them first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.ingestion.attempts import lists_models_sql
from ghost_pipeline.catalog.storage.repository import EVENT_COLUMNS, MODEL_COLUMNS, model_event, model_record
from ghost_pipeline.catalog.storage.tables import listings, model_events, models
from ghost_pipeline.lifecycle.events import rebuild
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord


@dataclass(frozen=True, slots=True)
class PricePeriod:
    """A time in which a model's prices did not change. Prices are as in ``models``."""

    input_price: float | None
    output_price: float | None
    prices: Mapping[str, Any] | None
    first_listed_at: datetime
    """When they were stated first."""
    last_listed_at: datetime | None
    """The latest listing of the provider before they changed, or the latest that has the model."""
    sha256: str | None
    """The digest of the listing that stated them first; None for an operator's."""

    @property
    def amounts(self) -> tuple[float | None, float | None, Mapping[str, Any] | None]:
        """The prices."""
        return self.input_price, self.output_price, self.prices


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
    periods = list(_periods(None if row is None else model_record(row), events))
    ends: list[datetime | None] = [*(period.first_listed_at for period in periods[1:]), None]
    ended = list(zip(periods, ends, strict=True))
    if at is not None:
        ended = [one for one in ended if one[0].first_listed_at <= at][-1:]
    return [
        period if end is None else replace(period, last_listed_at=_last_listing(connection, provider_id, period, end))
        for period, end in ended
        if period.amounts != (None, None, None)
    ]


def _periods(current: ModelRecord | None, events: Sequence[tuple[ModelEvent, str | None]]) -> Iterator[PricePeriod]:
    """Yield the periods, the oldest first; ``last_listed_at`` is that of the model after the period's last event."""
    states: list[tuple[ModelEvent, str | None, ModelRecord | None]] = []
    for event, sha256 in events:
        states.append((event, sha256, current))
        current = rebuild(current, [event])
    period: PricePeriod | None = None
    for event, sha256, record in reversed(states):
        if record is None:
            continue
        began = PricePeriod(
            record.input_price, record.output_price, record.prices, event.at, record.last_listed_at, sha256
        )
        if period is None or period.amounts == began.amounts:
            period = began if period is None else replace(period, last_listed_at=began.last_listed_at)
            continue
        yield period
        period = began
    if period is not None:
        yield period


def _last_listing(connection: sa.Connection, provider_id: str, period: PricePeriod, end: datetime) -> datetime | None:
    """Return when the provider's last listing within a period was observed; None if the prices are an operator's."""
    query = (
        sa.select(listings.c.observed_at)
        .where(
            listings.c.provider_id == provider_id,
            listings.c.observed_at >= period.first_listed_at,
            listings.c.observed_at < end,
            listings.c.model_count.is_not(None),
            listings.c.is_late.is_(False),
            lists_models_sql(),
        )
        .order_by(listings.c.observed_at.desc())
        .limit(1)
    )
    return connection.execute(query).scalar()
