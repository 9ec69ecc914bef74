"""Rules of single formats that a row of a fixture can't show."""

from typing import Any

import pytest

from ghost_pipeline_tests.providers.samples import only_model, parsed


def tier(value: float, currency: str = "USD", **conditions: dict[str, Any]) -> dict[str, Any]:
    return {"value": value, "unit": "perMTokens", "currency": currency, "conditions": conditions}


def zenmux_price(*tiers: dict[str, Any]) -> float | None:
    return only_model("zenmux", {"id": "m", "pricings": {"prompt": list(tiers)}}).input_price


def test_zenmux_tiers_give_the_price_from_the_first_token_on() -> None:
    low, high = {"gte": 0, "lte": 200, "unit": "kTokens"}, {"gt": 200, "unit": "kTokens"}
    assert zenmux_price(tier(2.5, prompt_tokens=high), tier(1.25, prompt_tokens=low)) == 1.25


def test_zenmux_tiers_by_answer_length_count_from_the_first_token_too() -> None:
    prompt = {"gte": 0, "lt": 4}
    short, long = (
        tier(0.21, prompt_tokens=prompt, completion_tokens={"gte": 0, "lt": 0.2}),
        tier(0.43, prompt_tokens=prompt, completion_tokens={"gte": 0.2}),
    )
    assert zenmux_price(long, short) == 0.21


def test_zenmux_tiers_of_which_none_is_the_first_give_no_price() -> None:
    assert zenmux_price(tier(1, prompt_tokens={"gte": 1}), tier(2, prompt_tokens={"gte": 2})) is None
    assert zenmux_price(tier(1), tier(2)) is None
    assert zenmux_price(tier(1), tier(1)) == 1


def test_zenmux_prices_in_another_currency_are_unknown_and_named() -> None:
    listing = parsed("zenmux", {"data": [{"id": "m", "pricings": {"prompt": [tier(8.6, "CNY")]}}]})
    assert listing.models[0].facts.input_price is None
    assert "pricings.prompt.currency" in listing.warnings[0]


def test_zenmux_prices_per_call_are_not_token_prices() -> None:
    listing = parsed("zenmux", {"data": [{"id": "m", "pricings": {"prompt": [{**tier(1), "unit": "perCount"}]}}]})
    assert listing.models[0].facts.input_price is None
    assert listing.warnings == ()


def offer(context_length: int, price: float, status: str = "live") -> dict[str, Any]:
    return {"provider": "p", "status": status, "context_length": context_length, "pricing": {"input": price}}


def test_hugging_face_facts_on_which_live_providers_disagree_are_unknown() -> None:
    model = only_model("huggingface", {"id": "m", "providers": [offer(8192, 1.0), offer(8192, 2.0)]})
    assert (model.context_window, model.input_price) == (8192, None)


def test_a_hugging_face_model_without_a_live_provider_is_still_a_sighting() -> None:
    model = only_model("huggingface", {"id": "m", "providers": [offer(8192, 1.0, "staging")]})
    assert (model.context_window, model.input_price) == (None, None)


def test_openrouter_s_suffix_free_does_not_make_a_model_free() -> None:
    assert only_model("openrouter", {"id": "some/model:free"}).is_free is None
    row = {"id": "some/model:free", "pricing": {"prompt": "0.000001", "completion": "0"}}
    assert only_model("openrouter", row).is_free is False


@pytest.mark.parametrize(
    ("provider_id", "row"),
    [
        ("bedrock", {"modelId": "m", "modelLifecycle": {"status": "LEGACY"}}),
        ("azure", {"id": "m", "lifecycle_status": "deprecated"}),
        ("cohere", {"name": "m", "is_deprecated": True}),
        ("mistral", {"id": "m", "deprecation": "2020-01-01T00:00:00Z"}),
        ("fireworks", {"name": "m", "state": "UPLOADING"}),
        ("lmstudio", {"id": "m", "state": "not-loaded"}),
        ("groq", {"id": "m", "active": None}),
        ("together", {"id": "m", "running": False}),
    ],
)
def test_deprecated_and_legacy_rows_are_sightings(provider_id: str, row: dict[str, Any]) -> None:
    listing = parsed(provider_id, [row])
    assert [model.model_id for model in listing.models] == ["m"]
    assert listing.inactive_ids == ()


@pytest.mark.parametrize(
    "marks",
    [
        {"active": False},
        {"is_active": False},
        {"archived": True},
        {"retired": True},
        {"status": "Retired"},
        {"status": "inactive"},
        {"state": "ARCHIVED"},
    ],
)
def test_a_row_marked_inactive_is_inactive_in_any_format(marks: dict[str, Any]) -> None:
    listing = parsed("openai", {"data": [{"id": "gone", **marks}, {"id": "here"}]})
    assert listing.inactive_ids == ("gone",)
    assert [model.model_id for model in listing.models] == ["here"]


def test_cloudflare_s_row_numbers_are_not_taken_for_ids() -> None:
    rows = [{"id": "7a143886", "name": "@cf/meta/llama"}, {"id": "429b9e8b"}]
    listing = parsed("cloudflare", {"result": rows, "success": True, "errors": []})
    assert [model.model_id for model in listing.models] == ["@cf/meta/llama"]
    assert listing.incomplete_reasons == ("1 of 2 rows has no usable 'name' (row 2, counted from 1)",)


def test_rows_outside_the_provider_s_own_envelope_are_identified_by_id_first() -> None:
    row = {"id": "models/gemini-x", "name": "Gemini X"}
    assert [model.model_id for model in parsed("google", {"data": [row]}).models] == ["gemini-x"]


def test_one_listing_has_one_id_field() -> None:
    rows = [{"name": "models/gemini-x"}, {"id": "gemini-y"}]
    listing = parsed("google", {"models": rows})
    assert [model.model_id for model in listing.models] == ["gemini-x"]
    assert len(listing.incomplete_reasons) == 1


def test_lm_studio_s_native_rows_are_identified_by_key() -> None:
    assert only_model("lmstudio", {"key": "google/gemma-3-4b", "id": "instance-1"}).model_id == "google/gemma-3-4b"


def test_an_empty_list_does_not_hide_the_rows_beside_it() -> None:
    listing = parsed("openai", {"data": [], "models": [{"id": "m"}]})
    assert [model.model_id for model in listing.models] == ["m"]
