"""Real responses of six providers, read from beside the repository; skipped where they are missing."""

import json
from typing import Any

import pytest

from ghost_pipeline.lifecycle.records import Listing
from ghost_pipeline.listings.files import find_listings
from ghost_pipeline.listings.parsing import parse_listing
from ghost_pipeline_tests.providers.samples import REAL_LISTINGS

pytestmark = pytest.mark.skipif(not REAL_LISTINGS.is_dir(), reason="no real listings beside the repository")

COUNTS = {"anthropic": 9, "google": 63, "openai": 108, "openrouter": 427, "xai": 9, "zenmux": 91}


def content_of(provider_id: str) -> bytes:
    [file] = [file for file in find_listings(REAL_LISTINGS).files if file.provider_id == provider_id]
    return file.path.read_bytes()


def rows_and_listing(provider_id: str) -> tuple[list[dict[str, Any]], Listing]:
    content = content_of(provider_id)
    document = json.loads(content)
    return document.get("data") or document["models"], parse_listing(provider_id, content)


@pytest.mark.parametrize(("provider_id", "count"), COUNTS.items())
def test_a_real_listing_is_whole(provider_id: str, count: int) -> None:
    _, listing = rows_and_listing(provider_id)
    assert len(listing.models) == count
    assert (listing.malformed_reason, listing.incomplete_reasons, listing.warnings, listing.inactive_ids) == (
        None,
        (),
        (),
        (),
    )


@pytest.mark.parametrize("provider_id", COUNTS)
def test_every_real_row_is_kept_whole(provider_id: str) -> None:
    rows, listing = rows_and_listing(provider_id)
    assert [json.loads(model.provider_data) for model in listing.models] == rows


def test_openrouter_s_token_prices_and_windows_are_those_of_the_file() -> None:
    rows, listing = rows_and_listing("openrouter")
    for row, model in zip(rows, listing.models, strict=True):
        assert model.model_id == row["id"]
        assert model.facts.context_window == (row["context_length"] or None)
        if row["architecture"]["output_modalities"] in (["text"], ["embeddings"]):
            for price, field in ((model.facts.input_price, "prompt"), (model.facts.output_price, "completion")):
                stated = float(row["pricing"][field])
                assert price == (None if stated < 0 else pytest.approx(stated * 1_000_000))


def test_zenmux_s_single_prices_are_those_of_the_file() -> None:
    rows, listing = rows_and_listing("zenmux")
    single = [
        (model.facts.input_price, row["pricings"]["prompt"][0]["value"])
        for row, model in zip(rows, listing.models, strict=True)
        if len(row["pricings"]["prompt"]) == 1
    ]
    assert len(single) == 65
    assert all(price == stated for price, stated in single)


def test_zenmux_s_tiered_models_have_the_price_of_a_short_prompt() -> None:
    _, listing = rows_and_listing("zenmux")
    prices: dict[str, tuple[float | None, float | None]] = {
        model.model_id: (model.facts.input_price, model.facts.output_price) for model in listing.models
    }
    assert prices["anthropic/claude-sonnet-4.5"] == (3.0, 15.0)
    assert prices["google/gemini-2.5-pro"] == (1.25, 10.0)
    assert [model_id for model_id, pair in prices.items() if None in pair] == []


def test_google_s_limits_are_those_of_the_file() -> None:
    rows, listing = rows_and_listing("google")
    for row, model in zip(rows, listing.models, strict=True):
        assert f"models/{model.model_id}" == row["name"]
        assert model.facts.context_window == row["inputTokenLimit"]
        assert model.facts.max_output_tokens == row["outputTokenLimit"]
        assert model.facts.name == row["displayName"]
        assert ("text" in (model.facts.capabilities or ())) == (
            bool({"generateContent", "generateAnswer"} & set(row["supportedGenerationMethods"]))
        )
