"""The cursor of the directory sensor."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ghost_pipeline.defs.directory_sensor import DirectoryCursor, read_directory_cursor
from ghost_pipeline.listings.files import ListingFile

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)


def file_of(provider_id: str = "openai", stated_at: datetime = NOON, mtime_ns: int = 5, size: int = 10) -> ListingFile:
    path = Path(f"{provider_id}_models.json")
    return ListingFile(path, provider_id, stated_at, modified_at=stated_at, mtime_ns=mtime_ns, size=size)


def test_everything_is_new_at_the_start() -> None:
    assert read_directory_cursor(None).is_new(file_of(), LATER)
    assert read_directory_cursor("").is_new(file_of(), LATER)


def test_a_requested_file_is_not_new_after_the_cursor_was_stored_and_read() -> None:
    stored = DirectoryCursor().advanced([file_of()], LATER).to_json()
    assert not read_directory_cursor(stored).is_new(file_of(), LATER)


def test_another_mtime_or_size_is_new() -> None:
    cursor = DirectoryCursor().advanced([file_of()], LATER)
    assert cursor.is_new(file_of(mtime_ns=6), LATER)
    assert cursor.is_new(file_of(size=11), LATER)


def test_a_file_stated_earlier_is_not_new_however_late_it_was_written() -> None:
    cursor = DirectoryCursor().advanced([file_of()], LATER)
    assert not cursor.is_new(file_of(stated_at=NOON - timedelta(seconds=1), mtime_ns=99), LATER)
    assert cursor.is_new(file_of(stated_at=NOON + timedelta(seconds=1), mtime_ns=1), LATER)


def test_a_request_for_one_provider_forgets_no_other() -> None:
    cursor = DirectoryCursor().advanced([file_of("openai")], LATER).advanced([file_of("google")], LATER)
    assert not cursor.is_new(file_of("openai"), LATER)
    assert not cursor.is_new(file_of("google"), LATER)
    assert cursor.is_new(file_of("xai"), LATER)


def test_a_cursor_is_not_changed_by_what_comes_after_it() -> None:
    start = DirectoryCursor()
    start.advanced([file_of()], LATER)
    assert start.is_new(file_of(), LATER)
