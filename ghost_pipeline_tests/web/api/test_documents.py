"""The API answers with the documents of the command line, page by page, and only once for each state of the catalog."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SORTABLE_COLUMNS
from ghost_pipeline.cli import main
from ghost_pipeline.settings import Settings
from ghost_pipeline.web.application import create_application
from ghost_pipeline_tests.catalog.backends import BACKENDS, new_place
from ghost_pipeline_tests.web.conftest import DAY, NOW, ODD_IDS, fill_catalog

CHANGED_IN_PATHS = ("..", "50%25off")
"""Ids that this client rewrites when they are part of a path."""

THEN = (NOW - 2 * DAY + timedelta(hours=1)).isoformat()


@pytest.fixture
def printed(web_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Provide what a command prints with ``--json`` about the same catalog."""
    monkeypatch.setenv("GHOST_HOME", str(web_settings.home))
    monkeypatch.delenv("GHOST_DATABASE_URL", raising=False)

    def run(*arguments: str) -> Any:
        ran = CliRunner().invoke(main, [*arguments, "--json"])
        assert ran.exit_code == 0, ran.stderr
        return json.loads(ran.stdout)

    return run


def get(client: TestClient, path: str, **parameters: Any) -> Any:
    answer = client.get(f"/api/v1/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def walk(client: TestClient, path: str, name: str, **parameters: Any) -> Iterator[Any]:
    """Yield the items of every page."""
    cursor = None
    while True:
        page = get(client, path, **parameters, **({"cursor": cursor} if cursor else {}))
        yield from page[name]
        cursor = page["cursor"]
        if cursor is None:
            return


def test_documents_are_those_of_the_command_line(web_client: TestClient, printed: Any) -> None:
    assert get(web_client, "models")["models"] == printed("models")
    assert get(web_client, "models", at=THEN)["models"] == printed("models", "--at", THEN)
    assert get(web_client, "stats") == printed("stats")
    assert get(web_client, "stats", at=THEN) == printed("stats", "--at", THEN)
    assert get(web_client, "retiring")["retiring"] == printed("retiring")
    assert (
        get(web_client, "changes", since="7d", facts=True)["changes"]
        == printed("changes", "--since=7d", "--facts")["changes"]
    )
    for one, other in zip(get(web_client, "providers")["providers"], printed("providers"), strict=True):
        assert one == other
        assert get(web_client, f"providers/{one['id']}") == one


def test_the_difference_of_two_instants_is_that_of_the_command_line_page_by_page(
    web_client: TestClient, printed: Any
) -> None:
    expected = printed("diff", THEN)
    assert {one["difference"] for one in expected} == {"appeared", "vanished", "changed"}
    whole = get(web_client, "difference", before=THEN)
    assert (whole["differences"], whole["cursor"]) == (expected, None)
    within = {"before": whole["before"], "after": whole["after"]}
    assert list(walk(web_client, "difference", "differences", **within, limit=3)) == expected
    assert list(walk(web_client, "difference", "differences", **within, limit=1, provider="openai")) == [
        one for one in expected if one["provider_id"] == "openai"
    ]
    assert web_client.get("/api/v1/difference").status_code == 422
    swapped = {"before": whole["after"], "after": whole["before"]}
    assert web_client.get("/api/v1/difference", params=swapped).status_code == 422


@pytest.mark.parametrize("model_id", [*ODD_IDS, "gpt-2", "gpt-3"])
def test_a_model_of_any_name_is_found_by_its_parameters(web_client: TestClient, printed: Any, model_id: str) -> None:
    provider = "openai" if model_id.startswith("gpt") else "acme"
    named = {"provider": provider, "id": model_id}
    shown = printed("show", provider, model_id)
    assert get(web_client, "model", **named) == shown
    assert list(walk(web_client, "model/history", "events", **named, limit=1)) == shown["events"]
    assert get(web_client, "model/prices", **named)["prices"] == printed("prices", provider, model_id)
    if "is_active" in shown:
        offers = get(web_client, "model/offers", **named)["offers"]
        assert offers == printed("models", "--same-as", provider, model_id)
        assert model_id in {one["model_id"] for one in offers}
    if provider == "acme":
        if model_id not in CHANGED_IN_PATHS:
            assert web_client.get(f"/v1/models/{quote(model_id, safe='')}").json()["id"] == model_id
        [found] = get(web_client, "models", search=model_id, provider="acme", limit=1)["models"]
        assert found["model_id"] == model_id


def test_filters_are_those_of_the_command_line(web_client: TestClient, printed: Any) -> None:
    filters: dict[str, dict[str, Any]] = {
        "--active": {"state": "active"},
        "--inactive": {"state": "ghost"},
        "--source=MANUAL": {"source": "MANUAL"},
        "--provider=OpenAI": {"provider": "OpenAI"},
        "--search=GPT": {"search": "GPT"},
        "--min-context=9": {"min_context": 9},
        "--max-input-price=1": {"max_input_price": 1},
        "--unlisted": {"unlisted": True},
        "--refused": {"refused": True},
        "--not-refused": {"refused": False},
        "--sort=-name": {"sort": "-name"},
    }
    for option, parameters in filters.items():
        found = get(web_client, "models", **parameters)["models"]
        assert found == printed("models", option)
        assert found or option == "--unlisted"


def test_refused_and_retiring_models_and_those_of_unknown_cost_can_be_selected(web_client: TestClient) -> None:
    def selected(**parameters: Any) -> set[tuple[str, str]]:
        return {(one["provider_id"], one["model_id"]) for one in walk(web_client, "models", "models", **parameters)}

    everything = selected()
    assert selected(refused=True) == {("openai", "gpt-4")}
    assert selected(refused=False) == everything - {("openai", "gpt-4")}
    assert selected(retiring=True) == {("openai", "gpt-1")}
    unknown = selected(cost_unknown=True)
    assert ("acme", ODD_IDS[0]) in unknown
    assert unknown == everything - selected(free=True) - selected(free=False)
    assert everything > unknown
    assert selected(refused=True, provider="acme") == set()


def test_a_provider_has_the_count_of_refusals_of_models_that_the_catalog_does_not_know(web_client: TestClient) -> None:
    assert get(web_client, "providers/openai")["refusals_unknown"] == 2
    assert get(web_client, "providers/acme")["refusals_unknown"] == 0
    counted = "refused 2 requests of late for models that the catalog does not know"
    assert counted in web_client.get("/providers/openai").text
    assert "refused" not in web_client.get("/providers/acme").text


def test_pages_in_any_order_have_each_model_once(web_client: TestClient, printed: Any) -> None:
    for sort in SORTABLE_COLUMNS:
        for order in (sort, f"-{sort}"):
            expected = printed("models", f"--sort={order}", "--columns=provider_id,model_id")
            found = walk(web_client, "models", "models", sort=order, limit=4)
            assert [{name: one[name] for name in ("provider_id", "model_id")} for one in found] == expected, order


@pytest.mark.parametrize("backend", BACKENDS)
def test_pages_of_every_database_and_of_the_past_are_whole(backend: str, tmp_path: Path) -> None:
    place = new_place(backend, tmp_path)
    fill_catalog(place.settings)
    try:
        with ModelCatalog.open_read_only(place.settings) as catalog:
            client = TestClient(create_application(catalog), base_url="http://localhost")
            orders: list[dict[str, Any]] = [{}, {"sort": "name"}, {"sort": "-input_price"}, {"sort": "last_seen_at"}]
            for parameters in orders:
                for at in ({}, {"at": THEN}):
                    whole = get(client, "models", **parameters, **at)["models"]
                    assert list(walk(client, "models", "models", **parameters, **at, limit=2)) == whole
                    assert len(whole) == (4 if at else 15)
            whole = get(client, "listings", provider="openai")["listings"]
            assert list(walk(client, "listings", "listings", provider="openai", limit=1)) == whole
            assert [one["verdict"] for one in whole] == ["failed", "complete", "complete", "complete"]
    finally:
        place.remove()


def test_a_cursor_of_another_order_or_kind_is_refused(web_client: TestClient) -> None:
    cursor = get(web_client, "models", sort="name", limit=1)["cursor"]
    changes = get(web_client, "changes", limit=1)["cursor"]
    for path, parameters in (
        ("models", {"cursor": cursor}),
        ("models", {"cursor": cursor, "sort": "model_id"}),
        ("models", {"cursor": cursor[:-2], "sort": "name"}),
        ("models", {"cursor": changes}),
        ("listings", {"cursor": cursor, "provider": "openai"}),
        ("retiring", {"cursor": cursor}),
        ("retiring", {"cursor": "r1-WzEsMiwzXQ"}),
        ("model/history", {"cursor": changes, "provider": "openai", "id": "gpt-1"}),
        ("changes", {"since": f"c1-{'0' * 32}-1-1"}),
        ("changes", {"since": cursor}),
    ):
        answer = web_client.get(f"/api/v1/{path}?{urlencode(parameters)}")
        assert answer.status_code == 422, (path, parameters)
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_client_that_has_the_answer_gets_it_only_if_it_changed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with ModelCatalog.open(settings) as writer, ModelCatalog.open_read_only(settings) as catalog:
        client = TestClient(create_application(catalog), base_url="http://localhost")
        writer.add_manual_model("acme", "one")
        tag = client.get("/api/v1/models").headers["etag"]
        for stated in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            known = client.get("/api/v1/models", headers={"If-None-Match": stated})
            assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
        writer.track_successful_inference("acme", "one")  # writes no event
        changed = client.get("/api/v1/models", headers={"If-None-Match": tag})
        assert changed.status_code == 200
        assert changed.headers["etag"] != tag


def test_what_programs_poll_is_sent_once_for_each_state(web_client: TestClient) -> None:
    listing_id = get(web_client, "listings", provider="openai")["listings"][1]["id"]
    for path in (
        "/v1/models",
        "/v1/models/gpt-4",
        f"/api/v1/listings/{listing_id}/content",
        "/api/v1/retiring",
        "/changes.atom",
        "/changes.json?since=2026-01-01",
    ):
        answer = web_client.get(path)
        assert answer.status_code == 200
        assert answer.content
        known = web_client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (known.status_code, known.content) == (304, b""), path
        assert known.headers["etag"] == answer.headers["etag"]
        assert web_client.get(path, headers={"If-None-Match": '"another"'}).content == answer.content


def test_models_that_retire_come_page_by_page(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with ModelCatalog.open(settings) as writer, ModelCatalog.open_read_only(settings) as catalog:
        for number, model_id in enumerate(("z", "a", "m~ü", "b")):  # the last two on one day
            writer.announce_retirement("acme", model_id, NOW + min(number + 1, 3) * DAY)
        client = TestClient(create_application(catalog), base_url="http://localhost")
        whole = get(client, "retiring")
        assert [one["model_id"] for one in whole["retiring"]] == ["z", "a", "b", "m~ü"]
        assert whole["cursor"] is None
        assert list(walk(client, "retiring", "retiring", limit=1)) == whole["retiring"]
        assert list(walk(client, "retiring", "retiring", limit=2)) == whole["retiring"]


def test_the_bytes_of_a_listing_come_as_they_were_observed_and_are_never_shown(web_client: TestClient) -> None:
    newest = get(web_client, "listings", provider="openai")["listings"]
    assert web_client.get(f"/api/v1/listings/{newest[0]['id']}/content").status_code == 404  # a failed attempt
    answer = web_client.get(f"/api/v1/listings/{newest[1]['id']}/content")
    assert [one["id"] for one in answer.json()["data"]] == ["gpt-1", "gpt-4"]
    assert len(answer.content) == newest[1]["bytes"]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]
