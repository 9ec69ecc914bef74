"""Which addresses may be asked, and what stands in a URL. Strings and the standard library, no requests."""

import ipaddress
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def address_defect(url: str, is_plain_http_allowed: bool) -> str | None:
    """Why ``url`` may not be asked; None if it may. Never repeats a password that stands in it."""
    if not _is_http(url):
        return "is no http or https URL"
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        return "holds a user name or password: a key belongs into an environment variable"
    if parts.fragment:
        return "holds a fragment (#…)"
    if parts.scheme == "http" and not (is_plain_http_allowed or is_loopback(url)):
        return "is plain http to another machine: use https, or say allow_plain_http = true for this provider"
    return None


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_host and parts.scheme in _DEFAULT_PORTS and url.isascii() and url.isprintable() and " " not in url


def is_loopback(url: str) -> bool:
    """Whether the host of ``url`` is this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: who gets to see the key."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)


def without_query(url: str) -> str:
    """``url`` for a person: without its parameters."""
    return url.split("?", maxsplit=1)[0]
