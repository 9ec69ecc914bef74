"""Shared by the tests of the tracker: reading the catalog, and making it unavailable."""

import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime

from ghost_pipeline import ModelCatalog
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.settings import Settings

NO_INTERVAL = 3600.0
"""An interval longer than any test: nothing is written without a request."""
NOON = datetime(2025, 12, 6, 12, tzinfo=UTC)


def found(settings: Settings) -> dict[str, ModelRecord]:
    """Return the models of the catalog by id."""
    with ModelCatalog.open(settings) as catalog:
        return {model.model_id: model for model in catalog.find_models()}


def block_catalog_path(settings: Settings) -> None:
    """Make the catalog impossible to open until the file at ``settings.home`` is deleted."""
    settings.home.write_text("a file in the way")


def connected(settings: Settings) -> sqlite3.Connection:
    """Create the catalog and return a connection to its database."""
    ModelCatalog.open(settings).close()
    return sqlite3.connect(settings.home / "catalog.db", isolation_level=None)


def count_row_changes(settings: Settings) -> Callable[[], int]:
    """Let the database count how often a row of a model is written; return a function that reads the count."""
    connection = connected(settings)
    connection.execute("CREATE TABLE row_changes (number INTEGER)")
    connection.execute("INSERT INTO row_changes VALUES (0)")
    for change in ("INSERT", "UPDATE"):
        connection.execute(
            f"CREATE TRIGGER count_{change} AFTER {change} ON models "
            "BEGIN UPDATE row_changes SET number = number + 1; END"
        )
    connection.close()

    def changes() -> int:
        again = connected(settings)
        number = again.execute("SELECT number FROM row_changes").fetchone()[0]
        again.close()
        return int(number)

    return changes


def wait_until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until a condition that another thread makes true."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
