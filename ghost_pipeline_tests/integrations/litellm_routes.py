"""How LiteLLM reaches the providers' APIs on loopback."""

from collections.abc import Mapping
from typing import Any

from ghost_pipeline_tests.integrations.answering_providers import BASES
from ghost_pipeline_tests.lifecycle.refusals.seen_refusals import SEEN

ROUTES = {
    "cohere": "cohere_chat",
    "fireworks": "fireworks_ai",
    "google": "gemini",
    "lmstudio": "lm_studio",
    "nvidia": "nvidia_nim",
    "ollama": "ollama_chat",
    "together": "together_ai",
    "vllm": "hosted_vllm",
}
"""Provider -> LiteLLM's name for it, where that is another. It has none for ZenMux."""

SETTINGS: Mapping[str, dict[str, str]] = {
    "azure": {"api_version": "2024-10-21"},
    "bedrock": {"aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_region_name": "us-east-1"},
}

THROUGH_LITELLM = [one for one in SEEN if one.provider_id in BASES.keys() - {"zenmux"}]


def parameters(provider_id: str, model: str) -> dict[str, Any]:
    """Return how LiteLLM reaches a model of a provider."""
    route = ROUTES.get(provider_id, provider_id)
    return {
        "model": f"{route}/{model}",
        "api_base": BASES[provider_id],
        "api_key": "k",
        "max_retries": 0,
        **SETTINGS.get(provider_id, {}),
    }
