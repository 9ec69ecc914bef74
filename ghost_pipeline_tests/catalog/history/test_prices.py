"""What a model cost when, against what the test itself reads from the listings."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline_tests.catalog.backends import SQLITE, Place, new_place
from ghost_pipeline_tests.catalog.ingestion.test_crash_and_concurrency import ingest
from ghost_pipeline_tests.catalog.oracle_driver import READER, listing_bytes
from ghost_pipeline_tests.providers.samples import REAL_LISTINGS

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CHEAP, DEAR = 1, 6
"""Numbers of facts: 0.5 USD, and 0.6."""


def periods(catalog: ModelCatalog, model_id: str = "a", at: datetime | None = None) -> list[tuple[Any, ...]]:
    """Return the input price and the days since NOON of the first and the last listing of each period."""
    found = catalog.history.list_prices("openai", model_id, at)
    return [
        (one.input_price, *(when and (when - NOON) / DAY for when in (one.first_listed_at, one.last_listed_at)))
        for one in found
    ]


def submit(catalog: ModelCatalog, day: float, **facts: int) -> None:
    ingest(catalog, listing_bytes(facts), NOON + day * DAY)


def test_an_earlier_price_was_last_listed_before_the_listing_with_the_next(place: Place) -> None:
    with place.opened(lambda: NOON + 9 * DAY, READER) as catalog:
        for day, number in ((0, CHEAP), (1, CHEAP), (2, CHEAP), (3, DEAR), (4, DEAR)):
            submit(catalog, day, a=number, b=CHEAP)
        assert periods(catalog) == [(0.5, 0, 2), (0.6, 3, 4)]
        assert periods(catalog, at=NOON + 2.5 * DAY) == [(0.5, 0, 2)]
        assert periods(catalog, at=NOON - DAY) == []


def test_a_listing_that_may_have_lacked_the_model_does_not_count(place: Place) -> None:
    with place.opened(lambda: NOON + 9 * DAY, READER) as catalog:
        submit(catalog, 0, a=CHEAP, b=CHEAP, c=CHEAP)
        submit(catalog, 1, a=CHEAP, b=CHEAP, c=CHEAP)
        submit(catalog, 2, b=CHEAP, c=CHEAP)
        submit(catalog, 2.1, b=CHEAP, c=CHEAP)
        submit(catalog, 2.2, a=DEAR, b=CHEAP, c=DEAR)
        assert periods(catalog) == [(0.5, 0, 1), (0.6, 2.2, 2.2)]
        assert periods(catalog, "c") == [(0.5, 0, 1), (0.6, 2.2, 2.2)], "what is proven, though it was listed later"


def test_without_a_complete_listing_nothing_is_proven(place: Place) -> None:
    with place.opened(lambda: NOON + 9 * DAY, READER) as catalog:
        ingest(catalog, listing_bytes({"a": CHEAP}, is_cut=True), NOON)
        submit(catalog, 1, b=CHEAP)
        submit(catalog, 2, b=CHEAP)
        submit(catalog, 3, a=DEAR, b=CHEAP)
        assert periods(catalog) == [(0.5, 0, 0), (0.6, 3, 3)]


def test_an_event_of_the_model_proves_its_listing_and_a_departure_the_last_one(place: Place) -> None:
    with place.opened(lambda: NOON + 90 * DAY, READER) as catalog:
        submit(catalog, 0, a=CHEAP, b=CHEAP)
        submit(catalog, 1, b=CHEAP)
        catalog.mark_stale_models_inactive(now=NOON + 2 * DAY)
        submit(catalog, 3, a=CHEAP, b=CHEAP)
        submit(catalog, 4, a=CHEAP, b=CHEAP)
        assert periods(catalog) == [(0.5, 0, 4)]
        submit(catalog, 5, b=CHEAP)
        catalog.remove_model("openai", "a", now=NOON + 6 * DAY)
        assert periods(catalog) == [(0.5, 0, 4)]
        catalog.add_manual_model("openai", "a", input_price=3.0, observed_at=NOON + 7 * DAY)
        catalog.add_manual_model("openai", "b", input_price=4.0, observed_at=NOON + 7 * DAY)
        assert periods(catalog) == [(0.5, 0, 4), (3.0, 7, None)]
        assert periods(catalog, "b") == [(0.5, 0, 5), (4.0, 7, None)]


def test_real_prices_in_sequence_have_the_listings_that_the_rows_show(tmp_path: Any) -> None:
    paths = sorted(REAL_LISTINGS.glob("openrouter_*.json"))
    if not paths:
        pytest.skip("no real listings here")
    rows = json.loads(paths[0].read_bytes())["data"]
    days: list[dict[str, Any]] = []
    place = new_place(SQLITE, tmp_path)
    with place.opened(lambda: NOON + 9 * DAY) as catalog:
        for day in range(5):
            listed = {row["id"]: json.loads(json.dumps(row)) for row in rows}
            for number, row in enumerate(listed.values()):
                if (number + day) % 7 == 0 and float(row["pricing"]["prompt"]) > 0:
                    row["pricing"]["prompt"] = f"{float(row['pricing']['prompt']) * (day + 11) / 10:.12f}"
            days.append(listed)
            ingest(catalog, json.dumps({"data": list(listed.values())}).encode(), NOON + day * DAY, "openrouter")
        compared = 0
        for model_id in list(days[0])[::9]:
            stated = [float(listed[model_id]["pricing"]["prompt"]) for listed in days]
            spans = _spans(stated)
            found = catalog.history.list_prices("openrouter", model_id)
            if found and found[0].input_price is not None:
                compared += 1
                assert [(one.first_listed_at, one.last_listed_at) for one in found] == [
                    (NOON + first * DAY, NOON + last * DAY) for first, last in spans
                ]
                for one, (first, _) in zip(found, spans, strict=True):
                    if one.input_price is not None:
                        assert one.input_price == pytest.approx(stated[first] * 1e6)
        assert compared > 30


def _spans(values: list[float]) -> list[tuple[int, int]]:
    """Return the first and the last index of each run of equal values."""
    spans: list[tuple[int, int]] = []
    for index, value in enumerate(values):
        if spans and values[spans[-1][1]] == value:
            spans[-1] = (spans[-1][0], index)
        else:
            spans.append((index, index))
    return spans
