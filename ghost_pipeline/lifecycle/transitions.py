"""How a sighting or an operator's command changes one model.

Each function takes the current model (or its tombstone, or None) and returns the model afterwards.
``catalog/ingestion/reconcile.py`` is the SQL equivalent of ``apply_listing`` for listings of any size;
``test_side_by_side.py`` proves that both agree.
"""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ghost_pipeline.lifecycle.claims.operator_facts import OPERATOR_FACTS, keep_operator_facts, state_facts
from ghost_pipeline.lifecycle.facts import FACT_NAMES
from ghost_pipeline.lifecycle.records import ModelRecord, Tombstone
from ghost_pipeline.lifecycle.validation import merge_metadata
from ghost_pipeline.lifecycle.vocabulary import Source


def latest_known(*instants: datetime | None) -> datetime | None:
    """Return the latest of the instants that are not None; None if all are."""
    return max([instant for instant in instants if instant is not None], default=None)


def apply_listing(
    current: ModelRecord | None,
    incoming: ModelRecord,
    at: datetime,
    *,
    is_late: bool,
    tombstone: Tombstone | None = None,
) -> ModelRecord:
    """Return the model after a listing observed ``at`` contained it; ``incoming`` has the facts of the listing.

    A late listing changes no facts and reactivates nothing. What an operator stated is kept, and so is any name if the
    listing states none.
    """
    if current is None:
        return _create(incoming, Source.INDEX, at, tombstone)
    seen = _seen(current, at, is_reactivating=not is_late)
    seen["last_listed_at"] = latest_known(current.last_listed_at, at)
    if is_late:
        return replace(current, **seen)
    listed = replace(
        current,
        **seen,
        name=current.name if incoming.name is None else incoming.name,
        **{fact: getattr(incoming, fact) for fact in FACT_NAMES if fact != "name"},
        provider_data=incoming.provider_data,
        listing_id=incoming.listing_id,
    )
    return keep_operator_facts(current, listed)


def apply_inference(
    current: ModelRecord | None,
    incoming: ModelRecord,
    first_at: datetime,
    last_at: datetime,
    tombstone: Tombstone | None = None,
) -> ModelRecord:
    """Return the model after it was used from ``first_at`` to ``last_at``; ``incoming`` has its name and metadata.

    Metadata merges by key and the newer value wins. The name is used only if the model has none.
    """
    if current is None:
        current = _create(incoming, Source.INFERENCE, first_at, tombstone)
    return replace(
        current,
        **_seen(current, first_at, last_at),
        **_used(current, incoming, last_at),
        name=current.name if current.name is not None else incoming.name,
    )


def apply_addition(
    current: ModelRecord | None, incoming: ModelRecord, at: datetime, tombstone: Tombstone | None = None
) -> ModelRecord:
    """Return the model after an operator added it ``at``: MANUAL from then on, with every fact that was given.

    Facts that were not given are kept, and what an operator stated before the model was removed counts again.
    """
    stated = {fact: value for fact in OPERATOR_FACTS if (value := getattr(incoming, fact)) is not None}
    seen = _create(incoming, Source.MANUAL, at, tombstone) if current is None else reactivate(current, at)
    return state_facts(replace(seen, source=Source.MANUAL), stated)


def reactivate(current: ModelRecord, now: datetime) -> ModelRecord:
    """Return the model as active and seen ``now``, after an operator confirmed that it works."""
    return replace(current, **_seen(current, now))


def deactivate(current: ModelRecord, now: datetime) -> ModelRecord:
    """Return the model as a ghost since ``now``."""
    return replace(current, is_active=False, deactivated_at=now)


def restore(tombstone: Tombstone, now: datetime) -> ModelRecord:
    """Return the model of the tombstone as a ghost since ``now``, otherwise as it was when it left the catalog.

    It becomes a ghost no earlier than it was last seen.
    """
    return replace(tombstone.record, is_active=False, deactivated_at=max(now, tombstone.record.last_seen_at))


def _create(incoming: ModelRecord, source: Source, at: datetime, tombstone: Tombstone | None) -> ModelRecord:
    created = replace(
        incoming,
        source=source,
        is_active=True,
        first_seen_at=at,
        last_seen_at=at,
        last_listed_at=at if source is Source.INDEX else None,
        last_used_at=None,
        deactivated_at=None,
    )
    if tombstone is None:
        return created
    returned = replace(
        created,
        source=tombstone.record.source,
        name=tombstone.record.name if created.name is None else created.name,
        is_name_manual=tombstone.record.is_name_manual,
        manual_facts=tombstone.record.manual_facts,
        first_seen_at=min(tombstone.record.first_seen_at, at),
        last_seen_at=max(tombstone.record.last_used_at or at, at),  # it was seen when it was used
        last_used_at=tombstone.record.last_used_at,
        inference_metadata=tombstone.record.inference_metadata,
    )
    return keep_operator_facts(tombstone.record, returned)


def _used(current: ModelRecord, incoming: ModelRecord, last_at: datetime) -> dict[str, Any]:
    """Return what changes in a model that was used."""
    older, newer = current.inference_metadata, incoming.inference_metadata
    if current.last_used_at is not None and last_at < current.last_used_at:
        older, newer = newer, older
    return {
        "last_used_at": latest_known(current.last_used_at, last_at),
        "inference_metadata": merge_metadata(older, newer),
    }


def _seen(current: ModelRecord, *instants: datetime, is_reactivating: bool = True) -> dict[str, Any]:
    """Return what changes in a model that was seen at the instants."""
    return {
        "first_seen_at": min(current.first_seen_at, *instants),
        "last_seen_at": max(current.last_seen_at, *instants),
        "is_active": current.is_active or is_reactivating,
        "deactivated_at": None if is_reactivating else current.deactivated_at,
    }
