"""Ollama: ``GET /api/tags`` (API documentation, "List Local Models"), ``models[]``; ``/v1/models`` is OpenAI's shape.

``capabilities`` has the words of "Show Model Information", which newer servers repeat in the list.
"""

from ghost_pipeline.lifecycle.facts import Facts
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
        capabilities=merge_capabilities(map_words(fields.words("capabilities"), _CAPABILITIES)),
    )


OLLAMA = Format("ollama", 1, _read, row_keys=("models",), id_fields=("name", "model"))
