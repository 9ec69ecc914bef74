"""Anthropic: ``GET /v1/models`` (API reference, "List Models").

The default page holds 20 models and says so with ``has_more``.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.wire_format import Fields, Format, from_flags, merge_capabilities


def _read(fields: Fields) -> Facts:
    return Facts(
        name=fields.text("display_name"),
        context_window=fields.tokens("max_input_tokens"),
        max_output_tokens=fields.tokens("max_tokens"),
        capabilities=merge_capabilities(
            from_flags(
                (fields.flag("capabilities", "image_input", "supported"), "vision"),
                (fields.flag("capabilities", "structured_outputs", "supported"), "json"),
                (fields.flag("capabilities", "thinking", "supported"), "reasoning"),
            )
        ),
    )


ANTHROPIC = Format("anthropic", 1, _read)
