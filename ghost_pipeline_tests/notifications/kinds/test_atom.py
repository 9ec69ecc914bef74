"""Atom feeds, read back with feedparser."""

import os
from pathlib import Path
from xml.etree import ElementTree

import feedparser
import pytest

from ghost_pipeline.notifications.destinations import Destination
from ghost_pipeline.notifications.kinds.atom import MOST_MESSAGES, write_feed
from ghost_pipeline.notifications.message import DeliveryError, Message
from ghost_pipeline_tests.notifications.test_rendering import AT, HOSTILE, Tags, hostile_message


def feed_at(path: Path) -> Destination:
    return Destination("models", "atom", path=path)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_inert_in_a_feed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "new" / "feed.xml"
    write_feed(feed_at(path), hostile_message(text))
    ElementTree.fromstring(path.read_bytes())
    feed = feedparser.parse(path.read_bytes(), sanitize_html=False)
    assert not feed.bozo
    assert feed.version == "atom10"
    [entry] = feed.entries
    assert entry.title == "Ghost Pipeline: 1 unclear, 1 new"
    assert entry.updated == "2026-05-01T12:00:00Z"
    assert Tags(entry.content[0].value).tags == {"h3", "ul", "li", "code"}


def test_the_newest_message_is_first_and_each_is_there_once(tmp_path: Path) -> None:
    feed = feed_at(tmp_path / "feed.xml")
    for number in range(MOST_MESSAGES + 5):
        write_feed(feed, Message(f"msg_{number}", "models", AT, is_test=True))
    write_feed(feed, Message(f"msg_{MOST_MESSAGES + 4}", "models", AT, is_test=True))
    read = feedparser.parse((tmp_path / "feed.xml").read_bytes())
    assert len(read.entries) == MOST_MESSAGES
    assert len({entry.id for entry in read.entries}) == MOST_MESSAGES
    write_feed(feed, Message("msg_last", "models", AT, hostile_message("x").entries))
    read = feedparser.parse((tmp_path / "feed.xml").read_bytes())
    assert [entry.title for entry in read.entries][:2] == [
        "Ghost Pipeline: 1 unclear, 1 new",
        "Ghost Pipeline: test message",
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["feed.xml"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"precious",
        b"<html/>",
        b'<feed xmlns="http://www.w3.org/2005/Atom"/>',
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
    ],
)
def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "feed.xml"
    path.write_bytes(content)
    with pytest.raises(DeliveryError, match="not a feed of this program"):
        write_feed(feed_at(path), hostile_message("x"))
    assert path.read_bytes() == content


def test_a_folder_and_a_file_in_the_way_are_failures(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    for path, reason in (
        (tmp_path, "not a feed"),
        (tmp_path / "pipe", "not a feed"),
        (tmp_path / "file" / "feed.xml", "can't be"),
    ):
        with pytest.raises(DeliveryError, match=reason):
            write_feed(feed_at(path), hostile_message("x"))


def test_a_reader_never_sees_half_a_feed(tmp_path: Path) -> None:
    path = tmp_path / "feed.xml"
    write_feed(feed_at(path), hostile_message("x"))
    before = os.stat(path).st_ino
    with path.open("rb") as reading:
        write_feed(feed_at(path), Message("msg_2", "models", AT, is_test=True))
        assert len(feedparser.parse(reading.read()).entries) == 1
    assert os.stat(path).st_ino != before
