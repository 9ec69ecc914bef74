"""What one sighting, or one word of a person, does to one model.

Each function takes the model as it is (or its tombstone, or nothing) and gives the model as it is afterwards.
``catalog/reconcile.py`` says ``index_sighting`` once more in SQL, for 100,000 rows at a time; the tests drive both
side by side.
"""

from datetime import datetime

from msgspec.structs import replace

from ghost_pipeline.lifecycle.facts import FACT_NAMES
from ghost_pipeline.lifecycle.records import ModelRecord, Tombstone
from ghost_pipeline.lifecycle.validation import merge_metadata
from ghost_pipeline.lifecycle.vocabulary import Source


def latest_known(*instants: datetime | None) -> datetime | None:
    """The latest of those that are known."""
    return max((instant for instant in instants if instant is not None), default=None)


def apply_listing(
    known: ModelRecord | None, listed: ModelRecord, at: datetime, *, is_late: bool, past: Tombstone | None = None
) -> ModelRecord:
    """The model after a listing observed ``at`` listed it; ``listed`` carries the facts that the listing states.

    A late listing changes no facts and reactivates nothing. A name that a person gave stays; a listing that states
    no name takes none away.
    """
    if known is None:
        return _create(listed, Source.INDEX, at, past)
    seen = _advance(known, at, is_reactivating=not is_late)
    seen = replace(seen, last_listed_at=latest_known(known.last_listed_at, at))
    if is_late:
        return seen
    return replace(
        seen,
        name=known.name if known.is_name_manual or listed.name is None else listed.name,
        **{fact: getattr(listed, fact) for fact in FACT_NAMES if fact != "name"},
        provider_data=listed.provider_data,
        listing_id=listed.listing_id,
    )


def apply_inference(
    known: ModelRecord | None,
    used: ModelRecord,
    first_at: datetime,
    last_at: datetime,
    past: Tombstone | None = None,
) -> ModelRecord:
    """The model after it answered between ``first_at`` and ``last_at``; ``used`` carries name and metadata.

    Metadata merges by key and the newer value wins. A name counts only while none is known.
    """
    if known is None:
        created = _create(used, Source.INFERENCE, first_at, past)
        return _record_use(_advance(created, last_at), used, last_at)
    seen = _advance(_advance(known, first_at), last_at)
    return _record_use(replace(seen, name=known.name if known.name is not None else used.name), used, last_at)


def apply_addition(
    known: ModelRecord | None, added: ModelRecord, at: datetime, past: Tombstone | None = None
) -> ModelRecord:
    """The model after a person added it ``at``: MANUAL from now on, with every fact that the person stated.

    Facts the person left out stay. The name stays against later listings; other facts are refreshed by them, so
    the row no longer stands for the listing that confirmed it last.
    """
    if known is None:
        created = _create(added, Source.MANUAL, at, past)
        return replace(
            created,
            source=Source.MANUAL,
            name=created.name if added.name is None else added.name,
            is_name_manual=created.is_name_manual or added.name is not None,
        )
    stated = {fact: value for fact in FACT_NAMES if fact != "name" and (value := getattr(added, fact)) is not None}
    return replace(
        _advance(known, at),
        source=Source.MANUAL,
        name=known.name if added.name is None else added.name,
        is_name_manual=known.is_name_manual or added.name is not None,
        listing_id=None if stated else known.listing_id,
        **stated,
    )


def reactivate(known: ModelRecord, now: datetime) -> ModelRecord:
    """The model after a person said that it lives."""
    return _advance(known, now)


def deactivate(current: ModelRecord, now: datetime) -> ModelRecord:
    """Return the model as a ghost since ``now``."""
    return replace(current, is_active=False, deactivated_at=now)


def restore(past: Tombstone, now: datetime) -> ModelRecord:
    """The model after a person took it back: a ghost, whole as it was."""
    return replace(past.record, is_active=False, deactivated_at=now)


def _create(sighted: ModelRecord, source: Source, at: datetime, past: Tombstone | None) -> ModelRecord:
    created = replace(
        sighted,
        source=source,
        is_active=True,
        first_seen_at=at,
        last_seen_at=at,
        last_listed_at=at if source is Source.INDEX else None,
        last_used_at=None,
        deactivated_at=None,
    )
    if past is None:
        return created
    return replace(
        created,
        source=past.record.source,
        name=past.record.name if past.record.is_name_manual or created.name is None else created.name,
        is_name_manual=past.record.is_name_manual,
        first_seen_at=min(past.record.first_seen_at, at),
        last_seen_at=max(past.record.last_used_at or at, at),  # it was seen when it was used
        last_used_at=past.record.last_used_at,
        inference_metadata=past.record.inference_metadata,
    )


def _record_use(known: ModelRecord, used: ModelRecord, last_at: datetime) -> ModelRecord:
    older, newer = known.inference_metadata, used.inference_metadata
    if known.last_used_at is not None and last_at < known.last_used_at:
        older, newer = newer, older
    return replace(
        known, last_used_at=latest_known(known.last_used_at, last_at), inference_metadata=merge_metadata(older, newer)
    )


def _advance(known: ModelRecord, at: datetime, *, is_reactivating: bool = True) -> ModelRecord:
    return replace(
        known,
        first_seen_at=min(known.first_seen_at, at),
        last_seen_at=max(known.last_seen_at, at),
        is_active=known.is_active or is_reactivating,
        deactivated_at=None if is_reactivating else known.deactivated_at,
    )
