"""LM Studio: ``GET /api/v0/models`` (``data[]``, ``id``) and ``GET /api/v1/models`` (``models[]``, ``key``), REST docs.

A model that is "not-loaded" is loaded when it is asked for, so it is a sighting.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import LiteLLMRoute, Provider
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.wire_format import (
    CapabilityMap,
    Fields,
    Format,
    from_flags,
    map_words,
    merge_capabilities,
)

_TYPES = CapabilityMap({"llm": "text", "vlm": "vision", "embedding": "embedding", "embeddings": "embedding"})
_CAPABILITIES = CapabilityMap({"tool_use": "tools", "vision": "vision"})


def _read(fields: Fields) -> Facts:
    types = fields.words("type")
    return Facts(
        name=fields.text("display_name"),
        context_window=fields.tokens("max_context_length"),
        capabilities=merge_capabilities(
            map_words(types, _TYPES),
            from_flags((types == ("vlm",), "text")),
            _flags(fields) if fields.is_object("capabilities") else _words(fields),
        ),
    )


def _words(fields: Fields) -> tuple[str, ...]:
    return map_words(fields.words("capabilities"), _CAPABILITIES)


def _flags(fields: Fields) -> tuple[str, ...]:
    return from_flags(
        (fields.flag("capabilities", "vision"), "vision"),
        (fields.flag("capabilities", "trained_for_tool_use"), "tools"),
        (fields.is_object("capabilities", "reasoning"), "reasoning"),
    )


PROVIDERS = (
    Provider(
        "lmstudio",
        Format("lmstudio", 1, _read, row_keys=("data", "models"), id_fields=("key", "id")),
        # REST API v1, "List models", of LM Studio 0.4; before that the path was /api/v0/models
        Endpoint(
            "http://localhost:1234",
            "/api/v1/models",
            key_variables=("LM_API_TOKEN",),
            is_key_required=False,
        ),
        route=LiteLLMRoute("lm_studio", {"api_base": "LM_STUDIO_API_BASE"}),
    ),
)
