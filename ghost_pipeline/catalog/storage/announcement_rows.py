"""Reads and writes of announcements: rows of the table <-> the frozen values of ``lifecycle.retirement``.

A *current* announcement has not ended. The caller holds the locks of the providers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import datetime

import sqlalchemy as sa

from ghost_pipeline.catalog.storage.repository import Key, is_one_of
from ghost_pipeline.catalog.storage.tables import announcements, models
from ghost_pipeline.lifecycle.retirement import Announcement

ANNOUNCEMENT_COLUMNS = tuple(announcements.c[field.name] for field in fields(Announcement))

IS_CURRENT = announcements.c.ended_at.is_(None)


def read_announcements(connection: sa.Connection, keys: Sequence[Key]) -> dict[Key, Announcement]:
    """Return the current announcements of the models among ``keys`` that have one."""
    if not keys:
        return {}
    query = sa.select(*ANNOUNCEMENT_COLUMNS).where(is_one_of(connection, announcements, keys), IS_CURRENT)
    return {(row.provider_id, row.model_id): Announcement(*row) for row in connection.execute(query)}


def split_announcements(connection: sa.Connection) -> tuple[dict[Key, Announcement], list[Announcement]]:
    """Return all current announcements: those of models of the catalog, and those of models that it does not have."""
    is_same = sa.and_(
        models.c.provider_id == announcements.c.provider_id, models.c.model_id == announcements.c.model_id
    )
    query = (
        sa.select(*ANNOUNCEMENT_COLUMNS, models.c.id.is_not(None))
        .outerjoin(models, is_same)
        .where(IS_CURRENT)
        .order_by(announcements.c.id)
    )
    known: dict[Key, Announcement] = {}
    unknown = []
    for *values, is_known in connection.execute(query):
        one = Announcement(*values)
        if is_known:
            known[one.provider_id, one.model_id] = one
        else:
            unknown.append(one)
    return known, unknown


def has_announcements(connection: sa.Connection, provider_id: str) -> bool:
    """Return True if a model of the provider has a current announcement."""
    query = sa.select(announcements.c.id).where(announcements.c.provider_id == provider_id, IS_CURRENT).limit(1)
    return connection.execute(query).one_or_none() is not None


def insert_announcements(connection: sa.Connection, added: Iterable[Announcement]) -> None:
    """Insert announcements of models that have no current one."""
    rows = [asdict(announcement) for announcement in added]
    if rows:
        connection.execute(sa.insert(announcements), rows)


def end_announcements(connection: sa.Connection, keys: Sequence[Key], ended_at: datetime, ended_by: str | None) -> None:
    """End the current announcements of the models among ``keys``."""
    if keys:
        which = (is_one_of(connection, announcements, keys), IS_CURRENT)
        connection.execute(sa.update(announcements).where(*which).values(ended_at=ended_at, ended_by=ended_by))
