"""Adopt the models of an existing table in the catalog's database."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.importing.merge import (
    NOT_AN_OBJECT,
    MessageSample,
    import_result,
    is_wrapped,
    merge_models,
    to_json_object,
)
from ghost_pipeline.catalog.results import ImportResult
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.schema import VERSION_TABLE
from ghost_pipeline.catalog.storage.tables import metadata
from ghost_pipeline.errors import InvalidModelId, InvalidName, InvalidProvider, UnknownTable
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug
from ghost_pipeline.lifecycle.merging import adopt_model
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.validation import validate_name
from ghost_pipeline.lifecycle.vocabulary import Source

COLUMN_CANDIDATES: dict[str, tuple[str, ...]] = {
    "provider": ("provider_id", "provider", "provider_name", "vendor"),
    "model": ("model_id", "model", "model_slug"),
    "name": ("model_name", "name", "display_name", "title"),
    "data": ("provider_data", "data", "raw_data", "raw", "payload", "metadata"),
}
"""What is read of a row -> what its column is usually called, the likeliest first."""

_REQUIRED = ("provider", "model")
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table to adopt. ``columns`` says which of its columns is the provider, the model, the name and the data."""

    name: str
    columns: dict[str, str]
    left_out: tuple[str, ...]
    _table: sa.TableClause
    _ordered_by: tuple[str, ...]

    def count_by_provider(self, connection: sa.Connection) -> list[tuple[Any, int]]:
        """Every distinct value of the provider's column, with its number of rows."""
        provider = self._column("provider")
        query = sa.select(provider, sa.func.count()).group_by(provider)
        return [(row[0], row[1]) for row in connection.execute(query)]

    def read(self, connection: sa.Connection, providers: Sequence[str]) -> Iterator[tuple[Any, Any, Any]]:
        """Model, name and data of every row of the providers, as the driver gives them; data in JSON as text.

        In the order of the table's key, so that the same row of a repeated model is the first each time.
        """
        data = self._column("data")
        if connection.dialect.name == "postgresql":
            data = sa.cast(data, sa.Text)
        query = (
            sa.select(self._column("model"), self._column("name"), data)
            .where(self._column("provider").in_(providers))
            .order_by(*(self._table.c[name] for name in self._ordered_by))
        )
        for row in connection.execute(query.execution_options(yield_per=1000)):
            yield row[0], row[1], row[2]

    def _column(self, what: str) -> sa.ColumnElement[Any]:
        return self._table.c[self.columns[what]] if what in self.columns else sa.null()


def inspect_source_table(connection: sa.Connection, name: str, wanted: Mapping[str, str | None]) -> SourceTable:
    """The table called ``name`` (or ``schema.name``), with the ``wanted`` columns and the usual ones for the rest.

    Raises UnknownTable if there is none, if it is the catalog's own, or if its columns can't be told.
    """
    inspector = sa.inspect(connection)
    schema, table = _locate_table(inspector, name)
    own = table.lower() if connection.dialect.name == "sqlite" else table  # where Models is the same as models
    if schema in (None, inspector.default_schema_name) and own in (*metadata.tables, VERSION_TABLE):
        raise UnknownTable(
            f"{name} is the catalog's own table: name the table to adopt, or import another catalog's export with "
            "'ghost-pipeline db import'"
        )
    found = [column["name"] for column in inspector.get_columns(table, schema)]
    columns = {
        what: column for what in COLUMN_CANDIDATES if (column := _select_column(name, what, wanted.get(what), found))
    }
    key = inspector.get_pk_constraint(table, schema)["constrained_columns"]
    clause = sa.table(table, *(sa.column(column) for column in found), schema=schema)
    left_out = tuple(column for column in found if column not in columns.values())
    return SourceTable(name, columns, left_out, clause, tuple(key))


@contextmanager
def invalid_text_as_bytes(connection: sa.Connection) -> Iterator[None]:
    """Let SQLite give texts that are no UTF-8, which other programs may have written, as bytes."""
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name != "sqlite":
        yield
        return
    before = driver.text_factory
    driver.text_factory = _text_or_bytes
    try:
        yield
    finally:
        driver.text_factory = before


def _text_or_bytes(text: bytes) -> str | bytes:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text


def _locate_table(inspector: sa.Inspector, name: str) -> tuple[str | None, str]:
    """Schema and name of the table."""
    if inspector.has_table(name):
        return None, name
    schema, _, table = name.partition(".")
    if table and schema in inspector.get_schema_names() and inspector.has_table(table, schema):
        return schema, table
    others = sorted({*inspector.get_table_names(), *inspector.get_view_names()} - {*metadata.tables, VERSION_TABLE})
    known = f"it has {_listed(others)} besides its own" if others else "it has no tables besides its own"
    raise UnknownTable(f"the catalog's database has no table {name!r}: {known}; GHOST_DATABASE_URL names the database")


def _select_column(table: str, what: str, wanted: str | None, found: Sequence[str]) -> str | None:
    """The column that ``wanted`` or else custom names; None for one that may be missing."""
    names = COLUMN_CANDIDATES[what] if wanted is None else (wanted,)
    for name in names:
        for column in found:
            if column == name or (wanted is None and column.lower() == name):
                return column
    if wanted is not None:
        raise UnknownTable(f"table {table} has no column {wanted!r} for the {what}: it has {_listed(found)}")
    if what in _REQUIRED:
        raise UnknownTable(
            f"table {table} has no column that is called like a {what} ({', '.join(names)}): it has {_listed(found)}; "
            f"say which with --{what}-column"
        )
    return None


def _listed(names: Sequence[str]) -> str:
    more = f", … ({len(names)} in all)" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def adopt(database: Database, name: str, wanted: Mapping[str, str | None], now: datetime) -> ImportResult:
    """Take in every row of the table, one provider a transaction; the table itself is left as it is.

    A model that is new here is INDEX, active, first and last seen and listed now. Doing it again changes nothing, and
    goes on where the first time was broken off. Raises UnknownTable, CatalogError.
    """
    with database.reading() as connection, invalid_text_as_bytes(connection):
        old = inspect_source_table(connection, name, wanted)
        counted = old.count_by_provider(connection)
    refusals, remarks, counts = MessageSample(), MessageSample(), Counter[str]()
    for slug, spellings in _by_slug(counted, refusals).items():
        provider = _Provider(old, slug, spellings, now)
        said = database.write(provider.adopt)
        counts.update(said.counts)
        refusals.extend(said.refusals)
        remarks.extend(said.remarks)
    return import_result(name, old.columns, old.left_out, counts, refusals, remarks)


def _by_slug(counted: Sequence[tuple[Any, int]], refusals: MessageSample) -> dict[str, list[str]]:
    """Slug -> how the table spells it. Rows of what is no provider are refused."""
    spellings: dict[str, list[str]] = {}
    for spelling, rows in counted:
        try:
            spellings.setdefault(provider_slug(spelling), []).append(spelling)
        except InvalidProvider as error:
            refusals.add(f"{rows:,} {'row' if rows == 1 else 'rows'}: {error}", rows)
    return dict(sorted(spellings.items()))


@dataclass(slots=True)
class _Row:
    """What became of one provider's rows."""

    counts: Counter[str]
    refusals: MessageSample
    remarks: MessageSample


@dataclass(frozen=True, slots=True)
class _Provider:
    """The rows of one provider."""

    old: SourceTable
    slug: str
    spellings: list[str]
    now: datetime

    def adopt(self, connection: sa.Connection) -> _Row:
        """Take them in."""
        provider = repository.get_or_create_provider(connection, self.slug)
        # So that holds cover them. After a complete listing, which lacked them, they would be expected of the next.
        listed_at = self.now if provider.last_complete_at is None else None
        said = _Row(Counter(), MessageSample(), MessageSample())
        with invalid_text_as_bytes(connection):
            records = self._records(connection, said, listed_at)
            said.counts = merge_models(
                connection, self.slug, records, adopt_model, self.now, {"adopted_from": self.old.name}
            )
        return said

    def _records(self, connection: sa.Connection, said: _Row, listed_at: datetime | None) -> Iterator[ModelRecord]:
        for model, name, data in self.old.read(connection, self.spellings):
            try:
                model_id = canonical_model_id(self.slug, model)
            except InvalidModelId as error:
                said.refusals.add(str(error))
                continue
            yield ModelRecord(
                provider_id=self.slug,
                model_id=model_id,
                source=Source.INDEX,
                is_active=True,
                first_seen_at=self.now,
                last_seen_at=self.now,
                last_listed_at=listed_at,
                name=self._name(model_id, name, said.remarks),
                provider_data=self._data(model_id, data, said.remarks),
            )

    def _name(self, model_id: str, name: Any, remarks: MessageSample) -> str | None:
        try:
            return validate_name(name) or None
        except InvalidName as error:
            remarks.add(f"{self.slug} {model_id}: {error}; it has no name now")
            return None

    def _data(self, model_id: str, data: Any, remarks: MessageSample) -> dict[str, Any] | None:
        kept = to_json_object(data)
        if is_wrapped(kept):
            remarks.add(f"{self.slug} {model_id}: its data is no JSON object: kept as {NOT_AN_OBJECT!r}")
        return kept
