"""Every declared provider is requested as its documentation specifies, with all its pages."""

import json
from pathlib import Path

import pytest

from ghost_pipeline.fetching.outcome import FetchResult
from ghost_pipeline.listings.parsing import parse_listing
from ghost_pipeline.providers import ENDPOINTS
from ghost_pipeline_tests.fetching.builders import KEY, NOON, Serve, at, fetch_one, newest
from ghost_pipeline_tests.fetching.fake_responses import PAGED, PATHS, page_of, play
from ghost_pipeline_tests.fetching.server import Asked, Reply, json_reply
from ghost_pipeline_tests.providers.samples import FIXTURE_NAMES, fixture, fixture_bytes, provider_of, rows_of


def test_every_provider_with_a_format_is_declared_but_vertex() -> None:
    assert set(ENDPOINTS) == set(PATHS) == {provider_of(name) for name in FIXTURE_NAMES} - {"vertex"}


@pytest.mark.parametrize("provider_id", sorted(PATHS))
def test_a_provider_s_whole_listing_comes_as_documented(serve: Serve, folder: Path, provider_id: str) -> None:
    server = serve(play(provider_id, KEY))
    outcome = fetch_one(at(server, provider_id), folder)
    expected = parse_listing(provider_id, fixture_bytes(provider_id))
    assert (outcome.result, outcome.reason) == (FetchResult.FETCHED, None)
    assert newest(folder, provider_id) == expected
    assert outcome.models == len(expected.models)
    assert (
        outcome.response.pages
        == len(server.requests)
        == (len(rows_of(fixture(provider_id))) if provider_id in PAGED else 1)
    )
    assert all(KEY not in asked.target for asked in server.requests)


@pytest.mark.parametrize("provider_id", sorted(set(PATHS) - set(PAGED)))
def test_a_single_page_is_kept_byte_for_byte(serve: Serve, folder: Path, provider_id: str) -> None:
    outcome = fetch_one(at(serve(lambda asked: json_reply(fixture(provider_id))), provider_id), folder)
    assert outcome.path is not None
    assert outcome.path.name == f"{provider_id}_models_2026-05-01T12-00-00.123456.json"
    assert outcome.attempted_at == NOON
    assert json.loads(outcome.path.read_bytes()) == fixture(provider_id)
    assert outcome.path.read_bytes() == json.dumps(fixture(provider_id)).encode()


@pytest.mark.parametrize("provider_id", sorted(PAGED))
def test_a_missing_second_page_is_marked_in_the_file(serve: Serve, folder: Path, provider_id: str) -> None:
    answered: list[Asked] = []

    def script(asked: Asked) -> Reply:
        answered.append(asked)
        return json_reply(page_of(provider_id, asked)) if len(answered) == 1 else json_reply({"error": "gone"}, 410)

    outcome = fetch_one(at(serve(script), provider_id), folder)
    assert outcome.result is FetchResult.PARTIAL
    assert outcome.reason is not None
    assert outcome.reason.startswith("page 2 is missing: HTTP 410 Gone")
    listing = newest(folder, provider_id)
    assert listing.models == parse_listing(provider_id, fixture_bytes(provider_id)).models[:1]
    assert listing.incomplete_reasons


def test_cloudflare_without_a_number_of_pages_is_read_until_a_page_is_not_full(serve: Serve, folder: Path) -> None:
    def script(asked: Asked) -> Reply:
        page = page_of("cloudflare", asked)
        del page["result_info"]["total_pages"]
        return json_reply(page)

    outcome = fetch_one(at(serve(script), "cloudflare"), folder)
    assert outcome.result is FetchResult.FETCHED
    assert outcome.response.pages == len(rows_of(fixture("cloudflare"))) + 1
    assert newest(folder, "cloudflare") == parse_listing("cloudflare", fixture_bytes("cloudflare"))


def test_a_partial_listing_without_a_marker_of_its_own_gets_one(serve: Serve, folder: Path) -> None:
    def script(asked: Asked) -> Reply:
        page = page_of("cloudflare", asked)
        del page["result_info"]["total_pages"]
        return json_reply(page) if "page" not in asked.parameters else json_reply({}, 403)

    assert fetch_one(at(serve(script), "cloudflare"), folder).result is FetchResult.PARTIAL
    assert newest(folder, "cloudflare").incomplete_reasons == (
        "has_more is true: more pages follow; fetch all of them into one listing",
    )


def test_a_local_server_without_a_key_is_requested_without_one(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OLLAMA_API_KEY")
    server = serve(lambda asked: json_reply(fixture("ollama")))
    assert fetch_one(at(server, "ollama"), folder).result is FetchResult.FETCHED
    assert "authorization" not in server.requests[0].headers
