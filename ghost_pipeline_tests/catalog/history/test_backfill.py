"""What was recorded after a backfill equals what a catalog recorded that had events from the start."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.history.changes import Change
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.lifecycle.facts import LISTED_COLUMNS
from ghost_pipeline_tests.catalog.backends import SQLITE, Place, new_place
from ghost_pipeline_tests.catalog.history.test_changes import read_all
from ghost_pipeline_tests.catalog.ingestion.test_crash_and_concurrency import ingest
from ghost_pipeline_tests.catalog.oracle_driver import READER, listing_bytes
from ghost_pipeline_tests.providers.samples import REAL_LISTINGS

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOMENT = timedelta(microseconds=1)
IDS = tuple(f"m{number:02}" for number in range(30))


def forget_events(place: Place, condition: str = "1 = 1") -> None:
    """Delete events and their batches, as if the catalog were older than they are."""
    database = place.database()
    with database.writing() as connection:
        connection.execute(sa.text(f"DELETE FROM model_events WHERE {condition}"))
        connection.execute(
            sa.text(
                "DELETE FROM event_batches WHERE NOT EXISTS (SELECT 1 FROM model_events AS e WHERE "
                "e.provider_id = event_batches.provider_id AND e.id BETWEEN first_id AND last_id)"
            )
        )
    database.close()


def write_history(catalog: ModelCatalog) -> None:
    """Ingest listings of 50 days with changed prices, models that leave and return, a hold and late sweeps."""
    ingest(catalog, listing_bytes(dict.fromkeys(IDS, 1)), NOON)
    ingest(catalog, listing_bytes(dict.fromkeys(IDS, 1)), NOON + 12 * HOUR)
    ingest(catalog, listing_bytes(dict.fromkeys(IDS[3:], 4)), NOON + 20 * HOUR)
    sweep(catalog, NOON + 36 * HOUR + MOMENT)  # the first three become ghosts
    ingest(catalog, listing_bytes(dict.fromkeys(IDS[2:], 2)), NOON + 40 * HOUR)  # the third returns
    ingest(catalog, listing_bytes(dict.fromkeys(IDS[:8], 1)), NOON + 41 * HOUR)  # shrunken: a hold, the others stay
    ingest(catalog, listing_bytes(dict.fromkeys(IDS[2:], 1)), NOON + 60 * HOUR)
    sweep(catalog, NOON + 65 * HOUR + MOMENT)  # the first two, which the hold had protected
    for day in range(3, 50):
        ingest(catalog, listing_bytes(dict.fromkeys(IDS[2:], 1)), NOON + day * DAY)
        if day == 32:
            sweep(catalog, NOON + 65 * HOUR + 30 * DAY + 2 * MOMENT)
    ingest(catalog, listing_bytes({**dict.fromkeys(IDS[2:], 1), IDS[0]: 3}), NOON + 50 * DAY)  # back after its purge


def sweep(catalog: ModelCatalog, now: datetime) -> None:
    catalog.delete_old_inactive_models(now=now)
    catalog.mark_stale_models_inactive(now=now)


def essence(changes: list[Change]) -> list[Any]:
    """Return what changes have but their ids, their use, and the order within a listing."""
    return sorted(
        (one.at, one.model_id, one.kind, one.old, one.new, one.listing_id, one.sha256, one.run_id, one.reason)
        for one in changes
    )


def states(catalog: ModelCatalog, at: datetime) -> dict[str, Any]:
    wanted = ModelFilter(is_active=None)
    return {
        past.model.model_id: [getattr(past.model, name) for name in ("source", "is_active", *LISTED_COLUMNS)]
        for past in catalog.history.iterate_models(at, wanted)
    }


def asked(catalog: ModelCatalog) -> dict[str, Any]:
    """Return everything that can be asked of the past."""
    instants = [NOON - HOUR, *(NOON + number * 29 * HOUR for number in range(41))]
    ids = [model.model_id for model in catalog.find_models(ModelFilter(is_active=None))]
    return {
        "changes": essence(read_all(catalog)[0]),
        "since": essence(read_all(catalog, NOON + 40 * HOUR)[0]),
        "models": [states(catalog, at) for at in instants],
        "counts": [catalog.history.count_models(at)["total"] for at in instants],
        "prices": [catalog.history.list_prices("openai", model_id) for model_id in ids],
        "first": catalog.history.first_recorded_at(),
    }


@pytest.mark.parametrize("kept_from", [None, 41])
def test_a_backfilled_history_equals_the_one_that_was_recorded(place: Place, kept_from: int | None) -> None:
    """All events are forgotten, or those before an instant in the middle."""
    clock = lambda: NOON + 51 * DAY  # noqa: E731
    with place.opened(clock, READER) as catalog:
        write_history(catalog)
        before = asked(catalog)
        stored = snapshot(place)
    instant = NOON if kept_from is None else NOON + kept_from * HOUR
    forget_events(place, "1 = 1" if kept_from is None else f"recorded_at < '{instant:%Y-%m-%d %H:%M:%S}'")
    with place.opened(clock, READER) as catalog:
        forgotten, cursor = read_all(catalog)
        assert essence(forgotten) != before["changes"]
        [planned] = catalog.backfill_history(is_dry_run=True)
        assert read_all(catalog) == (forgotten, cursor)
        steps: list[tuple[str, int, int]] = []
        [done] = catalog.backfill_history(report=lambda *step: steps.append(step))
        assert done == planned
        assert (done.provider_id, done.unreadable_listings, done.begins_at) == ("openai", 0, NOON)
        assert [step[1] for step in steps] == list(range(steps[0][2]))
        assert asked(catalog) == before
        assert catalog.list_changes(cursor).changes == [], "what was derived is not new"
        assert [one.events for one in catalog.backfill_history()] == [0]
        assert asked(catalog) == before
        assert snapshot(place) == stored
        catalog.track_successful_inference("openai", "new")
        assert [one.model_id for one in catalog.list_changes(cursor).changes] == ["new"]


def test_what_an_operator_states_now_is_not_in_the_listings_of_before(place: Place) -> None:
    with place.opened(lambda: NOON + DAY, READER) as catalog:
        for hours, facts in ((0, 1), (1, 6)):
            ingest(catalog, listing_bytes({"m": facts}), NOON + hours * HOUR)
        catalog.add_manual_model("openai", "m", context_window=7, observed_at=NOON + 2 * HOUR)
    forget_events(place)
    with place.opened(lambda: NOON + DAY, READER) as catalog:
        catalog.backfill_history()
        past = [states(catalog, NOON + hours * HOUR)["m"] for hours in (0, 1)]
        assert [dict(zip(LISTED_COLUMNS, one[2:], strict=True))["context_window"] for one in past] == [8_192, 4_096]
        assert catalog.find_models()[0].context_window == 7


def snapshot(place: Place) -> dict[str, Any]:
    """Return all rows of the tables that a backfill does not change."""
    database = place.database()
    with database.reading() as connection:
        tables = ("providers", "models", "listings", "catalog_identity")
        found = {name: connection.execute(sa.text(f"SELECT * FROM {name}")).all() for name in tables}
    database.close()
    return {name: sorted(map(str, rows)) for name, rows in found.items()}


def test_where_events_exist_from_the_start_nothing_is_added(place: Place) -> None:
    with place.opened(lambda: NOON + 51 * DAY, READER) as catalog:
        assert catalog.backfill_history() == []
        write_history(catalog)
        catalog.track_successful_inference("groq", "used", observed_at=NOON)
        catalog.add_manual_model("groq", "manual", observed_at=NOON + HOUR)
        catalog.remove_model("groq", "used", now=NOON + 2 * HOUR)
        late = listing_bytes(dict.fromkeys((*IDS[2:], "late"), 1))
        ingest(catalog, late, NOON + HOUR)
        assert [one.events for one in catalog.backfill_history()] == [0, 0]
        assert {one.begins_at for one in catalog.backfill_history()} == {None}


def test_models_of_operators_and_clients_arrive_when_they_were_first_seen(place: Place) -> None:
    clock = lambda: NOON + 9 * DAY  # noqa: E731
    with place.opened(clock, READER) as catalog:
        catalog.add_manual_model("openai", "manual", observed_at=NOON - HOUR, input_price=1.0)
        ingest(catalog, listing_bytes({"a": 1, "used": 1}), NOON)
        catalog.track_successful_inference("openai", "client", observed_at=NOON + HOUR)
        catalog.track_successful_inference("openai", "used", observed_at=NOON + 3 * DAY)
        ingest(catalog, listing_bytes({"a": 1}), NOON + 2 * HOUR)
        catalog.mark_stale_models_inactive(now=NOON + 30 * HOUR)
        ingest(catalog, listing_bytes({"a": 1, "used": 2}), NOON + 4 * DAY)
    forget_events(place)
    with place.opened(clock, READER) as catalog:
        [done] = catalog.backfill_history()
        found = [(one.at, one.kind, one.model_id) for one in read_all(catalog)[0]]
    assert done.begins_at == NOON - HOUR
    assert found == [
        (NOON - HOUR, "discovered", "manual"),
        (NOON, "discovered", "a"),
        (NOON, "discovered", "used"),
        (NOON + HOUR, "discovered", "client"),
        (NOON + 26 * HOUR + MOMENT, "deactivated", "a"),
        (NOON + 30 * HOUR, "deactivated", "client"),
        (NOON + 4 * DAY, "doubted", "used"),
        (NOON + 4 * DAY, "reactivated", "a"),
        (NOON + 4 * DAY, "changed", "used"),
    ]


def test_a_listing_without_bytes_proves_no_absence_and_a_model_that_is_gone_is_deleted(tmp_path: Path) -> None:
    place = new_place(SQLITE, tmp_path)
    clock = lambda: NOON + 90 * DAY  # noqa: E731
    with place.opened(clock, READER) as catalog:
        ingest(catalog, listing_bytes({"a": 1, "gone": 1}), NOON)
        lost = ingest(catalog, listing_bytes({"a": 2, "gone": 1}), NOON + DAY)
        for day in range(2, 41):
            ingest(catalog, listing_bytes({"a": 1}), NOON + day * DAY)
        catalog.mark_stale_models_inactive(now=NOON + 3 * DAY)
        catalog.delete_old_inactive_models(now=NOON + 40 * DAY)
    forget_events(place)
    [path] = [path for path in tmp_path.rglob("*.json") if lost.attempt.sha256 and lost.attempt.sha256 in path.name]
    path.unlink()
    with place.opened(clock, READER) as catalog:
        [done] = catalog.backfill_history()
        found = [(one.at, one.kind, one.model_id) for one in read_all(catalog)[0]]
        assert catalog.restore_model("openai", "gone").model_id == "gone"
    assert (done.listings, done.unreadable_listings) == (41, 1)
    assert found == [
        (NOON, "discovered", "a"),
        (NOON, "discovered", "gone"),
        (NOON + 2 * DAY + MOMENT, "deactivated", "gone"),
        (NOON + 32 * DAY + 2 * MOMENT, "purged", "gone"),
    ]


def test_an_event_that_is_recorded_meanwhile_is_where_the_derived_ones_end(place: Place) -> None:
    clock = lambda: NOON + 9 * DAY  # noqa: E731
    with place.opened(clock, READER) as catalog:
        ingest(catalog, listing_bytes({"a": 1}), NOON)
        ingest(catalog, listing_bytes({"a": 6}), NOON + HOUR)
        forget_events(place)
        is_first = [True]

        def write(*_: object) -> None:
            if is_first.pop() if is_first else False:
                ingest(catalog, listing_bytes({"a": 4}), NOON + 2 * HOUR)

        catalog.backfill_history(report=write)
        found = [(one.at, one.kind) for one in read_all(catalog)[0]]
    assert found == [(NOON, "discovered"), (NOON + HOUR, "changed"), (NOON + 2 * HOUR, "changed")]


def edited(rows: list[Any], day: int) -> list[Any]:
    """Return real rows without some models, and with other prices of some."""
    listed = [json.loads(json.dumps(row)) for number, row in enumerate(rows) if (number + day) % 25]
    for number, row in enumerate(listed):
        if (number + day) % 10 == 0 and float(row["pricing"]["prompt"]) > 0:
            row["pricing"]["prompt"] = f"{float(row['pricing']['prompt']) * (day + 11) / 10:.12f}"
    return listed


def test_real_listings_in_sequence_are_backfilled_as_an_independent_reading_of_their_rows(tmp_path: Path) -> None:
    paths = sorted(REAL_LISTINGS.glob("openrouter_*.json"))
    if not paths:
        pytest.skip("no real listings here")
    rows = json.loads(paths[0].read_bytes())["data"]
    days = [edited(rows, day) for day in range(4)]
    place = new_place(SQLITE, tmp_path)
    with place.opened(lambda: NOON + 9 * DAY) as catalog:
        for day, listed in enumerate(days):
            ingest(catalog, json.dumps({"data": listed}).encode(), NOON + day * DAY, "openrouter")
    forget_events(place)
    with place.opened(lambda: NOON + 9 * DAY) as catalog:
        [done] = catalog.backfill_history(["openrouter"])
        changes = read_all(catalog)[0]
        assert (done.listings, done.unreadable_listings, done.events) == (4, 0, len(changes))
        known: dict[str, str] = {}
        for day, listed in enumerate(days):
            stated = {row["id"]: row["pricing"]["prompt"] for row in listed}
            assert {
                one.model_id for one in changes if one.kind == "discovered" and one.at == NOON + day * DAY
            } == stated.keys() - known.keys()
            repriced = {model_id for model_id, price in stated.items() if known.get(model_id, price) != price}
            found = {one.model_id for one in changes if one.kind == "changed" and one.at == NOON + day * DAY}
            assert repriced <= found
            known |= stated
            past = {one.model.model_id: one.model for one in _iterate(catalog, NOON + day * DAY + HOUR)}
            assert past.keys() == known.keys()
            for model_id, price in known.items():
                if past[model_id].input_price is not None:
                    assert past[model_id].input_price == pytest.approx(float(price) * 1e6)
                    [period] = catalog.history.list_prices("openrouter", model_id, NOON + day * DAY + HOUR)[-1:]
                    assert period.input_price == past[model_id].input_price


_iterate: Callable[[ModelCatalog, datetime], Any] = lambda catalog, at: catalog.history.iterate_models(  # noqa: E731
    at, ModelFilter(is_active=None)
)
