"""What a provider is declared with: its wire format, its endpoint, its route in LiteLLM and the hosts of its API.

Sources of the routes: the provider pages of LiteLLM's documentation (docs.litellm.ai/docs/providers/<provider>:
"Provider Route on LiteLLM", "API Key" and the proxy examples) and ``_get_openai_compatible_provider_info`` in its
source. A provider that LiteLLM does not know is treated as OpenAI-compatible ("OpenAI-Compatible Endpoints":
``openai/`` and an ``api_base``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.wire_format import Format


@dataclass(frozen=True, slots=True)
class LiteLLMRoute:
    """How LiteLLM reaches a provider: the prefix of its models, and the settings it reads from the environment."""

    prefix: str
    variables: Mapping[str, str]
    """litellm_params of secrets and locations -> the environment variables that have them."""
    chat_prefix: str | None = None
    """Another prefix for possible chat models, where LiteLLM has two."""
    format_id: Callable[[str], str] = str
    """Returns a model id as LiteLLM takes it."""

    def params(self, model: ModelRecord, mode: str | None) -> dict[str, str]:
        """Return ``litellm_params`` of the model, given its ``mode`` (None if that is unknown)."""
        prefix = self.chat_prefix if self.chat_prefix and mode in (None, "chat") else self.prefix
        from_environment = {name: f"os.environ/{variable}" for name, variable in self.variables.items()}
        return {"model": f"{prefix}/{self.format_id(model.model_id)}", **from_environment}


def api_key_route(prefix: str, variable: str, chat_prefix: str | None = None) -> LiteLLMRoute:
    """Return the route of a provider that needs a key and nothing else."""
    return LiteLLMRoute(prefix, {"api_key": variable}, chat_prefix)


def openai_compatible_route(provider_id: str) -> LiteLLMRoute:
    """Return the route of a provider that LiteLLM does not know."""
    variable = provider_id.upper().replace("-", "_")
    return LiteLLMRoute("openai", {"api_key": f"{variable}_API_KEY", "api_base": f"{variable}_API_BASE"})


@dataclass(frozen=True, slots=True)
class Provider:
    """Everything that the package knows of one provider, except its names (``lifecycle/identity.py``)."""

    id: str
    """Its slug."""
    wire_format: Format
    endpoint: Endpoint | None
    """None for a provider whose models can't be listed with a key alone."""
    route: LiteLLMRoute | None = None
    """None for a provider that LiteLLM does not know."""
    hosts: tuple[str, ...] = ()
    """Hosts, with their subdomains, at which OpenAI's client reaches the provider."""

    def __post_init__(self) -> None:
        if self.endpoint is not None:
            object.__setattr__(self, "endpoint", replace(self.endpoint, provider_id=self.id))
