"""What the catalog holds, read from its tables: whole records would cost most of the simulation's time."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.storage.tables import model_events, models, stored_instant


class State(msgspec.Struct, frozen=True):
    """What the catalog holds of one model, as far as the invariants ask."""

    is_active: bool
    first_seen_at: datetime
    last_used_at: datetime | None
    input_price: float | None
    refused_since: datetime | None
    refusal_reason: str | None


REFUSAL_COLUMNS = 2
"""The last columns, which refusals may change."""


Row = tuple[Any, ...]
"""The provider, the model, its last sighting and the columns of State, as the driver returns them."""
Columns = tuple[Any, ...]
"""Those of State."""
_BEFORE_STATE = ("provider_id", "model_id", "last_seen_at")
STATE_COLUMNS = slice(len(_BEFORE_STATE), None)
IS_ACTIVE = len(_BEFORE_STATE) + State.__struct_fields__.index("is_active")
_ALL = sa.select(*(models.c[name] for name in (*_BEFORE_STATE, *State.__struct_fields__)))
_OF_ONE = _ALL.where(models.c.provider_id == sa.bindparam("provider"))
_WITHOUT_A_STATE = ("changed", "refused", "answers_again", "refusal_ended", "doubted")
"""Events that leave a model where it is."""
_KINDS = (
    sa.select(model_events.c.id, model_events.c.model_id, model_events.c.kind)
    .where(
        model_events.c.provider_id == sa.bindparam("provider"),
        model_events.c.id > sa.bindparam("after"),
        model_events.c.kind.not_in([sa.literal_column(f"'{kind}'") for kind in _WITHOUT_A_STATE]),
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
        self._kinds: dict[str, dict[str, str]] = defaultdict(dict)
        self._last_event_ids: dict[str, int] = defaultdict(int)
        self._rows: dict[str, dict[str, Row]] = {}
        """What was read last of each provider."""
        self._version: object = None

    def close(self) -> None:
        """Close the connection."""
        if self._driver is not None:
            self._driver.close()

    def read_rows(self, provider_id: str | None, *, is_anew: bool = False) -> dict[str, dict[str, Row]]:
        """Return provider -> model id -> row, of one provider or of all. Equal rows of a provider are the same object.

        Nothing is read if nothing was committed since the last call, unless ``is_anew``.
        """
        if self._is_unchanged() and not is_anew:
            return self._rows
        query, parameters = (_ALL, ()) if provider_id is None else (_OF_ONE, (provider_id,))
        found: list[Row]
        if self._driver is not None:
            found = self._driver.execute(_IN_SQLITE[query], parameters).fetchall()
        else:
            with self._catalog._database.reading() as connection:
                found = [tuple(row) for row in connection.execute(query, {"provider": provider_id})]
        if provider_id is not None:
            self._keep(provider_id, {row[1]: row for row in found})
            return self._rows
        by_provider: dict[str, dict[str, Row]] = defaultdict(dict)
        for row in found:
            by_provider[row[0]][row[1]] = row
        for one in self._rows.keys() | by_provider.keys():
            self._keep(one, by_provider.get(one, {}))
        return self._rows

    def _keep(self, provider_id: str, rows: dict[str, Row]) -> None:
        """Keep the rows, unless they are equal: so what has not changed can be seen without a comparison."""
        if rows != self._rows.get(provider_id):
            self._rows[provider_id] = rows

    def _is_unchanged(self) -> bool:
        """Return True if no connection has committed anything since the last call. SQLite counts the commits."""
        if self._driver is None:
            return False
        before, self._version = self._version, self._driver.execute("PRAGMA data_version").fetchone()
        return before == self._version

    def state(self, columns: Columns) -> State:
        """Return what the columns of State contain."""
        return _state(columns) if self._driver is not None else State(*columns)

    def read_latest_kinds(self, provider_id: str, *, is_anew: bool = False) -> dict[str, str]:
        """Return model id -> kind of its latest event that changed its state.

        Reads the events that are new since the last call, as events are only ever added; all of them if ``is_anew``.
        """
        kinds = {} if is_anew else self._kinds[provider_id]
        after = 0 if is_anew else self._last_event_ids[provider_id]
        found: Iterable[Row]
        if self._driver is not None:
            found = self._driver.execute(_IN_SQLITE[_KINDS], (provider_id, after))
        else:
            with self._catalog._database.reading() as connection:
                found = connection.execute(_KINDS, {"provider": provider_id, "after": after}).tuples().all()
        for event_id, model_id, kind in found:
            kinds[model_id] = kind
            self._last_event_ids[provider_id] = event_id
        return kinds


_instant = cache(stored_instant)
"""The instants of a listing's models are mostly equal."""


def _state(columns: Columns) -> State:
    is_active, first_seen_at, last_used_at, input_price, refused_since, reason = columns
    first_at: Any = _instant(first_seen_at)
    return State(is_active == 1, first_at, _instant(last_used_at), input_price, _instant(refused_since), reason)
