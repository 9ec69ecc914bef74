"""The guards in front of a web application that trusts everyone who can reach it: plain ASGI, no framework.

A server on loopback is still reachable by every web page in the user's browser. A page can send requests to it across
origins, open websockets to it, or point a host name of its own at 127.0.0.1 and read the answers (DNS rebinding). The
guard refuses these with 403 and a reason. Programs such as ``curl`` send no ``Origin`` and pass.

A server that others than this machine's user can reach has a ``TokenGuard`` as well.
"""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}

SAFE_HEADERS = {
    # Nothing is loaded from elsewhere, and nothing within a page runs: only the files of /static/.
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""Headers of every answer, refusals included. There are none of CORS: another site's page can't read anything."""

_PROGRAM_PATHS = ("/api/", "/v1/", "/health", "/changes.json", "/changes.atom")

FOR_PROGRAMS = tuple(f"{prefix}{path}" for prefix in ("", "/ghost") for path in _PROGRAM_PATHS)
"""Beginnings of the paths whose errors are JSON (RFC 9457)."""

OPEN_PATHS = frozenset({"/health", "/ghost/health"})
"""Paths that need no token, for the probes of containers. They show nothing else to those who have none."""

HAS_TOKEN = "ghost_pipeline.has_token"  # noqa: S105 - the name of a key
"""The key of an ASGI scope that is False for a request without the token; it is missing where none is needed."""

SHORTEST_TOKEN = 16
"""Characters of a token, which must be too many to be guessed."""

_MUTATION = re.compile(r"\bmutation\b", re.ASCII)
"""The keyword. GraphQL has no other spelling of it, so a document without the word can't change anything. A query that
contains it elsewhere is refused too, and can be sent by POST."""


class RequestGuard:
    """An ASGI application that passes on what the user or a local program sends, and refuses what a web page sends."""

    def __init__(self, application: Application, allowed_hosts: Iterable[str] = ()) -> None:
        """Guard ``application``. ``allowed_hosts`` are names, without port, that are accepted besides loopback."""
        self._application = application
        self._allowed_hosts = frozenset(_normalized(host) for host in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        reason = None
        if scope["type"] in {"http", "websocket"}:
            reason = refusal_reason(scope, self._allowed_hosts)
        if reason is None:
            await self._application(scope, receive, send)
        else:
            await _refuse(scope, receive, send, f"Refused: {reason}.")


class TokenGuard:
    """An ASGI application that passes on what carries the token, as a bearer or as the password of a browser's form."""

    def __init__(self, application: Application, token: str) -> None:
        """Guard ``application``; ``token`` is the secret."""
        self._application = application
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._application(scope, receive, send)
            return
        stated = _headers(scope).get("authorization", [])
        has_token = len(stated) == 1 and hmac.compare_digest(_credential(stated[0]), self._token)
        if has_token or scope["path"] in OPEN_PATHS:
            await self._application({**scope, HAS_TOKEN: has_token}, receive, send)
            return
        schemes = [
            (b"www-authenticate", b'Basic realm="Ghost Pipeline", charset="UTF-8"'),
            (b"www-authenticate", b"Bearer"),
        ]
        text = "The token is missing or wrong: send it as a bearer token, or as the password of any user."
        await _refuse(scope, receive, send, text, 401, schemes)


def _credential(header: str) -> bytes:
    """Return the token in an Authorization header; empty if there is none."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode("latin-1")
    if scheme.lower() != "basic":
        return b""
    try:
        _, _, password = base64.b64decode(value.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return b""
    return password


def refusal_reason(scope: Scope, allowed_hosts: Collection[str] = ()) -> str | None:
    """Return why the request of an ASGI ``scope`` is refused, None if it may pass."""
    headers = _headers(scope)
    hosts = headers.get("host", [])
    if len(hosts) != 1 or not is_allowed_host(hosts[0], allowed_hosts):
        named = f"host name {', '.join(hosts)}" if hosts else "request without a host name"
        return f"{named} is not allowed; use localhost, or start the server with --allow-host NAME"
    is_websocket = scope["type"] == "websocket"
    if not is_websocket and scope["method"] in _SAFE_METHODS:
        if _is_graphql_mutation(scope):
            return "a GraphQL mutation must be sent by POST"
        return None
    what = "a websocket" if is_websocket else f"a {scope['method']} request"
    return _foreign_sender(headers, hosts[0], what)


def is_allowed_host(host: str, allowed_hosts: Collection[str] = ()) -> bool:
    """Return True for loopback and for a name in ``allowed_hosts``, whatever the port."""
    name = _normalized(host)
    if name in allowed_hosts or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _foreign_sender(headers: dict[str, list[str]], host: str, what: str) -> str | None:
    """Return why the headers that browsers add show that another site sent this, None if they do not."""
    for site in headers.get("sec-fetch-site", []):
        if site.lower() not in {"same-origin", "none"}:
            return f"{what} from another site is not allowed (Sec-Fetch-Site: {site})"
    # Browsers that do not send Origin with a form send Referer.
    for name in ("origin", "referer"):
        senders = headers.get(name, [])
        for sender in senders:
            if not _is_same_origin(sender, host):
                return f"{what} from {sender} is not allowed"
        if senders:
            return None
    return None


def _is_same_origin(sender: str, host: str) -> bool:
    """Return True if the URL ``sender`` has the host and port of the header ``host``.

    The scheme is not compared: a proxy that ends TLS hides it.
    """
    try:
        parts = urlsplit(sender)
    except ValueError:
        return False
    default_port = _DEFAULT_PORTS.get(parts.scheme)
    if default_port is None:
        return False
    return parts.netloc.lower().removesuffix(default_port) == host.strip().lower().removesuffix(default_port)


def _is_graphql_mutation(scope: Scope) -> bool:
    if "graphql" not in scope["path"]:
        return False
    query = scope.get("query_string", b"").decode("latin-1")
    return any(_MUTATION.search(value) for _, value in parse_qsl(query, keep_blank_values=True))


def _normalized(host: str) -> str:
    """Return the lower-case name of a host without its port, a final dot and the brackets of an IPv6 address."""
    name = re.sub(r":\d*$", "", host.strip().lower()) if host.count(":") <= 1 or "]" in host else host.strip().lower()
    return name.removesuffix(".").removeprefix("[").removesuffix("]")


def _headers(scope: Scope) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return headers


async def _refuse(
    scope: Scope,
    receive: Receive,
    send: Send,
    reason: str,
    status: int = 403,
    more_headers: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    """Answer with a status and the reason: as plain text, or as JSON where programs read it."""
    kind = "http.response"
    if scope["type"] == "websocket":
        await receive()  # the event that announces the connection
        kind = "websocket.http.response"
        if kind not in (scope.get("extensions") or {}):
            await send(
                {"type": "websocket.close", "code": 1008, "reason": reason.encode()[:100].decode(errors="ignore")}
            )
            return
    # What a client sent comes back in the reason: never as markup, never with control characters.
    text = "".join(character if character.isprintable() else "?" for character in reason)[:500]
    content_type, body = b"text/plain; charset=utf-8", f"{text}\n".encode()
    if scope["path"].startswith(FOR_PROGRAMS):
        title = {401: "Unauthorized", 403: "Forbidden"}[status]
        content_type = b"application/problem+json"
        body = json.dumps({"title": title, "status": status, "detail": text}).encode()
    headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *((name.encode(), value.encode()) for name, value in SAFE_HEADERS.items()),
        *more_headers,
    ]
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": b"" if scope.get("method") == "HEAD" else body})
