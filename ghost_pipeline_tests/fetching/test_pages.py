"""Merging pages and finding the next one, whatever the rows and the markers are."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghost_pipeline.fetching.pages import merge_pages, read_page
from ghost_pipeline.listings.envelope import paging_gaps
from ghost_pipeline.listings.parsing import parse_listing
from ghost_pipeline.providers.endpoint import CursorPaging, NextLinkPaging, PageNumberPaging, Paging, SinglePage

URL = "https://provider.example/v1/models?limit=2"
# No blanks: an id of blanks alone is not an id, and its row is reported as unreadable wherever it is.
ids = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=5)
rows = st.fixed_dictionaries({"id": ids, "n": st.integers() | st.floats(allow_nan=False, allow_infinity=False)})
values = st.none() | st.booleans() | st.integers(0, 5) | st.text(max_size=5)
envelopes = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("has_more", "last_id", "nextPageToken", "next_page_token"), values),
        "links": st.fixed_dictionaries({}, optional={"next": values, "prev": values}) | values,
        "result_info": st.fixed_dictionaries({}, optional=dict.fromkeys(("page", "per_page", "total_pages"), values)),
    },
)
styles = st.sampled_from(
    [
        SinglePage(),
        CursorPaging("last_id", "after_id", only_if="has_more"),
        CursorPaging("nextPageToken", "pageToken"),
        CursorPaging("next_page_token", "page_token"),
        NextLinkPaging(),
        PageNumberPaging(),
    ]
)


def bytes_of(document: Any) -> bytes:
    return json.dumps(document).encode()


@given(st.lists(st.lists(rows, max_size=4), min_size=1, max_size=4), st.booleans())
def test_a_merged_listing_holds_every_row_once_and_verbatim(pages: list[list[Any]], is_partial: bool) -> None:
    contents = [bytes_of({"object": "list", "data": page, "page": number}) for number, page in enumerate(pages)]
    content = merge_pages([read_page("openai", one, None) for one in contents], is_partial)
    document = msgspec.json.decode(content)
    assert document["data"] == [row for page in pages for row in page]
    assert document["page"] == len(pages) - 1
    assert bool(parse_listing("openai", content).incomplete_reasons) == is_partial


@given(styles, envelopes, st.lists(rows, min_size=1, max_size=3))
def test_wherever_a_page_names_a_next_one_the_listing_cut_there_is_partial(
    style: Paging, envelope: dict[str, Any], listed: list[Any]
) -> None:
    page = read_page("openai", bytes_of({"data": listed, **envelope}), None)
    if style.next_url(URL, page.survey.envelope, page.survey.row_count) is not None:
        assert parse_listing("openai", merge_pages([page], is_partial=True)).incomplete_reasons


@given(envelopes, st.lists(rows, min_size=1, max_size=3))
def test_a_marker_that_was_not_followed_stays_in_the_file(envelope: dict[str, Any], listed: list[Any]) -> None:
    content = bytes_of({"data": listed, **envelope})
    assert merge_pages([read_page("openai", content, None)], is_partial=False) == content
    assert bool(parse_listing("openai", content).incomplete_reasons) == bool(paging_gaps(envelope))


def test_numbers_keep_their_digits() -> None:
    first = b'{"data": [{"id": "a", "price": 0.10000000000000000001, "n": 123456789012345678901234567890}]}'
    pages = [read_page("openai", one, None) for one in (first, b'{"data": []}')]
    assert b'"price": 0.10000000000000000001, "n": 123456789012345678901234567890' in merge_pages(
        pages, is_partial=False
    )


@pytest.mark.parametrize(
    ("style", "envelope", "following"),
    [
        (CursorPaging("t", "token"), {"t": "a b&c"}, f"{URL}&token=a+b%26c"),
        (CursorPaging("t", "limit"), {"t": "x"}, "https://provider.example/v1/models?limit=x"),
        (CursorPaging("t", "token"), {"t": ""}, None),
        (CursorPaging("t", "token"), {"t": 7}, None),
        (CursorPaging("t", "token", only_if="has_more"), {"t": "a"}, None),
        (NextLinkPaging(), {"links": {"next": "?page=2"}}, "https://provider.example/v1/models?page=2"),
        (NextLinkPaging(), {"links": {"next": "https://other.example/"}}, "https://other.example/"),
        (NextLinkPaging(), {"links": None}, None),
        (PageNumberPaging(), {"result_info": {"page": 1, "total_pages": 2}}, f"{URL}&page=2"),
        (PageNumberPaging(), {"result_info": {"page": 2, "total_pages": 2}}, None),
        (PageNumberPaging(), {"result_info": {"page": 1, "per_page": 2}}, f"{URL}&page=2"),
        (PageNumberPaging(), {"result_info": {"page": 1, "per_page": 3}}, None),
        (PageNumberPaging(), {}, None),
    ],
)
def test_the_next_page_is_the_one_that_the_response_names(
    style: Paging, envelope: dict[str, Any], following: str | None
) -> None:
    assert style.next_url(URL, envelope, 2) == following
