"""The shape that most list endpoints share: OpenAI's ``{"object": "list", "data": [{"id", "created", "owned_by"}]}``.

OpenAI's API reference ("List models") documents one field besides: ``shutdown_date``, the day on which the model
shuts down, null if that is not announced. Servers that copy the endpoint add some under common names; those are read
where they stand, and none is required. Prices are not read: servers state them in different units under the same
names.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import LiteLLMRoute, Provider, api_key_route
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.wire_format import TOP_LEVEL_LIST, Fields, Format


def read_common_fields(fields: Fields) -> Facts:
    """Read what servers with OpenAI's row format commonly add to it."""
    return Facts(
        name=fields.text("display_name") or fields.text("name"),
        context_window=fields.tokens("context_length")
        or fields.tokens("context_window")
        or fields.tokens("max_model_len")
        or fields.tokens("max_context_length"),
        max_output_tokens=fields.tokens("max_output_tokens") or fields.tokens("max_completion_tokens"),
        expires_at=fields.instant("shutdown_date"),
        replaced_by=fields.text("replaced_by"),
    )


GENERIC = Format(
    "generic",
    2,
    read_common_fields,
    row_keys=("data", "models", "result", TOP_LEVEL_LIST),
    id_fields=("id", "model_id", "modelId", "name"),
)
"""For providers that the registry does not know."""

OPENAI = Format("openai", 2, read_common_fields)
"""OpenAI, and those whose documentation shows the same rows."""

PROVIDERS = (
    Provider(
        "openai",
        OPENAI,
        # API reference, "List models"
        Endpoint(
            "https://api.openai.com/v1",
            key_variables=("OPENAI_API_KEY",),
        ),
        route=api_key_route("openai", "OPENAI_API_KEY"),
    ),
    Provider(
        "cerebras",
        OPENAI,
        # API reference, "List models"
        Endpoint(
            "https://api.cerebras.ai/v1",
            key_variables=("CEREBRAS_API_KEY",),
        ),
        route=api_key_route("cerebras", "CEREBRAS_API_KEY"),
        hosts=("api.cerebras.ai",),
    ),
    Provider(
        "deepseek",
        OPENAI,
        # API reference, "Lists Models"
        Endpoint(
            "https://api.deepseek.com",
            key_variables=("DEEPSEEK_API_KEY",),
        ),
        route=api_key_route("deepseek", "DEEPSEEK_API_KEY"),
        hosts=("api.deepseek.com",),
    ),
    Provider(
        "nvidia",
        OPENAI,
        # NIM API reference, "List models"
        Endpoint(
            "https://integrate.api.nvidia.com/v1",
            key_variables=("NVIDIA_API_KEY",),
        ),
        route=api_key_route("nvidia_nim", "NVIDIA_NIM_API_KEY"),
        hosts=("integrate.api.nvidia.com",),
    ),
    Provider(
        "perplexity",
        OPENAI,
        # from catalogs of others; Perplexity's reference shows a list only for its router, under /router/v1
        Endpoint(
            "https://api.perplexity.ai/v1",
            key_variables=("PERPLEXITY_API_KEY",),
        ),
        route=api_key_route("perplexity", "PERPLEXITYAI_API_KEY"),
        hosts=("api.perplexity.ai",),
    ),
    Provider(
        "vllm",
        OPENAI,
        # documentation, "OpenAI-Compatible Server"
        Endpoint(
            "http://localhost:8000/v1",
            key_variables=("VLLM_API_KEY",),
            is_key_required=False,
        ),
        route=LiteLLMRoute("hosted_vllm", {"api_base": "HOSTED_VLLM_API_BASE"}),
    ),
)
