"""What an attacker can send to the web page and its API, and what never comes back."""

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.settings import Settings
from ghost_pipeline.web.application import create_application
from ghost_pipeline.web.security import SAFE_HEADERS, RequestGuard, TokenGuard
from ghost_pipeline.web.serving import route_by_prefix
from ghost_pipeline_tests.catalog.backends import POSTGRESQL, new_place

TOKEN = "correct-horse-battery-staple-é"
PAGES = ("/", "/ghost/", "/api/v1/models", "/ghost/api/v1/stats", "/v1/models", "/health", "/static/pages.css", "/nope")


@pytest.fixture(scope="module")
def served(web_settings: Settings) -> Iterator[TestClient]:
    """Provide a client of the application behind its guard, as ``ghost-pipeline web`` serves it."""
    with ModelCatalog.open_read_only(web_settings) as catalog:
        pages = create_application(catalog, is_stopping=lambda: True)
        guarded = RequestGuard(route_by_prefix(pages, pages), ["models.example"])
        yield TestClient(guarded, base_url="http://localhost", raise_server_exceptions=False, follow_redirects=False)


async def raw_get(client: TestClient, **changes: Any) -> int:
    """Return the status of a request with an ASGI scope that no client library would make."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [(b"host", b"localhost")]}
    await client.app({**scope, "http_version": "1.1", "scheme": "http", **changes}, receive, send)
    return int(sent[0]["status"])


def test_every_answer_has_the_safe_headers_and_allows_no_other_origin(served: TestClient) -> None:
    for path in PAGES:
        answer = served.get(path, headers={"Origin": "https://evil.example"})
        for name, value in SAFE_HEADERS.items():
            assert answer.headers[name] == value, (path, name)
        assert not [name for name in answer.headers if name.startswith("access-control")]
    for refused in (
        served.get("/", headers={"Host": "evil.example"}),
        TestClient(TokenGuard(served.app, TOKEN)).get("/"),
    ):
        assert refused.status_code in (401, 403)
        assert SAFE_HEADERS.items() <= dict(refused.headers).items()
    assert "default-src 'self'" in SAFE_HEADERS["content-security-policy"]
    assert "unsafe" not in SAFE_HEADERS["content-security-policy"]


def test_head_has_the_headers_of_get_and_other_methods_change_nothing(served: TestClient) -> None:
    for path in PAGES:
        got, head = served.get(path), served.head(path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers.get("content-type") == got.headers.get("content-type")
        assert head.headers.get("etag") == got.headers.get("etag")
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
            answer = served.request(method, path)
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD"), (method, path)
            assert answer.headers["content-type"] == "application/problem+json"


def test_only_this_servers_names_are_answered(served: TestClient) -> None:
    for host in ("localhost", "127.0.0.1:3001", "[::1]", "models.example:443"):
        assert served.get("/api/v1/stats", headers={"Host": host}).status_code == 200
    for host in ("evil.example", "localhost.evil.example", "0.0.0.0", "192.0.2.1", ""):
        answer = served.get("/api/v1/stats", headers={"Host": host, "X-Forwarded-Host": "localhost"})
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == 403


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_requests_that_no_library_sends_end_with_a_status(served: TestClient, anyio_backend: str) -> None:
    host = (b"host", b"localhost")
    assert await raw_get(served, headers=[]) == 403
    assert await raw_get(served, headers=[host, host]) == 403
    assert await raw_get(served, headers=[host, (b"if-none-match", b"\xff\x00")], path="/api/v1/stats") == 200
    for path in (
        "/static/../application.py",
        "/static/..%2fapplication.py",
        "/static//etc/passwd",
        "/static/\0",
        "/\0",
    ):
        assert await raw_get(served, path=path) in (404, 405), path
    for path in ("/api/v1/listings/../1", "/api/v1/listings/..", "/api/v1/listings/1/content/../../x"):
        assert await raw_get(served, path=path) in (404, 422), path
    assert await raw_get(served, path="/v1/models/50%25off") == 200
    assert await raw_get(served, path="/v1/models/..") == 200
    assert await raw_get(served, path="/v1/models/a\0b") == 404


def test_errors_of_the_feeds_are_problems(served: TestClient) -> None:
    for prefix in ("", "/ghost"):
        for query in (
            "changes.json?kind=nope",
            "changes.json?since=nope",
            "changes.json?day=nope",
            "changes.atom?kind=nope",
        ):
            answer = served.get(f"{prefix}/{query}")
            assert answer.status_code == 422, query
            assert answer.headers["content-type"] == "application/problem+json"
            assert "nope" in answer.json()["detail"]
        assert served.get(f"{prefix}/changes.atom", headers={"Host": "evil.example"}).json()["status"] == 403
        assert served.get(f"{prefix}/changes?kind=nope").headers["content-type"].startswith("text/html")


def test_hostile_parameters_are_refused_in_words_or_find_nothing(served: TestClient) -> None:
    for query, status in {
        "models?search=" + "x" * 10_000: 422,
        "models?search=%00": 422,
        "models?search=%0d%0aSet-Cookie:%20a=b": 422,
        "models?search=%ff%fe": 200,
        "models?search=%25%25__": 200,
        "models?search='%20OR%201=1--": 200,
        "models?sort=provider_data": 422,
        "models?sort=id;drop%20table%20models": 422,
        "models?limit=0": 422,
        "models?limit=1001": 422,
        "models?limit=99999999999999999999999": 422,
        "models?min_context=99999999999999999999999": 422,
        "models?max_input_price=nan": 422,
        "models?max_input_price=inf": 422,
        "models?at=9999-12-31T23:59:59-12:00": 422,
        "models?at=0001-01-01T00:00:00%2B14:00": 422,
        "models?at=0001-01-01": 422,
        "models?at=1000-01-01": 200,
        "models?at=2999-01-01": 422,
        "models?cursor=" + "m1-" + base64.urlsafe_b64encode(b'[null,null,"a","b\\u0000"]').decode().rstrip("="): 422,
        "models?sort=name&cursor=" + "m1-" + base64.urlsafe_b64encode(b'["name",7,"a","b"]').decode().rstrip("="): 422,
        "models?provider=nobody": 404,
        "models?provider=no%20provider%00": 422,
        "models?" + "&".join(f"provider=openai{number}" for number in range(200)): 422,
        "model?provider=acme&id=%00": 422,
        "model?provider=acme&id=a%0d%0aX": 422,
        "model?provider=acme&id=../../../nothing": 404,
        "model?provider=acme": 422,
        "changes?since=c1-": 422,
        "changes?since=99999999d": 422,
        "changes?since=100000d": 200,
        "changes?wait=31": 422,
        "retiring?within=-1d": 422,
        "listings/99999999999999999999": 422,
        "listings/-1": 422,
        "listings/424242": 404,
    }.items():
        answer = served.get(f"/api/v1/{query}")
        assert answer.status_code == status, (query[:80], answer.text[:300])
        assert "set-cookie" not in answer.headers
        if status != 200:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == status
            assert len(answer.content) < 2_000


@pytest.mark.parametrize(
    "query", ["models?search=a%00", "model?provider=acme&id=%00", "models?cursor=m1-W251bGwsbnVsbCwiYSIsImJcdTAwMDAiXQ"]
)
def test_nothing_that_postgresql_can_not_store_reaches_it(tmp_path: Path, query: str) -> None:
    place = new_place(POSTGRESQL, tmp_path)
    try:
        with ModelCatalog.open_read_only(place.settings) as catalog:
            client = TestClient(create_application(catalog), base_url="http://localhost")
            assert client.get(f"/api/v1/{query}").status_code == 422
            assert client.get("/v1/models/a%00b").status_code == 404
    finally:
        place.remove()


def test_forwarded_headers_change_nothing(served: TestClient) -> None:
    forwarded = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "javascript",
        "X-Forwarded-Prefix": "//evil.example",
        "Forwarded": "host=evil.example",
        "X-Original-URL": "/nope",
        "X-HTTP-Method-Override": "DELETE",
    }
    for path in ("/", "/ghost", "/ghost/", "/api/v1/stats"):
        plain, changed = served.get(path), served.get(path, headers=forwarded)
        assert (plain.status_code, plain.headers.get("location")) == (
            changed.status_code,
            changed.headers.get("location"),
        )
        assert "evil" not in changed.text
    assert served.get("/ghost").headers["location"] == "/ghost/"
    assert served.get("/ghost//evil.example").status_code == 404


def test_an_unexpected_error_shows_neither_its_message_nor_its_trace(
    web_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelCatalog.open_read_only(web_settings) as catalog:

        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("postgresql://u:hunter2@host/x")

        monkeypatch.setattr(catalog, "get_discovery_stats", fail)
        client = TestClient(create_application(catalog), base_url="http://localhost", raise_server_exceptions=False)
        for path in ("/api/v1/stats", "/"):
            answer = client.get(path)
            assert answer.status_code == 500
            assert not [word for word in ("hunter2", "RuntimeError", "Traceback", ".py") if word in answer.text]
            assert answer.headers["content-security-policy"] == SAFE_HEADERS["content-security-policy"]


def test_a_password_in_the_url_of_the_database_is_in_no_answer() -> None:
    settings = Settings(database_url="postgresql://u:hunter2@127.0.0.1:1/x?connect_timeout=1")
    with ModelCatalog.open_read_only(settings) as catalog:
        client = TestClient(create_application(catalog), base_url="http://localhost", raise_server_exceptions=False)
        for path in ("/", "/api/v1/models", "/health"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert "hunter2" not in answer.text
        assert client.get("/api/v1/models").headers["retry-after"]


def test_the_token_is_required_and_its_holder_may_be_a_browser(web_settings: Settings) -> None:
    def basic(password: str) -> str:
        return "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()

    with ModelCatalog.open_read_only(web_settings) as catalog:
        client = TestClient(TokenGuard(create_application(catalog), TOKEN), base_url="http://localhost")
        for right in (f"Bearer {TOKEN}".encode(), f"bearer  {TOKEN} ".encode(), basic(TOKEN).encode()):
            assert client.get("/api/v1/stats", headers={b"Authorization": right}).status_code == 200
        for wrong in (
            "",
            "Bearer",
            "Bearer ",
            "Bearer x",
            basic(""),
            basic("x"),
            "Basic !",
            "Basic ",
            f"Digest {TOKEN!a}",
        ):
            answer = client.get("/api/v1/stats", headers={"Authorization": wrong})
            assert answer.status_code == 401
            assert answer.json()["status"] == 401
            assert answer.headers.get_list("www-authenticate") == [
                'Basic realm="Ghost Pipeline", charset="UTF-8"',
                "Bearer",
            ]
        for path in ("/", "/static/pages.css", "/v1/models", "/api/v1/openapi.json", "/health/", "/nope"):
            assert client.get(path).status_code == 401
        assert client.get("/health").json().keys() == {"is_ok", "checked_at"}
        assert client.get("/health", headers={"Authorization": basic(TOKEN)}).json()["findings"]


def test_fifty_readers_at_once_are_answered_and_do_not_wait_for_one_that_waits(web_settings: Settings) -> None:
    with ModelCatalog.open_read_only(web_settings) as catalog:
        application = create_application(catalog)
        with (
            TestClient(application, base_url="http://localhost") as client,
            ThreadPoolExecutor(60) as pool,
        ):
            cursor = client.get("/api/v1/changes").json()["cursor"]
            begin = time.monotonic()
            waiting = [pool.submit(client.get, f"/api/v1/changes?since={cursor}&wait=3") for _ in range(5)]
            answers = list(pool.map(client.get, ["/api/v1/models?limit=5"] * 50))
            assert {answer.status_code for answer in answers} == {200}
            assert not any(one.done() for one in waiting) or time.monotonic() - begin > 3
            for one in waiting:
                assert one.result().json() == {"changes": [], "cursor": cursor, "is_end": True}


def test_few_clients_wait_at_a_time_and_a_change_ends_the_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ghost_pipeline.web.api.changes.MOST_WAITING", 1)
    settings = Settings(home=tmp_path)
    with ModelCatalog.open(settings) as writer, ModelCatalog.open_read_only(settings) as catalog:
        application = create_application(catalog)
        with (
            TestClient(application, base_url="http://localhost") as client,
            ThreadPoolExecutor(2) as pool,
        ):
            cursor = client.get("/api/v1/changes").json()["cursor"]
            waiting = pool.submit(client.get, f"/api/v1/changes?since={cursor}&wait=20")
            time.sleep(0.5)
            assert client.get(f"/api/v1/changes?since={cursor}&wait=20").status_code == 503
            writer.add_manual_model("acme", "one")
            answer = waiting.result(10).json()
            assert [one["model_id"] for one in answer["changes"]] == ["one"]
            assert client.get(f"/api/v1/changes?since={answer['cursor']}").json()["changes"] == []


def test_provider_objects_of_any_kind_are_valid_json(tmp_path: Path) -> None:
    content = '{"data": [{"id": "big", "n": 123456789012345678901234567890, "s": "\\u202e<script>"}]}'
    settings = Settings(home=tmp_path)
    with ModelCatalog.open(settings) as writer:
        outcome = writer.admit(SubmittedListing("openai", "openai_models.json", content.encode(), utc_now()))
        writer.reconcile(outcome.listing_id)
    with ModelCatalog.open_read_only(settings) as catalog:
        client = TestClient(create_application(catalog), base_url="http://localhost")
        for path in ("models", "model?provider=openai&id=big"):
            answer = client.get(f"/api/v1/{path}")
            assert answer.status_code == 200
            assert json.loads(answer.content)
