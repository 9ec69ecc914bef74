"""What references fill in, in the list of models, on the page of one, and in the API."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.settings import Settings
from ghost_pipeline.web.application import create_application
from ghost_pipeline_tests.defs.builders import listing
from ghost_pipeline_tests.web.conftest import NOW

WINDOWS = {"gpt-1": 400_000, "gpt-2": 8_000, "gpt-3": 128_000}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Provide a catalog of four models without facts, three of which models.dev knows."""
    settings = Settings(home=tmp_path_factory.mktemp("filled"))
    with ModelCatalog.open(settings) as catalog:
        content = listing("gpt-1", "gpt-2", "gpt-3", "gpt-4")
        outcome = catalog.admit(SubmittedListing("openai", "openai_models.json", content, NOW))
        catalog.reconcile(outcome.listing_id)
        models: dict[str, dict[str, Any]] = {
            name: {"limit": {"context": window}, "cost": {"input": 2}} for name, window in WINDOWS.items()
        }
        models["gpt-1"] |= {"tool_call": True, "reasoning": True}
        catalog.references.import_content("models-dev", "api.json", json.dumps({"openai": {"models": models}}).encode())
        yield TestClient(create_application(catalog), base_url="http://localhost")


def pages(client: TestClient, **parameters: Any) -> Iterator[list[dict[str, Any]]]:
    cursor: str | None = ""
    while cursor is not None:
        more = {"cursor": cursor} if cursor else {}
        page = client.get("/api/v1/models", params={**parameters, **more}).json()
        yield page["models"]
        cursor = page["cursor"]


def test_a_list_has_the_values_of_references_with_their_name(client: TestClient) -> None:
    page = client.get("/models?min_context=100000&sort=context").text
    assert "1 to 2 of 2 models; 1 more model left out only because a fact is unknown" in page
    assert 'title="from models-dev">models-dev</a>' in page
    assert page.index("gpt-3") < page.index("gpt-1")
    stated = client.get("/models?min_context=100000&facts=stated").text
    assert "No model" in stated
    assert 'name="facts" value="stated" checked' in stated
    assert 'value="stated"' not in client.get("/models?cost=free&search=zzz&min_context=many").text


def test_the_page_of_a_model_names_the_source_of_each_fact(client: TestClient) -> None:
    page = client.get("/model?provider=openai&id=gpt-1").text
    assert "400,000</td><td>reference:models-dev</td>" in page
    assert re.search(r"tools\b.{0,20}</td><td>reference:models-dev</td>", page)
    [[listed]] = pages(client, capability="tools")
    assert listed["capabilities"] == ["reasoning", "tools"]
    assert 'reasoning, tools <a class="quiet"' in client.get("/models?capability=tools").text


def test_pages_of_the_api_follow_each_other_by_what_references_state(client: TestClient) -> None:
    found = list(pages(client, sort="-context_window", limit=1))
    assert [(one["model_id"], one["context_window"]) for [one] in found] == [
        ("gpt-1", 400_000),
        ("gpt-3", 128_000),
        ("gpt-2", 8_000),
        ("gpt-4", None),
    ]
    assert found[0][0]["facts_from_references"] == {
        "context_window": "reference:models-dev",
        "input_price": "reference:models-dev",
        "capabilities.reasoning": "reference:models-dev",
        "capabilities.tools": "reference:models-dev",
    }
    assert found[0][0]["is_free"] is None
    [stated] = pages(client, stated_only="true")
    assert {one["context_window"] for one in stated} == {None}
    assert not any("facts_from_references" in one for one in stated)


def test_nothing_of_references_makes_a_model_free_or_paid(client: TestClient) -> None:
    assert list(pages(client, free="true")) == [[]]
    assert list(pages(client, free="false")) == [[]]
    assert len(next(pages(client, cost_unknown="true"))) == 4
