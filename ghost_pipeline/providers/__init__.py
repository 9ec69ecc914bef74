"""The providers that the package knows, each declared once in ``builtin/``. Reads no file, network or environment."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from urllib.parse import urlsplit

from ghost_pipeline.providers import builtin
from ghost_pipeline.providers.builtin.openai_compatible import GENERIC
from ghost_pipeline.providers.declaration import LiteLLMRoute, Provider, openai_compatible_route
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.wire_format import Format


def _declared() -> list[Provider]:
    modules = [import_module(f"{builtin.__name__}.{found.name}") for found in pkgutil.iter_modules(builtin.__path__)]
    return sorted((one for module in modules for one in module.PROVIDERS), key=lambda provider: provider.id)


BUILTIN: Mapping[str, Provider] = {provider.id: provider for provider in _declared()}
"""Provider slug -> its declaration."""

ENDPOINTS: Mapping[str, Endpoint] = {slug: one.endpoint for slug, one in BUILTIN.items() if one.endpoint is not None}
"""Provider slug -> its endpoint, of those that have one."""


def format_of(provider_id: str) -> Format:
    """Return the format of a provider's listings, the generic one for an unknown provider."""
    provider = BUILTIN.get(provider_id)
    return GENERIC if provider is None else provider.wire_format


def route_of(provider_id: str) -> LiteLLMRoute:
    """Return how LiteLLM reaches the provider."""
    provider = BUILTIN.get(provider_id)
    return provider.route if provider and provider.route else openai_compatible_route(provider_id)


def provider_of_host(host: str) -> str | None:
    """Return the slug of the provider whose API has this host, None for an unknown one."""
    for slug, provider in BUILTIN.items():
        if any(host == known or host.endswith(f".{known}") for known in provider.hosts):
            return slug
    return None


def is_own_answer(provider_id: str, host: str | None) -> bool:
    """Return False if an answer from this host is not the provider's own: a relay, a local server, an imitation.

    Compare domains, because regions and services have hosts of their own (``eu.api.openai.com``). Without a host an
    answer is taken for the provider's, except for ``openai``: clients of OpenAI's protocol call every server so.
    """
    if not host:
        return provider_id != "openai"
    return any(f".{host.lower()}".endswith(f".{domain}") for domain in _domains_of(provider_id))


@cache
def _domains_of(provider_id: str) -> frozenset[str]:
    provider = BUILTIN.get(provider_id)
    if provider is None:
        return frozenset()
    endpoint = provider.endpoint and urlsplit(provider.endpoint.base_url).hostname
    hosts = (*provider.hosts, endpoint) if endpoint else provider.hosts
    return frozenset(".".join(host.split(".")[-2:]) for host in hosts if "." in host)
