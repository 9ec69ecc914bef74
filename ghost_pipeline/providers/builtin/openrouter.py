"""OpenRouter: ``GET /api/v1/models`` (API reference, "List available models").

Prices are strings in USD per token. The reference says that "0" means free; "-1" stands at routers whose price depends
on where a request goes, so it is unknown. The suffix ``:free`` of an id says nothing here: prices do.
"""

from ghost_pipeline.providers.values import per_token
from ghost_pipeline.providers.wire_format import (
    INPUT_MODALITIES,
    OUTPUT_MODALITIES,
    CapabilityMap,
    Facts,
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
        fields.text("name"),
        fields.tokens("context_length"),
        fields.tokens("top_provider", "max_completion_tokens"),
        fields.price(per_token, "pricing", "prompt"),
        fields.price(per_token, "pricing", "completion"),
        merge_capabilities(
            map_words(fields.words("architecture", "input_modalities"), INPUT_MODALITIES),
            map_words(fields.words("architecture", "output_modalities"), OUTPUT_MODALITIES),
            map_words(fields.words("supported_parameters"), _PARAMETERS),
        ),
        fields.instant("expiration_date"),
    )


OPENROUTER = Format("openrouter", 1, _read)
