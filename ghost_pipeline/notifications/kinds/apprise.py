"""Chats, mail and whatever else the ``apprise`` package reaches: one service for each destination.

The service's URL contains its key, so it comes from the environment. What a service may do besides sending is off:
redirects, templates, files that it keeps.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ghost_pipeline.fetching.urls import is_loopback
from ghost_pipeline.notifications.destinations import Destination
from ghost_pipeline.notifications.message import DeliveryError, Message
from ghost_pipeline.notifications.rendering import to_html, to_markdown, to_text
from ghost_pipeline.redaction import quote_redacted

if TYPE_CHECKING:
    from apprise import NotifyBase

# Its lines may repeat the URL, or what a server sent: they reach no handler but this module's own.
_LOGGER = logging.getLogger("apprise")
_LOGGER.propagate = False
_LOGGER.addHandler(logging.NullHandler())

_SHORTEST_SECRET = 4
"""Characters of a part of the URL that are redacted in messages; shorter ones occur in them by chance."""


def send_with_apprise(destination: Destination, message: Message, url: str) -> None:
    """Send a message. Raises DeliveryError."""
    try:
        import apprise  # noqa: PLC0415 - an extra
    except ImportError:
        raise DeliveryError(
            "the package apprise is not installed",
            "run pip install --editable '.[apprise]' in the clone of Ghost Pipeline",
            is_local=True,
        ) from None
    service = _open_service(destination, url)
    # Markdown where the service takes it, else its own format, so that nothing is converted after it was escaped.
    chosen = service.resolve_format(apprise.NotifyFormat.MARKDOWN)
    render = {apprise.NotifyFormat.HTML: to_html, apprise.NotifyFormat.MARKDOWN: to_markdown}.get(chosen, to_text)
    with _captured_warnings() as warnings:
        try:
            is_sent = service.notify(title=message.title, body=render(message), body_format=chosen)
        except Exception as error:  # noqa: BLE001 - many plug-ins, any library
            raise DeliveryError(f"apprise could not send it ({type(error).__name__})") from None
    if not is_sent:
        reason = _redact(warnings[0], url) if warnings else "no reason was given"
        raise DeliveryError(f"{_schema(url)} did not accept it: {reason}", f"check {destination.secret_variable}")


def _open_service(destination: Destination, url: str) -> "NotifyBase":
    import apprise  # noqa: PLC0415

    asset = apprise.AppriseAsset(
        app_id="Ghost Pipeline",
        app_desc="Ghost Pipeline",
        app_url="",
        async_mode=False,
        http_redirects=False,
        storage_mode="memory",
        allow_templates=False,
        secure_logging=True,
    )
    service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if service is None:
        raise DeliveryError(
            f"the value of {destination.secret_variable} is not a URL that apprise knows",
            "set it to one, such as mailtos://user:password@example.org",
            is_local=True,
        )
    service.redirects = False  # whatever the URL asks for
    service.overflow_mode = apprise.OverflowMode.SPLIT
    _require_encryption(destination, service, url)
    return service


def _require_encryption(destination: Destination, service: "NotifyBase", url: str) -> None:
    """Raise DeliveryError for a service that sends without TLS to another machine, unless that is allowed."""
    secure = service.secure_protocol or ()
    is_secure = service.secure or _schema(url) in ((secure,) if isinstance(secure, str) else secure)
    host = service.host or ""
    is_local = not host or is_loopback(f"http://[{host}]/" if ":" in host else f"http://{host}/")
    if not (is_secure or is_local or destination.is_plain_http_allowed):
        raise DeliveryError(
            f"{_schema(url)}:// sends without encryption to another machine",
            "use the variant with TLS, often with an s at the end, or set allow_http = true",
            is_local=True,
        )


def _schema(url: str) -> str:
    schema = url.partition("://")[0].strip().lower()
    return schema if schema.isalnum() and len(schema) <= 32 else "the service"


@contextmanager
def _captured_warnings() -> Iterator[list[str]]:
    """Collect what apprise logs from this thread, from warnings up."""
    thread, lines = threading.get_ident(), list[str]()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread and record.levelno >= logging.WARNING:
                lines.append(record.getMessage())

    collector = Collector()
    _LOGGER.addHandler(collector)
    try:
        yield lines
    finally:
        _LOGGER.removeHandler(collector)


def _redact(text: str, url: str) -> str:
    """Return text without any part of the URL: users, passwords, tokens, addresses."""
    rest = url.partition("://")[2]
    for mark in "/?&=:@,;#":
        rest = rest.replace(mark, " ")
    for part in sorted({*rest.split(), *map(unquote, rest.split())}, key=len, reverse=True):
        if len(part) >= _SHORTEST_SECRET:
            text = text.replace(part, "***")
    return quote_redacted(text)
