"""Which URLs may be requested, and which server they reach. Pure functions of strings; no requests."""

import ipaddress
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def address_defect(
    url: str, is_plain_http_allowed: bool, how_to_allow: str = "set allow_plain_http = true for this provider"
) -> str | None:
    """Return why ``url`` may not be requested, or None if it may. Never repeat a password in it."""
    if not _is_http(url):
        return "is not a valid http or https URL"
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        return "contains a user name or password; put a key into an environment variable"
    if parts.fragment:
        return "contains a fragment (#…)"
    if parts.scheme == "http" and not (is_plain_http_allowed or is_loopback(url)):
        return f"is plain http to another machine; use https, or {how_to_allow}"
    return None


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_host and parts.scheme in _DEFAULT_PORTS and url.isascii() and url.isprintable() and " " not in url


def is_loopback(url: str) -> bool:
    """Return True if the host of ``url`` is this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port: the server that receives the key."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)


def format_host(url: str) -> str:
    """Return host and port of ``url`` for a message."""
    _, host, port = origin(url)
    return f"{host}:{port}"
