"""xAI: ``GET /v1/models`` (``data[]``) and the fuller ``GET /v1/language-models`` (``models[]``), API reference.

Token prices are in "USD cents per 100 million tokens".
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.values import cents_per_100_million
from ghost_pipeline.providers.wire_format import (
    INPUT_MODALITIES,
    OUTPUT_MODALITIES,
    Fields,
    Format,
    map_words,
    merge_capabilities,
)


def _read(fields: Fields) -> Facts:
    return Facts(
        context_window=fields.tokens("context_length"),
        input_price=fields.price(cents_per_100_million, "prompt_text_token_price"),
        output_price=fields.price(cents_per_100_million, "completion_text_token_price"),
        capabilities=merge_capabilities(
            map_words(fields.words("input_modalities"), INPUT_MODALITIES),
            map_words(fields.words("output_modalities"), OUTPUT_MODALITIES),
        ),
    )


PROVIDERS = (
    Provider(
        "xai",
        Format("xai", 1, _read, row_keys=("data", "models")),
        # REST reference, "List models": what the key may use
        Endpoint(
            "xai",
            "https://api.x.ai/v1",
            key_variables=("XAI_API_KEY",),
        ),
        route=api_key_route("xai", "XAI_API_KEY"),
        hosts=("api.x.ai",),
    ),
)
