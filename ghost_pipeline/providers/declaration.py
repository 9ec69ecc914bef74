"""How LiteLLM reaches each provider: its prefix of a model, and the settings that it takes from the environment.

Sources: the provider pages of LiteLLM's documentation (docs.litellm.ai/docs/providers/<provider>: "Provider Route on
LiteLLM", "API Key" and the proxy examples) and ``_get_openai_compatible_provider_info`` in its source. A provider that
LiteLLM does not know is taken for OpenAI-compatible ("OpenAI-Compatible Endpoints": ``openai/`` and an ``api_base``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ghost_pipeline.lifecycle.records import ModelRecord


@dataclass(frozen=True, slots=True)
class Route:
    """One provider's way."""

    prefix: str
    variables: Mapping[str, str]
    """litellm_params that hold secrets or places -> the environment variable that has them."""
    chat_prefix: str | None = None
    """Another prefix for what may be a chat model, where LiteLLM has two."""

    def params(self, model: ModelRecord, mode: str | None) -> dict[str, str]:
        """``litellm_params`` of the model, given its ``mode`` (None if that is not known)."""
        prefix = self.chat_prefix if self.chat_prefix and mode in (None, "chat") else self.prefix
        from_environment = {name: f"os.environ/{variable}" for name, variable in self.variables.items()}
        return {"model": f"{prefix}/{_id_for_litellm(model)}", **from_environment}


def _keyed(prefix: str, variable: str, chat_prefix: str | None = None) -> Route:
    return Route(prefix, {"api_key": variable}, chat_prefix)


ROUTES: Mapping[str, Route] = {
    "anthropic": _keyed("anthropic", "ANTHROPIC_API_KEY"),
    "azure": Route(
        "azure", {"api_key": "AZURE_API_KEY", "api_base": "AZURE_API_BASE", "api_version": "AZURE_API_VERSION"}
    ),
    "bedrock": Route(
        "bedrock",
        {
            "aws_access_key_id": "AWS_ACCESS_KEY_ID",
            "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
            "aws_region_name": "AWS_REGION_NAME",
        },
    ),
    "cerebras": _keyed("cerebras", "CEREBRAS_API_KEY"),
    "cloudflare": _keyed("cloudflare", "CLOUDFLARE_API_KEY"),  # and CLOUDFLARE_ACCOUNT_ID, which it reads by itself
    "cohere": _keyed("cohere", "COHERE_API_KEY", chat_prefix="cohere_chat"),
    "deepseek": _keyed("deepseek", "DEEPSEEK_API_KEY"),
    "fireworks": _keyed("fireworks_ai", "FIREWORKS_AI_API_KEY"),
    "github": _keyed("github", "GITHUB_API_KEY"),
    "google": _keyed("gemini", "GEMINI_API_KEY"),
    "groq": _keyed("groq", "GROQ_API_KEY"),
    "huggingface": _keyed("huggingface", "HF_TOKEN"),
    "lmstudio": Route("lm_studio", {"api_base": "LM_STUDIO_API_BASE"}),
    "mistral": _keyed("mistral", "MISTRAL_API_KEY"),
    "nvidia": _keyed("nvidia_nim", "NVIDIA_NIM_API_KEY"),
    "ollama": Route("ollama", {"api_base": "OLLAMA_API_BASE"}, chat_prefix="ollama_chat"),
    "openai": _keyed("openai", "OPENAI_API_KEY"),
    "openrouter": _keyed("openrouter", "OPENROUTER_API_KEY"),
    "perplexity": _keyed("perplexity", "PERPLEXITYAI_API_KEY"),
    "together": _keyed("together_ai", "TOGETHERAI_API_KEY"),
    "vertex": Route("vertex_ai", {"vertex_project": "VERTEXAI_PROJECT", "vertex_location": "VERTEXAI_LOCATION"}),
    "vllm": Route("hosted_vllm", {"api_base": "HOSTED_VLLM_API_BASE"}),
    "xai": _keyed("xai", "XAI_API_KEY"),
}
"""Provider slug -> how LiteLLM reaches it."""


def route_of(provider_id: str) -> Route:
    """How LiteLLM reaches the provider."""
    variable = provider_id.upper().replace("-", "_")
    other = Route("openai", {"api_key": f"{variable}_API_KEY", "api_base": f"{variable}_API_BASE"})
    return ROUTES.get(provider_id, other)


_VERTEX_WITHOUT_PUBLISHER = frozenset({"google", "anthropic", "mistralai", "ai21"})


def _id_for_litellm(model: ModelRecord) -> str:
    """The model's id as LiteLLM takes it: Vertex AI's resource names are ``publisher/model`` there, or the model alone
    for the publishers that it had first (docs.litellm.ai/docs/providers/vertex and vertex_partner).
    """
    parts = model.model_id.split("/")
    if model.provider_id == "vertex" and len(parts) == 4 and (parts[0], parts[2]) == ("publishers", "models"):
        return parts[3] if parts[1] in _VERTEX_WITHOUT_PUBLISHER else f"{parts[1]}/{parts[3]}"
    return model.model_id
