"""Groq: ``GET /openai/v1/models`` (API reference, "List models"). Rows with ``active: false`` are listed too."""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.wire_format import Fields, Format


def _read(fields: Fields) -> Facts:
    return Facts(
        context_window=fields.tokens("context_window"),
        max_output_tokens=fields.tokens("max_completion_tokens"),
    )


GROQ = Format("groq", 1, _read)
