"""Retirements as a calendar, read back by the library."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from icalendar import Calendar

from ghost_pipeline.exports.icalendar_file import retirement_calendar
from ghost_pipeline.lifecycle.retirement import RetiringModel
from ghost_pipeline.redaction import printable

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
END = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


def retiring(model_id: str = "gpt-4", expires_at: datetime = END, **known: Any) -> RetiringModel:
    stated = {
        "name": None,
        "replaced_by": None,
        "is_past": False,
        "is_active": True,
        "is_listed": True,
        "last_used_at": None,
        "was_used_within_24h": False,
        "was_used_within_30d": False,
        "moved_from": None,
        "announced_at": NOW - timedelta(days=1),
        "announced_by": "operator",
    }
    return RetiringModel(provider_id="openai", model_id=model_id, expires_at=expires_at, **stated | known)


def events(*models: RetiringModel) -> list[Any]:
    calendar: Any = Calendar.from_ical(retirement_calendar(models, NOW))
    assert {component.name for component in calendar.walk()} <= {"VCALENDAR", "VEVENT"}
    assert len(calendar.subcomponents) == len(models)
    return list(calendar.walk("VEVENT"))


def test_each_model_is_an_event_of_the_day_on_which_it_retires() -> None:
    [event] = events(
        retiring(
            replaced_by="gpt-5",
            name="GPT-4",
            was_used_within_24h=True,
            was_used_within_30d=True,
            moved_from=END - timedelta(days=90),
            recorded_by="Ann",
            source_url="https://example.org/mail?a=1,2;b",
        )
    )
    assert (event["dtstart"].dt, event["dtend"].dt) == (date(2026, 12, 31), date(2027, 1, 1))
    assert event["dtstamp"].dt == NOW - timedelta(days=1)
    assert event["summary"] == "openai/gpt-4 retires"
    assert event["url"] == "https://example.org/mail?a=1,2;b"
    assert event["description"].split("\n") == [
        "Name: GPT-4",
        "Replaced by: gpt-5",
        "Used within the last 24 hours.",
        "The date was 2026-10-02 before.",
        "Stated by: operator (Ann)",
    ]


def test_an_event_keeps_its_id_when_the_date_moves_and_has_a_newer_stamp() -> None:
    [before] = events(retiring())
    [after] = events(retiring(expires_at=END + timedelta(days=30), announced_at=NOW))
    assert before["uid"] == after["uid"]
    assert before["dtstamp"].dt < after["dtstamp"].dt
    [other] = events(retiring("gpt-4.1"))
    assert other["uid"] != before["uid"]


def test_the_same_models_give_the_same_bytes_and_none_give_a_valid_calendar() -> None:
    assert retirement_calendar([retiring()], NOW) == retirement_calendar([retiring()], NOW + timedelta(days=9))
    assert events() == []


@pytest.mark.parametrize(
    "text",
    [
        "evil\r\nEND:VEVENT\r\nBEGIN:VALARM\r\nACTION:DISPLAY",
        "a;b,c\\n\\;d",
        "x\nATTENDEE:mailto:eve@example.org",
        '"quoted":value;PARAM=1',
        "\x00\x1b]0;title\x07\x7f\x85\u2028\u202e",
        "ü" * 200,
        "",
    ],
)
def test_hostile_names_stay_text(text: str) -> None:
    [event] = events(retiring(text, name=text, replaced_by=text, recorded_by=text))
    assert set(event) <= {
        *("UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "DESCRIPTION", "CATEGORIES", "TRANSP", "URL")
    }
    assert event["summary"] == printable(f"openai/{text} retires")


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_read_back_as_it_is_shown(model_id: str, name: str) -> None:
    [event] = events(retiring(model_id, name=name))
    assert event["summary"] == printable(f"openai/{model_id} retires")
    assert event["description"].split("\n")[0] == printable(f"Name: {name}")
