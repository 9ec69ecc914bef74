"""The shape that most list endpoints share: OpenAI's ``{"object": "list", "data": [{"id", "created", "owned_by"}]}``.

OpenAI's API reference ("List models") documents no other field. Servers that copy the endpoint add some under common
names; those are read where they stand, and none is required.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.wire_format import TOP_LEVEL_LIST, Fields, Format


def read_common_fields(fields: Fields) -> Facts:
    """What servers in OpenAI's shape commonly add to a row."""
    return Facts(
        name=fields.text("display_name") or fields.text("name"),
        context_window=fields.tokens("context_length")
        or fields.tokens("context_window")
        or fields.tokens("max_model_len")
        or fields.tokens("max_context_length"),
        max_output_tokens=fields.tokens("max_output_tokens") or fields.tokens("max_completion_tokens"),
    )


GENERIC = Format(
    "generic",
    1,
    read_common_fields,
    row_keys=("data", "models", "result", TOP_LEVEL_LIST),
    id_fields=("id", "model_id", "modelId", "name"),
)
"""For providers that the registry does not know."""

OPENAI = Format("openai", 1, read_common_fields)
"""OpenAI, and those whose documentation shows the same rows."""
