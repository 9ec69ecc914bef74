"""Webhooks: JSON by POST, signed as the Standard Webhooks specification defines.

A response with a status of 2xx is a delivery, unless it is a web page: proxies and log-in pages answer so too.
Redirects are not followed.
"""

import base64
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus

import httpx
import msgspec
from standardwebhooks import Webhook

from ghost_pipeline.fetching.retries import parse_retry_after
from ghost_pipeline.fetching.urls import format_host, is_loopback
from ghost_pipeline.notifications.destinations import Destination
from ghost_pipeline.notifications.message import DeliveryError, Message
from ghost_pipeline.notifications.rendering import to_text

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 15.0
"""Seconds of silence within a response."""

_READ_BYTES = 4_096
"""Of a response: enough to tell a web page."""

# Its DEBUG records contain the headers of requests.
logging.getLogger("httpcore").setLevel(logging.INFO)


def send_webhook(destination: Destination, message: Message, secret: str, now: datetime) -> None:
    """Send a message. Raises DeliveryError."""
    content = webhook_body(message)
    signature = _open_signer(destination, secret).sign(message.id, now.astimezone(UTC), content)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "ghost-pipeline",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }
    with _translated(destination.url):
        _post(destination.url, content.encode(), headers, now)


def _open_signer(destination: Destination, secret: str) -> Webhook:
    """Return what signs with a secret. Raises DeliveryError, without the secret, for one that is not valid."""
    encoded = secret.removeprefix("whsec_")
    try:
        # The library drops what is not base64, and would sign with another key.
        if not base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True):
            raise ValueError
        return Webhook(secret)
    except ValueError:
        raise DeliveryError(
            f"the value of {destination.secret_variable} is not a webhook secret",
            "set it to whsec_ followed by base64",
            is_local=True,
        ) from None


def webhook_body(message: Message) -> str:
    """Return the JSON document: ``type``, ``timestamp`` and ``data``, as the specification recommends."""
    data = {
        "destination": message.destination,
        "title": message.title,
        "text": to_text(message),
        "entries": message.entries,
    }
    kind = "ghost_pipeline.test" if message.is_test else "ghost_pipeline.changes"
    return msgspec.json.encode({"type": kind, "timestamp": message.created_at, "data": data}).decode()


def _post(url: str, content: bytes, headers: dict[str, str], now: datetime) -> None:
    timeout = httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT)
    # A proxy from the environment must not receive requests to this machine.
    with (
        httpx.Client(timeout=timeout, follow_redirects=False, trust_env=not is_loopback(url)) as client,
        client.stream("POST", url, content=content, headers=headers) as response,
    ):
        status = response.status_code
        if response.is_success:
            if _is_web_page(response):
                raise DeliveryError(
                    f"{format_host(url)} answered with a web page (HTTP {status})", "check the url of the destination"
                )
            return
        retry_after = parse_retry_after(response.headers.get("retry-after"), now)
        reason = f"HTTP {status} {_phrase(status)}".rstrip() + f" from {format_host(url)}"
        raise DeliveryError(reason, _advice(status), retry_after)


def _is_web_page(response: httpx.Response) -> bool:
    """Return True if a response begins as an HTML document. Receivers answer "ok" as text/html too."""
    beginning = b""
    for part in response.iter_bytes():
        beginning += part
        if len(beginning.lstrip()) >= 15 or len(beginning) > _READ_BYTES:
            break
    return beginning.lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _advice(status: int) -> str:
    if 300 <= status < 400:
        return "redirects are not followed; set url to the address where they lead"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return "check the secret on both sides"
    return "check the url of the destination" if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE) else ""


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """Turn what httpx raises, whose own text may repeat what a server sent, into DeliveryError."""
    host = format_host(url)
    try:
        yield
    except httpx.ConnectTimeout:
        raise DeliveryError(f"no connection to {host} within {CONNECT_TIMEOUT:g} s") from None
    except httpx.TimeoutException:
        raise DeliveryError(f"{host} sent nothing for {READ_TIMEOUT:g} s") from None
    except httpx.ConnectError as error:
        if isinstance(error.__cause__ or error.__context__, ssl.SSLError) or "CERTIFICATE" in str(error):
            raise DeliveryError(
                f"the TLS certificate of {host} is not trusted", "if it is your own, set SSL_CERT_FILE to its CA"
            ) from None
        raise DeliveryError(f"no connection to {host} ({error})", "check the url of the destination") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise DeliveryError(f"the request to {host} failed ({type(error).__name__})") from None
