"""The parameters that operations of the API share: their names, bounds and descriptions, and how they are read."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Query

from ghost_pipeline.catalog.history.changes import MAX_PAGE
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.lifecycle.validation import parse_instant
from ghost_pipeline.lifecycle.vocabulary import CAPABILITIES, Source

MOST_REPEATED = 100
"""How often a parameter can be repeated."""

_STATES = {"all": None, "active": True, "ghost": False}
INSTANT_FORMAT = "An instant in ISO 8601, such as 2026-03-01 or 2026-03-01T12:00:00Z; UTC unless it names a time zone."

ProviderName = Annotated[str, Query(description="The provider, by any of its names.", max_length=200)]
ModelId = Annotated[
    str, Query(alias="id", description="The id of the model, as its provider writes it.", max_length=2_000)
]
ProviderNames = Annotated[
    list[str],
    Query(alias="provider", description="Only this provider; can be repeated.", max_length=MOST_REPEATED),
]
At = Annotated[str | None, Query(description=f"The catalog as it was then. {INSTANT_FORMAT}", max_length=100)]
Until = Annotated[str | None, Query(description=f"Only what was recorded before. {INSTANT_FORMAT}", max_length=100)]
Limit = Annotated[int, Query(description="The largest number of items in the answer.", ge=1, le=MAX_PAGE)]
StatedOnly = Annotated[bool, Query(description="Only what providers and operators state; nothing of references.")]
CursorText = Annotated[
    str | None,
    Query(description="The cursor of the page before, with the same other parameters.", max_length=8_000),
]


def read_instant(text: str | None, name: str) -> datetime | None:
    """Return the instant of a parameter, None without one. Raises UsageError."""
    return None if text is None else parse_instant(text, name)


def read_filter(
    provider: ProviderNames = [],  # noqa: B006 - FastAPI copies it
    state: Annotated[Literal["all", "active", "ghost"], Query(description="Active models, ghosts, or both.")] = "all",
    source: Annotated[Source | None, Query(description="Only models with this source.")] = None,
    search: Annotated[
        str | None, Query(description="Text that the id or the name contains, in any case.", max_length=2_000)
    ] = None,
    free: Annotated[bool | None, Query(description="Only models known to be free, or known not to be.")] = None,
    cost_unknown: Annotated[
        bool, Query(description="Only models of which it is not known whether they are free.")
    ] = False,
    capability: Annotated[
        list[str],
        Query(
            description=f"Only models with this capability; can be repeated. One of: {', '.join(CAPABILITIES)}.",
            max_length=MOST_REPEATED,
        ),
    ] = [],  # noqa: B006
    unlisted: Annotated[bool, Query(description="Only models that are used but not listed.")] = False,
    refused: Annotated[
        bool | None, Query(description="Only models that their providers refuse, or only the others.")
    ] = None,
    retiring: Annotated[bool, Query(description="Only models whose end was announced, past dates included.")] = False,
    stated_only: StatedOnly = False,
    min_context: Annotated[int | None, Query(description="The smallest context window, in tokens.")] = None,
    max_input_price: Annotated[float | None, Query(description="In USD per million tokens.")] = None,
    max_output_price: Annotated[float | None, Query(description="In USD per million tokens.")] = None,
    sort: Annotated[
        str | None,
        Query(description="A column to sort by, after a '-' in descending order; unknown values last.", max_length=100),
    ] = None,
    limit: Limit = 100,
) -> ModelFilter:
    """Return the filter that the parameters state. Unknown facts meet no condition. Raises UsageError."""
    return ModelFilter(
        provider_ids=provider,
        is_active=_STATES[state],
        source=source,
        search=search,
        is_free=free,
        is_cost_unknown=cost_unknown,
        capabilities=capability,
        is_unlisted=unlisted,
        is_refused=refused,
        is_retiring=retiring,
        is_stated_only=stated_only,
        min_context_window=min_context,
        max_input_price=max_input_price,
        max_output_price=max_output_price,
        sort=sort,
        limit=limit,
    )


FilterOfRequest = Annotated[ModelFilter, Depends(read_filter)]
