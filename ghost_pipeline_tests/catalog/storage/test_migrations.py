"""The schema: from nothing to head, and nothing else."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from ghost_pipeline.catalog.results import ModelFilter, SubmittedListing
from ghost_pipeline.catalog.storage import schema
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.tables import listings, metadata
from ghost_pipeline.catalog.storage.text_index import is_own_table
from ghost_pipeline.errors import CatalogError, CatalogSchemaError, CatalogUnavailable
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline_tests.catalog.backends import BACKENDS, POSTGRESQL, Place, new_place
from ghost_pipeline_tests.catalog.oracle_driver import READER, listing_bytes
from ghost_pipeline_tests.processes import Wait, run_together

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def is_declared(name: str | None, kind: str, _parents: Any) -> bool:
    """Return True for what ``tables`` declares: not the index of texts, which SQLite keeps in tables of its own."""
    return kind != "table" or not is_own_table(str(name))


def assert_is_head(database: Database) -> None:
    """Assert that the migrations build the declared tables."""
    assert schema.current_revision(database) == schema.HEAD
    with database.reading() as connection:
        options: dict[str, Any] = {"version_table": schema.VERSION_TABLE, "include_name": is_declared}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
        built = sa.inspect(connection)
        for table in metadata.sorted_tables:
            named = {index.name for index in table.indexes}
            indexes = built.get_indexes(table.name)
            assert {index["name"] for index in indexes if not index.get("duplicates_constraint")} == named
            checks = {one.name for one in table.constraints if isinstance(one, sa.CheckConstraint)}
            assert {one["name"] for one in built.get_check_constraints(table.name)} == checks
            if not database.is_sqlite:
                collated = {column.name for column in table.columns if _collation(column, connection)}
                actual = {
                    one["name"] for one in built.get_columns(table.name) if getattr(one["type"], "collation", None)
                }
                assert actual == collated


def _collation(column: sa.Column[object], connection: sa.Connection) -> str | None:
    return getattr(column.type.dialect_impl(connection.dialect), "collation", None)


def test_the_migrations_build_exactly_the_tables(database: Database) -> None:
    assert schema.current_revision(database) is None
    schema.upgrade(database)
    schema.upgrade(database)
    assert_is_head(database)


def test_head_is_what_alembic_calls_head() -> None:
    assert ScriptDirectory.from_config(schema.alembic_config()).get_current_head() == schema.HEAD


def test_the_last_step_can_be_taken_back(database: Database) -> None:
    schema.upgrade(database)
    with database.writing() as connection:
        command.downgrade(schema.alembic_config(connection), "-1")
    assert schema.current_revision(database) != schema.HEAD
    schema.upgrade(database)
    assert_is_head(database)


def test_all_steps_can_be_taken_back(database: Database) -> None:
    schema.upgrade(database)
    with database.writing() as connection:
        command.downgrade(schema.alembic_config(connection), "base")
    with database.reading() as connection:
        assert set(sa.inspect(connection).get_table_names()) == {schema.VERSION_TABLE}


def test_a_catalog_whose_version_has_alembic_s_own_table_goes_on(database: Database) -> None:
    with database.writing() as connection:
        command.upgrade(schema.alembic_config(connection), "0001")
        connection.execute(sa.text(f"ALTER TABLE {schema.VERSION_TABLE} RENAME TO alembic_version"))
        connection.execute(sa.text("INSERT INTO providers (id, label) VALUES ('openai', 'OpenAI')"))
    schema.upgrade(database)
    assert_is_head(database)
    with database.reading() as connection:
        assert connection.execute(sa.text("SELECT id FROM providers")).scalars().all() == ["openai"]


def test_failed_attempts_come_with_the_third_step_and_leave_with_it(place: Place) -> None:
    with place.opened(reader=READER) as catalog:
        listed = SubmittedListing("openai", "openai.json", listing_bytes({"a": 1}), NOON)
        catalog.reconcile(catalog.admit(listed).listing_id)
        catalog.record_failed_attempt("openai", "no connection", NOON + timedelta(hours=1))
        models = catalog.find_models()
    database = place.database()
    with database.writing(has_foreign_keys=False) as connection:
        command.downgrade(schema.alembic_config(connection), "0002")
        verdicts = connection.execute(sa.text("SELECT verdict FROM listings")).scalars().all()
    assert verdicts == ["complete"]
    schema.upgrade(database)
    assert_is_head(database)
    if database.is_sqlite:
        with database.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()
    with place.opened() as catalog:
        assert catalog.find_models() == models
        assert models[0].listing_id is not None
        assert catalog.get_listing(models[0].listing_id).attempt.file_name == "openai.json"
        assert catalog.record_failed_attempt("openai", "again").verdict is Verdict.FAILED


def test_what_operators_stated_before_the_fifteenth_step_is_theirs_if_that_is_certain(place: Place) -> None:
    facts: dict[str, Any] = {"context_window": 9, "input_price": 0.1, "capabilities": ["tools"]}
    with place.opened(lambda: NOON, READER) as catalog:
        catalog.add_manual_model("openai", "unlisted", "Mine", **facts, expires_at=NOON)
        catalog.reconcile(
            catalog.admit(SubmittedListing("openai", "o.json", listing_bytes({"listed": 1}), NOON)).listing_id
        )
        catalog.add_manual_model("openai", "listed", "Named", context_window=9)
        catalog.track_successful_inference("openai", "used", "Used")
    database = place.database()
    with database.writing() as connection:
        command.downgrade(schema.alembic_config(connection), "0014")
        command.upgrade(schema.alembic_config(connection), "head")
    database.close()
    with place.opened(lambda: NOON, READER) as catalog:
        found = {one.model_id: one for one in catalog.find_models()}
        assert {name: (one.name, one.manual_facts) for name, one in found.items()} == {
            "unlisted": ("Mine", "context_window input_price capabilities"),
            "listed": ("Named", None),
            "used": ("Used", None),
        }
        claims = catalog.references.list_claims("openai", "unlisted")
        stated = {one.fact: one.value for one in claims if one.first_stated_at == NOON and one.source == "manual"}
        assert stated == {"name": "Mine", **facts, "capabilities": ("tools",), "expires_at": NOON}
        assert set(catalog.withdraw_facts("openai", "unlisted").withdrawn) == {"name", *facts}
        assert set(catalog.withdraw_facts("openai", "listed").withdrawn) == {"name"}


def test_a_failed_attempt_has_no_bytes_and_every_other_has(place: Place) -> None:
    place.opened().close()
    database = place.database()
    with database.writing() as connection:
        connection.execute(sa.text("INSERT INTO providers (id, label) VALUES ('openai', 'OpenAI')"))
    row = {"provider_id": "openai", "observed_at": NOON, "is_late": False, "inactive": []}
    for verdict, digest in (("failed", "0" * 64), ("complete", None), ("odd", "0" * 64)):
        with pytest.raises(CatalogError, match="ck_listings_"), database.writing() as connection:
            connection.execute(sa.insert(listings).values(**row, verdict=verdict, sha256=digest))
    database.close()


def test_the_version_of_another_program_in_the_same_database_is_left_alone(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('29a8e9d74220')"))
    schema.upgrade(database)
    assert schema.current_revision(database) == schema.HEAD
    with database.reading() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == "29a8e9d74220"


def test_a_newer_catalog_is_refused_and_left_alone(database: Database) -> None:
    schema.upgrade(database)
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE catalog_version SET version_num = '9999'"))
    with pytest.raises(CatalogSchemaError, match="newer than this program"):
        schema.upgrade(database)
    assert schema.current_revision(database) == "9999"


PROGRAMS = 6
"""That run at the same time."""


def open_and_track(wait: Wait, place: Place, model_id: str) -> None:
    wait()
    with place.opened() as catalog:
        catalog.track_successful_inference("openai", model_id)


def migrate_once(wait: Wait, place: Place) -> None:
    wait()
    database = place.database()
    schema.upgrade(database)
    database.close()


def test_programs_that_start_at_once_all_find_a_catalog(place: Place) -> None:
    assert run_together([(open_and_track, (place, f"m{number}")) for number in range(PROGRAMS)]) == []
    with place.opened() as catalog:
        assert len(catalog.find_models(ModelFilter(("openai",)))) == PROGRAMS


@pytest.mark.parametrize("backend", BACKENDS)
def test_programs_that_upgrade_at_once_migrate_once(backend: str, tmp_path: Path) -> None:
    place = new_place(backend, tmp_path, is_migrated=False)
    assert run_together([(migrate_once, (place,))] * PROGRAMS) == []
    database = place.database()
    assert_is_head(database)
    database.close()
    place.remove()


def test_postgresql_is_upgraded_only_on_request(tmp_path: Path) -> None:
    place = new_place(POSTGRESQL, tmp_path, is_migrated=False)
    with pytest.raises(CatalogSchemaError, match="has no schema yet; run 'ghost-pipeline db upgrade'"):
        place.opened()
    database = place.database()
    assert schema.current_revision(database) is None
    database.close()
    place.remove()


def test_an_upgrade_of_tables_that_are_in_use_gives_up_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LOCK_SECONDS", 1)
    place = new_place(POSTGRESQL, tmp_path)
    database = place.database()
    with database.writing() as connection:
        command.downgrade(schema.alembic_config(connection), "0001")
    with database.writing() as other:
        other.execute(sa.text("LOCK TABLE models IN ACCESS SHARE MODE"))
        with pytest.raises(CatalogUnavailable, match="held it for too long"):
            schema.upgrade(database)
    assert schema.current_revision(database) == "0001"
    database.close()
    place.remove()
