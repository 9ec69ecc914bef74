"""Fireworks: ``GET /v1/accounts/{id}/models`` (API reference, "List Models"), ``models[]`` and ``nextPageToken``.

``state`` is UPLOADING or READY, and neither says that a model is gone. ``/inference/v1/models`` is OpenAI's shape
with the same facts in other spellings. There are no prices. ``deprecationDate`` is a day, and the model still answers
on it; 0 is a part of it that is not known.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import CursorPaging, Endpoint
from ghost_pipeline.providers.wire_format import (
    CapabilityMap,
    Fields,
    Format,
    from_flags,
    map_words,
    merge_capabilities,
)

_KINDS = CapabilityMap({"embedding_model": "embedding"})


def _read(fields: Fields) -> Facts:
    return Facts(
        name=fields.text("displayName"),
        context_window=fields.tokens("contextLength") or fields.tokens("context_length"),
        capabilities=merge_capabilities(
            map_words(fields.words("kind"), _KINDS),
            from_flags(
                (fields.flag("supportsTools") or fields.flag("supports_tools"), "tools"),
                (fields.flag("supportsImageInput") or fields.flag("supports_image_input"), "vision"),
                (fields.flag("supports_chat"), "text"),
            ),
        ),
        expires_at=fields.instant("deprecationDate"),
    )


PROVIDERS = (
    Provider(
        "fireworks",
        Format("fireworks", 2, _read, row_keys=("models",), id_fields=("name",)),
        # API reference, "List Models": 50 a page, at most 200. "fireworks" is the account of the public models
        Endpoint(
            "https://api.fireworks.ai/v1",
            "/accounts/{account_id}/models",
            key_variables=("FIREWORKS_API_KEY",),
            parameters={"pageSize": "200"},
            paging=CursorPaging("nextPageToken", "pageToken"),
            places={"account_id": "fireworks"},
        ),
        route=api_key_route("fireworks_ai", "FIREWORKS_AI_API_KEY"),
        hosts=("api.fireworks.ai",),
    ),
)
