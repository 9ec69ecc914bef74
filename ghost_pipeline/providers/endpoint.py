"""Declare where and how a provider's models are fetched, and how its pages follow each other."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from ghost_pipeline.errors import format_message


def join_url(url: str, reference: str) -> str:
    """Resolve ``reference`` against the ``url`` of the response; an unreadable one is returned as it is."""
    try:
        return urljoin(url, reference)
    except ValueError:
        return reference


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """Return ``url`` with ``parameters`` in its query, replacing those of the same name."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) | dict(parameters)
    return parts._replace(query=urlencode(query)).geturl()


class Paging(Protocol):
    """A style of paging."""

    def next_url(self, url: str, envelope: Mapping[str, Any], row_count: int) -> str | None:
        """Return the URL of the page after that of ``url``, from the envelope of its rows."""


@dataclass(frozen=True, slots=True)
class SinglePage:
    """All models in one response."""

    def next_url(self, url: str, envelope: Mapping[str, Any], row_count: int) -> str | None:
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class CursorPaging:
    """A field of the response becomes a parameter of the next request, as long as it is present."""

    field: str
    parameter: str
    only_if: str | None = None
    """A field that must be true, where the last page has a token too."""

    def next_url(self, url: str, envelope: Mapping[str, Any], row_count: int) -> str | None:
        """Return ``url`` with the token."""
        token = envelope.get(self.field)
        if self.only_if is not None and envelope.get(self.only_if) is not True:
            return None
        return with_query(url, {self.parameter: token}) if isinstance(token, str) and token else None


@dataclass(frozen=True, slots=True)
class NextLinkPaging:
    """The response has the next URL, absolute or relative, at ``within.field``."""

    within: str = "links"
    field: str = "next"

    def next_url(self, url: str, envelope: Mapping[str, Any], row_count: int) -> str | None:
        """Return the link."""
        links = envelope.get(self.within)
        link = links.get(self.field) if isinstance(links, dict) else None
        return join_url(url, link) if isinstance(link, str) and link else None


@dataclass(frozen=True, slots=True)
class PageNumberPaging:
    """Pages are numbered from 1; the response has its own number, and the number of pages or of rows per page."""

    within: str = "result_info"
    parameter: str = "page"

    def next_url(self, url: str, envelope: Mapping[str, Any], row_count: int) -> str | None:
        """Return ``url`` with the next number."""
        info = envelope.get(self.within)
        if not isinstance(info, dict) or type(info.get("page")) is not int:
            return None
        page, pages, page_size = info["page"], info.get("total_pages"), info.get("per_page")
        is_full = type(page_size) is int and 0 < page_size <= row_count
        is_more = page < pages if type(pages) is int else is_full
        return with_query(url, {self.parameter: str(page + 1)}) if is_more else None


def advise_on_missing_key(key_variables: Sequence[str]) -> str:
    """Return what to do if a key is required and none of its environment variables is set."""
    return f"set {' or '.join(key_variables) or 'key_variable to the variable of the key in the providers file'}"


def describe_missing_key(key_variables: Sequence[str]) -> str:
    """Return reason and advice, as one line, for a provider whose key is missing."""
    return format_message("a key is required", advise_on_missing_key(key_variables))


_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class AuthHeader:
    """The request header that carries the key."""

    name: str = "Authorization"
    prefix: str = "Bearer "


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how one provider's models are fetched."""

    base_url: str
    """May contain placeholders such as ``{region}``, which the providers file fills."""
    path: str = "/models"
    key_variables: tuple[str, ...] = ()
    """Environment variables that may hold the key; the first that is set counts. Empty: no key is sent."""
    is_key_required: bool = True
    """False for public lists and servers on the user's machine."""
    key_header: AuthHeader = AuthHeader()
    headers: Mapping[str, str] = field(default_factory=dict)
    """What the provider requires besides the key."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of the query: the page size, and whatever else the provider requires."""
    paging: Paging = field(default_factory=SinglePage)
    places: Mapping[str, str] = field(default_factory=dict)
    """Name -> value of the placeholders in ``base_url`` and ``path``."""
    is_plain_http_allowed: bool = False
    """True if the providers file allows plain http to another machine."""
    is_configured: bool = False
    """True if the providers file has a table for it."""
    provider_id: str = ""
    """The slug of its provider, which sets it."""
    address_settings: tuple[str, ...] = ("base_url", "path")
    """What the providers file calls its address, for messages."""

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The placeholders of the URL, filled or not."""
        return tuple(dict.fromkeys(_PLACEHOLDER.findall(self.base_url + self.path)))

    @property
    def missing_placeholders(self) -> tuple[str, ...]:
        """The placeholders that have no value."""
        return tuple(name for name in self.placeholders if name not in self.places)

    @property
    def url(self) -> str:
        """The URL of the first page. Only valid without missing placeholders."""
        url = _PLACEHOLDER.sub(lambda place: self.places[place.group(1)], self.base_url.rstrip("/") + self.path)
        return f"{url}?{urlencode(self.parameters)}" if self.parameters else url
