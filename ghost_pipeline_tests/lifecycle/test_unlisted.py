"""When a model is used although no listing contains it."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from ghost_pipeline.lifecycle.absence import is_delisted, is_unlisted
from ghost_pipeline.lifecycle.records import ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline.settings import Thresholds

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR, DAY, TICK = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
RULES = Thresholds()
COMPLETE = ProviderRecord("openai", "OpenAI", last_complete_at=NOW - HOUR)
WITHOUT_COMPLETE = ProviderRecord("openai", "OpenAI")
USED = ModelRecord("openai", "m", Source.INFERENCE, True, NOW - DAY, NOW, last_used_at=NOW)


def test_a_model_that_is_used_and_was_never_listed_is_unlisted_but_left_no_list() -> None:
    for provider in (COMPLETE, WITHOUT_COMPLETE):
        assert is_unlisted(USED, provider, NOW, RULES)
        assert not is_delisted(USED, provider, NOW, RULES)


def test_the_window_is_24_hours_and_includes_its_edge() -> None:
    assert is_unlisted(replace(USED, last_used_at=NOW - DAY), COMPLETE, NOW, RULES)
    assert not is_unlisted(replace(USED, last_used_at=NOW - DAY - TICK), COMPLETE, NOW, RULES)
    assert not is_unlisted(replace(USED, last_used_at=None), COMPLETE, NOW, RULES)


def test_what_the_latest_complete_listing_or_a_later_one_shows_is_listed() -> None:
    for listed_at in (NOW - HOUR, NOW - HOUR + TICK, NOW):
        assert not is_unlisted(replace(USED, last_listed_at=listed_at), COMPLETE, NOW, RULES)
    gone = replace(USED, last_listed_at=NOW - HOUR - TICK)
    assert is_unlisted(gone, COMPLETE, NOW, RULES)
    assert is_delisted(gone, COMPLETE, NOW, RULES)


def test_where_no_listing_was_complete_everything_used_is_unlisted_and_nothing_has_left() -> None:
    listed = replace(USED, last_listed_at=NOW)
    assert is_unlisted(listed, WITHOUT_COMPLETE, NOW, RULES)
    assert not is_delisted(listed, WITHOUT_COMPLETE, NOW, RULES)


def test_what_left_the_list_and_is_not_used_any_more_is_not_unlisted() -> None:
    idle = replace(USED, last_listed_at=NOW - DAY, last_used_at=NOW - 2 * DAY)
    assert not is_unlisted(idle, COMPLETE, NOW, RULES)
    assert not is_delisted(idle, COMPLETE, NOW, RULES)
