"""What is known of each provider, one declaration each. No input or output happens here."""

from collections.abc import Mapping

from ghost_pipeline.providers.builtin.anthropic import ANTHROPIC
from ghost_pipeline.providers.builtin.azure import AZURE
from ghost_pipeline.providers.builtin.bedrock import BEDROCK
from ghost_pipeline.providers.builtin.cloudflare import CLOUDFLARE
from ghost_pipeline.providers.builtin.cohere import COHERE
from ghost_pipeline.providers.builtin.fireworks import FIREWORKS
from ghost_pipeline.providers.builtin.github import GITHUB
from ghost_pipeline.providers.builtin.google import GOOGLE
from ghost_pipeline.providers.builtin.groq import GROQ
from ghost_pipeline.providers.builtin.huggingface import HUGGINGFACE
from ghost_pipeline.providers.builtin.lmstudio import LMSTUDIO
from ghost_pipeline.providers.builtin.mistral import MISTRAL
from ghost_pipeline.providers.builtin.ollama import OLLAMA
from ghost_pipeline.providers.builtin.openai_compatible import GENERIC, OPENAI
from ghost_pipeline.providers.builtin.openrouter import OPENROUTER
from ghost_pipeline.providers.builtin.together import TOGETHER
from ghost_pipeline.providers.builtin.vertex import VERTEX
from ghost_pipeline.providers.builtin.xai import XAI
from ghost_pipeline.providers.builtin.zenmux import ZENMUX
from ghost_pipeline.providers.endpoint import AuthHeader, CursorPaging, Endpoint, NextLinkPaging, PageNumberPaging
from ghost_pipeline.providers.wire_format import Format

FORMATS: Mapping[str, Format] = {
    "anthropic": ANTHROPIC,
    "azure": AZURE,
    "bedrock": BEDROCK,
    "cerebras": OPENAI,
    "cloudflare": CLOUDFLARE,
    "cohere": COHERE,
    "deepseek": OPENAI,
    "fireworks": FIREWORKS,
    "github": GITHUB,
    "google": GOOGLE,
    "groq": GROQ,
    "huggingface": HUGGINGFACE,
    "lmstudio": LMSTUDIO,
    "mistral": MISTRAL,
    "nvidia": OPENAI,
    "ollama": OLLAMA,
    "openai": OPENAI,
    "openrouter": OPENROUTER,
    "perplexity": OPENAI,
    "together": TOGETHER,
    "vertex": VERTEX,
    "vllm": OPENAI,
    "xai": XAI,
    "zenmux": ZENMUX,
}
"""Provider slug -> the format of its listings."""


def format_of(provider_id: str) -> Format:
    """The format of a provider's listings."""
    return FORMATS.get(provider_id, GENERIC)


_DECLARED = (
    Endpoint(  # API reference, "List models"
        "openai",
        "https://api.openai.com/v1",
        key_variables=("OPENAI_API_KEY",),
    ),
    Endpoint(  # API reference, "List Models": 20 a page unless asked for up to 1,000
        "anthropic",
        "https://api.anthropic.com/v1",
        key_variables=("ANTHROPIC_API_KEY",),
        key_header=AuthHeader("x-api-key", ""),
        headers={"anthropic-version": "2023-06-01"},
        parameters={"limit": "1000"},
        paging=CursorPaging("last_id", "after_id", only_if="has_more"),
    ),
    Endpoint(  # Gemini API reference, "models.list": 50 a page, at most 1,000. The key never goes into the URL
        "google",
        "https://generativelanguage.googleapis.com/v1beta",
        key_variables=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        key_header=AuthHeader("x-goog-api-key", ""),
        parameters={"pageSize": "1000"},
        paging=CursorPaging("nextPageToken", "pageToken"),
    ),
    Endpoint(  # API reference, "List available models"; public
        "openrouter",
        "https://openrouter.ai/api/v1",
        key_variables=("OPENROUTER_API_KEY",),
        is_key_required=False,
        paging=NextLinkPaging(),
    ),
    Endpoint(  # API reference, "List models"
        "groq",
        "https://api.groq.com/openai/v1",
        key_variables=("GROQ_API_KEY",),
    ),
    Endpoint(  # API reference, "List Models"
        "mistral",
        "https://api.mistral.ai/v1",
        key_variables=("MISTRAL_API_KEY",),
    ),
    Endpoint(  # API documentation, "List Local Models"
        "ollama",
        "http://localhost:11434",
        "/api/tags",
        key_variables=("OLLAMA_API_KEY",),
        is_key_required=False,
    ),
    Endpoint(  # REST reference, "List models": what the key may use
        "xai",
        "https://api.x.ai/v1",
        key_variables=("XAI_API_KEY",),
    ),
    Endpoint(  # API reference, "Lists Models"
        "deepseek",
        "https://api.deepseek.com",
        key_variables=("DEEPSEEK_API_KEY",),
    ),
    Endpoint(  # API reference, "List all models"
        "together",
        "https://api.together.xyz/v1",
        key_variables=("TOGETHER_API_KEY",),
    ),
    Endpoint(  # API reference, "List Models": 50 a page, at most 200. "fireworks" is the account of the public models
        "fireworks",
        "https://api.fireworks.ai/v1",
        "/accounts/{account_id}/models",
        key_variables=("FIREWORKS_API_KEY",),
        parameters={"pageSize": "200"},
        paging=CursorPaging("nextPageToken", "pageToken"),
        places={"account_id": "fireworks"},
    ),
    Endpoint(  # API reference, "List Models": 20 a page, at most 1,000
        "cohere",
        "https://api.cohere.com/v1",
        key_variables=("CO_API_KEY", "COHERE_API_KEY"),
        parameters={"page_size": "1000"},
        paging=CursorPaging("next_page_token", "page_token"),
    ),
    Endpoint(  # NIM API reference, "List models"
        "nvidia",
        "https://integrate.api.nvidia.com/v1",
        key_variables=("NVIDIA_API_KEY",),
    ),
    Endpoint(  # API reference, "List models"
        "cerebras",
        "https://api.cerebras.ai/v1",
        key_variables=("CEREBRAS_API_KEY",),
    ),
    Endpoint(  # from catalogs of others; Perplexity's reference shows a list only for its router, under /router/v1
        "perplexity",
        "https://api.perplexity.ai/v1",
        key_variables=("PERPLEXITY_API_KEY",),
    ),
    Endpoint(  # Inference Providers, "Hub API". Without a token the list may be shorter, so one is required
        "huggingface",
        "https://router.huggingface.co/v1",
        key_variables=("HF_TOKEN",),
    ),
    Endpoint(  # REST reference, "List all models" of the models catalog
        "github",
        "https://models.github.ai",
        "/catalog/models",
        key_variables=("GITHUB_TOKEN",),
        headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
    ),
    Endpoint(  # API reference, "ListFoundationModels"; user guide, "Use an Amazon Bedrock API key"
        "bedrock",
        "https://bedrock.{region}.amazonaws.com",
        "/foundation-models",
        key_variables=("AWS_BEARER_TOKEN_BEDROCK",),
    ),
    Endpoint(  # REST reference, "Models - List"
        "azure",
        "https://{resource}.openai.azure.com/openai",
        key_variables=("AZURE_OPENAI_API_KEY",),
        key_header=AuthHeader("api-key", ""),
        parameters={"api-version": "2024-10-21"},
    ),
    Endpoint(  # API reference, "Model Search"; no largest page is documented
        "cloudflare",
        "https://api.cloudflare.com/client/v4",
        "/accounts/{account_id}/ai/models/search",
        key_variables=("CLOUDFLARE_API_TOKEN",),
        paging=PageNumberPaging(),
    ),
    Endpoint(  # documentation, "OpenAI-Compatible Server"
        "vllm",
        "http://localhost:8000/v1",
        key_variables=("VLLM_API_KEY",),
        is_key_required=False,
    ),
    Endpoint(  # REST API v1, "List models", of LM Studio 0.4; before that the path was /api/v0/models
        "lmstudio",
        "http://localhost:1234",
        "/api/v1/models",
        key_variables=("LM_API_TOKEN",),
        is_key_required=False,
    ),
    Endpoint(  # API reference, "List Models"
        "zenmux",
        "https://zenmux.ai/api/v1",
        key_variables=("ZENMUX_API_KEY",),
    ),
)

REGISTRY: Mapping[str, Endpoint] = {endpoint.provider_id: endpoint for endpoint in _DECLARED}
"""Provider slug -> its declaration."""
