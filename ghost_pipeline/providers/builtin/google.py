"""Google: ``GET /v1beta/models`` of the Gemini API ("Models" reference), default page 50, ``nextPageToken``.

``predict`` and ``predictLongRunning`` serve images as well as video and say neither. The reference lists no price.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import AuthHeader, CursorPaging, Endpoint
from ghost_pipeline.providers.wire_format import (
    CapabilityMap,
    Fields,
    Format,
    from_flags,
    map_words,
    merge_capabilities,
)

_METHODS = CapabilityMap(
    {
        "generatecontent": "text",
        "batchgeneratecontent": "text",
        "generateanswer": "text",
        "generatemessage": "text",
        "generatetext": "text",
        "streamgeneratecontent": "streaming",
        "bidigeneratecontent": "streaming",  # the Live API: a stream in both directions
        "embedcontent": "embedding",
        "embedtext": "embedding",
        "batchembedcontents": "embedding",
        "asyncbatchembedcontent": "embedding",
    }
)


def _read(fields: Fields) -> Facts:
    return Facts(
        name=fields.text("displayName"),
        aliases=fields.other_ids("baseModelId"),
        context_window=fields.tokens("inputTokenLimit"),
        max_output_tokens=fields.tokens("outputTokenLimit"),
        capabilities=merge_capabilities(
            map_words(fields.words("supportedGenerationMethods"), _METHODS),
            from_flags((fields.flag("thinking"), "reasoning")),
        ),
    )


PROVIDERS = (
    Provider(
        "google",
        Format("google", 2, _read, row_keys=("models",), id_fields=("name",)),
        # Gemini API reference, "models.list": 50 a page, at most 1,000. The key never goes into the URL
        Endpoint(
            "https://generativelanguage.googleapis.com/v1beta",
            key_variables=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
            key_header=AuthHeader("x-goog-api-key", ""),
            parameters={"pageSize": "1000"},
            paging=CursorPaging("nextPageToken", "pageToken"),
        ),
        route=api_key_route("gemini", "GEMINI_API_KEY"),
        hosts=("generativelanguage.googleapis.com",),
    ),
)
