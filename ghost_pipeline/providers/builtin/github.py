"""GitHub Models: ``GET /catalog/models`` (REST API, "Models catalog"), a bare list."""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.wire_format import (
    INPUT_MODALITIES,
    OUTPUT_MODALITIES,
    TOP_LEVEL_LIST,
    CapabilityMap,
    Fields,
    Format,
    map_words,
    merge_capabilities,
)

_CAPABILITIES = CapabilityMap({"streaming": "streaming", "tool-calling": "tools", "reasoning": "reasoning"})


def _read(fields: Fields) -> Facts:
    return Facts(
        name=fields.text("name"),
        context_window=fields.tokens("limits", "max_input_tokens"),
        max_output_tokens=fields.tokens("limits", "max_output_tokens"),
        capabilities=merge_capabilities(
            map_words(fields.words("capabilities"), _CAPABILITIES),
            map_words(fields.words("supported_input_modalities"), INPUT_MODALITIES),
            map_words(fields.words("supported_output_modalities"), OUTPUT_MODALITIES),
        ),
    )


PROVIDERS = (
    Provider(
        "github",
        Format("github", 1, _read, row_keys=(TOP_LEVEL_LIST,)),
        # REST reference, "List all models" of the models catalog
        Endpoint(
            "https://models.github.ai",
            "/catalog/models",
            key_variables=("GITHUB_TOKEN",),
            headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
        ),
        route=api_key_route("github", "GITHUB_API_KEY"),
    ),
)
