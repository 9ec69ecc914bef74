"""Parse one JSON object into a sighting or a dead letter."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghost_pipeline.lifecycle.validation import MAX_SKEW
from ghost_pipeline.reported_sightings import DeadLetter, RefusedSighting, Sighting, dead_letter_files, read_report
from ghost_pipeline.reported_sightings.report import (
    MAX_RAW_LENGTH,
    MAX_REASON_LENGTH,
    MAX_SIGHTINGS,
    read_sighting,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DEFAULT_AT = NOW - timedelta(minutes=5)
MINIMAL = {"provider": "openai", "model": "gpt-x"}


def read(**stated: Any) -> Sighting | RefusedSighting | DeadLetter:
    return read_text(json.dumps({**MINIMAL, **stated}))


def read_text(text: str | bytes) -> Sighting | RefusedSighting | DeadLetter:
    content = text.encode() if isinstance(text, str) else text
    return read_sighting(content, {"line": 1}, "its JSON", DEFAULT_AT, NOW)


def sighting(**stated: Any) -> Sighting:
    one = read(**stated)
    assert isinstance(one, Sighting), one
    return one


def reason(one: Sighting | RefusedSighting | DeadLetter) -> str:
    assert isinstance(one, DeadLetter), one
    assert one.raw == "its JSON"
    return one.reason


def test_provider_and_model_are_enough_and_named_as_the_catalog_names_them() -> None:
    one = sighting(provider="Gemini", model="models/gemini-x ")
    assert (one.inference.provider_id, one.inference.model_id) == ("google", "gemini-x")
    assert (one.inference.first_at, one.inference.last_at, one.count) == (DEFAULT_AT, DEFAULT_AT, 1)


def test_every_key_is_kept() -> None:
    one = sighting(
        name="X", metadata={"a": [1, None]}, first_at="2026-05-01T10:00:00+02:00", last_at=NOW.timestamp() - 60, count=7
    )
    assert one.inference.name == "X"
    assert one.inference.metadata == {"a": [1, None]}
    assert one.inference.first_at == NOW - timedelta(hours=4)
    assert one.inference.last_at == NOW - timedelta(minutes=1)
    assert (one.count, one.is_clamped) == (7, False)


@pytest.mark.parametrize(
    ("stated", "first_at", "last_at"),
    [
        ({"last_at": "2026-05-01T11:00:00Z"}, NOW - timedelta(hours=1), NOW - timedelta(hours=1)),
        ({"last_at": "2026-05-01T11:00:00"}, NOW - timedelta(hours=1), NOW - timedelta(hours=1)),
        ({"first_at": "2026-05-01T11:00:00Z"}, NOW - timedelta(hours=1), DEFAULT_AT),
        ({"first_at": NOW.timestamp()}, NOW, NOW),
    ],
)
def test_an_instant_that_is_not_stated_follows_from_the_other(
    stated: dict[str, Any], first_at: datetime, last_at: datetime
) -> None:
    one = sighting(**stated)
    assert (one.inference.first_at, one.inference.last_at) == (first_at, last_at)


def test_implausible_instants_are_clamped_and_counted() -> None:
    for stated, expected in (("1970-01-01T00:00:09Z", NOW), ("2100-01-01T00:00:00Z", NOW), (0, NOW)):
        one = sighting(last_at=stated)
        assert (one.inference.last_at, one.is_clamped) == (expected, True)


def test_a_clock_that_is_a_little_ahead_is_capped_at_the_present_and_not_counted() -> None:
    one = sighting(last_at=(NOW + MAX_SKEW).isoformat())
    assert (one.inference.last_at, one.is_clamped) == (NOW, False)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"provider": ""}, "is not a valid provider name"),
        ({"provider": 5}, "Expected `str`, got `int` - at `$.provider`"),
        ({"model": " "}, "is empty"),
        ({"model": "x" * 600}, "600 characters"),
        ({"model": "a\x00b"}, "control characters"),
        ({"name": "x" * 600}, "can't be stored"),
        ({"metadata": []}, "$.metadata"),
        ({"metadata": {"a": "\x00"}}, "NUL"),
        ({"metadata": {"a": "x" * 70_000}}, "65,536 bytes"),
        ({"metadata": {"a": {"a": {"a": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}}}, "nested"),
        ({"last_at": "yesterday"}, "last_at 'yesterday' is not an ISO 8601 timestamp"),
        ({"last_at": 1e300}, "last_at 1e+300 is out of range"),
        ({"last_at": True}, "$.last_at"),
        ({"first_at": "2026-05-01T11:00:01Z", "last_at": "2026-05-01T11:00:00Z"}, "first_at is later"),
        ({"count": 0}, "$.count"),
        ({"count": 1.5}, "$.count"),
        ({"observed_at": "2026-05-01T11:00:00Z"}, "unknown field `observed_at`"),
    ],
)
def test_an_invalid_value_is_rejected_with_a_reason(stated: dict[str, Any], expected: str) -> None:
    assert expected in reason(read(**stated))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "truncated"),
        ("[]", "Expected `object`, got `array`"),
        ("{}", "missing required field `provider`"),
        ('{"provider": "openai"}', "missing required field `model`"),
        ('{"provider": "openai", "model": "m", "metadata": {"a": NaN}}', "malformed"),
        (r'{"provider": "openai", "model": "m", "metadata": {"a": "\ud800"}}', "truncated"),
        (b'{"provider": "openai", "model": "caf\xe9"}', "not UTF-8 (byte 36)"),
        ('{"provider": "openai", "model": "m", "metadata": ' + '{"a":' * 50_000 + "1" + "}" * 50_001, ""),
    ],
)
def test_invalid_json_is_rejected_with_a_reason(text: str | bytes, expected: str) -> None:
    assert expected in reason(read_text(text))


def test_a_report_is_one_sighting_or_a_list_of_which_the_bad_ones_stop_none() -> None:
    (one,) = read_report(MINIMAL, {"report": 3}, DEFAULT_AT, NOW)
    assert isinstance(one, Sighting)
    good, bad, worse = read_report({"sightings": [MINIMAL, {}, None]}, {"report": 3}, DEFAULT_AT, NOW)
    assert isinstance(good, Sighting)
    assert isinstance(bad, DeadLetter)
    assert isinstance(worse, DeadLetter)
    assert (bad.location, bad.raw) == ({"report": 3, "sighting": 2}, "{}")


@pytest.mark.parametrize(
    "stated", [{}, {"sightings": []}, {"sightings": MINIMAL}, {"sightings": [MINIMAL], "provider": "openai"}]
)
def test_a_report_that_states_no_sightings_is_rejected_whole(stated: dict[str, Any]) -> None:
    (one,) = read_report(stated, {"report": 3}, DEFAULT_AT, NOW)
    assert isinstance(one, DeadLetter)
    assert json.loads(one.to_json_line()) == {"report": 3, "reason": one.reason, "raw": json.dumps(stated)}


def test_a_report_of_too_many_sightings_is_rejected_whole() -> None:
    assert len(read_report({"sightings": [MINIMAL] * MAX_SIGHTINGS}, {"report": 3}, DEFAULT_AT, NOW)) == MAX_SIGHTINGS
    (one,) = read_report({"sightings": [MINIMAL] * (MAX_SIGHTINGS + 1)}, {"report": 3}, DEFAULT_AT, NOW)
    assert isinstance(one, DeadLetter)
    assert "1,001 sightings" in one.reason


def test_a_report_with_nan_is_rejected() -> None:
    (one,) = read_report({**MINIMAL, "metadata": {"a": float("nan")}}, {"report": 3}, DEFAULT_AT, NOW)
    assert isinstance(one, DeadLetter)


ANY_TEXT = st.text(st.characters(), max_size=5) | st.just("\ud800")
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    st.sampled_from(("provider", "model", "name", "metadata", "first_at", "last_at", "count", "sightings", "refusal"))
    | ANY_TEXT
)


@given(stated=st.dictionaries(KEYS, ANY_JSON | st.just("x"), max_size=8))
def test_whatever_is_reported_stops_nothing_and_can_be_kept(stated: dict[str, Any]) -> None:
    for one in read_report(stated, {"report": 3}, DEFAULT_AT, NOW):
        if isinstance(one, RefusedSighting):
            continue  # nothing of it can be refused by the database
        kept = one if isinstance(one, DeadLetter) else one.rejected("the database refuses it")
        assert json.loads(kept.to_json_line().encode())["reason"] is not None


@given(content=st.binary(max_size=60) | st.builds(lambda value: json.dumps(value).encode(), ANY_JSON))
def test_whatever_a_line_holds_stops_nothing(content: bytes) -> None:
    read_sighting(content, {"file": "a", "line": 1}, "", DEFAULT_AT, NOW)


@pytest.mark.parametrize(
    "report",
    [
        {"sightings": [MINIMAL] * (MAX_SIGHTINGS + 1), "padding": "x" * 5_000_000},
        {"sightings": [{**MINIMAL, "unknown": "x" * 50_000}] * MAX_SIGHTINGS},
        {**MINIMAL, "x" * 1_000_000: 1},
        {"provider": "openai", "model": "x" * 1_000_000},
    ],
    ids=["too many", "all bad", "a long key", "a long value"],
)
def test_a_rejected_report_is_kept_up_to_the_limit(report: dict[str, Any]) -> None:
    letters = read_report(report, {"report": 3}, DEFAULT_AT, NOW)
    kept = dead_letter_files("inference_reports", [one for one in letters if isinstance(one, DeadLetter)])
    lines = [json.loads(line) for text in kept.values() for line in text.splitlines()]
    assert len(lines) == len(letters)
    assert sum(len(line["raw"]) for line in lines) <= MAX_RAW_LENGTH
    assert max(len(line["reason"]) for line in lines) <= MAX_REASON_LENGTH


def test_a_sighting_that_the_database_refuses_is_kept_up_to_the_limit() -> None:
    sightings = read_report(
        {"sightings": [{**MINIMAL, "name": "x" * 400}] * MAX_SIGHTINGS}, {"report": 3}, DEFAULT_AT, NOW
    )
    refused = [one.rejected("the database refuses it") for one in sightings if isinstance(one, Sighting)]
    assert len(refused) == MAX_SIGHTINGS
    assert sum(len(one.raw) for one in refused) <= MAX_RAW_LENGTH
