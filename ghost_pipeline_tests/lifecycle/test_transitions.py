"""Transitions of one model by a sighting or an override: the table of the lifecycle, row by row."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from ghost_pipeline.lifecycle.records import ModelRecord, Tombstone
from ghost_pipeline.lifecycle.transitions import apply_addition, apply_inference, apply_listing, reactivate, restore
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
STATED = ModelRecord("openai", "m", Source.INDEX, True, NOON, NOON, name="Listed", context_window=8, listing_id=7)
ACTIVE = replace(STATED, first_seen_at=NOON - 9 * HOUR, last_seen_at=NOON - HOUR, last_listed_at=NOON - HOUR)
GHOST = replace(ACTIVE, is_active=False, deactivated_at=NOON - HOUR / 2)
PURGED = Tombstone(
    EventKind.PURGED,
    replace(
        GHOST,
        source=Source.INFERENCE,
        name="Once",
        last_used_at=NOON - 3 * HOUR,
        inference_metadata={"region": "eu"},
        provider_data={"old": True},
    ),
)


def listed(known: ModelRecord | None, at: datetime = NOON, *, is_late: bool = False) -> ModelRecord:
    return apply_listing(known, STATED, at, is_late=is_late)


def used(known: ModelRecord | None, at: datetime = NOON, past: Tombstone | None = None) -> ModelRecord:
    sighted = replace(STATED, name="Used", context_window=None, listing_id=None, inference_metadata={"n": 1})
    return apply_inference(known, sighted, at, at, past)


def added(known: ModelRecord | None, at: datetime = NOON) -> ModelRecord:
    return apply_addition(known, replace(STATED, name=None, context_window=None, listing_id=None), at)


SIGHTINGS = pytest.mark.parametrize(
    ("sighting", "source"), [(listed, Source.INDEX), (used, Source.INFERENCE), (added, Source.MANUAL)]
)
Sighting = Callable[..., ModelRecord]


@SIGHTINGS
def test_a_sighting_creates_an_unknown_model_with_its_own_source(sighting: Sighting, source: Source) -> None:
    created = sighting(None)
    assert (created.source, created.is_active) == (source, True)
    assert (created.first_seen_at, created.last_seen_at) == (NOON, NOON)
    assert created.last_listed_at == (NOON if source is Source.INDEX else None)
    assert created.last_used_at == (NOON if source is Source.INFERENCE else None)


@SIGHTINGS
def test_a_sighting_brings_a_ghost_back(sighting: Sighting, source: Source) -> None:
    assert not GHOST.is_active
    back = sighting(GHOST)
    assert (back.is_active, back.deactivated_at, back.last_seen_at) == (True, None, NOON)


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("sighting", [listed, used])
def test_only_a_manual_addition_overwrites_the_source(source: Source, sighting: Sighting) -> None:
    known = replace(ACTIVE, source=source)
    assert sighting(known).source is source
    assert added(known).source is Source.MANUAL


@SIGHTINGS
def test_old_evidence_moves_first_seen_back_and_nothing_else(sighting: Sighting, source: Source) -> None:
    known = replace(ACTIVE, last_used_at=NOON - HOUR)
    long_ago = NOON - 100 * HOUR
    seen = sighting(known, long_ago)
    assert seen.first_seen_at == long_ago
    assert (seen.last_seen_at, seen.last_listed_at, seen.last_used_at) == (
        known.last_seen_at,
        known.last_listed_at,
        known.last_used_at,
    )


def test_a_late_listing_widens_the_span_and_touches_no_fact_and_no_ghost() -> None:
    ghost = replace(GHOST, context_window=4, name="Newer", listing_id=9)
    seen = listed(ghost, NOON - 20 * HOUR, is_late=True)
    assert seen == replace(ghost, first_seen_at=NOON - 20 * HOUR)


def test_a_listing_refreshes_facts_down_to_unknown_but_takes_no_name_away() -> None:
    known = replace(ACTIVE, name="Known", context_window=4, input_price=1.0, is_free=False)
    seen = apply_listing(known, replace(STATED, name=None, context_window=None), NOON, is_late=False)
    assert (seen.name, seen.context_window, seen.input_price, seen.is_free) == ("Known", None, None, None)


def test_a_manual_name_wins_over_later_listings() -> None:
    assert listed(replace(ACTIVE, name="Mine", is_name_manual=True)).name == "Mine"
    assert listed(replace(ACTIVE, name="Mine")).name == "Listed"


def test_metadata_of_clients_and_data_of_the_provider_are_kept_apart() -> None:
    known = replace(ACTIVE, provider_data={"region": 1}, inference_metadata={"n": 0, "region": "eu"})
    assert listed(known).inference_metadata == {"n": 0, "region": "eu"}
    after = used(known)
    assert (after.provider_data, after.inference_metadata) == ({"region": 1}, {"n": 1, "region": "eu"})
    assert after.name == "Listed"


def test_of_two_inferences_the_later_metadata_wins_in_whatever_order_they_arrive() -> None:
    known = replace(ACTIVE, last_used_at=NOON, inference_metadata={"n": 2})
    assert used(known, NOON - HOUR).inference_metadata == {"n": 2}
    assert used(known, NOON + HOUR).inference_metadata == {"n": 1}


def test_a_purged_model_that_is_listed_again_gets_back_what_its_tombstone_keeps() -> None:
    back = apply_listing(None, STATED, NOON, is_late=False, tombstone=PURGED)
    assert (back.source, back.first_seen_at, back.last_used_at, back.inference_metadata) == (
        Source.INFERENCE,
        GHOST.first_seen_at,
        NOON - 3 * HOUR,
        {"region": "eu"},
    )
    assert (back.is_active, back.last_seen_at, back.last_listed_at, back.name) == (True, NOON, NOON, "Listed")


def test_only_an_operator_reopens_what_an_operator_removed() -> None:
    assert not PURGED.is_removed_by_operator
    assert dataclasses.replace(PURGED, kind=EventKind.REMOVED).is_removed_by_operator


def test_a_restored_model_is_a_ghost_from_now_on() -> None:
    assert restore(PURGED, NOON) == replace(PURGED.record, is_active=False, deactivated_at=NOON)


@pytest.mark.parametrize("known", [ACTIVE, GHOST])
def test_reactivating_a_model_changes_nothing_but_its_state(known: ModelRecord) -> None:
    assert reactivate(known, NOON) == replace(known, is_active=True, deactivated_at=None, last_seen_at=NOON)


def test_adding_by_hand_judges_freeness_by_both_prices() -> None:
    known = replace(ACTIVE, input_price=0.0, output_price=5.0, is_free=False)
    bare = replace(STATED, name=None, context_window=None, listing_id=None)
    assert apply_addition(known, replace(bare, output_price=0.0), NOON).is_free is True
    assert apply_addition(known, replace(bare, context_window=5), NOON).is_free is False
