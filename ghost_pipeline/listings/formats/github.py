"""GitHub Models: ``GET /catalog/models`` (REST API, "Models catalog"), a bare list."""

from ghost_pipeline.listings.abilities import INPUTS, OUTPUTS, Meanings, capabilities, meaning
from ghost_pipeline.listings.envelope import BARE_LIST
from ghost_pipeline.listings.facts import Facts, Format
from ghost_pipeline.listings.fields import Fields

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
