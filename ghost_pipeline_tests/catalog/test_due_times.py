"""A model is swept at the instant that is shown as due, and not a second before."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.catalog.storage.repository import write_events
from ghost_pipeline.lifecycle.absence import (
    Presence,
    WayBack,
    is_purgeable,
    is_stale,
    may_have_been_seen,
    postpone,
    purge_due_at,
    stale_due_at,
    ways_back,
)
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source
from ghost_pipeline.settings import Thresholds
from ghost_pipeline_tests.catalog.any_rows import EXTREMES, model_rows
from ghost_pipeline_tests.catalog.backends import Place
from ghost_pipeline_tests.cli.run_cli import listing_bytes

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR, DAY, SECOND, TICK = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1), timedelta(microseconds=1)
RULES = (Thresholds(), Thresholds(stale_after=timedelta(0), purge_after=7 * DAY))
instants = st.sampled_from([NOON + span for span in (-40 * DAY, -7 * DAY, -DAY, -TICK, timedelta(0), DAY)])


def stated_stale(model: ModelRecord, provider: ProviderRecord, now: datetime, rules: Thresholds) -> bool:
    """Return whether the model is stale by ages at ``now``, where the catalog computes the due time."""
    is_covered = (
        model.last_listed_at is not None
        and provider.held_since is not None
        and now - provider.held_since <= rules.hold_protects_for
    )
    is_old = now - model.last_seen_at > rules.stale_after
    return model.is_active and model.source is not Source.MANUAL and is_old and not is_covered


def stated_purgeable(model: ModelRecord, provider: ProviderRecord, now: datetime, rules: Thresholds) -> bool:
    """Return whether the ghost can be purged by ages at ``now``."""
    if model.is_active or model.source is Source.MANUAL or model.deactivated_at is None:
        return False
    youngest = min(now - model.deactivated_at, now - model.last_seen_at)
    return youngest > rules.purge_after and (model.last_listed_at is None or provider.held_since is None)


@settings(max_examples=200)
@given(model_rows(instants, 8), st.none() | instants, st.sampled_from(RULES), instants | st.sampled_from(EXTREMES[1:]))
def test_a_rule_holds_from_its_due_time_on_and_never_without_one(
    rows: list[ModelRecord], held_since: datetime | None, rules: Thresholds, now: datetime
) -> None:
    for row in rows:
        provider = ProviderRecord(row.provider_id, "", held_since, None if held_since is None else "empty")
        for due_at, rule, stated in (
            (stale_due_at, is_stale, stated_stale),
            (purge_due_at, is_purgeable, stated_purgeable),
        ):
            due = due_at(row, provider, rules)
            assert rule(row, provider, now, rules) is stated(row, provider, now, rules)
            assert stated(row, provider, now, rules) is (due is not None and now >= due)
            if due is not None:
                assert rule(row, provider, due, rules)
                assert not rule(row, provider, due - TICK, rules)


def test_a_model_that_is_due_after_the_end_of_the_calendar_never_is() -> None:
    last = EXTREMES[-1]
    model = ModelRecord("groq", "m", Source.INDEX, True, last, last)
    assert stale_due_at(model, ProviderRecord("groq", "Groq"), Thresholds()) is None


@given(instants, st.lists(instants, max_size=3), st.sampled_from([timedelta(0), HOUR, DAY, 8 * DAY]))
def test_a_due_time_is_postponed_while_a_corrected_instant_may_have_been_a_sighting(
    due: datetime, corrected: list[datetime], limit: timedelta
) -> None:
    postponed = postpone(due, corrected, limit)
    assert postponed is not None
    assert not may_have_been_seen(corrected, postponed, limit)
    steps = [due, *(at + limit + TICK for at in corrected)]
    assert postponed == min(one for one in steps if one >= due and not may_have_been_seen(corrected, one, limit))
    assert postpone(None, corrected, limit) is None


def observe(catalog: ModelCatalog, at: datetime, *ids: str) -> None:
    admitted = catalog.admit(SubmittedListing("groq", "groq_models.json", listing_bytes(ids), at))
    catalog.reconcile(admitted.listing_id)


def test_each_sweep_takes_a_model_at_its_due_time_and_not_a_second_before(place: Place) -> None:
    clock = [NOON]
    with place.opened(clock=lambda: clock[0]) as catalog:
        observe(catalog, NOON, "gone", "kept")
        clock[0] = NOON + HOUR
        observe(catalog, clock[0], "kept")
        stale_at = catalog.explain_model("groq", "gone").stale_at
        assert stale_at is not None
        clock[0] = stale_at + 365 * DAY
        assert catalog.mark_stale_models_inactive(now=stale_at - SECOND).models == ()
        assert catalog.mark_stale_models_inactive(now=stale_at).models == (("groq", "gone"),)
        explained = catalog.explain_model("groq", "gone")
        purge_at = explained.purge_at
        assert purge_at == stale_at + catalog.settings.thresholds.purge_after + TICK
        assert (explained.presence, explained.since, explained.rule) == (Presence.GHOST, stale_at, "stale")
        assert (explained.last_evidence_at, explained.stale_at) == (NOON, None)
        assert explained.missing_from is not None
        assert explained.missing_from.observed_at == NOON + HOUR
        assert catalog.delete_old_inactive_models(now=purge_at - SECOND).models == ()
        assert catalog.delete_old_inactive_models(now=purge_at).models == (("groq", "gone"),)
        purged = catalog.explain_model("groq", "gone")
        assert (purged.presence, purged.since, purged.purge_at) == (Presence.PURGED, purge_at, None)
        assert (purged.rule, purged.limit_hours) == ("purgeable", 720.0)


@pytest.mark.parametrize("presence", [Presence.GHOST, Presence.PURGED, Presence.REMOVED])
@pytest.mark.parametrize("way", list(WayBack))
def test_just_the_named_ways_bring_a_model_back(place: Place, presence: Presence, way: WayBack) -> None:
    clock = [NOON]
    with place.opened(clock=lambda: clock[0]) as catalog:
        observe(catalog, NOON, "gone", "kept")
        clock[0] = NOON + 2 * DAY
        observe(catalog, clock[0], "kept")
        catalog.mark_stale_models_inactive()
        if presence is Presence.PURGED:
            clock[0] += 31 * DAY
            catalog.delete_old_inactive_models()
        elif presence is Presence.REMOVED:
            catalog.remove_model("groq", "gone")
        explained = catalog.explain_model("groq", "gone")
        assert (explained.presence, explained.ways_back) == (presence, ways_back(presence))
        clock[0] += HOUR
        attempts: dict[WayBack, Callable[[], object]] = {
            WayBack.LISTING: lambda: observe(catalog, clock[0], "gone", "kept"),
            WayBack.USE: lambda: catalog.track_successful_inference("groq", "gone"),
            WayBack.ADD: lambda: catalog.add_manual_model("groq", "gone"),
            WayBack.REACTIVATE: lambda: catalog.reactivate_model("groq", "gone"),
            WayBack.RESTORE: lambda: catalog.restore_model("groq", "gone"),
        }
        try:
            attempts[way]()
        except ValueError:  # UnknownModel, ModelExists
            assert way not in explained.ways_back
        after = catalog.explain_model("groq", "gone").presence
        came_back = Presence.GHOST if way is WayBack.RESTORE else Presence.ACTIVE
        assert after is (came_back if way in explained.ways_back else presence)


def test_a_hold_keeps_a_listed_ghost_from_the_purge_and_a_listed_model_active(place: Place) -> None:
    clock = [NOON]
    with place.opened(clock=lambda: clock[0]) as catalog:
        observe(catalog, NOON, "ghost", "active")
        clock[0] = NOON + 2 * DAY
        observe(catalog, clock[0], "active")
        catalog.mark_stale_models_inactive()
        clock[0] += HOUR
        catalog.record_failed_attempt("groq", "HTTP 500")
        thresholds = catalog.settings.thresholds
        ghost, active = catalog.explain_model("groq", "ghost"), catalog.explain_model("groq", "active")
        assert ghost.hold is not None
        assert (ghost.hold.since, ghost.hold.protects_until) == (clock[0], clock[0] + thresholds.hold_protects_for)
        assert ghost.purge_at is None
        assert active.stale_at == clock[0] + thresholds.hold_protects_for + TICK
        begun = active.stale_at
        clock[0] = begun + DAY
        assert catalog.mark_stale_models_inactive(now=begun - SECOND).models == ()
        assert catalog.mark_stale_models_inactive(now=begun).models == (("groq", "active"),)


def test_a_dry_run_shows_the_evidence_and_the_due_time_of_each_model(place: Place) -> None:
    clock = [NOON]
    with place.opened(clock=lambda: clock[0]) as catalog:
        observe(catalog, NOON - 2 * HOUR, "older", "kept")
        observe(catalog, NOON - HOUR, "newer", "kept")
        catalog.track_successful_inference("groq", "older", observed_at=NOON - 3 * HOUR)
        clock[0] = NOON + DAY - 90 * timedelta(minutes=1)
        found = catalog.mark_stale_models_inactive(is_dry_run=True)
        [due] = found.due
        assert (due.model_id, due.last_seen_at, due.last_listed_at) == ("older", NOON - 2 * HOUR, NOON - 2 * HOUR)
        assert due.last_used_at == NOON - 3 * HOUR
        assert due.due_at == NOON - 2 * HOUR + DAY + TICK
        assert found.due_within_24h == 2
        swept = catalog.mark_stale_models_inactive()
        assert (swept, swept.due, swept.due_within_24h) == (found, (), 0)


def test_the_due_times_of_a_model_with_a_corrected_instant_are_those_of_the_sweeps(place: Place) -> None:
    clock = [NOON]
    with place.opened(clock=lambda: clock[0]) as catalog:
        observe(catalog, NOON, "m")
        corrected = {"last_seen_at": {"old": msgspec.to_builtins(NOON + 20 * HOUR), "new": msgspec.to_builtins(NOON)}}
        with closing(place.database()) as database, database.writing() as connection:
            write_events(connection, [ModelEvent("groq", "m", EventKind.CHANGED, NOON, details=corrected)])
        stale_at = catalog.explain_model("groq", "m").stale_at
        assert stale_at == NOON + 44 * HOUR + TICK
        # By its own instant it would be due after 24 hours.
        for hours, soon in ((1, 0), (20, 0), (20.5, 1), (43, 1)):
            clock[0] = NOON + hours * HOUR
            assert catalog.mark_stale_models_inactive(is_dry_run=True).due_within_24h == soon, hours
        clock[0] = stale_at
        assert catalog.mark_stale_models_inactive(now=stale_at - SECOND).models == ()
        [due] = catalog.mark_stale_models_inactive(now=stale_at, is_dry_run=True).due
        assert due.due_at == stale_at
        assert catalog.mark_stale_models_inactive(now=stale_at).models == (("groq", "m"),)
