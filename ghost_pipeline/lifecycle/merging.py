"""What taking in another catalog's knowledge of a model does to the model here.

What this catalog knows stays, and what it does not know yet is filled in. Doing either a second time changes nothing.
"""

from msgspec.structs import replace

from ghost_pipeline.lifecycle.facts import FACT_NAMES
from ghost_pipeline.lifecycle.records import ModelRecord, Tombstone
from ghost_pipeline.lifecycle.transitions import latest_known
from ghost_pipeline.lifecycle.validation import merge_metadata
from ghost_pipeline.lifecycle.vocabulary import Source


def adopt_model(known: ModelRecord | None, adopted: ModelRecord, past: Tombstone | None = None) -> ModelRecord | None:
    """The model after a row of an old table was adopted; None if it stays out.

    Such a row has no instants, so nothing says when it was true. Against a history that is dated it is no evidence:
    it wakes no ghost, brings nothing back that has left, and keeps no model alive by being adopted again.
    """
    if known is None:
        return adopted if past is None else None
    return _fill_missing(known, adopted)


def import_model(known: ModelRecord | None, imported: ModelRecord, past: Tombstone | None = None) -> ModelRecord | None:
    """The model after its history in another catalog, which has instants, was merged into it; None if it stays out.

    What a person removed here stays out. What was purged here is back if it was seen after it became a ghost, or if
    a person had added it there.
    """
    if known is not None:
        return _merge(known, imported)
    if past is None:
        return imported
    if past.is_closed_to_sightings:
        return None
    back = _merge(past.record, imported)
    return back if back.is_active or back.source is Source.MANUAL else None


def _merge(known: ModelRecord, imported: ModelRecord) -> ModelRecord:
    """One model of two histories: seen from the earliest to the latest instant of both.

    The source is that of the earlier first sighting, except that a person's word outweighs both.
    """
    earlier = imported if imported.first_seen_at < known.first_seen_at else known
    is_manual = Source.MANUAL in (known.source, imported.source)
    is_back = _is_back(known, imported)
    is_named = imported.is_name_manual and not known.is_name_manual and imported.name is not None
    filled = _fill_missing(known, imported)
    return replace(
        filled,
        source=Source.MANUAL if is_manual else earlier.source,
        is_active=known.is_active or is_back,
        deactivated_at=None if is_back else known.deactivated_at,
        first_seen_at=earlier.first_seen_at,
        last_seen_at=max(known.last_seen_at, imported.last_seen_at),
        last_listed_at=latest_known(known.last_listed_at, imported.last_listed_at),
        last_used_at=latest_known(known.last_used_at, imported.last_used_at),
        name=imported.name if is_named else filled.name,
        is_name_manual=known.is_name_manual or is_named,
        inference_metadata=merge_metadata(imported.inference_metadata, known.inference_metadata) or None,
    )


def _is_back(known: ModelRecord, imported: ModelRecord) -> bool:
    """Whether the ghost ``known`` was seen elsewhere after it became one, or added there by a person."""
    if known.deactivated_at is None or not imported.is_active:
        return False
    becomes_manual = imported.source is Source.MANUAL and known.source is not Source.MANUAL
    return becomes_manual or imported.last_seen_at > known.deactivated_at


def _fill_missing(known: ModelRecord, other: ModelRecord) -> ModelRecord:
    """``known`` with the facts that it lacks. It then stands no longer for the listing that confirmed it last."""
    gaps = {
        fact: value
        for fact in (*FACT_NAMES, "provider_data")
        if getattr(known, fact) is None and (value := getattr(other, fact)) is not None
    }
    if not gaps:
        return known
    return replace(known, listing_id=None, **gaps)
