"""Groq: ``GET /openai/v1/models`` (API reference, "List models"). Rows with ``active: false`` are listed too."""

from ghost_pipeline.listings.facts import Facts, Format
from ghost_pipeline.listings.fields import Fields


def _read(fields: Fields) -> Facts:
    return Facts(
        context_window=fields.tokens("context_window"),
        max_output_tokens=fields.tokens("max_completion_tokens"),
    )


GROQ = Format("groq", 1, _read)
