"""Rows that an earlier format read wrongly are corrected by the next listing, with an event."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.catalog.storage.tables import listings, models
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline_tests.catalog.backends import Place

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
VIDEO: dict[str, Any] = {
    "id": "google/veo-3.1",
    "pricing": {"prompt": "0", "completion": "0"},
    "architecture": {"output_modalities": ["video"]},
}
PAID: dict[str, Any] = {
    "id": "a/b",
    "pricing": {"prompt": "0.000001", "completion": "0.000002", "input_cache_read": "0.0000001"},
    "architecture": {"output_modalities": ["text"]},
}
CONTENT = json.dumps({"data": [VIDEO, PAID]}).encode()


def submit(catalog: ModelCatalog, at: datetime) -> None:
    submission = SubmittedListing("openrouter", "openrouter_models.json", CONTENT, at)
    catalog.reconcile(catalog.admit(submission).listing_id)


def _paid(catalog: ModelCatalog) -> ModelRecord:
    [found] = [model for model in catalog.find_models() if model.model_id == PAID["id"]]
    return found


def test_the_same_bytes_read_by_a_newer_format_correct_the_rows_with_an_event(place: Place) -> None:
    with place.opened() as catalog:
        submit(catalog, NOON)
        as_read_before = sa.update(models).values(prices=None)
        with catalog._database.writing() as connection:
            connection.execute(as_read_before)
            connection.execute(sa.update(listings).values(format_version="openrouter/2.1"))
            connection.execute(
                sa.update(models)
                .where(models.c.model_id == VIDEO["id"])
                .values(input_price=0.0, output_price=0.0, is_free=True)
            )
        submit(catalog, NOON + timedelta(hours=6))
        paid, video = sorted(catalog.find_models(), key=lambda model: model.model_id)
        changes = {event.model_id: event.details for event in catalog.list_events() if event.kind == "changed"}
    assert (video.is_free, video.input_price, video.prices) == (None, None, None)
    assert changes[VIDEO["id"]] == {
        "is_free": {"old": True, "new": None},
        "input_price": {"old": 0.0, "new": None},
        "output_price": {"old": 0.0, "new": None},
    }
    prices = {"input": "1", "output": "2", "cache_read": "0.1"}
    assert paid.prices == prices
    assert changes[PAID["id"]] == {"prices": {"old": None, "new": prices}}


def test_an_operator_s_price_replaces_those_of_the_listing_until_it_is_withdrawn(place: Place) -> None:
    with place.opened() as catalog:
        submit(catalog, NOON)
        catalog.add_manual_model("openrouter", "a/b", input_price=0.0, output_price=0.0)
        overridden = _paid(catalog)
        submit(catalog, NOON + timedelta(hours=6))
        assert (_paid(catalog).is_free, _paid(catalog).prices) == (True, None)
        catalog.withdraw_facts("openrouter", "a/b", ["input_price"])
        assert (_paid(catalog).input_price, _paid(catalog).output_price, _paid(catalog).prices) == (1.0, 0.0, None)
        catalog.withdraw_facts("openrouter", "a/b", ["output_price"])
        listed = _paid(catalog)
    assert (overridden.is_free, overridden.prices) == (True, None)
    assert listed.prices == {"input": "1", "output": "2", "cache_read": "0.1"}
    assert (listed.is_free, listed.input_price) == (False, 1.0)
