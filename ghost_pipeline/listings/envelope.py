"""Find the rows of a listing in its JSON document, and detect error responses and paging markers around them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ghost_pipeline.listings.decoding import Malformed
from ghost_pipeline.providers.wire_format import TOP_LEVEL_LIST
from ghost_pipeline.redaction import quote_redacted

FALLBACK_ROW_KEYS = ("data", "models", "result", "results", "items", "modelSummaries", "publisherModels")
"""Keys to try if none of the format's own keys has rows."""

_MESSAGES = ("message", "detail", "msg", "error_description", "title", "error", "description")
_KINDS = ("type", "code", "status")


class Rows(NamedTuple):
    """The rows of a listing, and the key that holds them."""

    rows: Sequence[Any]
    key: str


def raise_for_error_envelope(document: Any) -> None:
    """Raise Malformed if ``document`` reports an error, whatever else it contains."""
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, dict):
        return
    for complaint in (document.get("error"), document.get("errors")):
        if complaint:
            raise Malformed(f"the provider returned an error{_error_detail(complaint, document)}")
    if document.get("success") is False:
        raise Malformed(f"the provider returned success: false{_error_detail(document)}")
    if document.get("type") == "error" or document.get("object") == "error":
        raise Malformed(f"the provider returned an error{_error_detail(document)}")
    if "data" in document and document["data"] is None:
        raise Malformed(f"the provider returned no data (data: null){_error_detail(document)}")


def find_rows(document: Any, row_keys: Sequence[str]) -> Rows:
    """Return the rows of ``document``, from the format's own keys or else from common ones.

    Raises Malformed if there is no list of rows.
    """
    if isinstance(document, list):
        return Rows(document, TOP_LEVEL_LIST)
    if not isinstance(document, dict):
        kind = "null" if document is None else type(document).__name__
        raise Malformed(f"a single JSON value ({kind}) is not a model list")
    places = [key for key in dict.fromkeys((*row_keys, *FALLBACK_ROW_KEYS)) if isinstance(document.get(key), list)]
    if not places:
        raise Malformed(_unknown_shape(document))
    key = next((key for key in places if document[key]), places[0])
    return Rows(document[key], key)


def _unknown_shape(document: Mapping[str, Any]) -> str:
    keys = ", ".join(quote_redacted(key, 40) for key in sorted(document)[:8]) or "none"
    return f"no list of models in the JSON object (its keys: {keys}){_error_detail(document)}"


def _error_detail(*candidates: Any) -> str:
    """Return kinds and message of the first candidate that has any, as ``: type "…", "…"``; else an empty text."""
    for candidate in candidates:
        first = candidate[0] if isinstance(candidate, list) and candidate else candidate
        parts = _parts(first)
        if parts:
            return f": {', '.join(parts)}"
    return ""


def _parts(complaint: Any) -> list[str]:
    if isinstance(complaint, str):
        return [quote_redacted(complaint)] if complaint.strip() else []
    if not isinstance(complaint, dict):
        return []
    kinds = [
        f"{kind} {quote_redacted(str(value), 60)}"
        for kind in _KINDS
        if isinstance(value := complaint.get(kind), str | int) and not isinstance(value, bool) and value != ""
    ]
    for name in _MESSAGES:
        message = complaint.get(name)
        if isinstance(message, str) and message.strip():
            return [*kinds, quote_redacted(message)]
        if isinstance(message, dict) and (inner := _parts(message)):
            return [*kinds, *inner]
    return kinds


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
    """Return a sentence for each marker in ``document`` that more pages follow."""
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
