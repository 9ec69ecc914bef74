"""One small file per wire format, and this registry: which provider speaks which.

A provider that is not listed is read in the generic shape.
"""

from collections.abc import Mapping

from ghost_pipeline.listings.facts import Format
from ghost_pipeline.listings.formats.anthropic import ANTHROPIC
from ghost_pipeline.listings.formats.azure import AZURE
from ghost_pipeline.listings.formats.bedrock import BEDROCK
from ghost_pipeline.listings.formats.cloudflare import CLOUDFLARE
from ghost_pipeline.listings.formats.cohere import COHERE
from ghost_pipeline.listings.formats.fireworks import FIREWORKS
from ghost_pipeline.listings.formats.generic import GENERIC, OPENAI
from ghost_pipeline.listings.formats.github import GITHUB
from ghost_pipeline.listings.formats.google import GOOGLE
from ghost_pipeline.listings.formats.groq import GROQ
from ghost_pipeline.listings.formats.huggingface import HUGGINGFACE
from ghost_pipeline.listings.formats.lmstudio import LMSTUDIO
from ghost_pipeline.listings.formats.mistral import MISTRAL
from ghost_pipeline.listings.formats.ollama import OLLAMA
from ghost_pipeline.listings.formats.openrouter import OPENROUTER
from ghost_pipeline.listings.formats.together import TOGETHER
from ghost_pipeline.listings.formats.vertex import VERTEX
from ghost_pipeline.listings.formats.xai import XAI
from ghost_pipeline.listings.formats.zenmux import ZENMUX

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
