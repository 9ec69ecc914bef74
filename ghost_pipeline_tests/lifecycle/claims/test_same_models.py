"""Which ids name the same model, and which do not."""

import pytest

from ghost_pipeline.lifecycle.claims.same_models import same_model_keys


@pytest.mark.parametrize(
    ("provider_id", "model_id", "aliases", "keys"),
    [
        ("openai", "gpt-x", None, {"openai/gpt-x"}),
        ("openrouter", "openai/gpt-x", None, {"openai/gpt-x"}),
        ("openrouter", "x-ai/grok-x:free", "x-ai/grok-x-0709", {"xai/grok-x:free", "xai/grok-x-0709"}),
        ("xai", "grok-x-0709", "grok-x grok-x-latest", {"xai/grok-x-0709", "xai/grok-x", "xai/grok-x-latest"}),
        ("vertex", "publishers/google/models/gemini-x", None, {"google/gemini-x"}),
        ("vertex", "publishers/anthropic/models/claude-x@20250514", None, {"anthropic/claude-x"}),
        ("bedrock", "anthropic.claude-x-20250514-v1:0", None, {"anthropic/claude-x-20250514"}),
        ("bedrock", "eu.anthropic.claude-x-20250514-v1:0", None, {"anthropic/claude-x-20250514"}),
        ("bedrock", "amazon.nova-x-v2:1:24k", None, {"amazon/nova-x"}),
        ("together", "meta-llama/Llama-X", None, {"meta-llama/llama-x"}),
        ("cloudflare", "@cf/meta/llama-x", None, {"@cf/meta/llama-x"}),
        ("azure", "gpt-x", None, {"azure/gpt-x"}),
    ],
)
def test_keys_are_the_maker_and_its_name(provider_id: str, model_id: str, aliases: str | None, keys: set[str]) -> None:
    assert same_model_keys(provider_id, model_id, aliases) == keys
