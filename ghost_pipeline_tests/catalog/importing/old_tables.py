"""Tables of models as other programs make them, in the catalog's database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from ghost_pipeline_tests.catalog.backends import Place

COLUMNS = ("provider_id", "model_id", "model_name", "provider_data")
Row = Sequence[Any]


def make_old_table(
    place: Place, rows: Sequence[Row], name: str = "old_models", columns: Sequence[str] = COLUMNS, data: str = "TEXT"
) -> None:
    """Create a table of text columns, the last one of type ``data``, and insert the rows."""
    types = [*["TEXT"] * (len(columns) - 1), data]
    declared = ", ".join(f'"{column}" {kind}' for column, kind in zip(columns, types, strict=True))
    with outside(place) as connection:
        connection.execute(sa.text(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, {declared})"))
        schema, _, bare = name.rpartition(".")
        table = sa.table(bare, *(sa.column(column) for column in ("id", *columns)), schema=schema or None)
        for number, row in enumerate(rows):
            connection.execute(sa.insert(table).values(dict(zip(("id", *columns), (number, *row), strict=True))))


def rows_of(place: Place, name: str = "old_models") -> list[Row]:
    """Return the rows of the table."""
    with outside(place) as connection:
        return [tuple(row) for row in connection.execute(sa.text(f"SELECT * FROM {name} ORDER BY id"))]


@contextmanager
def outside(place: Place) -> Iterator[sa.Connection]:
    """Open a connection without the catalog's settings."""
    database = place.database()
    with database.writing() as connection:
        yield connection
    database.close()
