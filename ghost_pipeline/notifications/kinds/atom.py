"""Atom feeds (RFC 4287): a file that is replaced atomically, for a web server to serve or a reader to open."""

import re
from datetime import datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree

from ghost_pipeline.atomic_file import atomic_write
from ghost_pipeline.notifications.destinations import Destination
from ghost_pipeline.notifications.message import DeliveryError, Message
from ghost_pipeline.notifications.rendering import to_html

MOST_MESSAGES = 50
"""Messages that a feed keeps, the newest first."""

MAX_BYTES = 20_000_000
"""A larger file is not a feed of this program."""

_NAMESPACE = "http://www.w3.org/2005/Atom"
_GENERATOR = "Ghost Pipeline"
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_feed(destination: Destination, message: Message) -> None:
    """Add a message to the feed, once. Raises DeliveryError, also if the file is something else than such a feed."""
    path = destination.path
    assert path is not None  # noqa: S101 - required by the kind
    kept = [one for one in _read_entries(path) if one.findtext(_tag("id")) != _id_of(_name_of(message.id))]
    name = destination.name
    feed = new_feed(f"{_GENERATOR}: {name}", f"ghost-pipeline:notifications:{name}", message.created_at)
    feed.extend([_entry(message), *kept][:MOST_MESSAGES])
    content = feed_bytes(feed)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, content)
    except OSError as error:
        raise DeliveryError(f"{path} can't be written ({error.strerror})", "correct its path") from None


def _tag(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name}"


def _read_entries(path: Path) -> list[ElementTree.Element]:
    """Return the entries that the feed has; none without a file."""
    try:
        if not path.exists():
            return []
        if not path.is_file() or path.stat().st_size > MAX_BYTES:  # reading from a pipe would not end
            raise _not_a_feed_error(path)
        content = path.read_bytes()
    except OSError as error:
        raise DeliveryError(f"{path} can't be read ({error.strerror})", "correct its path") from None
    try:
        # This program wrote it; what is not its own is left alone.
        feed = ElementTree.fromstring(content)  # noqa: S314
    except ElementTree.ParseError:
        raise _not_a_feed_error(path) from None
    if feed.tag != _tag("feed") or feed.findtext(_tag("generator")) != _GENERATOR:
        raise _not_a_feed_error(path)
    return feed.findall(_tag("entry"))


def _not_a_feed_error(path: Path) -> DeliveryError:
    return DeliveryError(f"{path} exists and is not a feed of this program", "choose another path, or move the file")


def new_feed(title: str, name: str, updated: datetime) -> ElementTree.Element:
    """Return a feed without entries; its id is made of ``name``."""
    ElementTree.register_namespace("", _NAMESPACE)
    feed = ElementTree.Element(_tag("feed"))
    _add(feed, "title", title)
    _add(feed, "id", _id_of(name))
    _add(feed, "updated", _instant(updated))
    _add(feed, "generator", _GENERATOR)
    _add(ElementTree.SubElement(feed, _tag("author")), "name", _GENERATOR)
    return feed


def new_entry(title: str, name: str, updated: datetime, html: str, url: str | None = None) -> ElementTree.Element:
    """Return an entry; its id is made of ``name``, and ``html`` is its content."""
    entry = ElementTree.Element(_tag("entry"))
    _add(entry, "title", title)
    _add(entry, "id", _id_of(name))
    _add(entry, "updated", _instant(updated))
    if url is not None:
        ElementTree.SubElement(entry, _tag("link"), href=url)
    _add(entry, "content", html, type="html")
    return entry


def feed_bytes(feed: ElementTree.Element) -> bytes:
    """Return a feed as XML in UTF-8."""
    content: bytes = ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True)
    return content


def _entry(message: Message) -> ElementTree.Element:
    return new_entry(message.title, _name_of(message.id), message.created_at, to_html(message))


def _id_of(name: str) -> str:
    return uuid5(NAMESPACE_URL, name).urn


def _name_of(message_id: str) -> str:
    return f"ghost-pipeline:message:{message_id}"


def _add(parent: ElementTree.Element, name: str, text: str, **attributes: str) -> None:
    ElementTree.SubElement(parent, _tag(name), attributes).text = _NOT_IN_XML.sub("\ufffd", text)


def _instant(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
