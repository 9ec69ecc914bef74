"""The JSON documents that the command line (``--json``) and the web API share; docs/json.md describes their keys."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

import msgspec

from ghost_pipeline.catalog.claims.ended_claims import EndedClaim
from ghost_pipeline.catalog.history.as_of import PastModel
from ghost_pipeline.catalog.history.explanation import ModelExplanation
from ghost_pipeline.catalog.results import ModelHistory
from ghost_pipeline.fetching.configuration import ConfiguredProvider
from ghost_pipeline.lifecycle.absence import ProviderHealth, is_complete_listing_overdue
from ghost_pipeline.lifecycle.claims.resolution import Claim, Conflict, resolve, sort_claims
from ghost_pipeline.lifecycle.facts import FACT_NAMES
from ghost_pipeline.lifecycle.identity import provider_label
from ghost_pipeline.lifecycle.records import MODEL_FIELDS, ProviderRecord
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline.settings import Thresholds


def model_document(
    provider_id: str,
    model_id: str,
    history: ModelHistory,
    explanation: ModelExplanation | None,
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a model with its listing and why it is in its state; without its facts if it left the catalog.

    ``facts`` is a ``facts_document``: what every source states of the model now.

    Its events are not part of it: they are added by who reads them.
    """
    model = history.model
    return {
        "provider_id": provider_id,
        "model_id": model_id,
        **({} if model is None else {name: getattr(model, name) for name in MODEL_FIELDS}),
        "listing": history.listing,
        **({} if explanation is None else {"explanation": explanation}),
        **({} if facts is None else {"facts": facts}),
    }


def facts_document(claims: Sequence[Claim], order: Sequence[str], ended: Sequence[EndedClaim] = ()) -> dict[str, Any]:
    """Return fact -> the claim that counts, with ``others``: what other sources state of it.

    The value and its source are None if no statement of the fact counts, such as a reference's price of 0.
    Capabilities that several sources state have ``sources``, too: each word with its source. ``ended`` is part of the
    facts of which references stated something before.

    ``order`` has the names of references in the order in which they count.
    """
    winners, ranked = resolve(claims, order), sort_claims(claims, order)
    stated = {one.fact for one in ranked} | {one.fact for one in ended}
    return {
        fact: _fact_document(
            winners.get(fact),
            [one for one in ranked if one.fact == fact],
            [one for one in ended if one.fact == fact],
        )
        for fact in FACT_NAMES
        if fact in stated
    }


def _fact_document(winner: Claim | None, ranked: Sequence[Claim], ended: Sequence[EndedClaim]) -> dict[str, Any]:
    sources = None if winner is None else winner.word_sources
    others = [one for one in ranked if winner is None or one.source != winner.source]
    return {
        **_claim_document(winner),
        **({} if sources is None else {"sources": sources}),
        "others": [_claim_document(one) for one in others],
        **({"ended": [{**_claim_document(one), "ended_at": one.ended_at} for one in ended]} if ended else {}),
    }


def _claim_document(claim: Claim | EndedClaim | None) -> dict[str, Any]:
    names = ("value", "source", "first_stated_at", "last_stated_at", "sha256")
    return {name: getattr(claim, name, None) for name in names}


def conflict_document(conflict: Conflict) -> dict[str, Any]:
    """Return a contradiction, with its claims as in ``facts_document``."""
    return {
        **{one.name: getattr(conflict, one.name) for one in fields(conflict)},
        "winner": _claim_document(conflict.winner),
        "others": [_claim_document(one) for one in conflict.others],
    }


def past_model_document(past: PastModel) -> dict[str, Any]:
    """Return a model as it was at an instant."""
    return {**msgspec.to_builtins(past.model), "is_last_seen_exact": past.is_last_seen_exact}


def merge_providers(
    health: Sequence[ProviderHealth], configured: Sequence[ConfiguredProvider]
) -> list[tuple[ProviderHealth, ConfiguredProvider | None]]:
    """Return every provider that the catalog has or that can be fetched, by slug; None for one that can't."""
    recorded = {one.provider.id: one for one in health}
    fetchable = {one.provider_id: one for one in configured}
    return [
        (recorded.get(name) or ProviderHealth(ProviderRecord(name, provider_label(name))), fetchable.get(name))
        for name in sorted(recorded.keys() | fetchable.keys())
    ]


class ProviderDocument(msgspec.Struct, frozen=True):
    """A provider: its health, and whether it can be fetched. The names of its keys, never the keys."""

    id: str
    label: str
    held_since: datetime | None
    held_reason: str | None
    last_listing_at: datetime | None
    """The last attempt, failed ones too."""
    last_complete_at: datetime | None
    last_verdict: Verdict | None
    last_reason: str | None
    last_seconds: float | None
    consecutive_failures: int
    is_overdue: bool
    refusals_unknown: int
    """Refusals of models that the catalog does not know, as recent as those that count."""
    is_configured: bool
    is_fetched: bool
    """It is part of a fetch of all providers."""
    is_key_present: bool
    is_key_required: bool
    key_variables: Sequence[str]
    url: str | None
    obstacle: str | None
    """What is lacking to fetch it."""


def provider_document(
    health: ProviderHealth, configuration: ConfiguredProvider | None, now: datetime, thresholds: Thresholds
) -> ProviderDocument:
    """Return the document of a provider that the catalog has or that can be fetched."""
    return ProviderDocument(
        **asdict(health.provider),
        last_verdict=health.last_verdict,
        last_reason=health.last_reason,
        last_seconds=health.last_duration_seconds,
        consecutive_failures=health.consecutive_failures,
        is_overdue=is_complete_listing_overdue(health, now, thresholds),
        refusals_unknown=health.refusals_unknown,
        is_configured=configuration is not None,
        is_fetched=configuration is not None and configuration.is_enabled and configuration.blocked_reason is None,
        is_key_present=configuration is not None and configuration.is_key_present,
        is_key_required=configuration is not None and configuration.is_key_required,
        key_variables=configuration.key_variables if configuration else (),
        url=configuration.url if configuration else None,
        obstacle=configuration.blocked_reason if configuration else None,
    )
