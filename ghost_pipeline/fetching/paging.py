"""How providers page: from one page to the URL of the next.

Every style ends in None both at the last page and where an answer promises more without saying how to get it. The
marker in the answer (see listings.paging) tells the two apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ghost_pipeline.fetching.addresses import joined, with_parameters


class Paging(Protocol):
    """A style of paging."""

    def next_url(self, url: str, envelope: Mapping[str, Any], row_count: int) -> str | None:
        """The URL of the page after the one that ``url`` gave, from what surrounded its rows."""


@dataclass(frozen=True, slots=True)
class OnePage:
    """All models in one answer."""

    def next_url(self, url: str, envelope: Mapping[str, Any], row_count: int) -> str | None:
        """None."""
        return None


@dataclass(frozen=True, slots=True)
class Token:
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
        return with_parameters(url, {self.parameter: token}) if isinstance(token, str) and token else None


@dataclass(frozen=True, slots=True)
class NextLink:
    """The answer holds the next URL, whole or relative, at ``within.field``."""

    within: str = "links"
    field: str = "next"

    def next_url(self, url: str, envelope: Mapping[str, Any], row_count: int) -> str | None:
        """The link."""
        links = envelope.get(self.within)
        link = links.get(self.field) if isinstance(links, dict) else None
        return joined(url, link) if isinstance(link, str) and link else None


@dataclass(frozen=True, slots=True)
class Numbered:
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
        return with_parameters(url, {self.parameter: str(page + 1)}) if is_more else None
