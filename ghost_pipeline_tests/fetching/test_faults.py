"""After every fault: no file, a readable reason, no key anywhere; and the next valid response is accepted."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from ghost_pipeline.fetching.outcome import FetchResult
from ghost_pipeline.settings import FetchLimits
from ghost_pipeline_tests.fetching.builders import KEY, QUICK, Serve, at, fetch_one, ids_of, names_in, newest
from ghost_pipeline_tests.fetching.faults import FAULTS, LISTING, FaultyPage
from ghost_pipeline_tests.fetching.server import Asked, Reply, always, body_reply, json_reply


def limits_for(fault: FaultyPage) -> FetchLimits:
    return replace(QUICK, read_timeout=fault.read_timeout, total_timeout=fault.total_timeout, max_bytes=1_000_000)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_leaves_no_file_and_a_reason_without_the_key(
    serve: Serve, folder: Path, fault: FaultyPage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(always(fault.reply))
    outcome = fetch_one(at(server), folder, limits_for(fault))
    assert outcome.result is FetchResult.FAILED
    assert outcome.reason is not None
    assert fault.message in outcome.reason
    assert "\n" not in outcome.reason
    assert len(server.requests) == fault.attempts
    assert names_in(folder) == []
    assert (outcome.path, outcome.models, outcome.response.pages) == (None, None, 0) or outcome.response.pages == 1
    assert KEY.lower() not in f"{outcome!r}{caplog.text}".lower()
    assert KEY in server.requests[0].headers["authorization"]

    server.script = always(body_reply(LISTING))
    assert fetch_one(at(server), folder, hours=1).result is FetchResult.FETCHED
    assert ids_of(newest(folder, "openai")) == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["slow headers", "a slow body", "a connection cut in the middle", "500", "100 MB"])
def test_a_fault_on_page_2_keeps_page_1_with_a_marker_that_more_follows(serve: Serve, folder: Path, name: str) -> None:
    first = json_reply({"data": [{"id": "claude-1"}], "has_more": True, "last_id": "claude-1"})

    def script(asked: Asked) -> Reply:
        return FAULTS[name].reply if "after_id" in asked.parameters else first

    outcome = fetch_one(at(serve(script), "anthropic"), folder, limits_for(FAULTS[name]))
    assert outcome.result is FetchResult.PARTIAL
    assert outcome.reason is not None
    assert outcome.reason.startswith("page 2 is missing: ")
    listing = newest(folder, "anthropic")
    assert ids_of(listing) == ["claude-1"]
    assert listing.incomplete_reasons == ("has_more is true: more pages follow; fetch all of them into one listing",)


def test_the_key_is_in_no_file_of_a_good_answer(serve: Serve, folder: Path) -> None:
    server = serve(always(body_reply(LISTING, etag=f'"{KEY}"', x_request_id=KEY, last_modified=KEY)))
    outcome = fetch_one(at(server), folder)
    assert outcome.result is FetchResult.FETCHED
    assert all(KEY.encode() not in path.read_bytes() for path in folder.iterdir())
    assert KEY not in repr(outcome)
    fetch_one(at(server), folder, hours=1)
    assert "if-none-match" not in server.requests[1].headers


@pytest.mark.parametrize("status", [200, 401])
def test_a_quote_that_is_cut_shows_no_half_of_the_key(
    serve: Serve, folder: Path, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "correcthorsebatterystaple"  # like nothing that a key usually looks like
    monkeypatch.setenv("OPENAI_API_KEY", key)
    complaint = json_reply({"error": {"message": "no " * 62 + key}}, status)
    outcome = fetch_one(at(serve(always(complaint))), folder)
    assert outcome.reason is not None
    assert "no no no" in outcome.reason
    assert key[:6] not in outcome.reason
