"""Mistral: ``GET /v1/models`` (API reference, "List Models"), ``data[]`` or a bare list.

A model repeats under each of its aliases, and every such id can be called, so every one is a model here. Fine-tuned
models have ``archived: true`` when they are. Each capability has a flag. There are no prices. ``deprecation`` is when
the model is retired, and absent or null is not announced; ``deprecation_replacement_model`` is the id of its
successor, which may be an alias.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.wire_format import TOP_LEVEL_LIST, Fields, Format, from_flags, merge_capabilities

_CAPABILITIES = {
    "completion_chat": "text",
    "completion_fim": "text",
    "function_calling": "tools",
    "reasoning": "reasoning",
    "vision": "vision",
    "audio": "audio",
    "audio_transcription": "audio",
    "audio_speech": "speech",
    "moderation": "moderation",
}


def _read(fields: Fields) -> Facts:
    return Facts(
        name=fields.text("name"),
        aliases=fields.other_ids("aliases"),
        context_window=fields.tokens("max_context_length"),
        capabilities=merge_capabilities(
            from_flags(*((fields.flag("capabilities", word), capability) for word, capability in _CAPABILITIES.items()))
        ),
        expires_at=fields.instant("deprecation"),
        replaced_by=fields.text("deprecation_replacement_model"),
    )


PROVIDERS = (
    Provider(
        "mistral",
        Format(
            "mistral",
            3,
            _read,
            row_keys=("data", TOP_LEVEL_LIST),
            decided_capabilities=frozenset(_CAPABILITIES.values()),
        ),
        # API reference, "List Models"
        Endpoint(
            "https://api.mistral.ai/v1",
            key_variables=("MISTRAL_API_KEY",),
        ),
        route=api_key_route("mistral", "MISTRAL_API_KEY"),
        hosts=("api.mistral.ai",),
    ),
)
