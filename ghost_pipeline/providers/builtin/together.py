"""Together: ``GET /v1/models`` (API reference, "List all models"), a bare list; prices in USD per million tokens.

Images, audio and video are not billed by tokens: their 0 is not a token price. The schema requires every amount of
``pricing``, so zeros may be filler: two zeros are no price, and no model is known to be free. An absent ``pricing``
is not stated. ``hourly``, ``base`` and ``finetune`` are not prices of inference.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.price_sheet import PriceSheet
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
    sheet = PriceSheet()
    if _NOT_BY_THE_TOKEN.isdisjoint(types):
        sheet.read(fields, "input", per_million, "pricing", "input")
        sheet.read(fields, "output", per_million, "pricing", "output")
    return Facts(
        name=fields.text("display_name"),
        context_window=fields.tokens("context_length"),
        capabilities=merge_capabilities(map_words(types, _TYPES)),
        **sheet.filler_facts(),
    )


PROVIDERS = (
    Provider(
        "together",
        Format("together", 2, _read, row_keys=(TOP_LEVEL_LIST, "data")),
        # API reference, "List all models"
        Endpoint(
            "https://api.together.xyz/v1",
            key_variables=("TOGETHER_API_KEY",),
        ),
        route=api_key_route("together_ai", "TOGETHERAI_API_KEY"),
        hosts=("api.together.xyz", "api.together.ai"),
    ),
)
