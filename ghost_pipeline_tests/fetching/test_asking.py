"""Retries, redirects, gzip, endless paging, many providers at once."""

import ssl
import threading
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from time import monotonic

import pytest

from ghost_pipeline.errors import SettingsError
from ghost_pipeline.fetching.fetch import fetch_listings
from ghost_pipeline.fetching.http_client import create_tls_context
from ghost_pipeline.fetching.outcome import FetchResult
from ghost_pipeline_tests.fetching.builders import KEY, NOON, QUICK, Serve, at, fetch_one, ids_of, newest
from ghost_pipeline_tests.fetching.faults import FAULTS, LISTING
from ghost_pipeline_tests.fetching.server import (
    Asked,
    Line,
    Reply,
    always,
    bare_reply,
    body_reply,
    gzip_reply,
    in_turn,
    json_reply,
)

GOOD = body_reply(LISTING)


@pytest.mark.parametrize("name", ["500", "408", "425", "429", "a connection cut in the middle", "half a gzip"])
def test_transient_errors_are_retried(serve: Serve, folder: Path, name: str) -> None:
    server = serve(in_turn(FAULTS[name].reply, FAULTS[name].reply, GOOD))
    outcome = fetch_one(at(server), folder)
    assert (outcome.result, outcome.response.status, outcome.reason) == (FetchResult.FETCHED, 200, None)
    assert len(server.requests) == 3


def test_a_provider_that_asks_to_wait_is_left_alone_for_as_long(serve: Serve, folder: Path) -> None:
    asked_at: list[float] = []

    def script(asked: Asked) -> Reply:
        asked_at.append(monotonic())
        return GOOD if len(asked_at) > 1 else bare_reply(429, retry_after="1")

    assert fetch_one(at(serve(script)), folder).result is FetchResult.FETCHED
    [(first, second)] = pairwise(asked_at)
    assert second - first >= 1


def test_waits_differ_so_that_many_do_not_come_back_at_once(serve: Serve, folder: Path) -> None:
    server = serve(always(FAULTS["500"].reply))
    limits = replace(QUICK, attempts=2, initial_backoff=0.1)
    durations = {round(fetch_one(at(server), folder, limits).duration_seconds, 3) for _ in range(5)}
    assert len(durations) > 1


def test_a_redirect_on_the_same_server_is_followed_with_the_key(serve: Serve, folder: Path) -> None:
    server = serve(in_turn(bare_reply(307, location="/v2/models"), GOOD))
    assert fetch_one(at(server), folder).result is FetchResult.FETCHED
    assert [asked.path for asked in server.requests] == ["/v1/models", "/v2/models"]
    assert KEY in server.requests[1].headers["authorization"]


@pytest.mark.parametrize("provider_id", ["openai", "anthropic", "google", "azure"])
def test_another_server_gets_no_request_and_no_key(serve: Serve, folder: Path, provider_id: str) -> None:
    other = serve(always(GOOD))
    server = serve(always(bare_reply(302, location=f"{other.url}/v1/models")))
    outcome = fetch_one(at(server, provider_id), folder)
    assert outcome.result is FetchResult.FAILED
    assert other.requests == []


def test_a_next_page_on_another_server_is_not_requested(serve: Serve, folder: Path) -> None:
    other = serve(always(GOOD))
    page = {"data": [{"id": "lab/a"}], "links": {"next": f"{other.url}/api/v1/models?page=2"}}
    outcome = fetch_one(at(serve(always(json_reply(page))), "openrouter"), folder)
    assert outcome.result is FetchResult.PARTIAL
    assert other.requests == []
    assert newest(folder, "openrouter").incomplete_reasons


def test_gzip_is_unpacked(serve: Serve, folder: Path) -> None:
    server = serve(always(gzip_reply(LISTING)))
    outcome = fetch_one(at(server), folder)
    assert server.requests[0].headers["accept-encoding"] == "gzip"
    assert outcome.path is not None
    assert outcome.path.read_bytes() == LISTING


def test_a_hundred_megabytes_never_enter_the_memory(serve: Serve, folder: Path) -> None:
    servers = [serve(always(FAULTS[name].reply)) for name in ("100 MB", "100 MB in gzip", "100 MB announced")]
    limits = replace(QUICK, max_bytes=1_000_000)
    tracemalloc.start()
    for server in servers:
        assert fetch_one(at(server), folder, limits).result is FetchResult.FAILED
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_the_limit_of_bytes_is_for_all_pages_together(serve: Serve, folder: Path) -> None:
    def script(asked: Asked) -> Reply:
        last = int(asked.parameters.get("after_id", "0")) + 1
        rows = [{"id": f"{last}-{number}", "text": "x" * 1_000} for number in range(100)]
        return json_reply({"data": rows, "has_more": True, "last_id": str(last)})

    outcome = fetch_one(at(serve(script), "anthropic"), folder, replace(QUICK, max_bytes=350_000))
    assert (outcome.result, outcome.response.pages, outcome.models) == (FetchResult.PARTIAL, 3, 300)


def test_a_repeated_page_ends_the_fetch_and_the_listing_is_partial(serve: Serve, folder: Path) -> None:
    page = {"models": [{"name": "models/gemini-x"}], "nextPageToken": "again"}
    server = serve(always(json_reply(page)))
    outcome = fetch_one(at(server, "google"), folder)
    assert (outcome.result, len(server.requests)) == (FetchResult.PARTIAL, 2)
    assert "repeated page" in (outcome.reason or "")
    assert ids_of(newest(folder, "google")) == ["gemini-x"]
    assert newest(folder, "google").incomplete_reasons


def test_pages_without_an_end_are_left_at_the_limit(serve: Serve, folder: Path) -> None:
    def script(asked: Asked) -> Reply:
        number = int(asked.parameters.get("pageToken", "0"))
        return json_reply({"models": [{"name": f"models/{number}"}], "nextPageToken": str(number + 1)})

    server = serve(script)
    outcome = fetch_one(at(server, "google"), folder, replace(QUICK, max_pages=5))
    assert (outcome.result, outcome.models, len(server.requests)) == (FetchResult.PARTIAL, 5, 5)
    assert "raise GHOST_FETCH_MAX_PAGES" in (outcome.reason or "")


def test_a_response_without_a_model_is_written_and_left_to_admission(serve: Serve, folder: Path) -> None:
    outcome = fetch_one(at(serve(always(json_reply({"data": []})))), folder)
    assert (outcome.result, outcome.models) == (FetchResult.EMPTY, 0)
    assert newest(folder, "openai").models == ()


def test_a_slow_provider_delays_no_other(serve: Serve, folder: Path) -> None:
    others_done = threading.Event()

    def slow(line: Line) -> None:
        assert others_done.wait(20)  # answers only once all others are in
        GOOD(line)

    endpoints = [at(serve(always(slow)))]
    endpoints += [at(serve(always(GOOD)), name) for name in ("groq", "deepseek", "nvidia")]
    reported: list[str] = []

    def watch(outcome: object) -> None:
        reported.append(getattr(outcome, "provider_id", ""))
        if len(reported) == 3:
            others_done.set()

    outcomes = fetch_listings(endpoints, folder, replace(QUICK, read_timeout=30), NOON, watch)
    assert [one.result for one in outcomes] == [FetchResult.FETCHED] * 4
    assert [one.provider_id for one in outcomes] == ["openai", "groq", "deepseek", "nvidia"]
    assert reported[-1] == "openai"


def test_no_more_providers_than_allowed_are_fetched_at_the_same_time(serve: Serve, folder: Path) -> None:
    lock = threading.Lock()
    now, most = 0, 0

    def counting(line: Line) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        line.wait(0.05)
        with lock:
            now -= 1
        GOOD(line)

    server = serve(always(counting))
    names = ["openai", "groq", "deepseek", "nvidia", "cerebras", "mistral"]
    outcomes = fetch_listings([at(server, name) for name in names], folder, replace(QUICK, concurrency=2), NOON)
    assert {one.result for one in outcomes} == {FetchResult.FETCHED}
    assert most == 2


def test_an_unsendable_key_is_reported_by_the_name_of_its_variable(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-with\na-line")
    server = serve(always(GOOD))
    outcome = fetch_one(at(server), folder)
    assert outcome.result is FetchResult.FAILED
    assert outcome.reason is not None
    assert "OPENAI_API_KEY" in outcome.reason
    assert "sk-with" not in outcome.reason
    assert server.requests == []


def test_certificates_are_always_checked() -> None:
    certificates = create_tls_context()
    assert certificates.verify_mode is ssl.CERT_REQUIRED
    assert certificates.check_hostname


def test_unreadable_certificates_are_an_error_and_never_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(SettingsError, match="SSL_CERT_FILE"):
        create_tls_context()


def test_a_server_without_tls_is_not_requested_over_plain_http_instead(serve: Serve, folder: Path) -> None:
    server = serve(always(GOOD))
    endpoint = replace(at(server), base_url=server.url.replace("http:", "https:"))
    outcome = fetch_one(endpoint, folder)
    assert outcome.result is FetchResult.FAILED
    assert "no connection to 127.0.0.1" in (outcome.reason or "")
    assert server.requests == []


def test_a_proxy_of_the_environment_is_not_for_this_machine(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(always(GOOD))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert fetch_one(at(serve(always(GOOD))), folder).result is FetchResult.FETCHED
    assert proxy.requests == []


def test_every_outcome_carries_the_instant_of_the_attempt(serve: Serve, folder: Path) -> None:
    outcome = fetch_one(at(serve(always(bare_reply(401)))), folder, hours=5)
    assert outcome.attempted_at == NOON + timedelta(hours=5)
