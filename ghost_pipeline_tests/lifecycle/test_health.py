"""When a complete listing is overdue."""

from datetime import UTC, datetime, timedelta

import pytest

from ghost_pipeline.lifecycle.absence import ProviderHealth, is_complete_listing_overdue
from ghost_pipeline.lifecycle.records import ProviderRecord
from ghost_pipeline.settings import Thresholds

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LIMIT = timedelta(hours=7)
THRESHOLDS = Thresholds(complete_within=LIMIT)


def health(
    complete_at: datetime | None, held_since: datetime | None, first_at: datetime | None, *, has_listed: bool
) -> ProviderHealth:
    record = ProviderRecord("openai", "OpenAI", held_since, "why" if held_since else None, first_at, complete_at)
    return ProviderHealth(record, first_attempt_at=first_at, has_listed_models=has_listed)


@pytest.mark.parametrize(
    ("complete_at", "held_since", "first_at", "has_listed", "is_awaited"),
    [
        (NOON, None, NOON - LIMIT, True, True),
        (NOON, NOON, NOON - LIMIT, False, True),
        (None, NOON, NOON, False, True),  # never complete: since the first attempt
        (NOON, None, NOON, False, False),  # given up: nothing of it is left
        (None, None, None, True, False),  # its models were taken in from elsewhere
        (None, None, None, False, False),
    ],
)
def test_a_complete_listing_is_overdue_after_more_than_the_limit_where_it_is_awaited(
    complete_at: datetime | None,
    held_since: datetime | None,
    first_at: datetime | None,
    has_listed: bool,
    is_awaited: bool,
) -> None:
    one = health(complete_at, held_since, first_at, has_listed=has_listed)
    assert not is_complete_listing_overdue(one, NOON + LIMIT, THRESHOLDS)
    assert is_complete_listing_overdue(one, NOON + LIMIT + SECOND, THRESHOLDS) is is_awaited
