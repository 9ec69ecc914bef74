"""Reading the inbox: each complete line once, whatever happens to its file."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghost_pipeline.errors import NoInbox
from ghost_pipeline.reported_sightings import InboxCursor, InboxPage, read_inbox
from ghost_pipeline.reported_sightings.inbox import MAX_LINE_BYTES, READ_BYTES
from ghost_pipeline.reported_sightings.inbox_files import InboxFile, find_files

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def line(model_id: str) -> bytes:
    return json.dumps({"provider": "openai", "model": model_id}).encode() + b"\n"


class Inbox:
    """A folder, and a reader that reads it tick by tick."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cursor = InboxCursor()

    def append(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        with path.open("ab") as file:
            file.write(content)
        return path

    def tick(self, limit: int = 100) -> InboxPage:
        page = read_inbox(self.folder, self.cursor, limit, NOW)
        self.cursor = InboxCursor.from_json(page.cursor.to_json())
        return page

    def seen(self, limit: int = 100) -> list[str]:
        return [one.inference.model_id for one in self.tick(limit).sightings]


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path)


def test_each_line_is_read_once_as_it_is_appended(inbox: Inbox) -> None:
    inbox.append("a.jsonl", line("a") + line("b"))
    assert inbox.seen() == ["a", "b"]
    assert inbox.seen() == []
    inbox.append("a.jsonl", line("c"))
    assert inbox.seen() == ["c"]


def test_a_torn_last_line_waits_and_is_reported(inbox: Inbox) -> None:
    inbox.append("a.jsonl", line("a") + line("b")[:10])
    page = inbox.tick()
    assert [one.inference.model_id for one in page.sightings] == ["a"]
    assert (page.rejected, page.unfinished) == ([], ["a.jsonl"])
    inbox.append("a.jsonl", line("b")[10:])
    assert inbox.seen() == ["b"]


def test_a_bad_line_is_rejected_with_its_number_and_stops_no_other(inbox: Inbox) -> None:
    inbox.append("a.jsonl", line("a") + b"\n  \nno json\n" + line("b") + b"\xff\xfe{}\n" + line("c"))
    page = inbox.tick()
    assert [one.inference.model_id for one in page.sightings] == ["a", "b", "c"]
    assert [(one.location, one.raw) for one in page.rejected] == [
        ({"file": "a.jsonl", "line": 4}, "no json"),
        ({"file": "a.jsonl", "line": 6}, r"\xff\xfe{}"),
    ]


def test_numbers_of_lines_go_on_from_tick_to_tick(inbox: Inbox) -> None:
    inbox.append("a.jsonl", line("a") * 3)
    inbox.tick(limit=2)
    inbox.append("a.jsonl", b"bad\n")
    assert [one.location["line"] for one in inbox.tick().rejected] == [4]


def test_windows_line_ends_and_byte_order_marks_are_fine(inbox: Inbox) -> None:
    inbox.append("a.jsonl", b"\xef\xbb\xbf" + line("a").replace(b"\n", b"\r\n") + line("b"))
    assert inbox.seen() == ["a", "b"]


def test_only_files_of_the_right_name_begin_to_be_read(inbox: Inbox) -> None:
    inbox.append("a.json", line("a"))
    inbox.append("a.jsonl.gz", line("a"))
    (inbox.folder / "folder.jsonl").mkdir()
    os.mkfifo(inbox.folder / "pipe.jsonl")
    (inbox.folder / "nowhere.jsonl").symlink_to(inbox.folder / "gone")
    page = inbox.tick()
    assert page.is_empty
    assert (page.cursor, page.unreadable) == (InboxCursor(), [])


def test_a_rotated_file_is_read_to_its_end_and_not_again(inbox: Inbox) -> None:
    path = inbox.append("a.jsonl", line("a"))
    inbox.tick()
    inbox.append("a.jsonl", line("b"))
    path.rename(inbox.folder / "a.jsonl.1")
    inbox.append("a.jsonl", line("c"))
    assert sorted(inbox.seen()) == ["b", "c"]
    (inbox.folder / "a.jsonl.1").rename(inbox.folder / "old.jsonl")
    assert inbox.seen() == []


def test_a_file_with_unread_lines_is_read_under_whatever_name_it_has(inbox: Inbox) -> None:
    path = inbox.append("a.jsonl", line("a"))
    inbox.tick()
    inbox.append("a.jsonl", line("b"))
    path.rename(inbox.folder / "finished")
    assert inbox.seen() == ["b"]


def test_a_file_that_is_renamed_while_the_folder_is_read_is_not_read_again(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = inbox.append("a.jsonl", line("a"))
    inbox.tick()

    def find_then_rename(folder: Path) -> list[InboxFile]:
        found = find_files(folder)
        if path.exists():
            path.rename(folder / "b.jsonl")
        return found

    with monkeypatch.context() as patch:
        patch.setattr("ghost_pipeline.reported_sightings.inbox.find_files", find_then_rename)
        page = inbox.tick()
    assert (list(page.sightings), len(page.unreadable)) == ([], 1)
    inbox.append("b.jsonl", line("b"))
    assert inbox.seen() == ["b"]


def test_a_file_that_is_renamed_and_made_anew_while_the_folder_is_read_waits(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = inbox.append("a.jsonl", line("a"))
    inbox.tick()

    def find_then_rotate(folder: Path) -> list[InboxFile]:
        found = find_files(folder)
        if not (folder / "a.jsonl.1").exists():
            path.rename(folder / "a.jsonl.1")
            inbox.append("a.jsonl", line("b"))
        return found

    with monkeypatch.context() as patch:
        patch.setattr("ghost_pipeline.reported_sightings.inbox.find_files", find_then_rotate)
        assert inbox.seen() == []
    assert inbox.seen() == ["b"]


def test_a_file_that_one_look_at_the_folder_misses_is_not_read_again(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.append("a.jsonl", line("a"))
    inbox.tick()
    looks = iter([True])

    def find_some(folder: Path) -> list[InboxFile]:
        return [] if next(looks, False) else find_files(folder)

    with monkeypatch.context() as patch:
        patch.setattr("ghost_pipeline.reported_sightings.inbox.find_files", find_some)
        inbox.tick()
    assert inbox.seen() == []


def test_a_truncated_file_is_read_anew(inbox: Inbox) -> None:
    path = inbox.append("a.jsonl", line("a") * 5)
    inbox.tick()
    for content in (line("b"), line("b")[:-1] + b" " * 1_500 + b"\n", line("b")):
        path.write_bytes(content)
        assert inbox.seen() == ["b"]
        assert inbox.seen() == []


def test_a_file_that_holds_something_else_by_now_is_read_anew(inbox: Inbox) -> None:
    path = inbox.append("a.jsonl", line("a") + line("b"))
    inbox.tick()
    with path.open("r+b") as file:  # the same inode, and longer than before
        file.write(line("x") + line("y") + line("z"))
    assert inbox.seen() == ["x", "y", "z"]


def test_a_file_that_replaced_another_is_read(inbox: Inbox) -> None:
    path = inbox.append("a.jsonl", line("a"))
    inbox.tick()
    inbox.append("a.new", line("a") + line("b")).replace(path)
    assert inbox.seen() == ["a", "b"]


def test_a_file_that_is_gone_is_forgotten(inbox: Inbox) -> None:
    path = inbox.append("a.jsonl", line("a"))
    inbox.tick()
    path.unlink()
    assert inbox.tick().cursor == InboxCursor()


def test_a_page_has_a_limit_and_the_next_goes_on(inbox: Inbox) -> None:
    inbox.append("a.jsonl", b"".join(line(f"a{number}") for number in range(7)))
    inbox.append("b.jsonl", b"".join(line(f"b{number}") for number in range(4)))
    pages = [inbox.seen(limit=3) for _ in range(5)]
    assert [len(page) for page in pages] == [3, 3, 3, 2, 0]
    assert len({model_id for page in pages for model_id in page}) == 11


def test_a_file_of_any_size_is_read_a_piece_at_a_time(inbox: Inbox) -> None:
    padded = line("a")[:-1] + b" " * 100_000 + b"\n"
    inbox.append("a.jsonl", padded * 30)
    counts = [len(inbox.seen(limit=1_000)) for _ in range(4)]
    assert max(counts) * len(padded) <= READ_BYTES
    assert sum(counts) == 30


def test_a_line_without_end_is_rejected_once_and_what_follows_it_is_read(inbox: Inbox) -> None:
    inbox.append("a.jsonl", line("a") + b"x" * (MAX_LINE_BYTES + 1))
    (rejected,) = inbox.tick().rejected
    assert (rejected.location["line"], len(rejected.raw)) == (2, 1_000)
    inbox.append("a.jsonl", b"x" * 2 * READ_BYTES)
    while True:
        before = inbox.cursor
        assert inbox.tick().is_empty
        if inbox.cursor == before:
            break
    inbox.append("a.jsonl", b"x\n" + line("b") + b"bad\n")
    page = inbox.tick()
    assert [one.inference.model_id for one in page.sightings] == ["b"]
    assert [one.location["line"] for one in page.rejected] == [4]


def test_a_line_without_an_instant_is_of_when_its_file_was_written_last(inbox: Inbox) -> None:
    for number, written_at in enumerate((NOW - timedelta(hours=1), NOW + timedelta(days=1))):
        path = inbox.append(f"{number}.jsonl", line("a"))
        os.utime(path, (written_at.timestamp(), written_at.timestamp()))
    assert [one.inference.last_at for one in inbox.tick().sightings] == [NOW - timedelta(hours=1), NOW]


def test_a_folder_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    with pytest.raises(NoInbox, match="create it and append"):
        read_inbox(tmp_path / "no", InboxCursor(), 10, NOW)


@pytest.mark.parametrize("text", ["", "no", "[]", "5", '{"a": 1}', '{"5": [1, 2]}', '{"5": [null, 2, 3, ""]}'])
def test_an_unparseable_cursor_starts_over(text: str) -> None:
    assert InboxCursor.from_json(text) == InboxCursor()


def read_all(inbox: Inbox, limit: int = 100) -> list[str]:
    """Return the pages of one tick."""
    models: list[str] = []
    while True:
        page = inbox.tick(limit)
        models += [one.inference.model_id for one in page.sightings]
        if not page.has_more:
            return models


@pytest.mark.parametrize("name", ["a.jsonl.1", "a.jsonl-20260501", "a.jsonl.2026-05-01", "a-20260501.jsonl"])
def test_a_file_that_was_rotated_before_it_was_seen_is_read(inbox: Inbox, name: str) -> None:
    inbox.append("a.jsonl", line("a")).rename(inbox.folder / name)
    inbox.append("a.jsonl", line("b"))
    assert sorted(inbox.seen()) == ["a", "b"]
    assert inbox.seen() == []


def test_a_file_that_is_rotated_often_loses_no_line(inbox: Inbox) -> None:
    models: list[str] = []
    for number in range(40):
        inbox.append("a.jsonl", line(f"m{number}"))
        if number % 2:  # several rotations for each reading, as when one takes place every two seconds
            for older in range(number, 0, -1):
                path = inbox.folder / f"a.jsonl.{older}"
                if path.exists():
                    path.rename(inbox.folder / f"a.jsonl.{older + 1}")
            (inbox.folder / "a.jsonl").rename(inbox.folder / "a.jsonl.1")
        if number % 7 == 0:
            models += read_all(inbox)
    models += read_all(inbox)
    assert sorted(models) == sorted(f"m{number}" for number in range(40))


@pytest.mark.parametrize(
    "name", ["a.jsonl.gz", "a.jsonl.1.gz", "a.jsonl.1.zst", "a.jsonl.tmp", "a.jsonl~", ".a.jsonl.swp"]
)
def test_compressed_and_unfinished_files_are_not_lines(inbox: Inbox, name: str) -> None:
    inbox.append(name, line("a"))
    assert inbox.seen() == []


def test_a_file_that_was_copied_and_truncated_is_read_on_in_its_copy(inbox: Inbox) -> None:
    path = inbox.append("a.jsonl", line("a") * 3 + line("b")[:5])
    assert inbox.seen() == ["a", "a", "a"]
    inbox.append("a.jsonl", line("b")[5:] + line("c"))
    inbox.append("a.jsonl.1", path.read_bytes())
    os.truncate(path, 0)
    inbox.append("a.jsonl", line("d"))
    page = inbox.tick()
    assert sorted(one.inference.model_id for one in page.sightings) == ["b", "c", "d"]
    assert page.vanished_bytes == 0


@pytest.mark.parametrize("way", ["delete", "truncate", "replace"])
def test_bytes_that_vanish_unread_are_counted_once(inbox: Inbox, way: str) -> None:
    path = inbox.append("a.jsonl", line("a") * 10)
    assert inbox.seen(limit=4) == ["a"] * 4
    if way == "delete":
        path.unlink()
    elif way == "truncate":
        os.truncate(path, 0)
    else:
        inbox.append("new", line("a") * 4 + line("b")).replace(path)
    assert inbox.tick().vanished_bytes == 6 * len(line("a"))
    assert inbox.tick().vanished_bytes == 0


def test_what_was_read_can_be_deleted_and_nothing_counts_as_vanished(inbox: Inbox) -> None:
    path = inbox.append("a.jsonl", line("a"))
    inbox.tick()
    path.unlink()
    assert inbox.tick().vanished_bytes == 0


JUNK = {
    "NUL bytes": b"\0" * (8 * READ_BYTES),
    "blank lines": b"\n \r\n" * READ_BYTES,
    "long lines": b"x" * (5 * READ_BYTES),
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=list(JUNK))
def test_a_file_of_junk_delays_no_other(inbox: Inbox, junk: bytes) -> None:
    inbox.append("a.jsonl", junk)
    inbox.append("b.jsonl", line("b"))
    inbox.append("c.jsonl", line("c"))
    assert sorted(inbox.seen()) == ["b", "c"], "on the first page"
    assert read_all(inbox) == []


@pytest.mark.parametrize("junk", JUNK.values(), ids=list(JUNK))
def test_junk_is_skipped_within_one_tick(inbox: Inbox, junk: bytes) -> None:
    inbox.append("a.jsonl", junk + b"\n" + line("a"))
    assert read_all(inbox) == ["a"]


def test_blank_lines_count_as_lines(inbox: Inbox) -> None:
    inbox.append("a.jsonl", b"\n" * 5 + b"bad\n" + b" \n\n" + b"worse\n")
    assert [one.location["line"] for one in inbox.tick(limit=1).rejected] == [6]
    assert [one.location["line"] for one in inbox.tick(limit=1).rejected] == [9]


def test_a_busy_file_leaves_room_for_every_other(inbox: Inbox) -> None:
    for number in range(5):
        inbox.append(f"busy{number}.jsonl", line(f"busy{number}") * 50)
    inbox.append("quiet.jsonl", line("quiet"))
    seen = inbox.seen(limit=12)
    assert "quiet" in seen
    assert {seen.count(f"busy{number}") for number in range(5)} <= {2, 3}


def test_more_files_than_a_page_has_lines_are_read_in_turns(inbox: Inbox) -> None:
    for number in range(10):
        inbox.append(f"{number}.jsonl", line(f"m{number}") * 5)
    pages = [inbox.seen(limit=4) for _ in range(5)]
    assert {model for page in pages[:3] for model in page} == {f"m{number}" for number in range(10)}
    assert sorted([*(model for page in pages for model in page), *read_all(inbox)]) == sorted(
        f"m{number}" for number in range(10) for _ in range(5)
    )


def test_a_line_that_is_too_long_is_quarantined_by_its_offset(inbox: Inbox) -> None:
    inbox.append("a.jsonl", line("a") + b"x" * (3 * READ_BYTES) + b"\n" + line("b"))
    pages = [inbox.tick() for _ in range(5)]
    (rejected,) = [one for page in pages for one in page.rejected]
    assert rejected.location == {"file": "a.jsonl", "line": 2, "offset": len(line("a"))}
    assert [one.inference.model_id for page in pages for one in page.sightings] == ["a", "b"]


def test_links_are_not_followed(inbox: Inbox, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secrets.jsonl"
    elsewhere.write_bytes(line("a") + b"a secret\n")
    (inbox.folder / "a.jsonl").symlink_to(elsewhere)
    page = inbox.tick()
    assert page.is_empty
    assert page.cursor == InboxCursor()


def test_a_file_that_becomes_a_link_while_the_folder_is_read_is_not_followed(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = inbox.append("a.jsonl", line("a"))
    moved = tmp_path_factory.mktemp("elsewhere") / "a.jsonl"

    def find_then_link(folder: Path) -> list[InboxFile]:
        found = find_files(folder)
        if not path.is_symlink():
            path.rename(moved)  # the same inode, so only the link itself gives it away
            path.symlink_to(moved)
        return found

    monkeypatch.setattr("ghost_pipeline.reported_sightings.inbox.find_files", find_then_link)
    page = inbox.tick()
    assert (list(page.sightings), len(page.unreadable)) == ([], 1)


def test_a_cursor_that_an_earlier_version_stored_continues(inbox: Inbox) -> None:
    path = inbox.append("a.jsonl", line("a"))
    inbox.tick()
    known = inbox.cursor.files[path.stat().st_ino]
    old = {str(path.stat().st_ino): [known.position.offset, known.position.lines, False, known.mark]}
    inbox.cursor = InboxCursor.from_json(json.dumps(old))
    inbox.append("a.jsonl", line("b"))
    assert inbox.seen() == ["b"]


LINES = st.lists(
    st.one_of(
        st.integers(0, 9).map(lambda number: line(f"m{number}")),
        st.binary(max_size=8).map(lambda junk: junk.replace(b"\n", b"") + b"\n"),
        st.just(b"x" * (MAX_LINE_BYTES + 1) + b"\n"),
        st.just(b" " * (MAX_LINE_BYTES - len(line("m")) + 1) + line("m")),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), lines=LINES, tail=st.binary(max_size=5), limit=st.integers(1, 4))
def test_however_the_bytes_arrive_each_whole_line_is_read_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, lines: list[bytes], tail: bytes, limit: int
) -> None:
    content = b"".join(lines) + tail.replace(b"\n", b"")
    whole = Inbox(tmp_path_factory.mktemp("whole"))
    whole.append("a.jsonl", content)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    split = Inbox(tmp_path_factory.mktemp("split"))
    path = split.folder / "a.jsonl"
    path.touch()
    got: list[object] = []
    for begin, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
        with path.open("ab") as file:
            file.write(content[begin:end])
        if data.draw(st.booleans()):
            path = path.rename(split.folder / f"a.jsonl.{begin}") if split.cursor.files else path
        got += drained(split, data.draw(st.integers(0, 2)), limit)
    got += drained(split, 100, limit)
    assert got == drained(whole, 100, 1_000)
    assert len(got) == sum(1 for one in lines if one.strip(b" \t\n\r\x0b\x0c"))


def drained(inbox: Inbox, ticks: int, limit: int) -> list[object]:
    """Return what several ticks read, in order: models, and rejected lines."""
    got: list[object] = []
    for _ in range(ticks):
        before = inbox.cursor
        page = inbox.tick(limit)
        read = [(int(one.location["line"]), one.inference.model_id) for one in page.sightings]
        read += [(int(one.location["line"]), one.reason + one.raw) for one in page.rejected]
        got += sorted(read)
        if inbox.cursor == before:
            break
    return got
