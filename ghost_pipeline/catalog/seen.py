"""Instants that only advance, and ghosts that come back: what every sighting in bulk has in common."""

import sqlalchemy as sa

from ghost_pipeline.catalog.listing_rows import Attempt
from ghost_pipeline.catalog.tables import model_events, models
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source


def later_of(column: sa.Column[object], instant: sa.ColumnElement[object]) -> sa.ColumnElement[object]:
    """``column`` advanced to ``instant``, never moved back."""
    return sa.case((column >= instant, column), else_=instant)


def earlier_of(column: sa.Column[object], instant: sa.ColumnElement[object]) -> sa.ColumnElement[object]:
    """``column`` moved back to ``instant``, never advanced."""
    return sa.case((column <= instant, column), else_=instant)


def mark_listed(connection: sa.Connection, which: sa.ColumnElement[bool], attempt: Attempt) -> None:
    """Set down that the attempt listed the models in ``which``: seen, listed, active, confirmed by it."""
    connection.execute(
        sa.update(models)
        .where(which)
        .values(**_widened(attempt), is_active=True, deactivated_at=None, listing_id=attempt.id)
    )


def widen_listed(connection: sa.Connection, which: sa.ColumnElement[bool], attempt: Attempt) -> None:
    """Set down that a late attempt listed the models in ``which``: their spans widen, nothing else."""
    connection.execute(sa.update(models).where(which).values(**_widened(attempt)))


def write_reactivations(connection: sa.Connection, which: sa.ColumnElement[bool], attempt: Attempt) -> int:
    """Write the events of the ghosts in ``which`` that the attempt brings back, before it does. Gives how many."""
    inserted = connection.execute(
        sa.insert(model_events).from_select(
            ["provider_id", "model_id", "kind", "at", "source", "listing_id", "run_id"],
            sa.select(
                models.c.provider_id,
                models.c.model_id,
                *event_literals(EventKind.REACTIVATED, attempt),
            ).where(which, models.c.is_active == sa.false()),
        )
    )
    return inserted.rowcount


def event_literals(kind: EventKind, attempt: Attempt) -> tuple[sa.ColumnElement[object], ...]:
    """kind, at, source, listing_id and run_id of an event that the attempt causes, as columns of a SELECT."""
    return (
        sa.literal(kind.value, model_events.c.kind.type),
        sa.literal(attempt.observed_at, model_events.c.at.type),
        sa.literal(Source.INDEX.value, model_events.c.source.type),
        sa.literal(attempt.id, model_events.c.listing_id.type),
        sa.literal(attempt.run_id, model_events.c.run_id.type),
    )


def _widened(attempt: Attempt) -> dict[str, sa.ColumnElement[object]]:
    at = sa.literal(attempt.observed_at, models.c.last_seen_at.type)
    return {
        "first_seen_at": earlier_of(models.c.first_seen_at, at),
        "last_seen_at": later_of(models.c.last_seen_at, at),
        "last_listed_at": later_of(models.c.last_listed_at, at),
    }
