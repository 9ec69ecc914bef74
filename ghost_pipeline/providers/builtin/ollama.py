"""Ollama: ``GET /api/tags`` (API documentation, "List Local Models"), ``models[]``; ``/v1/models`` is OpenAI's shape.

``capabilities`` has the words of "Show Model Information", which newer servers repeat in the list.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import LiteLLMRoute, Provider
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.wire_format import CapabilityMap, Fields, Format, map_words, merge_capabilities

_CAPABILITIES = CapabilityMap(
    {
        "completion": "text",
        "embedding": "embedding",
        "thinking": "reasoning",
        "tools": "tools",
        "vision": "vision",
        "audio": "audio",
    }
)


def _read(fields: Fields) -> Facts:
    return Facts(
        context_window=fields.tokens("details", "context_length"),
        family=fields.text("details", "family"),
        capabilities=merge_capabilities(map_words(fields.words("capabilities"), _CAPABILITIES)),
    )


PROVIDERS = (
    Provider(
        "ollama",
        Format("ollama", 2, _read, row_keys=("models",), id_fields=("name", "model")),
        # API documentation, "List Local Models"
        Endpoint(
            "http://localhost:11434",
            "/api/tags",
            key_variables=("OLLAMA_API_KEY",),
            is_key_required=False,
        ),
        route=LiteLLMRoute("ollama", {"api_base": "OLLAMA_API_BASE"}, chat_prefix="ollama_chat"),
    ),
)
