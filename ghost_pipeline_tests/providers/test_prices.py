"""Rows that the real listings do not contain: overrides, windows, undocumented units, successors."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.prices import is_free, validate_prices
from ghost_pipeline_tests.providers.samples import only_model, parsed

TEXT = {"output_modalities": ["text"]}


def openrouter(pricing: dict[str, Any], outputs: list[str] | None = None, model_id: str = "a/b") -> Any:
    return only_model(
        "openrouter", {"id": model_id, "pricing": pricing, "architecture": {"output_modalities": outputs or ["text"]}}
    )


def test_openrouter_s_overrides_by_length_are_tiers() -> None:
    override = {"min_prompt_tokens": 200000, "prompt": "0.0000025", "completion": "0.000015"}
    model = openrouter({"prompt": "0.00000125", "completion": "0.00001", "overrides": [override]})
    assert model.prices["tiers"] == [{"above_input_tokens": 200000, "input": "2.5", "output": "15"}]
    assert (model.input_price, model.output_price) == (1.25, 10.0)


def test_a_model_that_is_free_only_for_short_prompts_is_not_free() -> None:
    override = {"min_prompt_tokens": 1000, "prompt": "0.000001"}
    assert openrouter({"prompt": "0", "completion": "0", "overrides": [override]}).is_free is False


def test_the_columns_are_the_same_at_every_time_of_the_day() -> None:
    cheap = {"utc_start": "1630", "utc_end": "0030", "prompt": "0.000001", "completion": "0.000002"}
    dear = {"utc_start": "0030", "utc_end": "1630", "prompt": "0.000002", "completion": "0.000004"}
    by_night = openrouter({"prompt": "0.000001", "completion": "0.000002", "overrides": [cheap, dear]})
    by_day = openrouter({"prompt": "0.000002", "completion": "0.000004", "overrides": [cheap, dear]})
    assert by_night.prices == by_day.prices
    assert (by_day.input_price, by_day.output_price) == (2.0, 4.0)
    assert (by_night.input_price, by_night.output_price) == (2.0, 4.0)
    assert by_day.prices["windows"][0] == {"utc_start": "1630", "utc_end": "0030", "input": "1", "output": "2"}


@pytest.mark.parametrize("price", ["0.006", "0.01", 1])
def test_more_than_5000_usd_per_million_tokens_is_unknown_with_a_warning(price: Any) -> None:
    row = {"id": "m", "pricing": {"prompt": price, "completion": "0.000001"}, "architecture": TEXT}
    listing = parsed("openrouter", {"data": [row]})
    assert listing.models[0].facts.input_price is None
    assert listing.models[0].facts.prices == {"output": "1", "other": {"prompt": str(price)}}
    assert listing.warnings == ("pricing.prompt could not be read in 1 row and counts as unknown there (first: m)",)


def test_a_paid_search_makes_a_model_not_free() -> None:
    assert openrouter({"prompt": "0", "completion": "0", "web_search": "0.01"}).is_free is False
    assert openrouter({"prompt": "0", "completion": "0", "web_search": "0"}).is_free is True


@pytest.mark.parametrize("outputs", [["video"], ["image"], ["rerank"], ["text", "audio"]])
def test_zeros_of_models_that_are_not_billed_by_tokens_are_not_prices(outputs: list[str]) -> None:
    model = openrouter({"prompt": "0", "completion": "0"}, outputs)
    assert (model.is_free, model.input_price, model.output_price) == (None, None, None)
    free = openrouter({"prompt": "0", "completion": "0"}, outputs, "a/b:free")
    assert (free.is_free, free.input_price, free.output_price) == (True, 0.0, 0.0)


def test_equal_values_of_other_types_are_not_confused() -> None:
    assert openrouter({"prompt": 1e-06, "completion": 1}).output_price is None
    assert openrouter({"prompt": 0, "completion": 0}).is_free is True
    assert openrouter({"prompt": False, "completion": False}).is_free is None


def test_zeros_of_together_and_xai_may_be_filler() -> None:
    together = only_model("together", {"id": "m", "type": "chat", "pricing": {"input": 0, "output": 0, "hourly": 0}})
    assert (together.is_free, together.input_price, together.prices) == (None, None, {"input": "0", "output": "0"})
    xai = only_model("xai", {"id": "m", "prompt_text_token_price": 0, "completion_text_token_price": 0})
    assert (xai.is_free, xai.input_price) == (None, None)


def test_zenmux_s_promotions_are_free_only_if_every_tier_is() -> None:
    def entry(value: float, **conditions: Any) -> dict[str, Any]:
        return {"value": value, "unit": "perMTokens", "currency": "USD", "conditions": conditions}

    long = {"prompt_tokens": {"gte": 32, "unit": "kTokens"}}
    for above, free in ((0, True), (1, False)):
        prices = [entry(0), entry(above, **long)]
        row = {"id": "m", "pricings": {"prompt": prices, "completion": [entry(0)]}, "output_modalities": ["text"]}
        assert only_model("zenmux", row).is_free is free
    assert (only_model("zenmux", row).prices or {})["tiers"] == [{"above_input_tokens": 31999, "input": "1"}]


@pytest.mark.parametrize("provider_id", ["openai", "azure"])
def test_shutdown_dates_are_read(provider_id: str) -> None:
    model = only_model(provider_id, {"id": "m", "shutdown_date": "2026-10-23"})
    assert model.expires_at == datetime(2026, 10, 23, 23, 59, 59, tzinfo=UTC)
    assert only_model(provider_id, {"id": "m", "shutdown_date": None}).expires_at is None


def test_mistral_names_the_successor() -> None:
    row = {"id": "m", "deprecation": "2026-10-01T00:00:00Z", "deprecation_replacement_model": "mistral-medium-latest"}
    assert only_model("mistral", row).replaced_by == "mistral-medium-latest"


@pytest.mark.parametrize(
    ("prices", "free"),
    [
        ({"input": "0", "output": "0", "zero_is_price": True}, True),
        ({"input": "0", "output": "0"}, None),
        ({"input": "0", "zero_is_price": True}, None),
        ({"input": "0", "output": "0", "zero_is_price": True, "other": {"x": "-1"}}, None),
        ({"input": "0", "output": "0", "zero_is_price": True, "other": {"x": "n/a"}}, None),
        ({"other": {"prompt": "0.36"}}, False),
        ({"input": "0", "output": "0", "windows": [{"utc_start": "0000", "output": "1"}]}, False),
        ({}, None),
    ],
)
def test_prices_decide_what_is_free(prices: dict[str, Any], free: bool | None) -> None:
    assert is_free(None, None, prices) is free
    assert is_free(2.0, None, prices) is False


@pytest.mark.parametrize(
    "prices",
    [
        {"input": 0.5},
        {"input": "-1"},
        {"input": "cheap"},
        {"inputs": "1"},
        {"tiers": {}},
        {"tiers": [{"above_input_tokens": "9"}]},
        {"other": {"x": 1}},
        {"zero_is_price": False},
        [],
    ],
)
def test_prices_outside_the_vocabulary_are_refused(prices: Any) -> None:
    with pytest.raises(UsageError, match="prices"):
        validate_prices(prices)
