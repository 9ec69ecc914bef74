"""Which provider and which model are meant, wherever the name comes from: a file, a person or a client."""

import re
from urllib.parse import quote

from ghost_pipeline.errors import InvalidModelId, InvalidProvider

PROVIDER_ALIASES = {
    "gemini": "google",
    "google-ai-studio": "google",
    "googleai": "google",
    "claude": "anthropic",
    "x-ai": "xai",
    "grok": "xai",
    "mistralai": "mistral",
    "mistral-ai": "mistral",
    "togetherai": "together",
    "together-ai": "together",
    "fireworks-ai": "fireworks",
    "fireworksai": "fireworks",
    "cohere-chat": "cohere",
    "open-router": "openrouter",
    "nvidia-nim": "nvidia",
    "nim": "nvidia",
    "perplexity-ai": "perplexity",
    "hf": "huggingface",
    "hugging-face": "huggingface",
    "github-models": "github",
    "aws": "bedrock",
    "aws-bedrock": "bedrock",
    "amazon-bedrock": "bedrock",
    "azure-openai": "azure",
    "azure-ai": "azure",
    "vertex-ai": "vertex",
    "google-vertex": "vertex",
    "workers-ai": "cloudflare",
    "cloudflare-workers-ai": "cloudflare",
    "lm-studio": "lmstudio",
    "hosted-vllm": "vllm",
    "ollama-chat": "ollama",
    # as LiteLLM names them
    "text-completion-openai": "openai",
    "anthropic-text": "anthropic",
    "codestral": "mistral",
    "text-completion-codestral": "mistral",
    "azure-text": "azure",
    "bedrock-converse": "bedrock",
    "vertex-ai-beta": "vertex",
    # as OpenTelemetry's conventions name them, now or before, with their dots as hyphens
    "gcp-gemini": "google",
    "gcp-gen-ai": "google",
    "gcp-vertex-ai": "vertex",
    "azure-ai-openai": "azure",
    "azure-ai-inference": "azure",
    "az-ai-openai": "azure",
    "az-ai-inference": "azure",
    "ibm-watsonx-ai": "watsonx",
}
"""Other names of a provider -> its slug. The keys are themselves in slug form (see :func:`provider_slug`)."""

LOCAL_PROVIDERS = frozenset({"ollama", "vllm", "lmstudio"})
"""Servers on one's own machine, which may really serve nothing."""

MAX_PROVIDER_LENGTH = 64
MAX_MODEL_ID_LENGTH = 512

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_UNUSABLE_IN_ID = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def provider_slug(name: str) -> str:
    """The slug of the provider called ``name``: lower case, ``_`` as ``-``, aliases resolved.

    >>> provider_slug("Gemini"), provider_slug("together_ai"), provider_slug("x-ai")
    ('google', 'together', 'xai')

    Raises InvalidProvider for anything that is no slug of at most 64 letters, digits and inner hyphens.
    """
    slug = name.strip().lower().replace("_", "-") if isinstance(name, str) else ""
    if not _SLUG.fullmatch(slug) or len(slug) > MAX_PROVIDER_LENGTH:
        shown = repr(name[:80]) if isinstance(name, str) else f"of type {type(name).__name__}"
        raise InvalidProvider(
            f"provider {shown} is no provider name: use up to {MAX_PROVIDER_LENGTH} letters, digits "
            "and hyphens, such as 'openai'"
        )
    return PROVIDER_ALIASES.get(slug, slug)


def canonical_model_id(provider_id: str, model_id: str) -> str:
    """The one spelling of a model id under which the catalog keeps it.

    Surrounding white space goes, and Google's ``models/gemini-x`` is ``gemini-x``. On Vertex AI, whose listing gives
    resource names, ``gemini-x`` is ``publishers/google/models/gemini-x``.

    Raises InvalidModelId for an id that is empty, longer than 512 characters or holds control characters.
    """
    if not isinstance(model_id, str):
        raise InvalidModelId(f"a model id of {provider_id} must be a string, not {type(model_id).__name__}")
    canonical = model_id.strip()
    if provider_id == "google":
        canonical = canonical.removeprefix("models/")
    elif provider_id == "vertex":
        canonical = _vertex_resource_name(canonical)
    if not canonical:
        raise InvalidModelId(f"a model id of {provider_id} is empty: give the id that the provider's API takes")
    if len(canonical) > MAX_MODEL_ID_LENGTH:
        raise InvalidModelId(
            f"model id {canonical[:40]!r}… of {provider_id} has {len(canonical)} characters; "
            f"at most {MAX_MODEL_ID_LENGTH} are taken"
        )
    if _UNUSABLE_IN_ID.search(canonical):
        raise InvalidModelId(f"model id {canonical[:80]!r} of {provider_id} holds control characters")
    return canonical


def _vertex_resource_name(model_id: str) -> str:
    """The resource name for what clients of Vertex AI call a model: its last part, or one with project and location."""
    for begin, publisher in (("gemini-", "google"), ("claude-", "anthropic")):
        if model_id.startswith(begin):
            return f"publishers/{publisher}/models/{model_id}"
    _, found, rest = model_id.partition("/publishers/")
    return f"publishers/{rest}" if found and model_id.startswith("projects/") else model_id


PROVIDER_LABELS = {
    "openai": "OpenAI",
    "openrouter": "OpenRouter",
    "xai": "xAI",
    "deepseek": "DeepSeek",
    "nvidia": "NVIDIA",
    "huggingface": "Hugging Face",
    "github": "GitHub Models",
    "bedrock": "AWS Bedrock",
    "azure": "Azure OpenAI",
    "vertex": "Vertex AI",
    "cloudflare": "Cloudflare Workers AI",
    "vllm": "vLLM",
    "watsonx": "IBM watsonx.ai",
    "lmstudio": "LM Studio",
    "zenmux": "ZenMux",
    "together": "Together AI",
    "fireworks": "Fireworks AI",
}


def provider_label(provider_id: str) -> str:
    """How people write the provider's name."""
    return PROVIDER_LABELS.get(provider_id) or provider_id.replace("-", " ").title()


def model_key(provider_id: str, model_id: str) -> str:
    """Return one text for a model: provider slug, slash, model id."""
    return f"{provider_id}/{model_id}"


def model_page_path(provider_id: str, model_id: str) -> str:
    """Return the path of the model's page in Dagster's UI: a partition of the asset ``models``."""
    return f"/assets/models?view=partitions&partition={quote(model_key(provider_id, model_id), safe='')}"
