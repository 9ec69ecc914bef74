"""The canonical names of providers and models, whatever spelling a file, a user or a client has."""

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from heapq import nlargest
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
"""Servers on the user's own machine, which may really serve no model."""

MAX_PROVIDER_LENGTH = 64
MAX_MODEL_ID_LENGTH = 512

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_UNUSABLE_IN_ID = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def provider_slug(name: str) -> str:
    """Return the slug of the provider called ``name``: lower case, ``_`` as ``-``, aliases resolved.

    >>> provider_slug("Gemini"), provider_slug("together_ai"), provider_slug("x-ai")
    ('google', 'together', 'xai')

    Raises InvalidProvider for anything but a slug of at most 64 letters, digits and inner hyphens.
    """
    slug = name.strip().lower().replace("_", "-") if isinstance(name, str) else ""
    if not _SLUG.fullmatch(slug) or len(slug) > MAX_PROVIDER_LENGTH:
        shown = repr(name[:80]) if isinstance(name, str) else f"of type {type(name).__name__}"
        raise InvalidProvider(
            f"provider {shown} is not a valid provider name",
            f"use up to {MAX_PROVIDER_LENGTH} letters, digits and hyphens, such as 'openai'",
        )
    return PROVIDER_ALIASES.get(slug, slug)


def canonical_model_id(provider_id: str, model_id: str) -> str:
    """Return the canonical spelling of a model id, under which the catalog stores it.

    Surrounding white space is removed, and Google's ``models/gemini-x`` becomes ``gemini-x``. On Vertex AI, whose
    listing contains resource names, ``gemini-x`` becomes ``publishers/google/models/gemini-x``.

    Raises InvalidModelId for an id that is empty, longer than 512 characters or contains control characters.
    """
    if not isinstance(model_id, str):
        raise InvalidModelId(f"a model id of {provider_id} must be a string, not {type(model_id).__name__}")
    canonical = model_id.strip()
    if provider_id == "google":
        canonical = canonical.removeprefix("models/")
    elif provider_id == "vertex":
        canonical = _vertex_resource_name(canonical)
    if not canonical:
        raise InvalidModelId(f"a model id of {provider_id} is empty", "use the id that the provider's API takes")
    if len(canonical) > MAX_MODEL_ID_LENGTH:
        raise InvalidModelId(
            f"model id {canonical[:40]!r}… of {provider_id} has {len(canonical)} characters",
            f"at most {MAX_MODEL_ID_LENGTH} are allowed",
        )
    if not is_usable_text(canonical):
        raise InvalidModelId(f"model id {canonical[:80]!r} of {provider_id} contains control characters")
    return canonical


def is_usable_text(text: str) -> bool:
    """Return True if an id or a name can contain the text: no control characters, no lone surrogates."""
    return _UNUSABLE_IN_ID.search(text) is None


def _vertex_resource_name(model_id: str) -> str:
    """Return the resource name of a model, of which clients write the last part, or all of it with the project."""
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
    "oci": "Oracle OCI",
    "together": "Together AI",
    "fireworks": "Fireworks AI",
}


def provider_label(provider_id: str) -> str:
    """Return the provider's name for people."""
    return PROVIDER_LABELS.get(provider_id) or provider_id.replace("-", " ").title()


_MIN_SIMILARITY = 0.65
_COMPARED_LENGTH = 128
_COMPARED_NAMES = 30
"""Names that are compared thoroughly, of which the others are sure or likely to be less similar."""


def nearest_names(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Return at most ``count`` of the known names that resemble ``name`` in any case of its letters, the best first."""
    matcher = SequenceMatcher(isjunk=None, b=name[:_COMPARED_LENGTH].casefold(), autojunk=False)

    def compare(one: str) -> SequenceMatcher[str]:
        matcher.set_seq1(one[:_COMPARED_LENGTH].casefold())
        return matcher

    bounds = ((compare(one).quick_ratio(), one) for one in known)
    candidates = nlargest(_COMPARED_NAMES, (bound for bound in bounds if bound[0] >= _MIN_SIMILARITY))
    similar = [(ratio, one) for _, one in candidates if (ratio := compare(one).ratio()) >= _MIN_SIMILARITY]
    return [one for _, one in sorted(similar, key=lambda pair: (-pair[0], pair[1]))[:count]]


def advise_nearest(nearest: Sequence[str], otherwise: str) -> str:
    """Return the advice to use one of the nearest names, or what to do ``otherwise``, for an error."""
    return f"did you mean {' or '.join(nearest)}? If not, {otherwise}" if nearest else otherwise


_PLAIN_WORD = re.compile(r"[A-Za-z0-9@_./:][A-Za-z0-9@_./:+,=-]*")


def is_plain_word(text: str) -> bool:
    """Return True if the text is the same word in every shell, and no option."""
    return _PLAIN_WORD.fullmatch(text) is not None


def format_command(command: str, provider_id: str, model_id: str) -> str:
    """Return the ``ghost-pipeline`` command for a model, for people who copy it into a shell.

    An id that a shell might evaluate, which a provider could choose for that, becomes ``MODEL_ID``.
    """
    return f"ghost-pipeline {command} {provider_id} {model_id if is_plain_word(model_id) else 'MODEL_ID'}"


def model_key(provider_id: str, model_id: str) -> str:
    """Return one text for a model: provider slug, slash, model id."""
    return f"{provider_id}/{model_id}"


def model_page_path(provider_id: str, model_id: str) -> str:
    """Return the path of the model's page in Dagster's UI: a partition of the asset ``models``."""
    return f"/assets/models?view=partitions&partition={quote(model_key(provider_id, model_id), safe='')}"


def fold_case(text: str) -> str:
    """Return the text with each capital letter replaced by its small one, where the two are a pair of one letter each.

    The length stays, so that SQL can replace letter by letter.
    """
    return text.lower() if text.isascii() else "".join(map(_fold_letter, text))


def _fold_letter(letter: str) -> str:
    lower = letter.lower()
    return lower if len(lower) == 1 and lower.upper() == letter else letter
