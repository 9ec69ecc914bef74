"""A LiteLLM model_list, compared with the documented shape."""

from datetime import UTC, datetime
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given, settings
from msgspec.structs import replace

from ghost_pipeline.exports import export_models
from ghost_pipeline.lifecycle.identity import provider_slug
from ghost_pipeline.lifecycle.records import MODEL_FIELDS, FilledRecord, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline.providers import BUILTIN
from ghost_pipeline_tests.exports.samples import FULL, ghost, model

ROUTES = {slug: one.route for slug, one in BUILTIN.items() if one.route is not None}


def entries(*models: ModelRecord, is_with_ghosts: bool = False) -> list[dict[str, Any]]:
    document = yaml.safe_load(export_models(models, "litellm", is_with_ghosts=is_with_ghosts))
    assert set(document) == {"model_list"}
    listed: list[dict[str, Any]] = document["model_list"]
    return listed


def params(one: ModelRecord) -> dict[str, str]:
    (entry,) = entries(one)
    found: dict[str, str] = entry["litellm_params"]
    return found


def test_a_model_has_a_name_a_route_a_key_from_the_environment_and_what_is_known() -> None:
    assert entries(FULL) == [
        {
            "model_name": "openai/gpt-x",
            "litellm_params": {"model": "openai/gpt-x", "api_key": "os.environ/OPENAI_API_KEY"},
            "model_info": {
                "mode": "chat",
                "max_tokens": 16_384,
                "max_input_tokens": 128_000,
                "max_output_tokens": 16_384,
                "input_cost_per_token": 1.5e-07,
                "output_cost_per_token": 2.5e-06,
                "price_source": "listing",
                "supports_vision": True,
                "supports_function_calling": True,
                "deprecation_date": "2026-05-02",
            },
        }
    ]


@pytest.mark.parametrize(
    ("expires_at", "date"),
    [
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), "2026-12-31"),
        (datetime(2027, 1, 1, tzinfo=UTC), "2027-01-01"),
        (datetime(1000, 1, 1, tzinfo=UTC), "1000-01-01"),
    ],
)
def test_litellm_reads_the_date_of_retirement(expires_at: datetime, date: str) -> None:
    # To import it takes seconds, which a worker that gets other tests spares.
    from litellm.proxy.common_utils.model_deprecation import _resolve_deployment_deprecation  # noqa: PLC0415

    (entry,) = entries(model(expires_at=expires_at))
    assert entry["model_info"] == {"deprecation_date": date}
    assert type(entry["model_info"]["deprecation_date"]) is str
    resolved = _resolve_deployment_deprecation(entry)
    assert resolved is not None
    assert resolved.deprecation_date == expires_at.date()


def test_what_is_not_known_is_left_out_and_free_is_zero() -> None:
    assert entries(model()) == [
        {
            "model_name": "openai/gpt-x",
            "litellm_params": {"model": "openai/gpt-x", "api_key": "os.environ/OPENAI_API_KEY"},
        }
    ]
    (free,) = entries(model(input_price=0.0, output_price=0.0))
    assert free["model_info"] == {
        "input_cost_per_token": 0.0,
        "output_cost_per_token": 0.0,
        "price_source": "listing",
    }


def test_where_the_prices_come_from_is_part_of_the_information() -> None:
    listed = model(listing_id=1, input_price=1.0)
    sources = {"output_price": "reference:litellm"}
    known = {name: getattr(listed, name) for name in MODEL_FIELDS} | {"output_price": 2.0}
    assert [
        entry["model_info"].get("price_source")
        for entry in entries(
            listed,
            replace(model(model_id="manual", input_price=1.0), source=Source.MANUAL, manual_facts="input_price"),
            replace(model(model_id="relisted", input_price=1.0, listing_id=1), source=Source.MANUAL),
            FilledRecord(**known | {"model_id": "x-filled"}, facts_from_references=sources),
            model(model_id="y-unpriced", context_window=1),
        )
    ] == ["listing", "manual", "listing", "listing, reference:litellm", None]


@pytest.mark.parametrize(
    ("provider_id", "model_id", "route"),
    [
        ("google", "gemini-x", "gemini/gemini-x"),
        ("together", "meta-llama/L", "together_ai/meta-llama/L"),
        ("fireworks", "accounts/fireworks/models/l", "fireworks_ai/accounts/fireworks/models/l"),
        ("nvidia", "meta/l", "nvidia_nim/meta/l"),
        ("vllm", "org/l", "hosted_vllm/org/l"),
        ("lmstudio", "l", "lm_studio/l"),
        ("openrouter", "openai/gpt-x", "openrouter/openai/gpt-x"),
        ("cloudflare", "@cf/meta/l", "cloudflare/@cf/meta/l"),
        ("vertex", "publishers/google/models/gemini-x", "vertex_ai/gemini-x"),
        ("vertex", "publishers/meta/models/l-maas", "vertex_ai/meta/l-maas"),
        ("vertex", "gemini-x", "vertex_ai/gemini-x"),
    ],
)
def test_providers_and_models_are_named_as_litellm_names_them(provider_id: str, model_id: str, route: str) -> None:
    assert params(model(provider_id, model_id))["model"] == route


def test_where_litellm_has_two_prefixes_chat_and_other_models_go_their_ways() -> None:
    for words, prefix in ((("text",), "ollama_chat"), (None, "ollama_chat"), (("embedding",), "ollama")):
        assert params(model("ollama", "m", capabilities=words)) == {
            "model": f"{prefix}/m",
            "api_base": "os.environ/OLLAMA_API_BASE",
        }
    assert params(model("cohere", "rerank-x", capabilities=("rerank",)))["model"] == "cohere/rerank-x"


def test_a_provider_that_litellm_does_not_know_is_openai_compatible_at_a_place_from_the_environment() -> None:
    assert params(model("my-gateway", "m")) == {
        "model": "openai/m",
        "api_key": "os.environ/MY_GATEWAY_API_KEY",
        "api_base": "os.environ/MY_GATEWAY_API_BASE",
    }


def test_a_prefix_of_litellm_means_the_same_provider_to_the_catalog() -> None:
    for provider_id, route in ROUTES.items():
        assert provider_slug(route.prefix) == provider_id
        assert provider_slug(route.chat_prefix or route.prefix) == provider_id
    assert set(BUILTIN) - set(ROUTES) == {"zenmux"}


def test_no_secret_and_no_value_of_the_environment_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hunter2")
    for one in entries(*(model(provider_id, "m") for provider_id in (*ROUTES, "other"))):
        values = dict(one["litellm_params"])
        assert values.pop("model").endswith("/m")
        assert values
        assert all(value.startswith("os.environ/") for value in values.values())


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        (("embedding",), "embedding"),
        (("rerank", "text"), "rerank"),
        (("image_generation",), "image_generation"),
        (("image_generation", "text"), "chat"),
        (("speech",), "audio_speech"),
        (("audio", "text"), None),
        (("audio", "text", "tools"), "chat"),
        (("tools",), None),
    ],
)
def test_the_mode_is_exported_where_the_capabilities_imply_it(words: tuple[str, ...], mode: str | None) -> None:
    (entry,) = entries(model(capabilities=words))
    assert entry.get("model_info", {}).get("mode") == mode


def test_ghosts_are_included_only_on_request_and_marked() -> None:
    assert [one["model_name"] for one in entries(model(), ghost())] == ["openai/gpt-x"]
    gone, active = entries(model(), ghost(), is_with_ghosts=True)
    assert gone["model_name"] == "openai/gone"
    assert gone["model_info"] == {"is_active": False, "last_seen_at": "2026-05-02T12:30:15.000250Z"}
    assert "model_info" not in active


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_characters="*", codec="utf-8"), min_size=1), st.floats(0, 10**6, allow_nan=False))
def test_any_id_and_any_price_survive_the_yaml(model_id: str, price: float) -> None:
    (entry,) = entries(model("openai", model_id, input_price=price))
    assert entry["model_name"] == entry["litellm_params"]["model"] == f"openai/{model_id}"
    cost = entry["model_info"]["input_cost_per_token"]
    assert isinstance(cost, float)
    assert cost == pytest.approx(price / 1e6)


def test_a_cost_per_token_is_the_price_with_its_point_moved() -> None:
    for price, written in (
        (0.05, "5.0e-08"),
        (0.55, "5.5e-07"),
        (1.1, "1.1e-06"),
        (15.0, "1.5e-05"),
        (0.29, "2.9e-07"),
    ):
        assert f"input_cost_per_token: {written}\n" in export_models([model(input_price=price)], "litellm").decode()


@pytest.mark.parametrize("model_id", ["*", "gpt-*", "a*b"])
def test_an_id_that_litellm_would_read_as_a_wildcard_is_left_out(model_id: str) -> None:
    assert [one["model_name"] for one in entries(FULL, model(model_id=model_id))] == ["openai/gpt-x"]
