"""How LiteLLM reaches each provider: its prefix of a model, and the settings that it takes from the environment.

Sources: the provider pages of LiteLLM's documentation (docs.litellm.ai/docs/providers/<provider>: "Provider Route on
LiteLLM", "API Key" and the proxy examples) and ``_get_openai_compatible_provider_info`` in its source. A provider that
LiteLLM does not know is taken for OpenAI-compatible ("OpenAI-Compatible Endpoints": ``openai/`` and an ``api_base``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ghost_pipeline.lifecycle.records import ModelRecord


@dataclass(frozen=True, slots=True)
class LiteLLMRoute:
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


def api_key_route(prefix: str, variable: str, chat_prefix: str | None = None) -> LiteLLMRoute:
    """Return the route of a provider that needs a key and nothing else."""
    return LiteLLMRoute(prefix, {"api_key": variable}, chat_prefix)


ROUTES: Mapping[str, LiteLLMRoute] = {
    "anthropic": api_key_route("anthropic", "ANTHROPIC_API_KEY"),
    "azure": LiteLLMRoute(
        "azure", {"api_key": "AZURE_API_KEY", "api_base": "AZURE_API_BASE", "api_version": "AZURE_API_VERSION"}
    ),
    "bedrock": LiteLLMRoute(
        "bedrock",
        {
            "aws_access_key_id": "AWS_ACCESS_KEY_ID",
            "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
            "aws_region_name": "AWS_REGION_NAME",
        },
    ),
    "cerebras": api_key_route("cerebras", "CEREBRAS_API_KEY"),
    "cloudflare": api_key_route(
        "cloudflare", "CLOUDFLARE_API_KEY"
    ),  # and CLOUDFLARE_ACCOUNT_ID, which it reads by itself
    "cohere": api_key_route("cohere", "COHERE_API_KEY", chat_prefix="cohere_chat"),
    "deepseek": api_key_route("deepseek", "DEEPSEEK_API_KEY"),
    "fireworks": api_key_route("fireworks_ai", "FIREWORKS_AI_API_KEY"),
    "github": api_key_route("github", "GITHUB_API_KEY"),
    "google": api_key_route("gemini", "GEMINI_API_KEY"),
    "groq": api_key_route("groq", "GROQ_API_KEY"),
    "huggingface": api_key_route("huggingface", "HF_TOKEN"),
    "lmstudio": LiteLLMRoute("lm_studio", {"api_base": "LM_STUDIO_API_BASE"}),
    "mistral": api_key_route("mistral", "MISTRAL_API_KEY"),
    "nvidia": api_key_route("nvidia_nim", "NVIDIA_NIM_API_KEY"),
    "ollama": LiteLLMRoute("ollama", {"api_base": "OLLAMA_API_BASE"}, chat_prefix="ollama_chat"),
    "openai": api_key_route("openai", "OPENAI_API_KEY"),
    "openrouter": api_key_route("openrouter", "OPENROUTER_API_KEY"),
    "perplexity": api_key_route("perplexity", "PERPLEXITYAI_API_KEY"),
    "together": api_key_route("together_ai", "TOGETHERAI_API_KEY"),
    "vertex": LiteLLMRoute("vertex_ai", {"vertex_project": "VERTEXAI_PROJECT", "vertex_location": "VERTEXAI_LOCATION"}),
    "vllm": LiteLLMRoute("hosted_vllm", {"api_base": "HOSTED_VLLM_API_BASE"}),
    "xai": api_key_route("xai", "XAI_API_KEY"),
}
"""Provider slug -> how LiteLLM reaches it."""


def route_of(provider_id: str) -> LiteLLMRoute:
    """How LiteLLM reaches the provider."""
    variable = provider_id.upper().replace("-", "_")
    other = LiteLLMRoute("openai", {"api_key": f"{variable}_API_KEY", "api_base": f"{variable}_API_BASE"})
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
