"""Where and how a provider is asked for its models, and how its pages follow each other."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from ghost_pipeline.errors import SettingsError
from ghost_pipeline.redaction import Secret
from ghost_pipeline.settings import read_secret


def join_url(url: str, reference: str) -> str:
    """What ``reference`` means in an answer from ``url``; an unreadable one is returned as it is."""
    try:
        return urljoin(url, reference)
    except ValueError:
        return reference


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """``url`` with ``parameters`` in its query, in the place of those of the same name."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) | dict(parameters)
    return parts._replace(query=urlencode(query)).geturl()


class Paging(Protocol):
    """A style of paging."""

    def next_url(self, url: str, envelope: Mapping[str, Any], row_count: int) -> str | None:
        """The URL of the page after the one that ``url`` gave, from what surrounded its rows."""


@dataclass(frozen=True, slots=True)
class SinglePage:
    """All models in one answer."""

    def next_url(self, url: str, envelope: Mapping[str, Any], row_count: int) -> str | None:
        """None."""
        return None


@dataclass(frozen=True, slots=True)
class CursorPaging:
    """A field of the answer goes into a parameter of the next request, as long as it is there."""

    field: str
    parameter: str
    only_if: str | None = None
    """A field that must be true, where the token is there on the last page too."""

    def next_url(self, url: str, envelope: Mapping[str, Any], row_count: int) -> str | None:
        """``url`` with the token."""
        token = envelope.get(self.field)
        if self.only_if is not None and envelope.get(self.only_if) is not True:
            return None
        return with_query(url, {self.parameter: token}) if isinstance(token, str) and token else None


@dataclass(frozen=True, slots=True)
class NextLinkPaging:
    """The answer holds the next URL, whole or relative, at ``within.field``."""

    within: str = "links"
    field: str = "next"

    def next_url(self, url: str, envelope: Mapping[str, Any], row_count: int) -> str | None:
        """The link."""
        links = envelope.get(self.within)
        link = links.get(self.field) if isinstance(links, dict) else None
        return join_url(url, link) if isinstance(link, str) and link else None


@dataclass(frozen=True, slots=True)
class PageNumberPaging:
    """Pages have numbers from 1; the answer tells its own, and how many there are or how many rows fill one."""

    within: str = "result_info"
    parameter: str = "page"

    def next_url(self, url: str, envelope: Mapping[str, Any], row_count: int) -> str | None:
        """``url`` with the next number."""
        info = envelope.get(self.within)
        if not isinstance(info, dict) or type(info.get("page")) is not int:
            return None
        page, pages, page_size = info["page"], info.get("total_pages"), info.get("per_page")
        is_full = type(page_size) is int and 0 < page_size <= row_count
        is_more = page < pages if type(pages) is int else is_full
        return with_query(url, {self.parameter: str(page + 1)}) if is_more else None


_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class AuthHeader:
    """The request header that carries the key."""

    name: str = "Authorization"
    prefix: str = "Bearer "


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how one provider is asked for its models."""

    provider_id: str
    base_url: str
    """May hold places such as ``{region}``, to be filled in the providers file."""
    path: str = "/models"
    key_variables: tuple[str, ...] = ()
    """Environment variables that may hold the key; the first that is set counts. None: no key is sent."""
    is_key_required: bool = True
    """False for public lists and servers on one's own machine."""
    key_header: AuthHeader = AuthHeader()
    headers: Mapping[str, str] = field(default_factory=dict)
    """What the provider wants besides the key."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of the query: the page size, and whatever else the provider wants."""
    paging: Paging = field(default_factory=SinglePage)
    places: Mapping[str, str] = field(default_factory=dict)
    """Name -> value, for the places in ``base_url`` and ``path``."""
    is_plain_http_allowed: bool = False
    """Whether the user's file allows plain http to another machine."""
    is_configured: bool = False
    """Whether the providers file has a table of it."""

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The places of the URL, filled or not."""
        return tuple(dict.fromkeys(_PLACEHOLDER.findall(self.base_url + self.path)))

    @property
    def missing_placeholders(self) -> tuple[str, ...]:
        """The places that nobody has filled."""
        return tuple(name for name in self.placeholders if name not in self.places)

    @property
    def url(self) -> str:
        """The URL of the first page. Only for an endpoint that lacks no place."""
        url = _PLACEHOLDER.sub(lambda place: self.places[place.group(1)], self.base_url.rstrip("/") + self.path)
        return f"{url}?{urlencode(self.parameters)}" if self.parameters else url

    def read_api_key(self) -> Secret | None:
        """The key, read from the environment now; None if there is none.

        Raises SettingsError for a value that can't stand in a request header.
        """
        for variable in self.key_variables:
            value = (read_secret(variable) or "").strip()
            if not value:
                continue
            if not (value.isascii() and value.isprintable()) or " " in value:
                raise SettingsError(f"the value of {variable} can't be a key (white space or no ASCII): set it anew")
            return Secret(value)
        return None
