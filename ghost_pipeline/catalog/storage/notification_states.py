"""How far each destination of notifications is: its cursor, the message that waits, its failures.

A row has a version, and a write succeeds only on the version that was read. So of two senders that work at the same
time one notices, and neither needs a lock while it sends.
"""

from dataclasses import asdict, fields, replace

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.tables import notification_destinations as destinations
from ghost_pipeline.lifecycle.records import NotificationState

_COLUMNS = tuple(destinations.c[field.name] for field in fields(NotificationState))


class NotificationStates:
    """The states of all destinations in one catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read_all(self) -> list[NotificationState]:
        """Return the state of every destination that the catalog ever had, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(*_COLUMNS).order_by(destinations.c.name)).all()
        return [NotificationState(**row._mapping) for row in rows]

    def read(self, name: str) -> NotificationState | None:
        """Return the state of a destination; None before its first use."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(*_COLUMNS).where(destinations.c.name == name)).one_or_none()
        return None if row is None else NotificationState(**row._mapping)

    def create(self, state: NotificationState) -> None:
        """Store the first state of a destination; if it has one meanwhile, that stays."""

        def insert(connection: sa.Connection) -> None:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            connection.execute(dialect.insert(destinations).values(asdict(state)).on_conflict_do_nothing())

        self._database.write(insert)

    def save(self, state: NotificationState) -> NotificationState | None:
        """Store a state that was read and changed; return it as it is stored, or None if another was stored first."""
        stored = replace(state, version=state.version + 1)
        update = (
            sa.update(destinations)
            .where(destinations.c.name == state.name, destinations.c.version == state.version)
            .values(asdict(stored))
        )
        is_stored = self._database.write(lambda connection: connection.execute(update).rowcount == 1)
        return stored if is_stored else None
