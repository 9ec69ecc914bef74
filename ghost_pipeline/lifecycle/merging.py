"""How a model changes when its row in another table, or its history in another catalog, is merged into it.

Facts that this catalog has are kept, missing ones are filled in. Merging the same row again changes nothing.
"""

from msgspec.structs import replace

from ghost_pipeline.lifecycle.claims.operator_facts import manual_facts, overridden_facts, state_facts
from ghost_pipeline.lifecycle.facts import FACT_NAMES
from ghost_pipeline.lifecycle.records import ModelRecord, Tombstone
from ghost_pipeline.lifecycle.transitions import latest_known
from ghost_pipeline.lifecycle.validation import merge_metadata
from ghost_pipeline.lifecycle.vocabulary import Source


def adopt_model(
    current: ModelRecord | None, incoming: ModelRecord, tombstone: Tombstone | None = None
) -> ModelRecord | None:
    """Return the model after a row of an existing table was adopted; None if it stays outside the catalog.

    Such a row has no instants, so it is not evidence that the model works: it reactivates no ghost, restores no model
    that has left the catalog, and advances no ``last_seen_at`` when it is adopted again.
    """
    if current is None:
        return incoming if tombstone is None else None
    return _fill_missing(current, incoming)


def import_model(
    current: ModelRecord | None, incoming: ModelRecord, tombstone: Tombstone | None = None
) -> ModelRecord | None:
    """Return the model after its history in another catalog was merged into it; None if it stays outside.

    A model that an operator removed stays outside. One that was purged returns if the other catalog saw it after it
    became a ghost here, or if an operator added it there.
    """
    if current is not None:
        return _merge(current, incoming)
    if tombstone is None:
        return incoming
    if tombstone.is_removed_by_operator:
        return None
    back = _merge(tombstone.record, incoming)
    return back if back.is_active or back.source is Source.MANUAL else None


def _merge(current: ModelRecord, incoming: ModelRecord) -> ModelRecord:
    """Return one model with both histories: first and last seen at the earliest and the latest instant of both.

    The source is that of the earlier first sighting, except that MANUAL takes precedence. What an operator stated there
    counts unless one stated the fact here.
    """
    earlier = incoming if incoming.first_seen_at < current.first_seen_at else current
    is_manual = Source.MANUAL in (current.source, incoming.source)
    is_back = _is_back(current, incoming)
    merged = replace(
        _fill_missing(current, incoming),
        source=Source.MANUAL if is_manual else earlier.source,
        is_active=current.is_active or is_back,
        deactivated_at=None if is_back else current.deactivated_at,
        first_seen_at=earlier.first_seen_at,
        last_seen_at=max(current.last_seen_at, incoming.last_seen_at),
        last_listed_at=latest_known(current.last_listed_at, incoming.last_listed_at),
        last_used_at=latest_known(current.last_used_at, incoming.last_used_at),
        inference_metadata=merge_metadata(incoming.inference_metadata, current.inference_metadata) or None,
    )
    theirs = {fact: getattr(incoming, fact) for fact in manual_facts(incoming) if fact not in manual_facts(current)}
    return state_facts(merged, {fact: value for fact, value in theirs.items() if value is not None})


def _is_back(current: ModelRecord, incoming: ModelRecord) -> bool:
    """Return True if ``current`` is a ghost that was seen elsewhere since it is one, or added there by an operator."""
    if current.deactivated_at is None or not incoming.is_active:
        return False
    becomes_manual = incoming.source is Source.MANUAL and current.source is not Source.MANUAL
    return becomes_manual or incoming.last_seen_at > current.deactivated_at


def _fill_missing(current: ModelRecord, incoming: ModelRecord) -> ModelRecord:
    """Return ``current`` with its missing facts from ``incoming``; if there are any, without its ``listing_id``.

    Such a row is not as its listing left it, so the same bytes have to be reconciled again.
    """
    contradicted = {"prices"}.intersection(overridden_facts(current))
    gaps = {
        fact: value
        for fact in (*FACT_NAMES, "provider_data")
        if fact not in contradicted
        and getattr(current, fact) is None
        and (value := getattr(incoming, fact)) is not None
    }
    if not gaps:
        return current
    return replace(current, listing_id=None, **gaps)
