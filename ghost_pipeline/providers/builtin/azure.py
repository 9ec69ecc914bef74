"""Azure OpenAI: ``GET /openai/models`` (REST reference, "Models - List").

``deprecation.inference`` is when a model stops answering, in epoch seconds; ``deprecation.fine_tune`` is when it
can't be tuned any more, which ends nothing here. The list of ``/openai/v1/models`` has ``shutdown_date`` instead, a
day, null if not announced. There are no prices. ``status: deleted`` is a fine-tuned model that is only still referred
to.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import LiteLLMRoute, Provider
from ghost_pipeline.providers.endpoint import AuthHeader, Endpoint
from ghost_pipeline.providers.wire_format import (
    Fields,
    Format,
    Row,
    from_flags,
    is_marked_inactive,
    matches_any,
    merge_capabilities,
)


def _read(fields: Fields) -> Facts:
    return Facts(
        capabilities=merge_capabilities(
            from_flags(
                (fields.flag("capabilities", "completion"), "text"),
                (fields.flag("capabilities", "chat_completion"), "text"),
                (fields.flag("capabilities", "embeddings"), "embedding"),
            )
        ),
        expires_at=fields.instant("deprecation", "inference") or fields.instant("shutdown_date"),
    )


def _is_inactive(row: Row) -> bool:
    return (
        is_marked_inactive(row)
        or matches_any(row.get("lifecycle_status"), ("retired", "archived"))
        or matches_any(row.get("status"), ("deleted",))
    )


PROVIDERS = (
    Provider(
        "azure",
        Format("azure", 2, _read, is_inactive=_is_inactive),
        # REST reference, "Models - List"
        Endpoint(
            "https://{resource}.openai.azure.com/openai",
            key_variables=("AZURE_OPENAI_API_KEY",),
            key_header=AuthHeader("api-key", ""),
            parameters={"api-version": "2024-10-21"},
        ),
        route=LiteLLMRoute(
            "azure", {"api_key": "AZURE_API_KEY", "api_base": "AZURE_API_BASE", "api_version": "AZURE_API_VERSION"}
        ),
        hosts=("openai.azure.com",),
    ),
)
