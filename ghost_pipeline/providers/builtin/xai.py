"""xAI: ``GET /v1/models`` (``data[]``) and the fuller ``GET /v1/language-models`` (``models[]``), API reference.

Token prices are in "USD cents per 100 million tokens". Zero is not documented to mean free, so two zeros are no
price; an absent price is not stated. ``image_price`` and ``search_price`` have no documented unit and are not read.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.price_sheet import PriceSheet
from ghost_pipeline.providers.values import cents_per_100_million
from ghost_pipeline.providers.wire_format import (
    INPUT_MODALITIES,
    OUTPUT_MODALITIES,
    Fields,
    Format,
    map_words,
    merge_capabilities,
)

_AMOUNTS = {
    "prompt_text_token_price": "input",
    "completion_text_token_price": "output",
    "cached_prompt_text_token_price": "cache_read",
    "prompt_image_token_price": "image_input",
}


def _read(fields: Fields) -> Facts:
    sheet = PriceSheet()
    for field, name in _AMOUNTS.items():
        sheet.read(fields, name, cents_per_100_million, field)
    return Facts(
        context_window=fields.tokens("context_length"),
        aliases=fields.other_ids("aliases"),
        capabilities=merge_capabilities(
            map_words(fields.words("input_modalities"), INPUT_MODALITIES),
            map_words(fields.words("output_modalities"), OUTPUT_MODALITIES),
        ),
        **sheet.filler_facts(),
    )


PROVIDERS = (
    Provider(
        "xai",
        Format("xai", 3, _read, row_keys=("data", "models")),
        # REST reference, "List models": what the key may use
        Endpoint(
            "https://api.x.ai/v1",
            key_variables=("XAI_API_KEY",),
        ),
        route=api_key_route("xai", "XAI_API_KEY"),
        hosts=("api.x.ai",),
    ),
)
