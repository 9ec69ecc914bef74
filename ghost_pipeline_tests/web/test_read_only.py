"""The web page can't change the catalog, whatever its code does; and nothing is created where there is none."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.errors import CatalogError, CatalogUnavailable
from ghost_pipeline.settings import Settings
from ghost_pipeline.web.application import create_application
from ghost_pipeline_tests.catalog.backends import BACKENDS, POSTGRESQL, new_place


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_database_refuses_every_change(backend: str, tmp_path: Path) -> None:
    place = new_place(backend, tmp_path)
    with place.opened() as catalog:
        catalog.add_manual_model("acme", "one")
    database = Database(place.url, is_read_only=True)
    try:
        for statement in (
            "DELETE FROM models",
            "UPDATE models SET name = 'x'",
            "INSERT INTO catalog_version VALUES ('1')",
            "DROP TABLE models",
            "CREATE TABLE t (x INTEGER)",
        ):
            # Both ways: in a transaction for writing, and in one for reading.
            for connect in (database.writing, database.reading):
                with pytest.raises(CatalogError, match=r"read-?only"), connect() as connection:
                    connection.execute(sa.text(statement))
        with ModelCatalog.open_read_only(place.settings) as catalog:
            calls: list[Callable[[], object]] = [
                lambda: catalog.add_manual_model("acme", "two"),
                lambda: catalog.remove_model("acme", "one"),
                lambda: catalog.record_failed_attempt("acme", "no"),
            ]
            for call in calls:
                with pytest.raises(CatalogError, match=r"read-?only"):
                    call()
            assert [model.model_id for model in catalog.find_models()] == ["one"]
            assert catalog.mark_stale_models_inactive(is_dry_run=True).changed == 0
    finally:
        database.close()
        place.remove()


def test_a_statement_that_takes_too_long_ends_on_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ghost_pipeline.catalog.storage.database.READING_SECONDS", 1)
    place = new_place(POSTGRESQL, tmp_path)
    database = Database(place.url, is_read_only=True)
    try:
        with pytest.raises(CatalogUnavailable, match="try again"), database.reading() as connection:
            connection.execute(sa.text("SELECT pg_sleep(20)"))
    finally:
        database.close()
        place.remove()


def test_the_file_itself_is_opened_for_reading(tmp_path: Path) -> None:
    folder = tmp_path / "odd ?#% name"
    settings = Settings(home=folder)
    with ModelCatalog.open(settings) as writer, ModelCatalog.open_read_only(settings) as reader:
        writer.add_manual_model("acme", "one")
        assert len(reader.find_models()) == 1
        with reader._database.reading() as connection:
            driver: Any = connection.connection.dbapi_connection
            driver.execute("PRAGMA query_only = OFF")  # the second lock; the first one holds
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                driver.execute("DELETE FROM models")
        writer.add_manual_model("acme", "two")
        assert len(reader.find_models()) == 2


def test_a_missing_catalog_is_a_problem_with_advice_and_nothing_is_created(no_home: Settings) -> None:
    with ModelCatalog.open_read_only(no_home) as catalog:
        client = TestClient(create_application(catalog), base_url="http://localhost")
        for path in ("/", "/api/v1/models", "/api/v1/changes", "/v1/models", "/health"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert "ghost-pipeline db upgrade" in answer.text, path
        assert not no_home.home.exists()
        ModelCatalog.open(no_home).close()
        assert client.get("/api/v1/models").json() == {"models": [], "cursor": None}


@pytest.mark.parametrize("version", ["0001", "9999"])
def test_another_schema_is_a_problem_with_advice_and_is_not_changed(tmp_path: Path, version: str) -> None:
    settings = Settings(home=tmp_path)
    ModelCatalog.open(settings).close()
    connection = sqlite3.connect(tmp_path / "catalog.db")
    with connection:
        connection.execute("UPDATE catalog_version SET version_num = ?", [version])
    with ModelCatalog.open_read_only(settings) as catalog:
        client = TestClient(create_application(catalog), base_url="http://localhost")
        answer = client.get("/api/v1/models")
        assert answer.status_code == 503
        assert version in answer.json()["detail"]
        assert answer.json()["advice"]
        assert version in client.get("/").text
    assert connection.execute("SELECT version_num FROM catalog_version").fetchone() == (version,)
    connection.close()
