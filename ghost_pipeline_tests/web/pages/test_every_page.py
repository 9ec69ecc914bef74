"""What holds for every page: hostile text, links, what it loads and weighs, empty states, bad addresses."""

import html
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.settings import Settings
from ghost_pipeline.web.application import create_application
from ghost_pipeline_tests.catalog.backends import POSTGRESQL, new_place
from ghost_pipeline_tests.web.pages.page_reader import Elements, words
from ghost_pipeline_tests.web.pages.site import (
    DAGSTER_URL,
    HELD_PROVIDER,
    HOSTILE_IDS,
    HOSTILE_PROVIDER,
    MODEL,
    NOW,
    STORY_PROVIDER,
    build_site,
)

PAGES = (
    "/",
    "/models",
    "/models?state=ghost&sort=-seen",
    "/models?search=zzzz",
    "/models?min_context=many",
    f"/models?provider={HOSTILE_PROVIDER}",
    MODEL,
    f"/model?provider={STORY_PROVIDER}&id=lab/model-03",
    "/model?provider=openai&id=nobody",
    f"/model/offers?provider={STORY_PROVIDER}&id=lab/model-00",
    f"/model?provider={HOSTILE_PROVIDER}&id={'x' * 512}",
    "/providers",
    f"/providers/{STORY_PROVIDER}",
    f"/providers/{HELD_PROVIDER}",
    "/listings/20",
    "/changes",
    "/changes?kind=changed&day=2026-06-20",
    "/changes/difference",
    "/changes/difference?before=2026-06-01",
    "/removed",
    "/removed?search=zzzz",
)


def test_hostile_names_are_text_and_never_links_or_markup(client: TestClient) -> None:
    for path in (f"/models?provider={HOSTILE_PROVIDER}", "/changes", "/", f"/providers/{HOSTILE_PROVIDER}"):
        elements = Elements(client.get(path).text)
        assert [attrs for tag, attrs in elements.found if tag == "script"] == [
            {"src": "/static/pages.js", "defer": None}
        ]
        assert not [tag for tag, _ in elements.found if tag in ("img", "b", "iframe", "object", "style")]
    for model_id in HOSTILE_IDS:
        answer = client.get("/model", params={"provider": HOSTILE_PROVIDER, "id": model_id})
        assert answer.status_code == 200, model_id
        elements = Elements(answer.text)
        assert len([tag for tag, _ in elements.found if tag == "script"]) == 1
        copied = [attrs["data-copy"] for _, attrs in elements.found if "data-copy" in attrs]
        assert copied[0] == model_id.strip()
        assert "\u202e" not in elements.text
        assert "\\u202e" in elements.text


@pytest.mark.parametrize("path", PAGES)
def test_pages_refer_to_this_server_only_and_run_nothing_of_their_own(client: TestClient, path: str) -> None:
    answer = client.get(path)
    elements = Elements(answer.text)
    for link in elements.links():
        assert link.startswith(("/", "#", f"{DAGSTER_URL}/")), link
    names = {name for _, attrs in elements.found for name in attrs}
    assert not [name for name in names if name.startswith("on") or name == "style"]
    ids = [attrs["id"] for _, attrs in elements.found if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_weighs_less_than_150_kilobytes_with_all_that_it_loads(client: TestClient, path: str) -> None:
    loaded = [path, "/static/pages.css", "/static/pages.js", "/static/icon.svg"]
    assert sum(len(client.get(one).content) for one in loaded) < 150_000


def test_every_link_of_every_page_works_below_a_prefix(catalog: ModelCatalog) -> None:
    client = TestClient(create_application(catalog, clock=lambda: NOW), root_path="/ghost")
    linked: dict[str, str] = {}
    for path in PAGES:
        for link in Elements(client.get(f"/ghost{path}").text).links():
            if not link.startswith("#"):
                assert link.startswith("/ghost/"), (path, link)
                # One link of each kind is enough: the same page with other values of the same parameters.
                linked.setdefault(re.sub(r"=[^&]*|\d+", "=", link), link)
    failed = {link for link in linked.values() if client.get(link).status_code not in (200, 404)}
    assert failed == set()
    assert len(linked) > 20


# Empty states and errors


def test_an_empty_catalog_shows_what_to_do_next(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    ModelCatalog.open(settings).close()
    with ModelCatalog.open_read_only(settings, clock=lambda: NOW) as catalog:
        client = TestClient(create_application(catalog, clock=lambda: NOW))
        for path in ("/", "/models", "/providers", "/changes"):
            assert "ghost-pipeline ingest" in words(client.get(path).text), path
        assert "No model left the catalog so far" in words(client.get("/removed").text)
        assert client.get("/changes.atom").status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/model?provider=openai&id=nobody", 404, "nobody"),
        ("/model", 422, "named by its provider and its id"),
        ("/providers/nobody", 404, "nobody"),
        ("/models?min_context=many", 422, "min_context='many' is not a whole number"),
        ("/models?sort=price", 422, "sort='price' is not known"),
        ("/models?provider=nobody", 422, "nobody"),
        ("/models?max_input=-1", 422, "input_price"),
        ("/models?page=99999999", 422, "narrow the selection"),
        ("/changes?day=today", 422, "day='today' is not a day"),
        ("/changes?kind=vanished", 422, "kind='vanished' is not known"),
        ("/removed?provider=nobody", 404, "nobody"),
        ("/providers/together?before=x~1", 422, "x"),
        ("/listings/99999999999999999999", 422, "listing_id"),
        ("/nowhere", 404, "Not Found"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_page_that_names_it(
    client: TestClient, path: str, status: int, text: str
) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert text in html.unescape(answer.text)


def test_pages_on_postgresql_are_those_on_sqlite(client: TestClient, tmp_path: Path) -> None:
    place = new_place(POSTGRESQL, tmp_path)
    try:
        with build_site(tmp_path, database_url=place.url).opened() as catalog:
            other = TestClient(create_application(catalog, clock=lambda: NOW, dagster_url=DAGSTER_URL))
            for path in PAGES:
                assert other.get(path).text == client.get(path).text, path
    finally:
        place.remove()


# Hostile text
