"""The digest: the net effect of changes, by model."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from ghost_pipeline.catalog.history.changes import Change
from ghost_pipeline.lifecycle.absence import ProviderHealth
from ghost_pipeline.lifecycle.records import ProviderRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind, Verdict
from ghost_pipeline.notifications.digest import CurrentState, Entry, Filter, Notices, Section, compose, fold_changes
from ghost_pipeline.settings import Thresholds
from ghost_pipeline_tests.notifications.world import HOUR, World, openrouter_listing

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
EVERYTHING = Filter()


def change(kind: str, reason: str = "why", *, is_used: bool | None = False, **facts: tuple[Any, Any]) -> Change:
    """Return a change of one model; ``facts`` are (old, new)."""
    is_change = bool(facts)
    old = {name: sides[0] for name, sides in facts.items()} if is_change else None
    new = {name: sides[1] for name, sides in facts.items()} if is_change else None
    return Change(1, AT, EventKind(kind), "openai", "gpt", None, reason, old, new, None, None, None, is_used)


def folded(*changes: Change, wanted: Filter = EVERYTHING) -> list[tuple[str, str]]:
    return [(one.section.value, one.text) for one in fold_changes(changes, wanted)]


@pytest.mark.parametrize(
    ("kinds", "sections"),
    [
        (["discovered"], ["new"]),
        (["added"], ["new"]),
        (["discovered", "deactivated"], []),
        (["discovered", "deactivated", "reactivated"], ["new"]),
        (["discovered", "removed"], []),
        (["deactivated"], ["gone"]),
        (["deactivated", "purged"], ["gone"]),
        (["deactivated", "reactivated"], []),
        (["deactivated", "purged", "restored"], []),
        (["purged"], []),
        (["purged", "restored"], ["back"]),
        (["removed"], ["gone"]),
        (["reactivated"], ["back"]),
        (["reactivated", "deactivated"], []),
        (["restored"], ["back"]),
        (["restored", "deactivated"], []),
    ],
)
def test_only_the_net_effect_counts(kinds: list[str], sections: list[str]) -> None:
    assert [section for section, _ in folded(*map(change, kinds))] == sections


def test_the_evidence_of_the_change_that_counts_is_given() -> None:
    assert folded(change("deactivated", "first"), change("reactivated"), change("deactivated", "last")) == [
        ("gone", "last")
    ]


@pytest.mark.parametrize(
    ("moves", "entry"),
    [
        ([(2.0, 1.0)], ("cheaper", "input 2 -> 1 USD per million tokens (-50%)")),
        ([(1.0, 2.0)], ("dearer", "input 1 -> 2 USD per million tokens (+100%)")),
        ([(1.0, 2.0), (2.0, 1.0)], None),
        ([(1.0, 3.0), (3.0, 2.0)], ("dearer", "input 1 -> 2 USD per million tokens (+100%)")),
        ([(0.0, 2.0)], ("dearer", "input 0 -> 2 USD per million tokens")),
        ([(2.0, 0.0)], ("cheaper", "input 2 -> 0 USD per million tokens (-100%)")),
        ([(None, 2.0)], None),
        ([(2.0, None)], None),
        ([(100.0, 104.0)], None),
        ([(100.0, 105.0)], ("dearer", "input 100 -> 105 USD per million tokens (+5%)")),
    ],
)
def test_price_moves_are_net_and_as_large_as_wanted(
    moves: list[tuple[float | None, float | None]], entry: tuple[str, str] | None
) -> None:
    changes = [change("changed", input_price=move) for move in moves]
    assert folded(*changes, wanted=Filter(minimum_price_move=0.05)) == ([] if entry is None else [entry])


def test_a_price_that_rises_counts_more_than_one_that_falls() -> None:
    [(section, text)] = folded(change("changed", input_price=(1.0, 0.5), output_price=(1.0, 1.5)))
    assert section == "dearer"
    assert text.startswith("input 1 -> 0.5 USD")
    assert "output 1 -> 1.5 USD" in text


def test_prices_of_models_that_are_new_or_gone_are_not_moves() -> None:
    move = change("changed", input_price=(1.0, 2.0))
    assert [section for section, _ in folded(change("discovered"), move)] == ["new"]
    assert [section for section, _ in folded(move, change("deactivated"))] == ["gone"]
    assert [section for section, _ in folded(change("reactivated"), move)] == ["back", "dearer"]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (None, "2026-12-01T00:00:00Z", "retires on 2026-12-01"),
        ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", "retires on 2027-01-01 instead of 2026-12-01"),
        ("2026-12-01T00:00:00Z", None, "no longer retires on 2026-12-01"),
        ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z", None),
    ],
)
def test_retirement_dates_that_are_announced_moved_and_withdrawn(
    old: str | None, new: str | None, text: str | None
) -> None:
    assert folded(change("changed", expires_at=(old, new))) == ([] if text is None else [("retiring", text)])


def test_a_successor_is_part_of_the_entry() -> None:
    found = folded(change("changed", expires_at=(None, "2026-12-01T00:00:00Z"), replaced_by=(None, "gpt-2")))
    assert found == [("retiring", "retires on 2026-12-01, replaced by gpt-2")]


def test_other_facts_are_not_reported() -> None:
    assert folded(change("changed", context_window=(1, 2)), change("changed", source=("INDEX", "MANUAL"))) == []


def test_only_used_models_can_be_wanted() -> None:
    used_only = Filter(is_used_only=True)
    assert folded(change("deactivated"), wanted=used_only) == []
    assert len(folded(change("deactivated", is_used=True), wanted=used_only)) == 1
    # Unknown means that it was used after the change.
    assert len(folded(change("deactivated", is_used=None), wanted=used_only)) == 1


@pytest.mark.parametrize(
    ("kinds", "sections"),
    [
        (["refused"], ["refused"]),
        (["answers_again"], ["answers"]),
        (["refusal_ended"], ["answers"]),
        (["refused", "answers_again"], []),
        (["refused", "refusal_ended"], []),
        (["refused", "answers_again", "refused"], ["refused"]),
        (["answers_again", "refused"], []),
        (["answers_again", "refused", "refusal_ended"], ["answers"]),
        (["discovered", "refused"], ["new", "refused"]),
        (["deactivated", "refused"], ["gone", "refused"]),
        (["refused", "removed"], ["gone"]),
        (["refused", "purged"], []),
    ],
)
def test_only_the_net_effect_of_refusals_counts(kinds: list[str], sections: list[str]) -> None:
    assert [section for section, _ in folded(*map(change, kinds))] == sections


def test_the_latest_reason_of_a_refusal_is_given() -> None:
    again = [change("refused", "first"), change("answers_again"), change("refused", "last")]
    assert folded(*again) == [("refused", "last")]


def test_refusals_of_unused_models_and_other_sections_can_be_left_out() -> None:
    assert folded(change("refused"), wanted=Filter(is_used_only=True)) == []
    assert folded(change("refused", is_used=True), wanted=Filter(is_used_only=True)) == [("refused", "why")]
    state = CurrentState([], [], Thresholds(), AT)
    both = [change("refused"), replace(change("answers_again"), model_id="other")]
    for section in (Section.REFUSED, Section.ANSWERS):
        entries, _ = compose(both, state, Notices(), Filter(sections=frozenset({section})))
        assert [one.section for one in entries] == [section]


def health(held_since: datetime | None, last_complete_at: datetime = AT) -> ProviderHealth:
    provider = ProviderRecord(
        "openai", "OpenAI", held_since, None if held_since is None else "why", AT, last_complete_at
    )
    return ProviderHealth(provider, Verdict.COMPLETE, has_listed_models=True)


def turns(*states: tuple[timedelta, ProviderHealth]) -> list[str]:
    """Return what consecutive messages have of a provider, at instants after AT."""
    notices, found = Notices(), []
    for after, one in states:
        state = CurrentState([one], [], Thresholds(), AT + after)
        entries, notices = compose([], state, notices, EVERYTHING)
        found += [entry.text.partition(",")[0].partition(" since")[0] for entry in entries]
    return found


DAY = timedelta(days=1)


def test_a_hold_is_reported_at_its_begin_before_its_end_and_when_it_is_over() -> None:
    held = health(AT)
    begun = "its absences don't count"
    assert turns((HOUR, held), (2 * HOUR, held), (3 * HOUR, health(None, AT + 3 * HOUR))) == [
        begun,
        "clear again: its absences count",
    ]
    assert turns((HOUR, held), (6 * DAY, held), (7 * DAY, held), (8 * DAY, held)) == [begun, "still unclear"]
    # The hold that follows at once is protected anew.
    later = health(AT + 6 * DAY)
    assert turns((HOUR, held), (6 * DAY, held), (7 * DAY, later), (12 * DAY, later)) == [
        begun,
        "still unclear",
        "still unclear",
    ]
    # What begins so late that its protection is about to end is reported once.
    assert turns((6 * DAY + HOUR, held), (7 * DAY, held)) == [begun]


def test_a_provider_that_is_overdue_and_then_held_is_reported_once() -> None:
    overdue = health(None)
    assert turns(
        (49 * HOUR, overdue), (50 * HOUR, health(AT + 50 * HOUR)), (51 * HOUR, health(None, AT + 51 * HOUR))
    ) == [
        "no complete listing",
        "clear again: its absences count",
    ]


def test_the_filter_applies_to_states_too() -> None:
    state = CurrentState([health(AT)], [], Thresholds(), AT + HOUR)
    for wanted in (Filter(provider_ids=frozenset({"google"})), Filter(sections=frozenset({Section.NEW}))):
        entries, notices = compose([], state, Notices(), wanted)
        assert entries == []
        assert "openai" in notices.unclear


def entries_of(world: World, since: str) -> Sequence[Entry]:
    state = CurrentState(world.catalog.list_provider_health(), [], world.catalog.settings.thresholds, world.now)
    return compose(world.catalog.list_changes(since).changes, state, Notices(), EVERYTHING)[0]


def test_changes_of_a_real_catalog(world: World) -> None:
    world.ingest("openrouter", openrouter_listing({"a": 1, "b": 1, "c": 1, "d": 1}))
    since = world.catalog.history.find_end()
    world.pass_time(25 * HOUR)
    world.ingest("openrouter", openrouter_listing({"a": 2, "b": 0.5, "c": 1, "e": 1}))
    world.catalog.mark_stale_models_inactive()
    world.catalog.announce_retirement("openrouter", "c", datetime(2026, 9, 1, tzinfo=UTC))
    found = entries_of(world, since)
    assert [(one.section.value, one.model_id) for one in found] == [
        ("gone", "d"),
        ("retiring", "c"),
        ("dearer", "a"),
        ("cheaper", "b"),
        ("new", "e"),
    ]
    assert found[0].text == "not seen since 2026-05-01T12:00:00Z, missing from listing 2"
    assert found[1].text == "retires on 2026-09-01"
    assert json.loads(json.dumps(found[2].old)) == {"input_price": 1.0, "output_price": 1.0}


def test_a_provider_that_an_operator_removes_and_restores_is_as_it_was(world: World) -> None:
    world.list_models("openai", "gpt-1", "gpt-2")
    since = world.catalog.history.find_end()
    world.catalog.remove_provider("openai")
    assert [one.text for one in entries_of(world, since)] == ["removed by an operator"] * 2
    world.catalog.restore_provider("openai")
    assert entries_of(world, since) == []


def test_a_model_that_its_provider_refuses_and_serves_again(world: World) -> None:
    world.list_models("groq", "m", "n")
    since = world.catalog.history.find_end()
    world.pass_time(HOUR)
    stated = "The model `m` has been decommissioned and is no longer supported."
    world.catalog.track_refused_inference("groq", "m", status=400, code="model_decommissioned", message=stated)
    [refused] = entries_of(world, since)
    assert (refused.section, refused.model_id, refused.at) == (Section.REFUSED, "m", world.now)
    assert refused.text.startswith("retired: ")
    until = world.catalog.history.find_end()
    world.pass_time(HOUR)
    world.catalog.track_successful_inference("groq", "m")
    [answers] = entries_of(world, until)
    assert (answers.section, answers.model_id, answers.text) == (Section.ANSWERS, "m", "used again")
    assert entries_of(world, since) == []
