"""Offers of one model at several providers, on a page and in the API."""

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.settings import Settings
from ghost_pipeline.web.application import create_application
from ghost_pipeline.web.pages import model_details
from ghost_pipeline_tests.defs.builders import listing
from ghost_pipeline_tests.web.conftest import NOW

HOSTILE = '"><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Provide two models of OpenAI that OpenRouter offers too, at a price, and one that it does not."""
    settings = Settings(home=tmp_path_factory.mktemp("offers"))
    with ModelCatalog.open(settings) as catalog:
        rows = [
            {
                "id": f"openai/{name}",
                "architecture": {"output_modalities": ["text"]},
                "pricing": {"prompt": "0.000004", "completion": "0.00001"},
            }
            for name in ("gpt-1", HOSTILE)
        ]
        for provider_id, content in (
            ("openai", listing("gpt-1", "gpt-2", HOSTILE)),
            ("openrouter", json.dumps({"data": rows}).encode()),
        ):
            outcome = catalog.admit(SubmittedListing(provider_id, f"{provider_id}_models.json", content, NOW))
            catalog.reconcile(outcome.listing_id)
        stated = {"openai": {"models": {"gpt-1": {"cost": {"input": 3}}}}}
        catalog.references.import_content("models-dev", "api.json", json.dumps(stated).encode())
        yield TestClient(create_application(catalog), base_url="http://localhost")


def section(client: TestClient, model_id: str) -> str:
    parameters = {"provider": "openai", "id": model_id}
    address = re.findall(r'href="(/model/offers[^"]*)"', client.get("/model", params=parameters).text)[0]
    page = client.get(unescape(address)).text
    return "".join(re.findall(r"<tbody>.*</tbody>", page, re.DOTALL))


def test_the_page_compares_the_offers_of_the_model_the_cheapest_first(client: TestClient) -> None:
    table = section(client, "gpt-1")
    own, other = re.findall(r"<tr><th scope=\"row\".*?</tr>", table, re.DOTALL)
    assert "reference:models-dev" in own
    assert "/model?" not in own
    assert ">3<" in own
    assert 'href="/model?provider=openrouter&amp;id=openai%2Fgpt-1"' in other
    assert ">4<" in other
    assert "<td>listing</td>" in other
    assert section(client, "gpt-2") == ""


def test_names_of_offers_are_text(client: TestClient) -> None:
    table = section(client, HOSTILE)
    assert "<img" not in table
    assert HOSTILE in unescape(re.sub("<[^>]*>", "", table))
    assert quote(f"openai/{HOSTILE}", safe="") in table


def test_the_page_has_the_cheapest_offers_alone(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_details, "MOST_OFFERS", 2)
    assert section(client, "gpt-1").count('<th scope="row"') == 2


def test_the_api_has_the_offers_and_an_unknown_model_is_a_problem(client: TestClient) -> None:
    def offers(**parameters: Any) -> list[tuple[str, float | None]]:
        answer = client.get("/api/v1/model/offers", params={"provider": "openai", "id": "gpt-1", **parameters}).json()
        return [(one["provider_id"], one["input_price"]) for one in answer["offers"]]

    assert offers() == [("openai", 3.0), ("openrouter", 4.0)]
    assert offers(stated_only=True) == [("openrouter", 4.0), ("openai", None)]
    assert offers(limit=1) == [("openai", 3.0)]
    unknown = client.get("/api/v1/model/offers", params={"provider": "openai", "id": "gpt-9"})
    assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")
