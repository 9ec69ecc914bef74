"""Which date of retirement stands, and what an operator may announce."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given
from msgspec.structs import replace

from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.retirement import (
    Announcement,
    Retirement,
    apply_announcement,
    apply_withdrawal,
    combine,
    is_superseded,
    validate_announcement,
    was_used_within,
)
from ghost_pipeline.lifecycle.validation import parse_end
from ghost_pipeline.lifecycle.vocabulary import Source

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
JUNE, JULY = datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC), datetime(2026, 7, 31, tzinfo=UTC)
MODEL = ModelRecord(
    provider_id="openai",
    model_id="m",
    source=Source.INDEX,
    is_active=True,
    first_seen_at=NOON,
    last_seen_at=NOON,
    listing_id=7,
)

dates = st.sampled_from((None, JUNE, JULY))
successors = st.sampled_from((None, "n", "o"))
retirements = st.builds(Retirement, dates, successors)


@given(retirements, retirements)
def test_the_newest_statement_stands_and_nothing_counts_as_none(newer: Retirement, older: Retirement) -> None:
    stands = combine(newer, older)
    assert stands.at == (newer.at or older.at)
    assert stands.replaced_by == (newer.replaced_by or older.replaced_by)
    assert combine(newer, stands) == combine(stands, older) == stands


@pytest.mark.parametrize(("listed_at", "ends"), [(None, False), (JUNE, False), (JULY, True)])
def test_only_another_date_in_a_listing_ends_an_announcement(listed_at: datetime | None, ends: bool) -> None:
    assert is_superseded(Announcement("openai", "m", JUNE, NOON), listed_at) is ends
    assert not is_superseded(Announcement("openai", "m", JUNE, NOON, superseded_at=NOON), listed_at)


@given(retirements, st.sampled_from((JUNE, JULY)), successors)
def test_what_is_taken_back_leaves_the_model_as_its_listing_states_it(
    listed: Retirement, retires_at: datetime, successor: str | None
) -> None:
    model = replace(MODEL, expires_at=listed.at, replaced_by=listed.replaced_by)
    announced = Announcement("openai", "m", retires_at, NOON, successor, None, None, *listed)
    after = apply_announcement(model, announced)
    assert after.expires_at == retires_at
    assert after.replaced_by == (successor or listed.replaced_by)
    assert apply_withdrawal(after, announced) == model


def test_taking_back_keeps_a_date_that_came_from_elsewhere() -> None:
    announced = Announcement("openai", "m", JUNE, NOON)
    assert apply_withdrawal(replace(MODEL, expires_at=JULY), announced).expires_at == JULY


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-30", JUNE),
        (" 2026-06-30 ", JUNE),
        ("20260630", JUNE),
        ("2026-06-30T00:00:00Z", datetime(2026, 6, 30, tzinfo=UTC)),
        ("2026-06-30 18:00", datetime(2026, 6, 30, 18, tzinfo=UTC)),
        ("2026-06-30T23:00:00-02:00", datetime(2026, 7, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_day_without_a_time_is_its_last_second(text: str, expected: datetime) -> None:
    assert parse_end(text) == expected


def test_names_are_canonical() -> None:
    stated = validate_announcement("Gemini", "models/a", JUNE, "models/b", "https://example.org/%20?x=1#y", "Ann", NOON)
    assert (stated.provider_id, stated.model_id, stated.replaced_by) == ("google", "a", "b")
    assert stated.standing == Retirement(JUNE, "b")


@pytest.mark.parametrize("url", ["mailto:ann@example.org", "http://[::1]/x", "HTTPS://EXAMPLE.ORG"])
def test_addresses_of_pages_and_e_mails_are_accepted(url: str) -> None:
    assert validate_announcement("openai", "m", JUNE, None, url, None, NOON).source_url == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "example.org/page",
        "https://",
        "mailto:",
        "https://[::1",
        "https://ann:secret@example.org/",
        "https://example.org/a b",
        "https://example.org/\r\nATTENDEE:mailto:eve@example.org",
        "https://example.org/\u202egnp",
        "https://example.org/" + "x" * 2_000,
        "",
    ],
)
def test_other_addresses_are_refused_and_a_password_is_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="source_url") as refused:
        validate_announcement("openai", "m", JUNE, None, url, None, NOON)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"retires_at": None}, "retires_at is missing"),
        ({"retires_at": "soon"}, "retires_at 'soon' is not an ISO 8601 timestamp"),
        ({"retires_at": datetime(2026, 6, 30)}, "has no time zone"),  # noqa: DTZ001 - what is refused
        ({"retires_at": datetime(999, 6, 30, tzinfo=UTC)}, "out of range"),
        ({"replaced_by": "m"}, "m can't be replaced by itself"),
        ({"replaced_by": ""}, "model id"),
        ({"model_id": "a\nb"}, "model id"),
        ({"provider_id": "open ai!"}, "provider"),
        ({"recorded_by": "a\x1b[2Jb"}, "can't be stored"),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, object], message: str) -> None:
    stated = {"provider_id": "openai", "model_id": "m", "retires_at": JUNE, "replaced_by": None, "source_url": None}
    stated |= {"recorded_by": None, "announced_at": NOON}
    with pytest.raises(UsageError, match=message):
        validate_announcement(**stated | changed)  # type: ignore[arg-type]


def test_a_use_counts_for_as_long_as_the_span_and_no_longer() -> None:
    day = timedelta(days=1)
    assert was_used_within(NOON - day, NOON, day)
    assert not was_used_within(NOON - day - timedelta(microseconds=1), NOON, day)
    assert not was_used_within(None, NOON, day)
