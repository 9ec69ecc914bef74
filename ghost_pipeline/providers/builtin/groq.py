"""Groq: ``GET /openai/v1/models`` (API reference, "List models"). Rows with ``active: false`` are listed too."""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.wire_format import Fields, Format


def _read(fields: Fields) -> Facts:
    return Facts(
        context_window=fields.tokens("context_window"),
        max_output_tokens=fields.tokens("max_completion_tokens"),
    )


PROVIDERS = (
    Provider(
        "groq",
        Format("groq", 1, _read),
        # API reference, "List models"
        Endpoint(
            "https://api.groq.com/openai/v1",
            key_variables=("GROQ_API_KEY",),
        ),
        route=api_key_route("groq", "GROQ_API_KEY"),
        hosts=("api.groq.com",),
    ),
)
