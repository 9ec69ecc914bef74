"""Markers in the envelope that say: this is not the last page.

They are looked for in every format alike, because gateways in front of a provider add their own. The spellings come
from the list endpoints of Anthropic (``has_more``), Google, Vertex and Fireworks (``nextPageToken``), Cohere
(``next_page_token``), OpenRouter (``links.next``), Cloudflare (``result_info``), AWS (``nextToken``), Azure
(``nextLink``) and OData. A total says nothing: Cloudflare documents ``total_count`` as the number without any filter.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_MORE_FLAGS = frozenset({"hasmore", "hasnext", "hasnextpage", "istruncated"})
_NEXT_PAGES = frozenset(
    {
        "next",
        "nextcursor",
        "nextlink",
        "nextmarker",
        "nextpage",
        "nextpagetoken",
        "nextpageurl",
        "nexttoken",
        "nexturl",
        "odatanextlink",
    }
)
_NESTED = frozenset({"links", "meta", "metadata", "pageinfo", "pagination", "paging", "resultinfo"})
_PAGES = (
    ("page", "total_pages"),
    ("page", "totalPages"),
    ("current_page", "total_pages"),
    ("current_page", "last_page"),
)
_NO_LETTER = re.compile(r"[^a-z0-9]")


def paging_gaps(document: Any) -> list[str]:
    """One sentence per marker in ``document`` that says that more models follow."""
    if not isinstance(document, dict):
        return []
    return [f"{marker}: more pages follow; fetch all of them into one listing" for marker in _markers(document, "")]


def _markers(envelope: Mapping[str, Any], path: str) -> Iterator[str]:
    for key, value in sorted(envelope.items()):
        name = _NO_LETTER.sub("", key.lower())
        if name in _MORE_FLAGS and (value is True or value == "true"):
            yield f"{path}{key} is true"
        elif name in _NEXT_PAGES and value:
            yield f"{path}{key} is set"
        elif name in _NESTED and isinstance(value, dict) and not path:
            yield from _markers(value, f"{key}.")
    for page, last_page in _PAGES:
        here, last = envelope.get(page), envelope.get(last_page)
        if type(here) is int and type(last) is int and here < last:
            yield f"{path}{page} {here} of {last}"
