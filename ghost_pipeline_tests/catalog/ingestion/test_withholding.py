"""Implausible prices and context windows of listings: what stands until a later listing states them again."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ghost_pipeline.catalog.history.descriptions import describe_event
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.catalog.storage.tables import listings, withheld_facts
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline_tests.catalog.backends import Place

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)

Price = tuple[str, int]
"""USD per token, and the context window."""


class Story:
    """A catalog of one provider, and what its listings stated."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.now = NOON
        self.catalog = place.opened(lambda: self.now)

    def list_models(self, at: datetime, **models: Price) -> None:
        """Let OpenRouter list models."""
        self.now = max(self.now, at)
        rows = [
            {
                "id": f"a/{name}",
                "context_length": context,
                "pricing": {"prompt": price, "completion": "0.000002", "input_cache_read": "0.0000001"},
            }
            for name, (price, context) in models.items()
        ]
        self.submit(rows, at)

    def submit(self, rows: list[dict[str, Any]], at: datetime) -> None:
        """Admit and reconcile a listing."""
        content = json.dumps({"data": rows}).encode()
        admitted = self.catalog.admit(SubmittedListing("openrouter", "listing.json", content, at))
        self.catalog.reconcile(admitted.listing_id)

    def model(self, name: str = "m") -> ModelRecord:
        """Return a model."""
        found = self.catalog.get_model_history("openrouter", f"a/{name}").model
        assert found is not None
        return found

    def events(self) -> list[tuple[EventKind, str]]:
        """Return kind and reason of each event but those of arrivals, without changes of other facts."""
        return [
            (event.kind, describe_event(event.kind, event.source, event.details or {}))
            for event in self.catalog.list_events()
            if event.kind is EventKind.DOUBTED
            or (event.kind is EventKind.CHANGED and {"input_price", "context_window"} & (event.details or {}).keys())
        ]


@pytest.fixture
def story(place: Place) -> Story:
    return Story(place)


CHEAP: Price = ("0.000001", 8_000)
ZERO: Price = ("0", 8_000)


def test_a_price_that_goes_to_zero_stands_when_a_listing_an_hour_later_repeats_it(story: Story) -> None:
    story.list_models(NOON, m=CHEAP)
    story.list_models(NOON + 2 * HOUR, m=ZERO)
    kept = story.model()
    assert (kept.input_price, kept.output_price, kept.is_free) == (1.0, 2.0, False)
    assert kept.prices == {"input": "1", "output": "2", "cache_read": "0.1"}
    assert kept.provider_data is not None
    assert kept.provider_data["pricing"]["prompt"] == "0"
    [doubt] = story.catalog.list_doubts("OpenRouter", "a/m")
    assert (doubt.fact, doubt.value, doubt.doubted_value, doubt.since) == ("input_price", 1.0, 0.0, NOON + 2 * HOUR)
    story.list_models(NOON + 3 * HOUR - TICK, m=ZERO)
    assert story.model().input_price == 1.0
    story.list_models(NOON + 3 * HOUR, m=ZERO)
    assert (story.model().input_price, story.model().prices) == (
        0.0,
        {"input": "0", "output": "2", "cache_read": "0.1"},
    )
    assert story.catalog.list_doubts() == []
    assert story.events() == [
        (EventKind.DOUBTED, "input_price stays 1, listed as 0: the price goes to or from 0"),
        (EventKind.CHANGED, "listed with other values"),
    ]


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        (("0.00001", 8_000), None),
        (("0.0000101", 8_000), "input_price stays 1, listed as 10.1: the price changes by a factor of 10.1"),
        (("0.0000001", 4_000), None),
        (("0.000001", 3_999), "context_window stays 8,000, listed as 3,999: the context window shrinks by 50 %"),
    ],
)
def test_only_what_is_beyond_the_thresholds_is_doubted(story: Story, stated: Price, reason: str | None) -> None:
    story.list_models(NOON, m=CHEAP)
    story.list_models(NOON + HOUR, m=stated)
    assert [why for kind, why in story.events() if kind is EventKind.DOUBTED] == ([reason] if reason else [])
    is_new = (story.model().input_price, story.model().context_window) != (1.0, 8_000)
    assert is_new is (reason is None)


def test_a_doubt_ends_when_a_listing_states_the_old_value_again(story: Story) -> None:
    for hours, stated in enumerate((CHEAP, ZERO, CHEAP, ZERO)):
        story.list_models(NOON + hours * HOUR, m=stated)
    [doubt] = story.catalog.list_doubts()
    assert (doubt.since, story.model().input_price) == (NOON + 3 * HOUR, 1.0)


def test_release_takes_over_what_is_doubted_as_the_listing_states_it(story: Story) -> None:
    story.list_models(NOON, m=CHEAP, other=CHEAP)
    story.list_models(NOON + HOUR, m=("0", 2_000), other=CHEAP)
    assert len(story.catalog.list_doubts()) == 2
    story.catalog.release_provider("openrouter")
    released = story.model()
    assert (released.input_price, released.context_window, released.is_free) == (0.0, 2_000, False)
    assert released.prices == {"input": "0", "output": "2", "cache_read": "0.1"}
    assert story.catalog.list_doubts() == []
    assert story.events()[-1] == (EventKind.CHANGED, "accepted by an operator")
    assert story.catalog.references.resolve_model("openrouter", "a/m")["input_price"].source == "listing"
    story.list_models(NOON + HOUR + TICK, m=("0", 2_000), other=CHEAP)
    assert (story.model().input_price, story.catalog.list_doubts()) == (0.0, [])


def test_prices_of_most_models_at_once_are_doubted_and_those_of_half_of_them_are_not(story: Story) -> None:
    names = [f"m{number}" for number in range(12)]
    story.list_models(NOON, **dict.fromkeys(names, CHEAP))
    doubled: Price = ("0.000002", 8_000)
    story.list_models(NOON + HOUR, **{name: doubled if name in names[:6] else CHEAP for name in names})
    assert story.catalog.list_doubts() == []
    story.list_models(NOON + 2 * HOUR, **dict.fromkeys(names, ("0.000003", 8_000)))
    doubts = story.catalog.list_doubts()
    assert [one.model_id for one in doubts] == sorted(f"a/{name}" for name in names)
    assert {one.reason for one in doubts} == {"prices of 12 of 12 models of openrouter change at once"}
    assert story.model("m0").input_price == 2.0
    story.list_models(
        NOON + 3 * HOUR, **dict.fromkeys(names[:3], ("0.000003", 8_000)), **dict.fromkeys(names[3:], CHEAP)
    )
    assert [story.model(name).input_price for name in ("m0", "m3", "m6")] == [3.0, 1.0, 1.0]


def test_what_another_version_of_the_code_reads_is_a_correction_and_not_doubted(story: Story) -> None:
    story.list_models(NOON, m=("0.001", 8_000))
    database = story.place.database()
    with database.writing() as connection:
        connection.execute(sa.update(listings).values(format_version="openrouter/0"))
    database.close()
    story.list_models(NOON + HOUR, m=CHEAP)
    assert (story.model().input_price, story.catalog.list_doubts()) == (1.0, [])


def test_a_listing_that_is_late_neither_doubts_nor_confirms(story: Story) -> None:
    story.list_models(NOON, m=CHEAP)
    story.list_models(NOON + 3 * HOUR, m=ZERO)
    story.list_models(NOON + HOUR, m=("0.001", 8_000))
    story.list_models(NOON + 2 * HOUR, m=ZERO)
    [doubt] = story.catalog.list_doubts()
    assert (doubt.since, story.model().input_price) == (NOON + 3 * HOUR, 1.0)


def test_a_model_that_leaves_the_catalog_or_has_a_price_of_an_operator_has_no_doubt(story: Story) -> None:
    story.list_models(NOON, m=CHEAP, gone=CHEAP)
    story.list_models(NOON + HOUR, m=ZERO, gone=ZERO)
    story.catalog.remove_model("openrouter", "a/gone")
    story.catalog.add_manual_model("openrouter", "a/m", input_price=7.0)
    assert story.catalog.list_doubts() == []
    story.catalog.release_provider("openrouter")
    assert story.model().input_price == 7.0
    story.list_models(NOON + HOUR + TICK, m=ZERO)
    assert (story.model().input_price, story.catalog.list_doubts()) == (7.0, [])
    database = story.place.database()
    with database.reading() as connection:
        assert connection.execute(sa.select(withheld_facts)).all() == []
    database.close()


@pytest.mark.parametrize("statement", ["a fact", "a retirement", "a retirement that was taken back"])
def test_a_listing_after_an_operator_stated_something_else_is_judged(story: Story, statement: str) -> None:
    story.list_models(NOON, m=CHEAP)
    if statement == "a fact":
        story.catalog.add_manual_model("openrouter", "a/m", max_output_tokens=5)
    else:
        story.catalog.announce_retirement("openrouter", "a/m", NOON + 100 * HOUR, "a/n")
    if statement == "a retirement that was taken back":
        story.catalog.withdraw_retirement("openrouter", "a/m")
    story.list_models(NOON + HOUR, m=ZERO)
    assert (story.model().input_price, [doubt.fact for doubt in story.catalog.list_doubts()]) == (1.0, ["input_price"])


def test_an_ordinary_price_is_withheld_with_the_one_that_is_doubted(story: Story) -> None:
    """The prices of a model belong together, and what is confirmed waits for what is not."""

    def submit(at: datetime, prompt: str, completion: str) -> dict[str, Any]:
        story.now = at
        row = {"id": "a/m", "context_length": 1, "pricing": {"prompt": prompt, "completion": completion}}
        story.submit([row], at)
        model = story.model()
        return {"input": model.input_price, "output": model.output_price, "prices": model.prices}

    before = submit(NOON, "0.000001", "0.000002")
    assert submit(NOON + HOUR, "0", "0.000003") == before
    assert submit(NOON + HOUR + TICK, "0", "0.000003") == before
    assert submit(NOON + 2 * HOUR, "0", "0.00009") == before
    assert [one.fact for one in story.catalog.list_doubts()] == ["input_price", "output_price"]
    assert submit(NOON + 3 * HOUR, "0", "0.00009") == {
        "input": 0.0,
        "output": 90.0,
        "prices": {"input": "0", "output": "90"},
    }
