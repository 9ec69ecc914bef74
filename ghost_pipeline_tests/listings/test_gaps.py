"""Signs that a listing is incomplete: paging markers and rows without a usable id."""

from typing import Any

import pytest

from ghost_pipeline_tests.providers.samples import FIXTURE_NAMES, fixture, parsed, provider_of

MARKERS: list[tuple[dict[str, Any], str]] = [
    ({"has_more": True}, "has_more"),
    ({"hasMore": True}, "hasMore"),
    ({"nextPageToken": "CAE"}, "nextPageToken"),
    ({"next_page_token": "CAE"}, "next_page_token"),
    ({"next_page": 2}, "next_page"),
    ({"next_cursor": "CAE"}, "next_cursor"),
    ({"nextToken": "CAE"}, "nextToken"),
    ({"NextToken": "CAE"}, "NextToken"),
    ({"next": "/v1/models?page=2"}, "next"),
    ({"nextLink": "/v1/models?page=2"}, "nextLink"),
    ({"@odata.nextLink": "/v1/models?page=2"}, "@odata.nextLink"),
    ({"links": {"next": "/v1/models?page=2"}}, "links.next"),
    ({"_links": {"next": {"href": "/v1/models?page=2"}}}, "_links.next"),
    ({"pagination": {"next": 2}}, "pagination.next"),
    ({"pagination": {"has_more": True}}, "pagination.has_more"),
    ({"result_info": {"page": 1, "total_pages": 3}}, "result_info.page 1 of 3"),
]


@pytest.mark.parametrize(("marker", "name"), MARKERS, ids=[name for _, name in MARKERS])
@pytest.mark.parametrize("fixture_name", [name for name in FIXTURE_NAMES if isinstance(fixture(name), dict)])
def test_a_paging_marker_makes_the_listing_partial(fixture_name: str, marker: dict[str, Any], name: str) -> None:
    listing = parsed(provider_of(fixture_name), {**fixture(fixture_name), **marker})
    [gap] = listing.incomplete_reasons
    assert gap.startswith(name)
    assert len(listing.models) > 0


@pytest.mark.parametrize(
    "envelope",
    [
        {"has_more": False, "last_id": "m"},
        {"nextPageToken": ""},
        {"next_page_token": None},
        {"links": {"next": None, "prev": "/v1/models?page=1"}},
        {"links": None},
        {"total": 400, "total_count": 400, "totalSize": 400},
        {"result_info": {"page": 3, "total_pages": 3, "total_count": 400}},
        {"result_info": {"page": True, "total_pages": "many"}},
    ],
)
def test_other_fields_leave_the_listing_complete(envelope: dict[str, Any]) -> None:
    assert parsed("openai", {"data": [{"id": "m"}], **envelope}).incomplete_reasons == ()


@pytest.mark.parametrize(
    "row",
    [None, 4, "gpt-4", [], {}, {"name": "x"}, {"id": None}, {"id": 4}, {"id": " "}, {"id": "a\nb"}, {"id": "x" * 513}],
)
def test_a_row_without_an_id_makes_the_listing_partial(row: Any) -> None:
    listing = parsed("openai", {"data": [{"id": "first"}, row, {"id": "third"}]})
    assert listing.incomplete_reasons == ("1 of 3 rows has no usable 'id' (row 2, counted from 1)",)
    assert [model.model_id for model in listing.models] == ["first", "third"]


def test_many_rows_without_an_id_are_counted_and_the_first_few_named() -> None:
    listing = parsed("openai", {"data": [{"id": "m"}, *({} for _ in range(9))]})
    assert listing.incomplete_reasons == ("9 of 10 rows have no usable 'id' (row 2, 3, 4, …, counted from 1)",)


def test_a_marker_without_models_is_still_a_gap() -> None:
    listing = parsed("google", {"models": [], "nextPageToken": "CAE"})
    assert listing.models == ()
    assert len(listing.incomplete_reasons) == 1


def test_the_token_of_a_marker_is_not_repeated() -> None:
    [gap] = parsed("google", {"models": [{"name": "models/m"}], "nextPageToken": "c2VjcmV0"}).incomplete_reasons
    assert "c2VjcmV0" not in gap
