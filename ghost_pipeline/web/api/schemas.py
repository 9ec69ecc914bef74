"""The documents of the API as types, for its OpenAPI document. Most of them are the values that the catalog returns."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, get_type_hints

import msgspec

from ghost_pipeline.catalog.browsing.attempt_pages import Attempt
from ghost_pipeline.catalog.history.changes import Change
from ghost_pipeline.catalog.history.comparison import ModelDifference
from ghost_pipeline.catalog.history.explanation import ModelExplanation
from ghost_pipeline.catalog.history.price_periods import PricePeriod
from ghost_pipeline.documents import ProviderDocument
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.retirement import RetiringModel
from ghost_pipeline.web.problems import Problem

ModelAtInstant = msgspec.defstruct(
    "ModelAtInstant",
    [
        *get_type_hints(ModelRecord).items(),
        ("is_last_seen_exact", bool | msgspec.UnsetType, msgspec.UNSET),
        ("facts_from_references", Mapping[str, str] | msgspec.UnsetType, msgspec.UNSET),
    ],
    kw_only=True,
)
"""A model; ``is_last_seen_exact`` only with ``at``, ``facts_from_references`` only if references fill facts."""


class StatedFact(msgspec.Struct):
    """What one source states of a fact of a model."""

    value: Any
    source: str | None
    """None, as the value, if no statement of the fact counts."""
    first_stated_at: datetime | None
    last_stated_at: datetime | None
    sha256: str | None


class EndedFact(StatedFact, kw_only=True):
    """What a reference stated of a fact before."""

    ended_at: datetime


class ResolvedFact(StatedFact, kw_only=True):
    """The statement of a fact that counts, and the others."""

    others: Sequence[StatedFact]
    sources: Mapping[str, str] | msgspec.UnsetType = msgspec.UNSET
    """Capability -> its source, where several sources state capabilities."""
    ended: Sequence[EndedFact] | msgspec.UnsetType = msgspec.UNSET
    """What references do not state any more, the newest first."""


Model = msgspec.defstruct(
    "Model",
    [
        ("provider_id", str),
        ("model_id", str),
        ("listing", dict[str, Any] | None),
        ("events", Sequence[ModelEvent]),
        ("explanation", ModelExplanation | msgspec.UnsetType, msgspec.UNSET),
        ("facts", Mapping[str, ResolvedFact] | msgspec.UnsetType, msgspec.UNSET),
        *(
            (name, hint | msgspec.UnsetType, msgspec.UNSET)
            for name, hint in get_type_hints(ModelRecord).items()
            if name not in ("provider_id", "model_id")
        ),
    ],
    kw_only=True,
)
"""One model with its evidence. Its facts are missing if it left the catalog, explanation and sources with ``at``."""


class Models(msgspec.Struct):
    """A page of models."""

    models: Sequence[ModelAtInstant]  # type: ignore[valid-type]
    cursor: str | None
    """Where the next page begins; null on the last one."""


class Offers(msgspec.Struct):
    """The models that are the same, by their input price and then their output price; unknown prices last."""

    offers: Sequence[ModelAtInstant]  # type: ignore[valid-type]


class Events(msgspec.Struct):
    """A page of the audit trail of a model, the oldest event first."""

    events: Sequence[ModelEvent]
    cursor: str | None
    """Where the next page begins; null on the last one."""


class Prices(msgspec.Struct):
    """What a model cost when, the oldest price first."""

    prices: Sequence[PricePeriod]


class Providers(msgspec.Struct):
    """Every provider that the catalog has or that can be fetched."""

    providers: Sequence[ProviderDocument]


class Changes(msgspec.Struct):
    """A page of changes, the oldest first."""

    changes: Sequence[Change]
    cursor: str
    """Passed as ``since``, with the same other parameters, it gives exactly what follows."""
    is_end: bool
    """Nothing else was recorded when the page was read."""


class Differences(msgspec.Struct):
    """A page of the models that differ between two instants, by provider and id."""

    before: datetime
    after: datetime
    """Pass it on with the cursor, so that every page compares the same instants."""
    differences: Sequence[ModelDifference]
    cursor: str | None
    """Where the next page begins; null on the last one."""


class Listings(msgspec.Struct):
    """A page of the attempts to list a provider's models, the newest first."""

    listings: Sequence[Attempt]
    cursor: str | None
    """Where the next page begins; null on the last one."""


class Retiring(msgspec.Struct):
    """A page of the models whose end was announced, by date, provider and id."""

    retiring: Sequence[RetiringModel]
    cursor: str | None
    """Where the next page begins; null on the last one."""


class ProviderStatistics(msgspec.Struct):
    """How many models there are."""

    total: int
    active: int
    inactive: int
    by_source: Mapping[str, int]
    unlisted: int | msgspec.UnsetType = msgspec.UNSET
    """Used but not listed; not with ``at``."""
    refused: int | msgspec.UnsetType = msgspec.UNSET
    """Refused by their providers; not with ``at``."""


class Statistics(ProviderStatistics, kw_only=True):
    """How many models there are, of all providers and of each."""

    by_provider: Mapping[str, ProviderStatistics]


class OpenAiModel(msgspec.Struct):
    """A model as OpenAI's API lists it."""

    id: str
    object: str
    created: int
    owned_by: str


class OpenAiModels(msgspec.Struct):
    """Models as OpenAI's API lists them."""

    object: str
    data: Sequence[OpenAiModel]


class Finding(msgspec.Struct):
    """What one check found."""

    check: str
    status: str
    detail: str
    advice: str


class Health(msgspec.Struct):
    """The health of the deployment."""

    is_ok: bool
    checked_at: str
    findings: Sequence[Finding] | msgspec.UnsetType = msgspec.UNSET
    """Missing for clients without the token."""


DOCUMENTS = (
    *(Models, Model, Events, Prices, Providers, ProviderDocument, Listings, Attempt, Changes, Differences),
    *(Retiring, Statistics),
    *(OpenAiModel, OpenAiModels, Health, Problem),
)


def schema_components() -> dict[str, Any]:
    """Return the schemas of every document and of what is within it, by name."""
    _, components = msgspec.json.schema_components(DOCUMENTS, ref_template="#/components/schemas/{name}")
    return components
