"""Retirements that operators announce: what stands in the catalog, and which events there are."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ghost_pipeline.catalog.results import ListingOutcome, ModelFilter, SubmittedListing
from ghost_pipeline.errors import InvalidAnnouncements, UnknownAnnouncement, UsageError
from ghost_pipeline.lifecycle.records import Addition, ModelRecord
from ghost_pipeline.lifecycle.validation import parse_instant
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source
from ghost_pipeline_tests.catalog.backends import Place
from ghost_pipeline_tests.catalog.oracle_driver import EPOCH, FACTS, READER, listing_bytes

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SILENT, DATED, SUCCEEDED = 1, 3, 5
"""Numbers of facts: a listing that states no date, one that does, and one that names a successor."""
LISTED_DATE: datetime = FACTS[DATED]["expires_at"]
JUNE = datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC)
JULY = datetime(2026, 7, 31, 18, tzinfo=UTC)
KEY = ("openai", "m")


class Story:
    """A catalog in which each step is an hour after the one before."""

    def __init__(self, place: Place) -> None:
        self.now = EPOCH
        self.catalog = place.opened(lambda: self.now, READER)

    def submit(self, facts: int, age: timedelta = timedelta(0), model_id: str = "m") -> ListingOutcome:
        self.now += HOUR
        content = listing_bytes({model_id: facts, "other": SILENT})
        listed = SubmittedListing("openai", "openai.json", content, self.now - age)
        return self.catalog.reconcile(self.catalog.admit(listed).listing_id)

    def announce(self, retires_at: datetime = JUNE, **stated: Any) -> str:
        self.now += HOUR
        return self.catalog.announce_retirement(*KEY, retires_at, **stated).effect

    def withdraw(self) -> str:
        self.now += HOUR
        return self.catalog.withdraw_retirement(*KEY, withdrawn_by="Bob").effect

    @property
    def model(self) -> ModelRecord:
        [model] = [one for one in self.catalog.find_models(ModelFilter(is_active=None)) if one.model_id == "m"]
        return model

    def stands(self) -> tuple[datetime | None, str | None]:
        return self.model.expires_at, self.model.replaced_by

    def moves(self) -> list[tuple[Source | None, datetime | None, datetime | None]]:
        """Return the events that changed the date: channel, old and new date."""
        found = []
        for event in self.catalog.list_events(*KEY):
            if event.kind is EventKind.CHANGED and "expires_at" in (event.details or {}):
                sides = (event.details or {})["expires_at"]
                old, new = (side and parse_instant(side) for side in (sides["old"], sides["new"]))
                found.append((event.source, old, new))
        return found


@pytest.fixture
def story(place: Place) -> Iterator[Story]:
    story = Story(place)
    with story.catalog:
        yield story


def test_an_announced_date_stands_while_listings_state_none(story: Story) -> None:
    story.submit(SILENT)
    assert story.announce(replaced_by="n", source_url="https://example.org/mail", recorded_by="Ann") == "announced"
    assert story.submit(SILENT).counts is not None
    story.submit(2)
    assert story.stands() == (JUNE, "n")
    assert story.moves() == [(Source.MANUAL, None, JUNE)]
    [event] = [one for one in story.catalog.list_events(*KEY) if "recorded_by" in (one.details or {})]
    assert event.details is not None
    assert (event.details["recorded_by"], event.details["source_url"]) == ("Ann", "https://example.org/mail")


def test_a_listing_that_states_another_date_ends_it_and_both_are_kept(story: Story) -> None:
    story.submit(SILENT)
    story.announce(recorded_by="Ann")
    listing = story.submit(DATED)
    assert story.stands() == (LISTED_DATE, None)
    assert story.moves() == [(Source.MANUAL, None, JUNE), (Source.INDEX, JUNE, LISTED_DATE)]
    [retiring] = story.catalog.list_retiring()
    assert retiring.announcement is not None
    assert (retiring.announcement.retires_at, retiring.announcement.recorded_by) == (JUNE, "Ann")
    assert retiring.announcement.superseded_at == story.now
    assert retiring.announcement.superseding_listing_id == listing.listing_id
    story.submit(SILENT)  # it ended: the date of a listing that is no longer stated brings it not back
    assert story.stands() == (None, None)


def test_a_listing_that_states_the_same_date_leaves_it_as_it_is(story: Story) -> None:
    story.submit(SILENT)
    story.announce(LISTED_DATE)
    story.submit(DATED)
    story.submit(SILENT)
    assert story.stands() == (LISTED_DATE, None)
    assert story.moves() == [(Source.MANUAL, None, LISTED_DATE)]


def test_an_announcement_moves_the_date_of_the_listing_until_the_listing_states_it_again(story: Story) -> None:
    story.submit(DATED)
    assert story.announce() == "moved"
    assert story.stands() == (JUNE, None)
    story.submit(DATED)  # the same bytes
    assert story.stands() == (LISTED_DATE, None)
    assert story.moves() == [(Source.MANUAL, LISTED_DATE, JUNE), (Source.INDEX, JUNE, LISTED_DATE)]


def test_a_listing_s_successor_takes_precedence_and_the_announced_one_fills_the_gap(story: Story) -> None:
    story.submit(SILENT)
    story.announce(replaced_by="n")
    story.submit(SUCCEEDED)
    assert story.stands() == (JUNE, "model-01")
    story.submit(DATED)
    assert story.stands() == (LISTED_DATE, "n")


def test_a_late_listing_ends_nothing_and_creates_the_model_with_the_announced_date(story: Story) -> None:
    story.submit(SILENT, model_id="first")
    story.announce()
    story.submit(DATED, age=3 * HOUR)
    assert story.stands() == (JUNE, None)
    story.submit(SILENT)
    assert story.stands() == (JUNE, None)


def test_what_is_taken_back_leaves_what_the_listing_states(story: Story) -> None:
    story.submit(DATED)
    story.announce(replaced_by="n")
    assert story.withdraw() == "withdrawn"
    assert story.stands() == (LISTED_DATE, None)
    assert story.moves()[-1] == (Source.MANUAL, JUNE, LISTED_DATE)
    story.submit(DATED)
    assert story.stands() == (LISTED_DATE, None)
    story.announce()
    story.submit(SILENT)
    story.withdraw()
    assert story.stands() == (None, None)
    with pytest.raises(UnknownAnnouncement, match="no announcement of openai m stands"):
        story.withdraw()
    with pytest.raises(UnknownAnnouncement):
        story.catalog.withdraw_retirement("nobody", "m")
    assert [one.id for one in story.catalog.list_providers()] == ["openai"]


def test_a_later_announcement_takes_the_place_of_an_earlier_one(story: Story) -> None:
    story.submit(SILENT)
    assert story.announce(recorded_by="Ann") == "announced"
    recorded = story.catalog.list_retiring()
    assert story.announce(recorded_by="Bob") == "unchanged"
    assert story.catalog.list_retiring() == recorded
    assert story.announce(JULY, recorded_by="Bob") == "moved"
    story.submit(SILENT)
    assert story.moves() == [(Source.MANUAL, None, JUNE), (Source.MANUAL, JUNE, JULY)]
    story.withdraw()
    assert story.stands() == (None, None)


def test_nothing_of_the_earlier_announcement_stays_and_the_same_bytes_are_read_again(story: Story) -> None:
    story.submit(SILENT)
    story.announce(LISTED_DATE, replaced_by="n")
    story.submit(DATED)
    assert story.stands() == (LISTED_DATE, "n")
    story.announce(LISTED_DATE)
    assert story.stands() == (LISTED_DATE, None)
    story.submit(DATED)
    assert story.stands() == (LISTED_DATE, None)
    story.announce(JUNE)
    story.announce(LISTED_DATE)
    assert story.stands() == (LISTED_DATE, None)


@pytest.mark.parametrize("arrival", ["listed", "used", "added"])
def test_an_unknown_model_is_kept_and_retires_when_it_comes(story: Story, arrival: str) -> None:
    result = story.catalog.announce_retirement(*KEY, JUNE, "n")
    assert not result.is_in_catalog
    assert result.notes == ("the catalog does not have this model; the announcement is kept until it comes",)
    assert story.catalog.find_models(ModelFilter(is_active=None)) == []
    arrivals: dict[str, Callable[[], object]] = {
        "listed": lambda: story.submit(SILENT),
        "used": lambda: story.catalog.track_successful_inference(*KEY),
        "added": lambda: story.catalog.add_manual_model(*KEY),
    }
    arrivals[arrival]()
    assert story.stands() == (JUNE, "n")
    assert story.moves() == []
    story.submit(SILENT)
    assert story.stands() == (JUNE, "n")


def test_a_model_that_was_purged_or_removed_comes_back_with_what_was_announced_meanwhile(story: Story) -> None:
    story.submit(SILENT)
    story.catalog.remove_model(*KEY)
    story.announce()
    story.catalog.restore_model(*KEY)
    assert story.stands() == (JUNE, None)
    story.now += 40 * DAY
    story.catalog.mark_stale_models_inactive()
    story.now += 40 * DAY
    story.catalog.delete_old_inactive_models()
    story.announce(JULY)
    story.submit(SILENT)
    assert story.stands() == (JULY, None)


def test_a_date_in_the_past_or_before_the_first_sighting_is_recorded_with_a_note(story: Story) -> None:
    story.submit(SILENT)
    long_ago = EPOCH - 400 * DAY
    result = story.catalog.announce_retirement(*KEY, long_ago)
    assert story.stands() == (long_ago, None)
    assert result.notes == (
        "the date is in the past: 2024-11-27T00:00:00Z",
        "the model was first seen after that date, at 2026-01-01T01:00:00Z",
    )


def test_models_at_an_instant_have_the_date_that_stood_then(story: Story) -> None:
    story.submit(SILENT)
    steps: list[tuple[datetime, datetime | None]] = [(story.now, None)]
    operations: list[tuple[Callable[[], object], datetime | None]] = [
        (story.announce, JUNE),
        (lambda: story.announce(JULY), JULY),
        (lambda: story.submit(DATED), LISTED_DATE),
        (lambda: story.submit(SILENT), None),
        (story.announce, JUNE),
        (story.withdraw, None),
    ]
    for operation, expected in operations:
        operation()
        steps.append((story.now, expected))
    story.now += HOUR
    for at, expected in steps:
        past = [one.model for one in story.catalog.history.iterate_models(at, ModelFilter(is_active=None))]
        assert [one.expires_at for one in past if one.model_id == "m"] == [expected], at


def test_many_are_recorded_or_none(story: Story) -> None:
    story.submit(SILENT)
    rows: list[Any] = [
        {"provider_id": "openai", "model_id": "m", "retires_at": JUNE},
        {"provider_id": "openai", "model_id": "other", "retires_at": JULY, "replaced_by": "m"},
        {"provider_id": "xai", "model_id": "unknown", "retires_at": JULY},
    ]
    with pytest.raises(InvalidAnnouncements) as refused:
        story.catalog.announce_retirements(
            [
                *rows,
                Addition("line 5", {"provider_id": "openai", "model_id": "m", "retires_at": JULY}),
                {"provider_id": "openai", "retires_at": JULY, "colour": "red"},
                {"provider_id": "openai", "model_id": "n"},
                Addition("line 9", error="can't be read"),
            ]
        )
    assert str(refused.value).startswith("nothing was recorded: line 5: openai m is a duplicate of announcement 1; ")
    for words in ("announcement 5: unknown column 'colour'", "announcement 6: retires_at is missing", "line 9: can't"):
        assert words in str(refused.value)
    assert story.catalog.list_retiring() == []
    results = story.catalog.announce_retirements(rows, recorded_by="Ann")
    assert [one.effect for one in results] == ["announced"] * 3
    assert [(one.model_id, one.is_active, one.recorded_by) for one in story.catalog.list_retiring()] == [
        ("m", True, "Ann"),
        ("other", True, "Ann"),
        ("unknown", None, "Ann"),
    ]
    assert [one.effect for one in story.catalog.announce_retirements(rows)] == ["unchanged"] * 3


def test_an_instant_in_the_future_is_not_when_it_was_announced(story: Story) -> None:
    with pytest.raises(UsageError, match="in the future"):
        story.catalog.announce_retirement(*KEY, JUNE, now=EPOCH + DAY)
