"""Conditional requests: sent only where a 304 would confirm the newest file."""

from dataclasses import replace
from pathlib import Path

import pytest

from ghost_pipeline.fetching.outcome import FetchResult
from ghost_pipeline_tests.fetching.builders import Serve, at, fetch_one, ids_bytes, names_in
from ghost_pipeline_tests.fetching.server import Asked, Reply, Script, always, bare_reply, body_reply, json_reply

LISTING = ids_bytes("a", "b")
CONDITIONS = ("if-none-match", "if-modified-since")


def honouring(etag: str) -> Script:
    """Provide a server that supports conditional requests."""

    def script(asked: Asked) -> Reply:
        if asked.headers.get("if-none-match") == etag:
            return bare_reply(304, etag=etag)
        return body_reply(LISTING, etag=etag)

    return script


def test_not_modified_confirms_the_newest_file_and_writes_none(serve: Serve, folder: Path) -> None:
    endpoint = at(serve(honouring('W/"1"')))
    first = fetch_one(endpoint, folder)
    before = names_in(folder)
    again = fetch_one(endpoint, folder, hours=6)
    assert again.result is FetchResult.NOT_MODIFIED
    assert (again.path, again.sha256, again.models) == (first.path, first.sha256, 2)
    assert (again.response.status, again.reason) == (304, None)
    assert names_in(folder) == before


def test_a_date_of_last_modification_is_used_where_there_is_no_etag(serve: Serve, folder: Path) -> None:
    date = "Fri, 01 May 2026 10:00:00 GMT"
    server = serve(always(body_reply(LISTING, last_modified=date)))
    fetch_one(at(server), folder)
    fetch_one(at(server), folder, hours=1)
    assert [asked.headers.get("if-modified-since") for asked in server.requests] == [None, date]


def test_a_changed_answer_is_a_new_file(serve: Serve, folder: Path) -> None:
    server = serve(honouring('"1"'))
    fetch_one(at(server), folder)
    server.script = honouring('"2"')
    assert fetch_one(at(server), folder, hours=1).result is FetchResult.FETCHED
    assert server.requests[1].headers["if-none-match"] == '"1"'


@pytest.mark.parametrize("change", ["edited", "no sidecar", "half a sidecar", "a newer file of somebody", "gone"])
def test_nothing_is_confirmed_that_is_not_as_it_was_fetched(serve: Serve, folder: Path, change: str) -> None:
    server = serve(honouring('"1"'))
    path = fetch_one(at(server), folder).path
    assert path is not None
    sidecar = path.with_name(f"{path.name}.response")
    match change:
        case "edited":
            path.write_bytes(LISTING + b"\n")
        case "no sidecar":
            sidecar.unlink()
        case "half a sidecar":
            sidecar.write_bytes(sidecar.read_bytes()[:40])
        case "a newer file of somebody":
            (folder / "openai_models_2026-05-02.json").write_bytes(LISTING)
        case "gone":
            path.unlink()
    assert fetch_one(at(server), folder, hours=48).result is FetchResult.FETCHED
    assert not set(CONDITIONS) & set(server.requests[1].headers)


def test_another_address_is_requested_without_conditions(serve: Serve, folder: Path) -> None:
    server = serve(honouring('"1"'))
    fetch_one(at(server), folder)
    assert fetch_one(replace(at(server), parameters={"all": "1"}), folder, hours=1).result is FetchResult.FETCHED
    assert not set(CONDITIONS) & set(server.requests[1].headers)


def test_neither_several_pages_nor_a_partial_listing_are_confirmed_by_the_first_page(
    serve: Serve, folder: Path
) -> None:
    def script(asked: Asked) -> Reply:
        if asked.parameters.get("pageToken") == "2":
            return json_reply({"models": [{"name": "models/b"}]}, etag='"1"')
        return json_reply({"models": [{"name": "models/a"}], "nextPageToken": "2"}, etag='"1"')

    server = serve(script)
    assert fetch_one(at(server, "google"), folder).result is FetchResult.FETCHED
    assert fetch_one(at(server, "google"), folder, hours=1).result is FetchResult.FETCHED
    partial = serve(always(json_reply({"data": [{"id": "a"}], "has_more": True}, etag='"3"')))
    for hour in range(2):
        assert fetch_one(at(partial, "anthropic"), folder, hours=hour).result is FetchResult.PARTIAL
    assert all(not set(CONDITIONS) & set(asked.headers) for asked in [*server.requests, *partial.requests])
