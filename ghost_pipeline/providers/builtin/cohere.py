"""Cohere: ``GET /v1/models`` (API reference, "List Models"), ``models[]`` and ``next_page_token``.

``name`` is the id, ``context_length`` a floating-point number. ``is_deprecated`` rows still answer.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import CursorPaging, Endpoint
from ghost_pipeline.providers.wire_format import CapabilityMap, Fields, Format, map_words, merge_capabilities

_ENDPOINTS = CapabilityMap(
    {
        "chat": "text",
        "generate": "text",
        "summarize": "text",
        "embed": "embedding",
        "embed_image": "vision",
        "rerank": "rerank",
    }
)
_FEATURES = CapabilityMap(
    {
        "tools": "tools",
        "strict_tools": "tools",
        "json_mode": "json",
        "json_schema": "json",
        "vision": "vision",
        "reasoning": "reasoning",
    }
)


def _read(fields: Fields) -> Facts:
    return Facts(
        context_window=fields.tokens("context_length"),
        capabilities=merge_capabilities(
            map_words(fields.words("endpoints"), _ENDPOINTS),
            map_words(fields.words("features"), _FEATURES),
        ),
    )


PROVIDERS = (
    Provider(
        "cohere",
        Format("cohere", 1, _read, row_keys=("models",), id_fields=("name",)),
        # API reference, "List Models": 20 a page, at most 1,000
        Endpoint(
            "https://api.cohere.com/v1",
            key_variables=("CO_API_KEY", "COHERE_API_KEY"),
            parameters={"page_size": "1000"},
            paging=CursorPaging("next_page_token", "page_token"),
        ),
        route=api_key_route("cohere", "COHERE_API_KEY", chat_prefix="cohere_chat"),
        hosts=("api.cohere.com", "api.cohere.ai"),
    ),
)
