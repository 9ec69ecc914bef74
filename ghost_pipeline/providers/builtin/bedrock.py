"""AWS Bedrock: ``ListFoundationModels`` (API reference), ``modelSummaries[]``, not paged.

``modelLifecycle.status`` is ACTIVE or LEGACY in the reference; the user guide ("Model lifecycle") names the third
state End-of-Life, in which requests fail. ``modelId`` is ``MAKER.NAME-v1:0``, after a region for inference profiles
("Supported foundation models"), and so names the maker's model.
"""

from ghost_pipeline.lifecycle.claims.same_models import makers_id
from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import LiteLLMRoute, Provider
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.wire_format import (
    INPUT_MODALITIES,
    OUTPUT_MODALITIES,
    Fields,
    Format,
    Row,
    from_flags,
    is_marked_inactive,
    map_words,
    matches_any,
    merge_capabilities,
)

_GONE = frozenset({"eol", "end_of_life", "retired"})


def _read(fields: Fields) -> Facts:
    return Facts(
        name=fields.text("modelName"),
        aliases=makers_id("bedrock", fields.model_id),
        capabilities=merge_capabilities(
            map_words(fields.words("inputModalities"), INPUT_MODALITIES),
            map_words(fields.words("outputModalities"), OUTPUT_MODALITIES),
            from_flags((fields.flag("responseStreamingSupported"), "streaming")),
        ),
        expires_at=fields.instant("modelLifecycle", "endOfLifeTime"),
    )


def _is_inactive(row: Row) -> bool:
    lifecycle = row.get("modelLifecycle")
    return is_marked_inactive(row) or (type(lifecycle) is dict and matches_any(lifecycle.get("status"), _GONE))


PROVIDERS = (
    Provider(
        "bedrock",
        Format("bedrock", 2, _read, row_keys=("modelSummaries",), id_fields=("modelId",), is_inactive=_is_inactive),
        # API reference, "ListFoundationModels"; user guide, "Use an Amazon Bedrock API key"
        Endpoint(
            "https://bedrock.{region}.amazonaws.com",
            "/foundation-models",
            key_variables=("AWS_BEARER_TOKEN_BEDROCK",),
        ),
        route=LiteLLMRoute(
            "bedrock",
            {
                "aws_access_key_id": "AWS_ACCESS_KEY_ID",
                "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
                "aws_region_name": "AWS_REGION_NAME",
            },
        ),
    ),
)
