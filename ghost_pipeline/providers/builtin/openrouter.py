"""OpenRouter: ``GET /api/v1/models`` (API reference, "List available models").

Prices are strings in USD per token. The reference says that "0" means free; "-1" stands at routers whose price depends
on where a request goes, so it is unknown. The suffix ``:free`` of an id says nothing here: prices do.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import Endpoint, NextLinkPaging
from ghost_pipeline.providers.values import per_token
from ghost_pipeline.providers.wire_format import (
    INPUT_MODALITIES,
    OUTPUT_MODALITIES,
    CapabilityMap,
    Fields,
    Format,
    map_words,
    merge_capabilities,
)

_PARAMETERS = CapabilityMap(
    {
        "tools": "tools",
        "reasoning": "reasoning",
        "include_reasoning": "reasoning",
        "response_format": "json",
        "structured_outputs": "json",
    }
)


def _read(fields: Fields) -> Facts:
    return Facts(
        name=fields.text("name"),
        context_window=fields.tokens("context_length"),
        max_output_tokens=fields.tokens("top_provider", "max_completion_tokens"),
        input_price=fields.price(per_token, "pricing", "prompt"),
        output_price=fields.price(per_token, "pricing", "completion"),
        capabilities=merge_capabilities(
            map_words(fields.words("architecture", "input_modalities"), INPUT_MODALITIES),
            map_words(fields.words("architecture", "output_modalities"), OUTPUT_MODALITIES),
            map_words(fields.words("supported_parameters"), _PARAMETERS),
        ),
        expires_at=fields.instant("expiration_date"),
    )


PROVIDERS = (
    Provider(
        "openrouter",
        Format("openrouter", 1, _read),
        # API reference, "List available models"; public
        Endpoint(
            "openrouter",
            "https://openrouter.ai/api/v1",
            key_variables=("OPENROUTER_API_KEY",),
            is_key_required=False,
            paging=NextLinkPaging(),
        ),
        route=api_key_route("openrouter", "OPENROUTER_API_KEY"),
        hosts=("openrouter.ai",),
    ),
)
