"""The rows of one listing beside the catalog: temporary tables that set-based statements read from."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.column_types import BigId, Instant, Json, ModelId, canonical_json, instant_text
from ghost_pipeline.lifecycle.listing import ListedModel

staged = sa.Table(
    "staged_models",
    sa.MetaData(),
    sa.Column("model_id", ModelId, primary_key=True),
    sa.Column("provider_data", Json),
    sa.Column("name", sa.Text),
    sa.Column("is_free", sa.Boolean),
    sa.Column("context_window", sa.BigInteger),
    sa.Column("max_output_tokens", sa.BigInteger),
    sa.Column("input_price", sa.Double),
    sa.Column("output_price", sa.Double),
    sa.Column("capabilities", Json),
    sa.Column("expires_at", Instant),
    prefixes=["TEMPORARY"],
)
"""Columns of a ListedModel in its order."""

matched = sa.Table(
    "matched_models",
    staged.metadata,
    sa.Column("model_id", ModelId, primary_key=True),
    sa.Column("known_id", BigId),  # the model's row, if it has one
    sa.Column("tombstone_id", BigId),  # else the event with which it left, if it ever was there
    prefixes=["TEMPORARY"],
)
"""Beside ``staged`` and narrow, because to fill two columns in later would write every wide row anew."""

_COLUMNS = ", ".join(ListedModel._fields)


def stage(connection: sa.Connection, listed: Sequence[ListedModel]) -> None:
    """Fill the temporary table with the listing's rows."""
    staged.metadata.create_all(connection, checkfirst=False)
    if connection.dialect.name == "postgresql":
        _copy(connection, listed)
    else:
        # Past SQLAlchemy's per-value types: they cost as much as the insert itself for 100,000 rows.
        places = ", ".join("?" * len(ListedModel._fields))
        rows = [_storable(model, instant_text) for model in listed]
        connection.exec_driver_sql(f"INSERT INTO staged_models ({_COLUMNS}) VALUES ({places})", rows)  # noqa: S608


def analyze(connection: sa.Connection, table: sa.Table, column: str) -> None:
    """Tell PostgreSQL's planner how large a temporary table is, which it finds out by itself of other tables only."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {table.name} ({column})")


def unstage(connection: sa.Connection) -> None:
    """Drop the temporary tables."""
    staged.metadata.drop_all(connection, checkfirst=False)


def _storable(model: ListedModel, written: Callable[[datetime], str]) -> tuple[object, ...]:
    if model.capabilities is None and model.expires_at is None:
        return model
    return model._replace(
        capabilities=None if model.capabilities is None else canonical_json(model.capabilities),  # type: ignore[arg-type]
        expires_at=None if model.expires_at is None else written(model.expires_at),  # type: ignore[arg-type]
    )


def _copy(connection: sa.Connection, listed: Sequence[ListedModel]) -> None:
    copy = f"COPY staged_models ({_COLUMNS}) FROM STDIN"
    driver: Any = connection.dialect.loaded_dbapi
    cursor: Any = connection.connection.cursor()  # psycopg2's own method; SQLAlchemy's types know the DB-API only
    try:
        with cursor:
            cursor.copy_expert(copy, _Lines(listed))
    except driver.Error as error:  # which SQLAlchemy would have made one of its own
        is_gone = connection.dialect.is_disconnect(error, None, None)
        if is_gone:
            connection.invalidate(error)
        raise sa.exc.DBAPIError.instance(
            copy, None, error, driver.Error, connection_invalidated=is_gone, dialect=connection.dialect
        ) from error
    analyze(connection, staged, "model_id")


class _Lines:
    """A listing's rows as a file in COPY's text format, made while it is read."""

    def __init__(self, listed: Sequence[ListedModel]) -> None:
        self._lines = self._made(listed)
        self._left = b""

    def read(self, size: int) -> bytes:
        """At least one line, about ``size`` bytes; nothing when all are read."""
        parts = [self._left]
        length = len(self._left)
        for line in self._lines:
            parts.append(line)
            length += len(line)
            if length >= size:
                break
        text = b"".join(parts)
        self._left = text[size:]
        return text[:size]

    @staticmethod
    def _made(listed: Sequence[ListedModel]) -> Iterator[bytes]:
        for model in listed:
            yield ("\t".join([_field(value) for value in _storable(model, datetime.isoformat)]) + "\n").encode()


def _field(value: object) -> str:
    if value is None:
        return "\\N"
    text = value if isinstance(value, str) else str(value)
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if not text.isprintable():
        text = text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return text
