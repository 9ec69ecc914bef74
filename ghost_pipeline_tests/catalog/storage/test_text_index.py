"""The index of texts: when it is used, that it follows every change, and what happens without it."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter, SubmittedListing
from ghost_pipeline.catalog.storage import schema, text_index
from ghost_pipeline.catalog.storage.tables import models
from ghost_pipeline_tests.catalog.backends import SQLITE, Place, new_place
from ghost_pipeline_tests.catalog.oracle_driver import READER, listing_bytes

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not text_index.is_supported(), reason="this SQLite has no FTS5 with trigrams")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return new_place(SQLITE, tmp_path)


@pytest.fixture
def catalog(place: Place) -> Iterator[ModelCatalog]:
    with place.opened(reader=READER) as catalog:
        list_models(catalog, {"Llama-3": 1, "lab/gemma-2": 1, "o1": 1})
        yield catalog


def list_models(catalog: ModelCatalog, rows: dict[str, int], hours: int = 0) -> None:
    submitted = SubmittedListing("openai", "openai.json", listing_bytes(rows), NOON + timedelta(hours=hours))
    catalog.reconcile(catalog.admit(submitted).listing_id)


def search(catalog: ModelCatalog, text: str) -> list[str]:
    return [one.model_id for one in catalog.find_models(ModelFilter(search=text, is_active=None))]


def candidates(place: Place, text: str) -> str | None:
    """Return what the index finds, after a check of it against all models."""
    database = place.database()
    with database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO model_texts(model_texts, rank) VALUES ('integrity-check', 1)")
        found = text_index.find_candidates(connection, text)
    database.close()
    return found


def test_a_rare_text_is_found_by_the_index_and_a_short_one_by_reading_all(place: Place, catalog: ModelCatalog) -> None:
    assert candidates(place, "gemma") == "[2]"
    assert candidates(place, "nothing") == "[]"
    assert candidates(place, "o1") is None
    assert [search(catalog, text) for text in ("LLAMA", "mma-", "o1")] == [["Llama-3"], ["lab/gemma-2"], ["o1"]]


def test_a_common_text_is_not_looked_up(place: Place, catalog: ModelCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    list_models(catalog, {"lab/gemma-2": 1, "lab/gemma-3": 1}, hours=1)
    assert candidates(place, "gemma") == "[2,4]"
    monkeypatch.setattr(text_index, "MOST_CANDIDATES", 1)
    assert candidates(place, "gemma") is None
    assert search(catalog, "gemma") == ["lab/gemma-2", "lab/gemma-3"]


def test_the_index_follows_models_that_are_created_renamed_and_deleted(place: Place, catalog: ModelCatalog) -> None:
    catalog.add_manual_model("openai", "qwen-max", name="A name for people")
    assert search(catalog, "FOR PEOPLE") == ["qwen-max"]
    catalog.add_manual_model("openai", "qwen-max", name="Renamed")
    assert search(catalog, "for people") == []
    assert search(catalog, "named") == ["qwen-max"]
    catalog.remove_model("openai", "Llama-3")
    assert candidates(place, "llama") == "[]"
    catalog.restore_model("openai", "Llama-3")
    assert search(catalog, "llama") == ["Llama-3"]


def test_a_text_of_many_runs_and_of_signs_of_the_query_language_is_text(catalog: ModelCatalog) -> None:
    for text in (
        "".join(map(chr, range(33, 127))) * 2,
        'gemma" OR "lla',
        "gemma*",
        "gemma) OR (llama",
        "model_id:gemma",
        "NEAR gemma",
    ):
        assert search(catalog, text) == []


def test_a_backup_keeps_the_index(place: Place, catalog: ModelCatalog, tmp_path: Path) -> None:
    source = sqlite3.connect(place.home / "catalog.db")
    copy = sqlite3.connect(tmp_path / "copy.db")
    source.backup(copy)
    copy.close()
    source.close()
    with ModelCatalog.open(url=f"sqlite:///{tmp_path}/copy.db", reader=READER) as copied:
        list_models(copied, {"lab/gemma-4": 1}, hours=2)
        assert search(copied, "gemma-4") == ["lab/gemma-4"]


def test_a_program_without_trigrams_writes_and_searches_and_an_upgrade_fills_the_index_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.opened().close()
    with monkeypatch.context() as without, place.opened(reader=READER) as catalog:
        without.setattr(text_index, "is_supported", lambda: False)
        catalog._prepare()
        list_models(catalog, {"lab/gemma-2": 1})
        assert search(catalog, "gemma") == ["lab/gemma-2"]
    with place.opened(reader=READER) as catalog:
        assert search(catalog, "gemma") == ["lab/gemma-2"], "an index that lacks models is not used"
        ModelCatalog.upgrade_schema(place.settings)
        assert candidates(place, "gemma") == "[1]"


def test_the_index_comes_with_the_eleventh_step_and_leaves_with_it(place: Place, catalog: ModelCatalog) -> None:
    database = place.database()
    with database.writing() as connection:
        command.downgrade(schema.alembic_config(connection), "0010")
        assert not any(map(text_index.is_own_table, sa.inspect(connection).get_table_names()))
        connection.execute(sa.update(models).values(name="Changed"))
    schema.upgrade(database)
    database.close()
    assert candidates(place, "changed") == "[1,2,3]"
    assert search(catalog, "changed") == ["Llama-3", "lab/gemma-2", "o1"]
