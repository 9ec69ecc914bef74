"""AWS Bedrock: ``ListFoundationModels`` (API reference), ``modelSummaries[]``, not paged.

``modelLifecycle.status`` is ACTIVE or LEGACY in the reference; the user guide ("Model lifecycle") names the third
state End-of-Life, in which requests fail.
"""

from ghost_pipeline.providers.wire_format import (
    INPUTS,
    OUTPUTS,
    Facts,
    Fields,
    Format,
    Row,
    capabilities,
    flagged,
    is_word_of,
    meaning,
    says_inactive,
)

_GONE = frozenset({"eol", "end_of_life", "retired"})


def _read(fields: Fields) -> Facts:
    return Facts(
        name=fields.text("modelName"),
        capabilities=capabilities(
            meaning(fields.words("inputModalities"), INPUTS),
            meaning(fields.words("outputModalities"), OUTPUTS),
            flagged((fields.flag("responseStreamingSupported"), "streaming")),
        ),
        expires_at=fields.instant("modelLifecycle", "endOfLifeTime"),
    )


def _is_inactive(row: Row) -> bool:
    lifecycle = row.get("modelLifecycle")
    return says_inactive(row) or (type(lifecycle) is dict and is_word_of(lifecycle.get("status"), _GONE))


BEDROCK = Format("bedrock", 1, _read, rows_at=("modelSummaries",), id_fields=("modelId",), is_inactive=_is_inactive)
