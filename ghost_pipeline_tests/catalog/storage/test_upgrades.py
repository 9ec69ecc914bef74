"""Catalogs of earlier revisions, kept as SQL dumps, upgrade to the current revision without loss.

``dumps/revision_NNNN_DATABASE.sql`` is a catalog as the program of that revision left it. Never edit a dump. When a
migration changes values on purpose, state the new ones in ``CHANGED_VALUES`` instead.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.catalog.storage import schema
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline_tests.catalog.backends import BACKENDS, Place, new_place
from ghost_pipeline_tests.catalog.storage.test_migrations import assert_is_head

DUMPS = Path(__file__).parent / "dumps"
REVISIONS = sorted({path.name.split("_")[1] for path in DUMPS.glob("revision_*.sql")})
TABLES = ("providers", "listings", "models", "model_events")
CHANGED_VALUES: Mapping[tuple[str, str], object] = {}
"""(table, column) -> a function from the value before an upgrade to the value that it must have afterwards."""
LATER = datetime(2026, 3, 1, tzinfo=UTC)

Rows = dict[str, dict[Any, dict[str, Any]]]


@pytest.fixture(params=[(revision, backend) for revision in REVISIONS for backend in BACKENDS], ids="-".join)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Provide a catalog of each earlier revision, on each database."""
    revision, backend = request.param
    place = new_place(backend, tmp_path, is_migrated=False)
    load(place, (DUMPS / f"revision_{revision}_{backend}.sql").read_text())
    database = place.database()
    assert schema.current_revision(database) == revision
    database.close()
    yield place
    place.remove()


def load(place: Place, script: str) -> None:
    database = place.database()
    if database.is_sqlite:
        assert database.url.database is not None
        connection = sqlite3.connect(database.url.database)
        connection.executescript(script)
        connection.close()
    else:
        with database.engine.begin() as other:
            other.connection.cursor().execute(script)
    database.close()


def rows_of(database: Database) -> Rows:
    """Every row of every table by its id, as the database driver returns it: no type of ours converts a value."""
    with database.reading() as connection:
        return {
            table: {row["id"]: dict(row) for row in connection.execute(sa.text(f"SELECT * FROM {table}")).mappings()}
            for table in TABLES
        }


def test_a_dump_holds_every_kind_of_row_and_event(old: Place) -> None:
    database = old.database()
    rows = rows_of(database)
    database.close()
    of = {(table, column): {row[column] for row in rows[table].values()} for table, column in COVERED}
    assert of["model_events", "kind"] == KINDS
    assert of["listings", "verdict"] == VERDICTS
    assert of["models", "source"] == SOURCES
    assert None in of["listings", "model_count"]
    assert len(of["providers", "held_since"]) > 2
    for column in ("listings.is_late", "models.is_active", "models.is_name_manual"):
        table, name = column.split(".")
        assert {bool(value) for value in of[table, name]} == {True, False}


# Spelled out: what is added to the vocabulary later is not in a dump of today.
KINDS = {"discovered", "reactivated", "deactivated", "purged", "removed", "restored", "added", "changed"}
VERDICTS = {"failed", "malformed", "empty", "partial", "shrunken", "complete"}
SOURCES = {"INDEX", "INFERENCE", "MANUAL"}
COVERED = (
    ("model_events", "kind"),
    ("listings", "verdict"),
    ("listings", "model_count"),
    ("listings", "is_late"),
    ("models", "source"),
    ("models", "is_active"),
    ("models", "is_name_manual"),
    ("providers", "held_since"),
)


def test_an_upgrade_keeps_every_row_and_every_value(old: Place) -> None:
    database = old.database()
    before = rows_of(database)
    schema.upgrade(database)
    assert_is_head(database)
    after = rows_of(database)
    for table, rows in before.items():
        assert after[table].keys() == rows.keys()
        for key, row in rows.items():
            kept = {column: after[table][key].get(column, "the column is gone") for column in row}
            expected = {column: _expected(table, column, value) for column, value in row.items()}
            assert kept == expected, f"{table} {key}"
    if database.is_sqlite:
        with database.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    database.close()


def _expected(table: str, column: str, value: object) -> object:
    change = CHANGED_VALUES.get((table, column))
    return change(value) if callable(change) else value


def test_an_upgraded_catalog_is_read_and_written_as_any_other(old: Place) -> None:
    database = old.database()
    rows = rows_of(database)
    schema.upgrade(database)
    database.close()
    with old.opened(lambda: LATER) as catalog:
        assert len(catalog.find_models(ModelFilter(is_active=None))) == len(rows["models"])
        assert len(catalog.list_events()) == len(rows["model_events"])
        assert {one.provider.id for one in catalog.list_provider_health()} == set(rows["providers"])
        for listing_id, row in rows["listings"].items():
            assert catalog.get_listing(listing_id).verdict.value == row["verdict"]
        assert catalog.track_successful_inference("openai", "gpt-back").effect == "restored"
        assert catalog.track_successful_inference("openai", "gpt-new").effect == "created"
        catalog.record_failed_attempt("openai", "no connection")
        catalog.mark_stale_models_inactive()
        new = catalog.list_events()[len(rows["model_events"]) :]
    assert {event.kind for event in new} >= {EventKind.RESTORED, EventKind.DISCOVERED, EventKind.DEACTIVATED}


def test_an_empty_listing_that_was_accepted_before_the_flag_existed_is_marked_so(old: Place) -> None:
    database = old.database()
    before = rows_of(database)["listings"]
    schema.upgrade(database)
    after = rows_of(database)["listings"]
    database.close()
    accepted = {key for key, row in before.items() if "it may be true" in (row["reason"] or "")}
    assert len(accepted) > 5
    assert {key for key, row in after.items() if row["is_accepted_empty"]} == accepted
