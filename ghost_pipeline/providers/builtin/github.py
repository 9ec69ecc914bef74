"""GitHub Models: ``GET /catalog/models`` (REST API, "Models catalog"), a bare list."""

from ghost_pipeline.providers.wire_format import (
    BARE_LIST,
    INPUTS,
    OUTPUTS,
    Facts,
    Fields,
    Format,
    Meanings,
    capabilities,
    meaning,
)

_CAPABILITIES = Meanings({"streaming": "streaming", "tool-calling": "tools", "reasoning": "reasoning"})


def _read(fields: Fields) -> Facts:
    return Facts(
        name=fields.text("name"),
        context_window=fields.tokens("limits", "max_input_tokens"),
        max_output_tokens=fields.tokens("limits", "max_output_tokens"),
        capabilities=capabilities(
            meaning(fields.words("capabilities"), _CAPABILITIES),
            meaning(fields.words("supported_input_modalities"), INPUTS),
            meaning(fields.words("supported_output_modalities"), OUTPUTS),
        ),
    )


GITHUB = Format("github", 1, _read, rows_at=(BARE_LIST,))
