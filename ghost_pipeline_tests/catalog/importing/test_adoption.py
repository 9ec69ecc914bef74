"""Adopting an old table of models, on each database."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ghost_pipeline import ModelCatalog, ModelFilter
from ghost_pipeline.catalog.importing import merge
from ghost_pipeline.catalog.results import ImportResult
from ghost_pipeline.catalog.storage import schema
from ghost_pipeline.errors import CatalogError, UnknownTable
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source, Verdict
from ghost_pipeline_tests.catalog.backends import BACKENDS, POSTGRESQL, SQLITE, Place, new_place
from ghost_pipeline_tests.catalog.importing.old_tables import make_old_table, outside, rows_of
from ghost_pipeline_tests.catalog.ingestion.test_crash_and_concurrency import ingest, listing

NOW = datetime(2025, 12, 6, 7, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=2)
ROWS = [
    ("openai", "gpt-x", "GPT X", '{"id": "gpt-x", "context": 8000}'),
    ("Gemini", "models/gemini-x", None, '{"name": "models/gemini-x"}'),
    ("google", "gemini-y", "Y", None),
]


def models_of(catalog: ModelCatalog) -> dict[tuple[str, str], ModelRecord]:
    return {(model.provider_id, model.model_id): model for model in catalog.find_models(ModelFilter(is_active=None))}


def counts(result: ImportResult) -> dict[str, int]:
    names = ("rows", "created", "updated", "unchanged", "repeated", "kept_out", "refused")
    return {name: number for name in names if (number := getattr(result, name))}


def adopted(place: Place, at: datetime = NOW, **columns: Any) -> ImportResult:
    with place.opened() as catalog:
        return catalog.adopt_table("old_models", now=at, **columns)


def test_every_row_is_listed_active_and_seen_now_and_the_table_stays(place: Place) -> None:
    place.opened().close()
    make_old_table(place, ROWS)
    before = rows_of(place)
    with place.opened() as catalog:
        result = catalog.adopt_table("old_models", now=NOW)
        assert counts(result) == {"rows": 3, "created": 3}
        assert result.left_out == ("id",)
        found = models_of(catalog)
        assert set(found) == {("openai", "gpt-x"), ("google", "gemini-x"), ("google", "gemini-y")}
        for model in found.values():
            assert (model.source, model.is_active, model.deactivated_at) == (Source.INDEX, True, None)
            assert model.first_seen_at == model.last_seen_at == model.last_listed_at == NOW
        assert found["openai", "gpt-x"].name == "GPT X"
        assert found["openai", "gpt-x"].provider_data == {"id": "gpt-x", "context": 8000}
        (event,) = catalog.list_events("openai", "gpt-x")
        assert (event.kind, event.at, event.source) == (EventKind.DISCOVERED, NOW, Source.INDEX)
        assert event.details == {"adopted_from": "old_models"}
        assert {one.last_complete_at for one in catalog.list_providers()} == {None}
    assert rows_of(place) == before


def test_doing_it_again_changes_nothing_whatever_became_of_the_models(place: Place) -> None:
    place.opened().close()
    make_old_table(place, [("openai", model_id, model_id, None) for model_id in ("active", "ghost", "gone", "removed")])
    adopted(place)
    with place.opened() as catalog:
        catalog.remove_model("openai", "removed", now=NOW)
        catalog.reactivate_model("openai", "active", now=NOW + timedelta(days=40))
        catalog.add_manual_model("openai", "ghost", name="Ours", observed_at=NOW)
        catalog.mark_stale_models_inactive(now=LATER)
        catalog.delete_old_inactive_models(now=NOW + timedelta(days=50))
        before, events = models_of(catalog), catalog.list_events()
        assert set(before) == {("openai", "active"), ("openai", "ghost")}
        result = catalog.adopt_table("old_models", now=NOW + timedelta(days=60))
        assert counts(result) == {"rows": 4, "unchanged": 2, "kept_out": 2}
        assert models_of(catalog) == before
        assert catalog.list_events() == events


def test_a_ghost_stays_one_and_is_not_kept_from_the_purge(place: Place) -> None:
    place.opened().close()
    make_old_table(place, [("openai", "gpt-x", None, None)])
    adopted(place)
    with place.opened() as catalog:
        catalog.mark_stale_models_inactive(now=LATER)
        catalog.adopt_table("old_models", now=LATER + timedelta(days=30))
        assert catalog.delete_old_inactive_models(now=LATER + timedelta(days=31)).changed == 1


def test_what_the_catalog_knows_stays_and_what_it_lacks_is_filled_in(place: Place) -> None:
    with place.opened() as catalog:
        catalog.track_successful_inference("openai", "gpt-x", observed_at=NOW - timedelta(days=9))
        catalog.add_manual_model("google", "gemini-y", name="Ours", observed_at=NOW - timedelta(days=9))
        before = models_of(catalog)
    make_old_table(place, ROWS)
    with place.opened() as catalog:
        result = catalog.adopt_table("old_models", now=NOW)
        assert counts(result) == {"rows": 3, "created": 1, "updated": 1, "unchanged": 1}
        found = models_of(catalog)
        filled = found["openai", "gpt-x"]
        assert (filled.source, filled.last_seen_at) == (Source.INFERENCE, NOW - timedelta(days=9))
        assert (filled.name, filled.provider_data) == ("GPT X", {"id": "gpt-x", "context": 8000})
        assert found["google", "gemini-y"] == before["google", "gemini-y"]
        changed = catalog.list_events("openai", "gpt-x")[-1]
        assert (changed.kind, changed.source) == (EventKind.CHANGED, Source.INDEX)
        assert changed.details is not None
        assert changed.details["name"] == {"old": None, "new": "GPT X"}


def test_rows_without_a_usable_provider_or_id_are_all_reported(place: Place) -> None:
    place.opened().close()
    bad = [("no provider!", "x", None, None), (None, "y", None, None), ("openai", " ", None, None)]
    make_old_table(place, [*bad, *ROWS, ("openai", None, None, None), ("no provider!", "z", None, None)])
    result = adopted(place)
    assert counts(result) == {"rows": 8, "created": 3, "refused": 5}
    assert len(result.refusals) == 4, "a provider's rows are reported in one line"
    assert any(line.startswith("2 rows: provider 'no provider!'") for line in result.refusals)


def test_of_many_refusals_the_first_are_shown_and_all_are_counted(place: Place) -> None:
    place.opened().close()
    make_old_table(place, [("openai", "", None, None)] * 30)
    result = adopted(place)
    assert (result.refused, len(result.refusals)) == (30, 20)


@pytest.mark.parametrize("batch", [1, 1000])
def test_of_a_repeated_model_the_first_row_wins_and_the_others_fill_in(
    place: Place, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(merge, "BATCH", batch)
    place.opened().close()
    rows = [("openai", "m", "First", None), ("OpenAI", " m ", "Second", '{"id": "m"}'), ("openai", "m", None, None)]
    make_old_table(place, rows)
    assert counts(adopted(place)) == {"rows": 3, "created": 1, "repeated": 2}
    with place.opened() as catalog:
        (model,) = catalog.find_models()
        assert (model.name, model.provider_data) == ("First", {"id": "m"})
        changed = [EventKind.CHANGED] if batch == 1 else []
        assert [event.kind for event in catalog.list_events()] == [EventKind.DISCOVERED, *changed]


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ("", None),
        ("null", None),
        ('{"a": {"b": [1.5, null]}}', {"a": {"b": [1.5, None]}}),
        ("{'id': 'm'}", {"not_an_object": "{'id': 'm'}"}),
        ("[1, 2]", {"not_an_object": [1, 2]}),
        ('"text"', {"not_an_object": "text"}),
        ('{"a": NaN}', {"not_an_object": '{"a": NaN}'}),
        ('{"a": "\\u0000"}', {"not_an_object": '{"a": "\\u0000"}'}),
        ('{"a": "\\\\u0000"}', {"a": "\\u0000"}),
        ("[" * 100_000, {"not_an_object": "[" * 100_000}),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_data_that_is_not_a_json_object_is_kept_and_reported(place: Place, kept: str, expected: Any) -> None:
    place.opened().close()
    make_old_table(place, [("openai", "m", None, kept)])
    result = adopted(place)
    assert result.remarked == (1 if expected and "not_an_object" in expected else 0)
    with place.opened() as catalog:
        assert catalog.find_models()[0].provider_data == expected


@pytest.mark.parametrize("kind", ["JSON", "JSONB"])
def test_columns_of_json_types_are_read_as_they_are(place: Place, kind: str) -> None:
    place.opened().close()
    data = {"id": "m", "price": 0.1, "big": 12345678901234567890123, "é": [True]}
    make_old_table(place, [("openai", "m", None, json.dumps(data))], data=kind)
    adopted(place)
    with place.opened() as catalog:
        assert catalog.find_models()[0].provider_data == data


def test_an_unusable_name_is_reported_and_the_model_is_adopted(place: Place) -> None:
    place.opened().close()
    make_old_table(place, [("openai", "m", "n" * 513, None), ("openai", "o", "a\nb", None)])
    result = adopted(place)
    assert (result.created, result.remarked) == (2, 2)
    assert "openai m: name" in result.remarks[0]


def test_ids_that_are_not_text_are_rejected(place: Place) -> None:
    place.opened().close()
    with outside(place) as connection:
        connection.execute(sa.text("CREATE TABLE old_models (provider_id INTEGER, model_id TEXT)"))
        connection.execute(sa.text("INSERT INTO old_models VALUES (1, 'm'), (2, 'n')"))
    assert counts(adopted(place)) == {"rows": 2, "refused": 2}


def test_texts_on_sqlite_that_are_not_utf_8_are_kept_or_rejected(tmp_path: Any) -> None:
    place = new_place(SQLITE, tmp_path)
    place.opened().close()
    make_old_table(place, [("openai", "m", "M", None)])
    with outside(place) as connection:
        connection.execute(
            sa.text(
                "INSERT INTO old_models VALUES (1, 'openai', 'n', NULL, CAST(X'FF41' AS TEXT)),"
                " (2, 'openai', CAST(X'FF' AS TEXT), NULL, NULL), (3, CAST(X'FF' AS TEXT), 'm', NULL, NULL),"
                " (4, 'openai', 'o', CAST(X'FF' AS TEXT), X'7B7D')"
            )
        )
    result = adopted(place)
    assert counts(result) == {"rows": 5, "created": 3, "refused": 2}
    with place.opened() as catalog:
        found = models_of(catalog)
        assert found["openai", "n"].provider_data == {"not_an_object": "\\xffA"}
        assert (found["openai", "o"].name, found["openai", "o"].provider_data) == (None, {})


def test_columns_are_found_by_several_names_and_can_be_chosen(place: Place) -> None:
    place.opened().close()
    columns = ("Provider", "Model", "display_name", "slug", "raw")
    make_old_table(place, [("openai", "internal-1", "M", "m", '{"id": "m"}')], columns=columns)
    result = adopted(place, model_column="slug")
    assert result.columns == {"provider": "Provider", "model": "slug", "name": "display_name", "data": "raw"}
    assert result.left_out == ("id", "Model")
    with place.opened() as catalog:
        (model,) = catalog.find_models()
        assert (model.model_id, model.name, model.provider_data) == ("m", "M", {"id": "m"})


def test_the_error_for_a_missing_table_or_column_names_those_that_exist(place: Place) -> None:
    place.opened().close()
    make_old_table(place, [], columns=("vendor", "slug", "price"))
    with place.opened() as catalog:
        with pytest.raises(UnknownTable, match="no table 'nope': it has old_models besides its own"):
            catalog.adopt_table("nope")
        with pytest.raises(
            UnknownTable, match=r"usual name for the model .* it has id, vendor, slug, price; set it with --model"
        ):
            catalog.adopt_table("old_models")
        with pytest.raises(UnknownTable, match="no column 'Slug' for the model; it has id, vendor, slug, price"):
            catalog.adopt_table("old_models", model_column="Slug")


@pytest.mark.parametrize("name", ["models", "providers", "model_events", "catalog_version"])
def test_the_catalog_s_own_tables_are_not_adopted(place: Place, name: str) -> None:
    with place.opened() as catalog:
        with pytest.raises(UnknownTable, match="the catalog's own table"):
            catalog.adopt_table(name)
        with pytest.raises(UnknownTable, match="the catalog's own table"):
            catalog.adopt_table(f"{'main' if place.url.startswith(SQLITE) else 'public'}.{name}")


def test_names_on_sqlite_are_the_same_in_any_case(tmp_path: Any) -> None:
    with new_place(SQLITE, tmp_path).opened() as catalog, pytest.raises(UnknownTable, match="the catalog's own table"):
        catalog.adopt_table("Models")


def test_a_table_in_another_schema_is_adopted(tmp_path: Any) -> None:
    place = new_place(POSTGRESQL, tmp_path)
    with outside(place) as connection:
        connection.execute(sa.text('CREATE SCHEMA "Legacy"'))
    with outside(place) as connection:
        connection.execute(sa.text('CREATE TABLE "Legacy".models (provider_id VARCHAR(20), model_id TEXT, data JSONB)'))
        connection.execute(sa.text("""INSERT INTO "Legacy".models VALUES ('openai', 'm', '{"id": "m"}')"""))
    with place.opened() as catalog:
        assert counts(catalog.adopt_table("Legacy.models", now=NOW)) == {"rows": 1, "created": 1}
        assert catalog.find_models()[0].provider_data == {"id": "m"}
    place.remove()


def test_a_view_is_adopted(place: Place) -> None:
    place.opened().close()
    make_old_table(place, ROWS)
    with outside(place) as connection:
        connection.execute(sa.text("CREATE VIEW chosen AS SELECT * FROM old_models WHERE provider_id = 'openai'"))
    with place.opened() as catalog:
        assert counts(catalog.adopt_table("chosen")) == {"rows": 1, "created": 1}


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_table_that_has_the_catalog_s_name_is_renamed_then_adopted(backend: str, tmp_path: Any) -> None:
    place = new_place(backend, tmp_path, is_migrated=False)
    make_old_table(place, ROWS, name="models")
    database = place.database()
    with pytest.raises(CatalogError, match=r"models.* rename the table .'ghost-pipeline db adopt' imports its rows"):
        schema.upgrade(database)
    assert len(rows_of(place, "models")) == 3
    assert schema.current_revision(database) is None
    with outside(place) as connection:
        connection.execute(sa.text("ALTER TABLE models RENAME TO old_models"))
        connection.execute(sa.text("CREATE INDEX ix_listings_run_id ON old_models (model_id)"))
    with pytest.raises(CatalogError, match=r"ix_listings_run_id.* drop the index"):
        schema.upgrade(database)
    with outside(place) as connection:
        connection.execute(sa.text("DROP INDEX ix_listings_run_id"))
    schema.upgrade(database)
    database.close()
    assert counts(adopted(place)) == {"rows": 3, "created": 3}
    place.remove()


def test_a_broken_adoption_goes_on_where_it_was_broken_off(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.opened().close()
    make_old_table(place, ROWS)
    make_old_table(place, ROWS[:1], name="half")
    with place.opened() as catalog:
        catalog.adopt_table("half", now=NOW - timedelta(days=1))
    assert counts(adopted(place)) == {"rows": 3, "created": 2, "unchanged": 1}


ids = st.sampled_from(["a", "b", " a", "models/a", "", "x\x01"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.sampled_from(["google", "Gemini", "openai", "?"]), ids), max_size=8))
def test_every_row_is_counted_once(tmp_path: Any, rows: list[tuple[str, str]]) -> None:
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    place = new_place(SQLITE, folder)
    place.opened().close()
    make_old_table(place, [(*row, None, None) for row in rows])
    first, second = adopted(place), adopted(place, LATER)
    for result in (first, second):
        counted = counts(result)
        assert counted.pop("rows", 0) == len(rows) == sum(counted.values())
    with place.opened() as catalog:
        assert first.created == len(models_of(catalog)) == second.unchanged
    assert (second.created, second.updated) == (0, 0)


def test_what_is_adopted_after_a_complete_listing_is_not_expected_of_the_next_one(place: Place) -> None:
    content = listing(*(f"listed-{number}" for number in range(30)))
    with place.opened() as catalog:
        ingest(catalog, content, NOW)
        make_old_table(place, [("openai", f"old-{number}", None, None) for number in range(20)])
        catalog.adopt_table("old_models", now=NOW + timedelta(minutes=1))
        outcome = ingest(catalog, content, NOW + timedelta(minutes=2))
        assert (outcome.verdict, outcome.counts and outcome.counts.missing) == (Verdict.COMPLETE, 0)
        assert catalog.list_providers()[0].held_since is None
        assert len(catalog.find_models()) == 50
