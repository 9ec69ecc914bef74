"""Anthropic: ``GET /v1/models`` (API reference, "List Models").

The default page holds 20 models and says so with ``has_more``. ``capabilities`` has a flag for each of those that are
read, and none for tools.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import AuthHeader, CursorPaging, Endpoint
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


PROVIDERS = (
    Provider(
        "anthropic",
        Format("anthropic", 1, _read, decided_capabilities=frozenset(("vision", "json", "reasoning"))),
        # API reference, "List Models": 20 a page unless asked for up to 1,000
        Endpoint(
            "https://api.anthropic.com/v1",
            key_variables=("ANTHROPIC_API_KEY",),
            key_header=AuthHeader("x-api-key", ""),
            headers={"anthropic-version": "2023-06-01"},
            parameters={"limit": "1000"},
            paging=CursorPaging("last_id", "after_id", only_if="has_more"),
        ),
        route=api_key_route("anthropic", "ANTHROPIC_API_KEY"),
    ),
)
