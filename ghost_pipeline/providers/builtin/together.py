"""Together: ``GET /v1/models`` (API reference, "List all models"), a bare list; prices in USD per million tokens.

Images, audio and video are not billed by the token: their 0 says nothing about a token's price.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.values import per_million
from ghost_pipeline.providers.wire_format import (
    TOP_LEVEL_LIST,
    CapabilityMap,
    Fields,
    Format,
    map_words,
    merge_capabilities,
)

_TYPES = CapabilityMap(
    {
        "chat": "text",
        "language": "text",
        "code": "text",
        "embedding": "embedding",
        "image": "image_generation",
        "moderation": "moderation",
        "rerank": "rerank",
        "video": "video",
    }
)
_NOT_BY_THE_TOKEN = frozenset({"audio", "image", "transcribe", "video"})


def _read(fields: Fields) -> Facts:
    types = fields.words("type") or ()
    is_by_the_token = _NOT_BY_THE_TOKEN.isdisjoint(types)
    return Facts(
        name=fields.text("display_name"),
        context_window=fields.tokens("context_length"),
        input_price=fields.price(per_million, "pricing", "input") if is_by_the_token else None,
        output_price=fields.price(per_million, "pricing", "output") if is_by_the_token else None,
        capabilities=merge_capabilities(map_words(types, _TYPES)),
    )


PROVIDERS = (
    Provider(
        "together",
        Format("together", 1, _read, row_keys=(TOP_LEVEL_LIST, "data")),
        # API reference, "List all models"
        Endpoint(
            "together",
            "https://api.together.xyz/v1",
            key_variables=("TOGETHER_API_KEY",),
        ),
        route=api_key_route("together_ai", "TOGETHERAI_API_KEY"),
        hosts=("api.together.xyz",),
    ),
)
