"""Cohere: ``GET /v1/models`` (API reference, "List Models"), ``models[]`` and ``next_page_token``.

``name`` is the id, ``context_length`` a floating-point number. ``is_deprecated`` rows still answer.
"""

from ghost_pipeline.providers.wire_format import Facts, Fields, Format, Meanings, capabilities, meaning

_ENDPOINTS = Meanings(
    {
        "chat": "text",
        "generate": "text",
        "summarize": "text",
        "embed": "embedding",
        "embed_image": "vision",
        "rerank": "rerank",
    }
)
_FEATURES = Meanings(
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
        capabilities=capabilities(
            meaning(fields.words("endpoints"), _ENDPOINTS),
            meaning(fields.words("features"), _FEATURES),
        ),
    )


COHERE = Format("cohere", 1, _read, rows_at=("models",), id_fields=("name",))
