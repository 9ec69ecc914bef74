"""Adopt the models of an existing table in the catalog's database."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.importing.merge import (
    NOT_AN_OBJECT,
    MessageSample,
    RowCount,
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
from ghost_pipeline.catalog.storage.text_index import is_own_table
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
"""Value of a row -> the usual names of its column, the likeliest first."""

_REQUIRED = ("provider", "model")
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table to adopt. ``columns`` maps provider, model, name and data to the names of its columns."""

    name: str
    columns: dict[str, str]
    left_out: tuple[str, ...]
    _table: sa.TableClause
    _ordered_by: tuple[str, ...]

    def count_by_provider(self, connection: sa.Connection) -> list[tuple[Any, int]]:
        """Return every distinct value of the provider's column with its number of rows."""
        provider = self._column("provider")
        query = sa.select(provider, sa.func.count()).group_by(provider)
        return [(row[0], row[1]) for row in connection.execute(query)]

    def read(self, connection: sa.Connection, providers: Sequence[str]) -> Iterator[tuple[Any, Any, Any]]:
        """Yield model, name and data of every row of the providers, as the driver returns them; JSON data as text.

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


def inspect_source_table(connection: sa.Connection, name: str, requested: Mapping[str, str | None]) -> SourceTable:
    """Return the table ``name`` or ``schema.name``, with the ``requested`` columns and the usual ones for the rest.

    Raises UnknownTable if there is none, if it is the catalog's own, or if its columns can't be identified.
    """
    inspector = sa.inspect(connection)
    schema, table = _locate_table(inspector, name)
    own = table.lower() if connection.dialect.name == "sqlite" else table  # where Models is the same as models
    if schema in (None, inspector.default_schema_name) and own in (*metadata.tables, VERSION_TABLE):
        raise UnknownTable(
            f"{name} is the catalog's own table",
            "name the table to adopt, or import another catalog's export with 'ghost-pipeline db import'",
        )
    found = [column["name"] for column in inspector.get_columns(table, schema)]
    columns = {
        what: column for what in COLUMN_CANDIDATES if (column := _select_column(name, what, requested.get(what), found))
    }
    key = inspector.get_pk_constraint(table, schema)["constrained_columns"]
    clause = sa.table(table, *(sa.column(column) for column in found), schema=schema)
    left_out = tuple(column for column in found if column not in columns.values())
    return SourceTable(name, columns, left_out, clause, tuple(key))


@contextmanager
def invalid_text_as_bytes(connection: sa.Connection) -> Iterator[None]:
    """Make SQLite return texts that are not UTF-8, which other programs may have written, as bytes."""
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
    """Return schema and name of the table. Raises UnknownTable."""
    if inspector.has_table(name):
        return None, name
    schema, _, table = name.partition(".")
    if table and schema in inspector.get_schema_names() and inspector.has_table(table, schema):
        return schema, table
    names = {*inspector.get_table_names(), *inspector.get_view_names()} - {*metadata.tables, VERSION_TABLE}
    others = sorted(name for name in names if not is_own_table(name))
    known = f"it has {_listed(others)} besides its own" if others else "it has no tables besides its own"
    raise UnknownTable(
        f"the catalog's database has no table {name!r}: {known}", "GHOST_DATABASE_URL names the database"
    )


def _select_column(table: str, what: str, requested: str | None, found: Sequence[str]) -> str | None:
    """Return the ``requested`` column, or one with a usual name; None if it is optional and missing."""
    names = COLUMN_CANDIDATES[what] if requested is None else (requested,)
    for name in names:
        for column in found:
            if column == name or (requested is None and column.lower() == name):
                return column
    if requested is not None:
        raise UnknownTable(f"table {table} has no column {requested!r} for the {what}", f"it has {_listed(found)}")
    if what in _REQUIRED:
        raise UnknownTable(
            f"table {table} has no column with a usual name for the {what} ({', '.join(names)}): "
            f"it has {_listed(found)}",
            f"set it with --{what}-column",
        )
    return None


def _listed(names: Sequence[str]) -> str:
    more = f", … ({len(names)} in all)" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def adopt(
    database: Database,
    name: str,
    requested: Mapping[str, str | None],
    now: datetime,
    report: Callable[[int, int], None] | None = None,
) -> ImportResult:
    """Adopt every row of the table, one transaction per provider. The table itself does not change.

    A new model is INDEX, active, first and last seen and listed now. A second run changes nothing, and continues a
    first one that was interrupted. ``report`` is called with the number of rows done and in all. Raises
    UnknownTable, CatalogError.
    """
    with database.reading() as connection, invalid_text_as_bytes(connection):
        table = inspect_source_table(connection, name, requested)
        counted = table.count_by_provider(connection)
    refusals, remarks, counts = MessageSample(), MessageSample(), Counter[str]()
    done = RowCount(sum(rows for _, rows in counted), report)
    for slug, spellings in _by_slug(counted, refusals).items():
        provider = _Provider(table, slug, spellings, now, done)
        result = database.write(provider.adopt)
        counts.update(result.counts)
        refusals.extend(result.refusals)
        remarks.extend(result.remarks)
    return import_result(name, table.columns, table.left_out, counts, refusals, remarks)


def _by_slug(counted: Sequence[tuple[Any, int]], refusals: MessageSample) -> dict[str, list[str]]:
    """Return slug -> its spellings in the table. Rows without a valid provider are refused."""
    spellings: dict[str, list[str]] = {}
    for spelling, rows in counted:
        try:
            spellings.setdefault(provider_slug(spelling), []).append(spelling)
        except InvalidProvider as error:
            refusals.add(f"{rows:,} {'row' if rows == 1 else 'rows'}: {error}", rows)
    return dict(sorted(spellings.items()))


@dataclass(slots=True)
class _ProviderResult:
    """What became of one provider's rows."""

    counts: Counter[str]
    refusals: MessageSample
    remarks: MessageSample


@dataclass(frozen=True, slots=True)
class _Provider:
    """The rows of one provider."""

    table: SourceTable
    slug: str
    spellings: list[str]
    now: datetime
    done: RowCount

    def adopt(self, connection: sa.Connection) -> _ProviderResult:
        """Adopt the rows."""
        provider = repository.get_or_create_provider(connection, self.slug)
        # So that holds cover them. After a complete listing, the next one would be expected to list them.
        listed_at = self.now if provider.last_complete_at is None else None
        result = _ProviderResult(Counter(), MessageSample(), MessageSample())
        with invalid_text_as_bytes(connection):
            records = self._records(connection, result, listed_at)
            result.counts = merge_models(
                connection, self.slug, records, adopt_model, self.now, {"adopted_from": self.table.name}, self.done
            )
        return result

    def _records(
        self, connection: sa.Connection, result: _ProviderResult, listed_at: datetime | None
    ) -> Iterator[ModelRecord]:
        for model, name, data in self.table.read(connection, self.spellings):
            try:
                model_id = canonical_model_id(self.slug, model)
            except InvalidModelId as error:
                result.refusals.add(str(error))
                continue
            yield ModelRecord(
                provider_id=self.slug,
                model_id=model_id,
                source=Source.INDEX,
                is_active=True,
                first_seen_at=self.now,
                last_seen_at=self.now,
                last_listed_at=listed_at,
                name=self._name(model_id, name, result.remarks),
                provider_data=self._data(model_id, data, result.remarks),
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
            remarks.add(f"{self.slug} {model_id}: its data is not a JSON object: stored as {NOT_AN_OBJECT!r}")
        return kept
