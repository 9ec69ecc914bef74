"""Temporary tables and set-based statements for listings of any size."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable, DropTable

from ghost_pipeline.catalog.results import ListingAttempt
from ghost_pipeline.catalog.storage import event_log
from ghost_pipeline.catalog.storage.repository import (
    IS_CURRENT,
    MODEL_COLUMNS,
    has_announcements,
    model_record,
    write_events,
)
from ghost_pipeline.catalog.storage.tables import (
    BigId,
    Json,
    ModelId,
    announcements,
    canonical_json,
    instant_text,
    model_events,
    models,
)
from ghost_pipeline.lifecycle.events import Cause, reactivation_event
from ghost_pipeline.lifecycle.facts import FACT_NAMES, FACTS, FactKind
from ghost_pipeline.lifecycle.prices import is_free
from ghost_pipeline.lifecycle.records import ListedModel
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source

staged = sa.Table(
    "staged_models",
    sa.MetaData(),
    sa.Column("model_id", ModelId, primary_key=True),
    sa.Column("provider_data", Json),
    sa.Column("is_free", sa.Boolean),
    *(sa.Column(name, models.c[name].type) for name in FACT_NAMES),
    prefixes=["TEMPORARY"],
)
"""A ListedModel with its derived columns."""

matched = sa.Table(
    "matched_models",
    staged.metadata,
    sa.Column("model_id", ModelId, primary_key=True),
    sa.Column("known_id", BigId),  # the model's row, if it has one
    sa.Column("tombstone_id", BigId),  # else the event with which it left, if it ever was there
    prefixes=["TEMPORARY"],
)
"""A narrow table beside ``staged``, because filling in two columns later would rewrite every wide row."""

_COLUMNS = ", ".join(staged.c.keys())
_fact_values = attrgetter(*FACT_NAMES)
_JSON = tuple(
    staged.c.keys().index(fact.name) for fact in FACTS if fact.kind in (FactKind.CAPABILITIES, FactKind.PRICES)
)
_INSTANTS = tuple(staged.c.keys().index(fact.name) for fact in FACTS if fact.kind is FactKind.INSTANT)


def stage(connection: sa.Connection, listed: Sequence[ListedModel]) -> None:
    """Fill the temporary table with the listing's rows."""
    for statement in _definitions(connection.dialect.name)[0]:
        connection.exec_driver_sql(statement)
    if connection.dialect.name == "postgresql":
        _copy(connection, listed)
    else:
        # Without SQLAlchemy's types, which cost as much as the insert itself for 100,000 rows.
        parameters = ", ".join("?" * len(staged.c))
        rows = [_storable(model, instant_text) for model in listed]
        connection.exec_driver_sql(f"INSERT INTO staged_models ({_COLUMNS}) VALUES ({parameters})", rows)  # noqa: S608


def analyze(connection: sa.Connection, table: sa.Table, column: str) -> None:
    """Update PostgreSQL's statistics of a temporary table, which autovacuum does not do."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {table.name} ({column})")


def unstage(connection: sa.Connection) -> None:
    """Remove the listing's rows: on SQLite from the temporary tables, on PostgreSQL together with them."""
    for statement in _definitions(connection.dialect.name)[1]:
        connection.exec_driver_sql(statement)


@cache
def _definitions(dialect_name: str) -> tuple[list[str], list[str]]:
    """Return the statements that create the temporary tables and those that empty or drop them, compiled once."""
    dialect = sa.make_url(f"{dialect_name}://").get_dialect()()
    tables = staged.metadata.sorted_tables
    # SQLite prepares every statement anew after a table was created or dropped, so there the tables stay.
    is_kept = dialect_name == "sqlite"
    created = [CreateTable(table, if_not_exists=is_kept) for table in tables]
    ended = [sa.delete(table) if is_kept else DropTable(table) for table in tables]
    return [str(one.compile(dialect=dialect)) for one in created], [str(one.compile(dialect=dialect)) for one in ended]


def _storable(model: ListedModel, format_instant: Callable[[datetime], str]) -> tuple[object, ...]:
    """Return the values of ``staged``, in the order of its columns."""
    facts = model.facts
    free = is_free(facts.input_price, facts.output_price, facts.prices)
    values = (model.model_id, model.provider_data, free, *_fact_values(facts))
    for positions, convert in ((_JSON, canonical_json), (_INSTANTS, format_instant)):
        for position in positions:
            if (value := values[position]) is not None:
                values = (*values[:position], convert(value), *values[position + 1 :])
    return values


def _copy(connection: sa.Connection, listed: Sequence[ListedModel]) -> None:
    copy = f"COPY staged_models ({_COLUMNS}) FROM STDIN"
    driver: Any = connection.dialect.loaded_dbapi
    cursor: Any = connection.connection.cursor()  # psycopg2's own method; SQLAlchemy's types know the DB-API only
    try:
        with cursor:
            cursor.copy_expert(copy, _Lines(listed))
    except driver.Error as error:  # SQLAlchemy translates errors of its own calls only
        is_gone = connection.dialect.is_disconnect(error, None, None)
        if is_gone:
            connection.invalidate(error)
        raise sa.exc.DBAPIError.instance(
            copy, None, error, driver.Error, connection_invalidated=is_gone, dialect=connection.dialect
        ) from error
    analyze(connection, staged, "model_id")


class _Lines:
    """A listing's rows as a file in COPY's text format, generated while it is read."""

    def __init__(self, listed: Sequence[ListedModel]) -> None:
        self._lines = self._made(listed)
        self._left = b""

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes; none at the end."""
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


def apply_announcements(connection: sa.Connection, attempt: ListingAttempt, *, is_late: bool) -> None:
    """Record in the provider's announcements what the staged listing states, and complete the staged rows from them.

    SQL equivalent of ``lifecycle.retirement.combine`` and ``is_superseded``: afterwards a staged row has the date that
    stands, so that creating, restoring and refreshing models need not know of announcements. A late listing ends no
    announcement and states nothing against one. A provider without announcements costs one look-up.
    """
    if not has_announcements(connection, attempt.provider_id):
        return
    of_staged = (
        announcements.c.provider_id == attempt.provider_id,
        announcements.c.model_id == staged.c.model_id,
        IS_CURRENT,
    )
    if not is_late:
        _record_statements(connection, attempt, of_staged)
    standing = sa.case((announcements.c.superseded_at.is_(None), announcements.c.retires_at))
    expires_at, replaced_by = (staged.c.expires_at, standing), (staged.c.replaced_by, announcements.c.replaced_by)
    connection.execute(
        sa.update(staged)
        .where(*of_staged)
        .values(
            expires_at=sa.func.coalesce(*(reversed(expires_at) if is_late else expires_at)),
            replaced_by=sa.func.coalesce(*(reversed(replaced_by) if is_late else replaced_by)),
        )
    )


def _record_statements(
    connection: sa.Connection, attempt: ListingAttempt, of_staged: tuple[sa.ColumnElement[bool], ...]
) -> None:
    ends = sa.and_(
        announcements.c.superseded_at.is_(None),
        staged.c.expires_at.is_not(None),
        staged.c.expires_at != announcements.c.retires_at,
    )
    superseded: dict[str, Any] = {"superseded_at": attempt.observed_at, "superseding_listing_id": attempt.id}
    connection.execute(
        sa.update(announcements)
        .where(*of_staged)
        .values(
            listed_expires_at=staged.c.expires_at,
            listed_replaced_by=staged.c.replaced_by,
            **{
                name: sa.case((ends, sa.literal(value, announcements.c[name].type)), else_=announcements.c[name])
                for name, value in superseded.items()
            },
        )
    )


def greatest(column: sa.Column[object], instant: sa.ColumnElement[object]) -> sa.ColumnElement[object]:
    """Return ``column`` advanced to ``instant``, never moved back."""
    return sa.case((column >= instant, column), else_=instant)


def least(column: sa.Column[object], instant: sa.ColumnElement[object]) -> sa.ColumnElement[object]:
    """Return ``column`` moved back to ``instant``, never advanced."""
    return sa.case((column <= instant, column), else_=instant)


_AT = sa.bindparam("observed_at", type_=models.c.last_seen_at.type)
_WIDENED: dict[str, Any] = {
    "first_seen_at": least(models.c.first_seen_at, _AT),
    "last_seen_at": greatest(models.c.last_seen_at, _AT),
    "last_listed_at": greatest(models.c.last_listed_at, _AT),
}


def mark_as_listed(which: sa.ColumnElement[bool]) -> sa.Update:
    """Return the statement that ``mark_listed`` executes for the models in ``which``."""
    marked: dict[str, Any] = {"is_active": True, "deactivated_at": None, "listing_id": sa.bindparam("attempt_id")}
    return sa.update(models).where(which).values(**_WIDENED, **marked)


def select_ghosts(which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the query that ``write_reactivations`` executes for the models in ``which``."""
    return sa.select(*MODEL_COLUMNS).where(which, models.c.is_active == sa.false()).order_by(models.c.model_id)


def mark_listed(
    connection: sa.Connection, update: sa.Update, attempt: ListingAttempt, parameters: Mapping[str, object]
) -> None:
    """Mark the models of ``update`` as seen, listed and confirmed by the attempt, and as active."""
    connection.execute(update, {**parameters, "observed_at": attempt.observed_at, "attempt_id": attempt.id})


def widen_span(which: sa.ColumnElement[bool]) -> sa.Update:
    """Return the statement that ``widen_seen_span`` executes for the models in ``which``."""
    return sa.update(models).where(which).values(**_WIDENED)


def widen_seen_span(connection: sa.Connection, update: sa.Update, attempt: ListingAttempt) -> None:
    """Widen the spans of the models of ``update``, which a late attempt listed; nothing else changes."""
    connection.execute(update, {"observed_at": attempt.observed_at})


def write_reactivations(
    connection: sa.Connection, query: sa.Select[Any], attempt: ListingAttempt, parameters: Mapping[str, object]
) -> int:
    """Write ``reactivated`` for the ghosts of ``query``, before they become active. Return the number of events."""
    ghosts = connection.execute(query, parameters).all()
    cause = Cause(attempt.observed_at, Source.INDEX, attempt.id, attempt.run_id)
    write_events(connection, [reactivation_event(model_record(row), cause) for row in ghosts])
    return len(ghosts)


_EVENT_COLUMNS = tuple(model_events.c[name] for name in ("kind", "at", "source", "listing_id", "run_id", "recorded_at"))


def insert_listing_events(which: sa.Select[tuple[Any, Any]]) -> sa.Insert:
    """Return the statement that ``write_listing_events`` executes for the models in ``which``.

    It selects provider_id and model_id.
    """
    values = [sa.bindparam(f"event_{column.name}", type_=column.type) for column in _EVENT_COLUMNS]
    columns = [model_events.c.provider_id, model_events.c.model_id, *_EVENT_COLUMNS]
    return sa.insert(model_events).from_select(columns, which.add_columns(*values))


def write_listing_events(
    connection: sa.Connection,
    insert: sa.Insert,
    kind: EventKind,
    attempt: ListingAttempt,
    parameters: Mapping[str, object],
) -> None:
    """Write an event of one kind, caused by the attempt, for each of its models that ``insert`` selects."""
    recorded_at = event_log.recording_instant(connection, attempt.provider_id, attempt.observed_at)
    values = {
        "event_kind": kind.value,
        "event_at": attempt.observed_at,
        "event_source": Source.INDEX.value,
        "event_listing_id": attempt.id,
        "event_run_id": attempt.run_id,
        "event_recorded_at": recorded_at,
    }
    connection.execute(insert, {**values, **parameters})
