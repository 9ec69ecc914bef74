"""Importing another catalog's export, on each database."""

import copy
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ghost_pipeline import ModelCatalog, ModelFilter
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.errors import InvalidExport
from ghost_pipeline.lifecycle.records import MODEL_FIELDS, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source
from ghost_pipeline_tests.catalog.backends import SQLITE, Place, new_place

NOW = datetime(2025, 12, 6, 7, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def row(model_id: str = "m", **stated: Any) -> dict[str, Any]:
    """One row of the pattern's export."""
    return {
        "provider_id": "openai",
        "model_id": model_id,
        "model_name": None,
        "provider_data": None,
        "first_seen_at": "2025-10-01T00:00:00Z",
        "last_seen_at": "2025-11-01T00:00:00Z",
        "is_active": True,
        "source": "INDEX",
        **stated,
    }


def imported(place: Place, *rows: dict[str, Any], at: datetime = NOW) -> ModelCatalog:
    catalog = place.opened()
    catalog.import_models(list(rows), "old.json", at)
    return catalog


def only(catalog: ModelCatalog) -> ModelRecord:
    (model,) = catalog.find_models(ModelFilter(is_active=None))
    return model


def exported(catalog: ModelCatalog) -> list[dict[str, Any]]:
    """Return what ``models --json`` prints, without the listing ids, which differ between catalogs."""
    columns = [name for name in MODEL_FIELDS if name != "listing_id"]
    found = catalog.find_models(ModelFilter(is_active=None))
    return [
        {
            name: value.isoformat().replace("+00:00", "Z")
            if isinstance(value := getattr(model, name), datetime)
            else value
            for name in columns
        }
        for model in found
    ]


def test_instants_sources_and_states_are_kept(place: Place) -> None:
    rows = [
        row("listed", model_name="Listed", provider_data={"id": "listed"}),
        row("used", source="INFERENCE"),
        row("ours", source="MANUAL", is_active=False),
    ]
    with imported(place, *rows) as catalog:
        found = {model.model_id: model for model in catalog.find_models(ModelFilter(is_active=None))}
        for model in found.values():
            assert (model.first_seen_at.month, model.last_seen_at.month) == (10, 11)
        assert {name: (model.source, model.is_active) for name, model in found.items()} == {
            "listed": (Source.INDEX, True),
            "used": (Source.INFERENCE, True),
            "ours": (Source.MANUAL, False),
        }
        assert (found["listed"].name, found["listed"].provider_data) == ("Listed", {"id": "listed"})
        (event,) = catalog.list_events("openai", "used")
        assert (event.kind, event.at, event.source) == (EventKind.DISCOVERED, NOW, Source.INFERENCE)
        assert event.details == {"imported_from": "old.json"}


def test_a_row_without_an_instant_of_listing_or_use_takes_its_first_seen_one(place: Place) -> None:
    with imported(place, row("listed"), row("used", source="INFERENCE"), row("ours", source="MANUAL")) as catalog:
        listed, ours, used = catalog.find_models()
        assert (listed.last_listed_at, listed.last_used_at) == (listed.first_seen_at, None)
        assert (used.last_listed_at, used.last_used_at) == (None, used.first_seen_at)
        assert (ours.last_listed_at, ours.last_used_at) == (None, None)


def test_an_imported_ghost_has_its_thirty_days_before_any_purge(place: Place) -> None:
    with imported(place, row(is_active=False)) as catalog:
        assert only(catalog).deactivated_at == NOW
        assert catalog.delete_old_inactive_models(now=NOW + 30 * DAY).changed == 0
        assert catalog.delete_old_inactive_models(now=NOW + 30 * DAY + timedelta(seconds=1)).changed == 1


def test_an_active_model_goes_stale_by_its_own_instants(place: Place) -> None:
    with imported(place, row("old"), row("new", last_seen_at="2025-12-06T06:00:00Z")) as catalog:
        assert catalog.mark_stale_models_inactive(now=NOW).models == (("openai", "old"),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-11-01T12:00:00Z", datetime(2025, 11, 1, 12, tzinfo=UTC)),
        ("2025-11-01 12:00:00.123456", datetime(2025, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)),
        ("2025-11-01T12:00:00+05:30", datetime(2025, 11, 1, 12, tzinfo=timezone(timedelta(hours=5.5)))),
        ("2025-11-01 12:00:00+00", datetime(2025, 11, 1, 12, tzinfo=UTC)),
        ("2025-11-01", datetime(2025, 11, 1, tzinfo=UTC)),
        ("2099-01-01T00:00:00Z", NOW),
    ],
)
def test_instants_without_a_zone_are_utc_and_those_of_the_future_are_capped(
    tmp_path: Path, text: str, expected: datetime
) -> None:
    with imported(new_place(SQLITE, tmp_path), row(last_seen_at=text)) as catalog:
        assert only(catalog).last_seen_at == expected


def test_an_import_done_again_changes_nothing(place: Place) -> None:
    rows = [row("a"), row("b", is_active=False), row("c", source="MANUAL", name="C")]
    with imported(place, *rows) as catalog:
        before, events = exported(catalog), catalog.list_events()
        result = catalog.import_models(rows, "old.json", NOW + DAY)
        assert (result.rows, result.unchanged) == (3, 3)
        assert (exported(catalog), catalog.list_events()) == (before, events)


def test_two_histories_of_one_model_become_one(place: Place) -> None:
    with place.opened() as catalog:
        catalog.track_successful_inference("openai", "m", metadata={"a": 1, "b": 1}, observed_at=NOW - 2 * DAY)
        rows = [row(model_name="M", context_window=1000, inference_metadata={"a": 2, "c": 3})]
        assert catalog.import_models(rows, "old.json", NOW).updated == 1
        model = only(catalog)
        assert (model.source, model.name, model.context_window) == (Source.INDEX, "M", 1000)
        assert (model.first_seen_at.month, model.last_seen_at) == (10, NOW - 2 * DAY)
        assert model.inference_metadata == {"a": 1, "b": 1, "c": 3}
        changed = catalog.list_events()[-1]
        assert (changed.kind, changed.source) == (EventKind.CHANGED, Source.INDEX)
        assert changed.details is not None
        assert changed.details["source"] == {"old": "INFERENCE", "new": "INDEX"}
        assert changed.details["imported_from"] == "old.json"


def test_a_ghost_that_was_seen_elsewhere_is_reactivated_and_a_manual_one_stays_manual(place: Place) -> None:
    with place.opened() as catalog:
        for model_id in ("seen", "unseen"):
            catalog.track_successful_inference("openai", model_id, observed_at=NOW - 9 * DAY)
        catalog.add_manual_model("openai", "ours", observed_at=NOW - 9 * DAY)
        catalog.mark_stale_models_inactive(now=NOW - 2 * DAY)
        seen_at = (NOW - DAY).isoformat()
        catalog.import_models([row("seen", last_seen_at=seen_at), row("unseen"), row("ours")], "old.json", NOW)
        found = {model.model_id: model for model in catalog.find_models(ModelFilter(is_active=None))}
        assert {name for name, model in found.items() if model.is_active} == {"seen", "ours"}
        assert found["ours"].source is Source.MANUAL
        assert [event.kind for event in catalog.list_events("openai", "seen")][-1:] != [EventKind.DEACTIVATED]
        assert EventKind.REACTIVATED in {event.kind for event in catalog.list_events("openai", "seen")}


def test_a_model_that_was_added_elsewhere_is_added_here(place: Place) -> None:
    with place.opened() as catalog:
        catalog.track_successful_inference("openai", "m", observed_at=NOW - 9 * DAY)
        catalog.import_models([row(source="manual")], "old.json", NOW)
        assert only(catalog).source is Source.MANUAL
        added = catalog.list_events()[-1]
        assert added.kind is EventKind.ADDED
        assert added.details == {"previous_source": "INFERENCE", "imported_from": "old.json"}


def test_what_was_removed_stays_out_and_what_was_purged_comes_back_if_it_was_seen_since(place: Place) -> None:
    with place.opened() as catalog:
        for model_id in ("removed", "purged", "seen"):
            catalog.track_successful_inference("openai", model_id, "Name", observed_at=NOW - 90 * DAY)
        catalog.remove_model("openai", "removed")
        catalog.mark_stale_models_inactive(now=NOW - 80 * DAY)
        assert catalog.delete_old_inactive_models(now=NOW - 40 * DAY).changed == 2
        old = (NOW - 85 * DAY).isoformat()
        rows = [row(one, first_seen_at=old, last_seen_at=old) for one in ("removed", "purged")]
        result = catalog.import_models([*rows, row("seen")], "old.json", NOW)
        assert (result.kept_out, result.created) == (2, 1)
        assert (only(catalog).name, only(catalog).source) == ("Name", Source.INFERENCE)
        assert catalog.list_events("openai", "seen")[-1].kind is EventKind.RESTORED


def test_a_whole_catalog_comes_through_its_own_export(place: Place, tmp_path: Path) -> None:
    listing = b'{"data": [{"id": "a", "context_window": 8000}, {"id": "b"}]}'
    with place.opened() as catalog:
        submission = SubmittedListing("groq", "groq.json", listing, NOW)
        catalog.reconcile(catalog.admit(submission).listing_id)
        catalog.track_successful_inference("groq", "used", "Used", {"region": "eu"}, observed_at=NOW - 50 * DAY)
        catalog.add_manual_model(
            "openai",
            "ours",
            "Ours",
            input_price=0,
            output_price=0,
            capabilities=["tools"],
            expires_at=NOW + DAY,
            observed_at=NOW,
        )
        catalog.mark_stale_models_inactive(now=NOW - 40 * DAY)
        before = exported(catalog)
    folder = tmp_path / "other"
    folder.mkdir()
    with imported(new_place(SQLITE, folder), *copy.deepcopy(before), at=NOW + 9 * DAY) as other:
        assert exported(other) == before
    with imported(place, *before) as catalog:
        assert exported(catalog) == before
        known = catalog.find_models(ModelFilter(("groq",)))
        assert [one.listing_id for one in known] == [1, 1], "it knows as much as before"


def test_repeated_bytes_after_an_import_filled_facts_in_give_the_same_result(
    place: Place,
) -> None:
    """The facts of a listed model are the listing's, whichever way its bytes are folded in."""
    listing = b'{"data": [{"id": "m"}]}'
    with place.opened() as catalog:
        for hours in (0, 1):
            if hours:
                catalog.import_models([row("m", provider_id="groq", context_window=1000)], "old.json", NOW)
                assert only(catalog).context_window == 1000
            at = NOW + timedelta(hours=hours)
            submission = SubmittedListing("groq", "groq.json", listing, at)
            catalog.reconcile(catalog.admit(submission).listing_id)
        assert only(catalog).context_window is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"provider_id": "no provider!"}, "is not a valid provider name"),
        ({"provider_id": None}, "provider_id"),
        ({"model_id": " "}, "is empty"),
        ({"model_id": 5}, "`$.model_id`"),
        ({"source": "RUMOUR"}, "is not a source"),
        ({"is_active": "perhaps"}, "`$.is_active`"),
        ({"first_seen_at": "yesterday"}, "first_seen_at 'yesterday' is not an ISO 8601 timestamp"),
        ({"last_seen_at": 1764000000}, "`$.last_seen_at`"),
        ({"last_seen_at": "0001-01-01T00:00:00+14:00"}, "last_seen_at"),
        ({"first_seen_at": "2025-11-02T00:00:00Z"}, "later than last_seen_at"),
        ({"model_name": "a\x00b"}, "can't be stored"),
        ({"context_window": 0}, "context_window is out of range"),
        ({"input_price": -1.0}, "input_price"),
        ({"capabilities": ["telepathy"]}, "'telepathy'"),
        ({"inference_metadata": {"a": "\x00"}}, "NUL"),
        ({"provider_data": {"a": "\ud800"}}, "provider_data can't be stored as JSON"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_row_that_cannot_be_used_is_named_and_nothing_is_written(
    tmp_path: Path, wrong: dict[str, Any], message: str
) -> None:
    with new_place(SQLITE, tmp_path).opened() as catalog:
        with pytest.raises(InvalidExport) as error:
            catalog.import_models([row("good"), row(**wrong)], "old.json", NOW)
        assert "old.json can't be imported: 1 of 2 rows is invalid, so nothing was written: row 2" in str(error.value)
        assert message in str(error.value)
        assert catalog.find_models() == []
        assert catalog.list_providers() == []


def test_a_row_that_lacks_a_column_or_is_not_an_object_is_named(tmp_path: Path) -> None:
    lacking = row()
    del lacking["is_active"]
    rows: list[Any] = [lacking, "m", *[row("")] * 30]
    with new_place(SQLITE, tmp_path).opened() as catalog, pytest.raises(InvalidExport) as error:
        catalog.import_models(rows, "old.json", NOW)
    for part in ("32 of 32", "row 1 (openai m): Object missing required field `is_active`", "row 2: ", "; …"):
        assert part in str(error.value)


def test_columns_that_are_not_taken_in_are_named(tmp_path: Path) -> None:
    with new_place(SQLITE, tmp_path).opened() as catalog:
        result = catalog.import_models([row(id=1, created_at="x"), row("n", is_free=True)], "old.json", NOW)
        assert result.left_out == ("created_at", "id")
        assert result.columns["name"] == "model_name"


def test_what_sqlite_exports_of_booleans_and_json_is_read(place: Place) -> None:
    rows = [row("a", is_active=0, provider_data='{"id": "a"}'), row("b", is_active=1, provider_data="no JSON")]
    with place.opened() as catalog:
        result = catalog.import_models(rows, "old.json", NOW)
        assert result.remarked == 1
        assert result.remarks[0].startswith("row 2 (openai b): its provider_data is not a JSON object")
        a, b = catalog.find_models(ModelFilter(is_active=None))
        assert (a.is_active, a.provider_data) == (False, {"id": "a"})
        assert (b.is_active, b.provider_data) == (True, {"not_an_object": "no JSON"})


def test_provider_data_with_a_nul_character_is_kept(place: Place) -> None:
    with imported(place, row(provider_data={"a": "\x00"})) as catalog:
        assert only(catalog).provider_data == {"not_an_object": '{"a":"\\u0000"}'}


def test_of_a_repeated_model_all_rows_become_one_history(place: Place) -> None:
    rows = [row(), row(first_seen_at="2025-09-01T00:00:00Z", source="INFERENCE"), row(model_name="M")]
    with place.opened() as catalog:
        result = catalog.import_models(rows, "old.json", NOW)
        assert (result.rows, result.created, result.repeated) == (3, 1, 2)
        model = only(catalog)
        assert (model.source, model.first_seen_at.month, model.name) == (Source.INFERENCE, 9, "M")
