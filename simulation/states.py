"""What the catalog holds, read from its tables: whole records would cost most of the simulation's time."""

import sqlite3
from collections import defaultdict
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.storage.tables import model_events, models
from ghost_pipeline.lifecycle.validation import parse_instant


class State(NamedTuple):
    """What the catalog holds of one model, as far as the invariants ask."""

    model_id: str
    is_active: bool
    first_seen_at: datetime
    last_used_at: datetime | None
    input_price: float | None


_ALL = sa.select(models.c.provider_id, *(models.c[name] for name in State._fields))
_OF_ONE = _ALL.where(models.c.provider_id == sa.bindparam("provider"))
_KINDS = (
    sa.select(model_events.c.model_id, model_events.c.kind)
    .where(
        model_events.c.provider_id == sa.bindparam("provider"), model_events.c.kind != sa.literal_column("'changed'")
    )
    .order_by(model_events.c.id)
)
_IN_SQLITE = {
    query: str(query.compile(dialect=sqlite.dialect(paramstyle="qmark"))) for query in (_ALL, _OF_ONE, _KINDS)
}


class StateReader:
    """Read the tables; those of SQLite through a connection of its driver, which costs a tenth."""

    def __init__(self, catalog: ModelCatalog) -> None:
        self._catalog = catalog
        database = catalog._database
        self._driver = sqlite3.connect(str(database.url.database)) if database.is_sqlite else None

    def close(self) -> None:
        """Close the connection."""
        if self._driver is not None:
            self._driver.close()

    def read_states(self, provider_id: str | None) -> dict[str, dict[str, State]]:
        """Return provider -> model id -> state, of one provider or of all."""
        query, parameters = (_ALL, ()) if provider_id is None else (_OF_ONE, (provider_id,))
        if self._driver is not None:
            states: dict[str, dict[str, State]] = defaultdict(dict)
            for row in self._driver.execute(_IN_SQLITE[query], parameters):
                states[row[0]][row[1]] = _state(row)
            return states
        with self._catalog._database.reading() as connection:
            rows = connection.execute(query, {"provider": provider_id}).all()
        states = defaultdict(dict)
        for slug, *values in rows:
            states[slug][values[0]] = State(*values)
        return states

    def read_latest_kinds(self, provider_id: str) -> dict[str, str]:
        """Return model id -> kind of its latest event that changed its state."""
        if self._driver is not None:
            return dict(self._driver.execute(_IN_SQLITE[_KINDS], (provider_id,)))
        with self._catalog._database.reading() as connection:
            return {row.model_id: row.kind for row in connection.execute(_KINDS, {"provider": provider_id})}


@lru_cache(maxsize=10_000)
def _state(row: tuple[Any, ...]) -> State:
    """Return the state in a row of SQLite; most rows are those of the step before."""
    _, model_id, is_active, first_seen_at, last_used_at, input_price = row
    used_at = None if last_used_at is None else parse_instant(last_used_at)
    return State(model_id, is_active == 1, parse_instant(first_seen_at), used_at, input_price)
