"""What a page holds, and many pages as one document in the provider's own shape.

Rows are never taken apart here: they go into the merged document byte for byte.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ghost_pipeline.fetching.faults import Fault
from ghost_pipeline.listings import survey_listing
from ghost_pipeline.listings.defects import FETCH_AGAIN
from ghost_pipeline.listings.paging import paging_gaps
from ghost_pipeline.listings.parsing import Survey

_BOM = b"\xef\xbb\xbf"
_read_envelope = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_rows = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing."""

    content: bytes
    """UTF-8 JSON, as it came."""
    survey: Survey
    """What it holds."""


def read_page(provider_id: str, content: bytes, content_type: str | None) -> Page:
    """The page in an answer with status 200.

    Raises Fault if it is no page of models: HTML, an error, something cut off, whatever it is called.
    """
    survey = survey_listing(provider_id, content)
    if survey.defect is not None:
        raise Fault(f"the answer is no model list: {survey.defect.removesuffix(f'; {FETCH_AGAIN}')}")
    if not _is_json(content_type):
        raise Fault("the answer does not call itself JSON (Content-Type), so it is not believed")
    return Page(content.removeprefix(_BOM), survey)


def merged(pages: Sequence[Page], is_partial: bool) -> bytes:
    """All rows in the envelope of the last page, whose marker says whether more would follow.

    One page stays exactly as it came. If ``is_partial``, the document says so by itself: where the provider's own
    envelope has no marker, one is put in.
    """
    last = pages[-1]
    is_marked = not is_partial or bool(paging_gaps(last.survey.envelope))
    if len(pages) == 1 and is_marked:
        return last.content
    envelope = dict(_read_envelope(last.content))
    rows = [row for page in pages for row in _read_rows(_read_envelope(page.content)[page.survey.rows_key])]
    envelope[last.survey.rows_key] = msgspec.Raw(_encode(rows))
    if not is_marked:
        envelope["has_more"] = msgspec.Raw(b"true")
    return _encode(envelope)


def _media_type(content_type: str | None) -> str:
    return (content_type or "").split(";", maxsplit=1)[0].strip().lower()


def _is_json(content_type: str | None) -> bool:
    """Whether the header names JSON (RFC 8259, RFC 6839), or says nothing."""
    media_type = _media_type(content_type)
    return not media_type or media_type in ("application/json", "text/json") or media_type.endswith("+json")
