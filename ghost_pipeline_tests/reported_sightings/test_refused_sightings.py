"""Parse one JSON object with a ``refusal``: evidence, or none, or a dead letter with a clear reason."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghost_pipeline.lifecycle.refusals.evidence import Refusal
from ghost_pipeline.lifecycle.vocabulary import RefusalClass
from ghost_pipeline.reported_sightings import DeadLetter, RefusedSighting, Sighting, read_report
from ghost_pipeline.reported_sightings.report import read_sighting

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DEFAULT_AT = NOW - timedelta(minutes=5)
GONE = "The model 'z-ai/glm4.7' has reached its end of life on 2026-05-14T00:00:00Z and is no longer available."
MINIMAL = {"provider": "nvidia_nim", "model": "z-ai/glm4.7", "refusal": {"status": 410, "message": GONE}}


def read(**stated: Any) -> Sighting | RefusedSighting | DeadLetter:
    return read_sighting(json.dumps({**MINIMAL, **stated}).encode(), {"line": 1}, "its JSON", DEFAULT_AT, NOW)


def evidence(**stated: Any) -> Refusal:
    one = read(**stated)
    assert isinstance(one, RefusedSighting)
    assert one.refusal is not None
    return one.refusal


def reason(**stated: Any) -> str:
    one = read(**stated)
    assert isinstance(one, DeadLetter), one
    return one.reason


def test_a_refusal_is_evidence_by_its_providers_rule_and_without_its_text() -> None:
    one = evidence()
    assert (one.provider_id, one.model_id, one.refusal_class) == ("nvidia", "z-ai/glm4.7", RefusalClass.RETIRED)
    assert (one.first_at, one.last_at, one.count, one.account) == (DEFAULT_AT, DEFAULT_AT, 1, "")
    assert "2026-05-14" in one.words
    assert "no longer available" not in repr(one)


@pytest.mark.parametrize("status", [410, "410", " 410 ", None])
@pytest.mark.parametrize("message", [GONE, json.dumps({"title": "Gone", "detail": GONE}), f"Error code: 410 - {GONE}"])
def test_statuses_may_be_text_or_missing_and_messages_whole_bodies(status: Any, message: str) -> None:
    assert evidence(refusal={"status": status, "message": message}).refusal_class is RefusalClass.RETIRED


def test_the_count_is_that_of_the_requests_and_the_account_a_label() -> None:
    one = evidence(count=7, first_at="2026-05-01T08:00:00Z", last_at="2026-05-01T11:00:00Z", account=" team-a ")
    assert (one.count, one.account) == (7, "team-a")
    assert one.last_at - one.first_at == timedelta(hours=3)


def test_one_request_has_one_instant() -> None:
    one = evidence(first_at="2026-04-01T08:00:00Z", last_at="2026-05-01T11:00:00Z")
    assert one.first_at == one.last_at


def test_a_key_in_place_of_the_account_is_not_kept() -> None:
    key = "sk-proj-" + "a1B2" * 12
    one = evidence(account=key)
    assert one.account.startswith("key-")
    assert key not in repr(one)


def test_an_instant_in_the_future_is_clamped() -> None:
    one = read(last_at="2099-01-01T00:00:00Z")
    assert isinstance(one, RefusedSighting)
    assert one.is_clamped
    assert one.refusal is not None
    assert one.refusal.last_at == NOW


@pytest.mark.parametrize(
    "refusal",
    [
        {"status": 404},
        {"status": 403, "message": GONE},
        {"status": 503, "message": GONE},
        {"code": "model_not_found"},
        {"code": 5028},
        {"status": 404, "message": ""},
        {"status": 410, "message": f"\N{RIGHT-TO-LEFT OVERRIDE}{GONE}"},
        {"status": 410, "message": "<html>" * 20_000},
        {"status": 400, "message": f"Invalid prompt: {GONE}"},
    ],
)
def test_what_is_not_evidence_is_accepted_and_counted(refusal: dict[str, Any]) -> None:
    one = read(refusal=refusal)
    assert isinstance(one, RefusedSighting), one
    assert one.refusal is None


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"refusal": {}}, "the refusal is empty; state the answer's status, code or message"),
        ({"refusal": {"status": "gone"}}, "the refusal's status 'gone' is not an HTTP status; give a number such as"),
        ({"refusal": {"status": 0}}, "the refusal's status '0' is not an HTTP status"),
        ({"refusal": {"status": -404}}, "the refusal's status '-404' is not an HTTP status"),
        ({"refusal": {"status": "4" * 100_000}}, "is not an HTTP status"),
        ({"refusal": {"status": 404.0}}, "$.refusal.status"),
        ({"refusal": {"status": True}}, "$.refusal.status"),
        ({"refusal": {"status": [404]}}, "$.refusal.status"),
        ({"refusal": {"message": {"error": "x"}}}, "$.refusal.message"),
        ({"refusal": {"text": "x"}}, "unknown field `text` - at `$.refusal`"),
        ({"refusal": "gone"}, "$.refusal"),
        ({"name": "X"}, "a refusal has neither name nor metadata"),
        ({"metadata": {}}, "a refusal has neither name nor metadata"),
        ({"account": 7}, "$.account"),
        ({"account": "a\x00b"}, "can't be stored"),
        ({"account": "team " * 20}, "can't be stored"),
        ({"provider": "no provider"}, "not a valid provider name"),
        ({"model": ""}, "is empty"),
        ({"count": 0}, "$.count"),
    ],
)
def test_a_report_that_no_client_can_mean_is_a_dead_letter_with_the_reason(
    stated: dict[str, Any], expected: str
) -> None:
    assert expected in reason(**stated)


def test_an_account_belongs_to_successes_too() -> None:
    one = read(refusal=None, account="team-a")
    assert isinstance(one, Sighting)
    assert one.inference.account == "team-a"


def test_reports_over_http_contain_refusals_beside_sightings() -> None:
    lone = {**MINIMAL, "refusal": {"message": "\ud800"}}
    batch = [{"provider": "openai", "model": "a"}, MINIMAL, lone, {"provider": "openai", "model": "b", "refusal": 1}]
    kinds = [type(one) for one in read_report({"sightings": batch}, {"report": 1}, DEFAULT_AT, NOW)]
    assert kinds == [Sighting, RefusedSighting, RefusedSighting, DeadLetter]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["status", "code", "message"]), _JSON))
def test_no_refusal_raises(refusal: dict[str, Any]) -> None:
    read_report({**MINIMAL, "refusal": refusal}, {"report": 1}, DEFAULT_AT, NOW)
