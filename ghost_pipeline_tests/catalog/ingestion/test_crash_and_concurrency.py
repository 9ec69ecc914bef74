"""Several processes at once, processes that die, and listings that are cut off."""

import json
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ListingOutcome, ModelFilter, SubmittedListing
from ghost_pipeline.listings.parsing import parse_listing
from ghost_pipeline_tests.catalog.backends import Place
from ghost_pipeline_tests.processes import Wait, Worker, run_together

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
REAL = Path(__file__).parents[4] / "shared" / "real_listings"


def listing(*model_ids: str, version: int = 0) -> bytes:
    return json.dumps({"data": [{"id": model_id, "version": version} for model_id in model_ids]}).encode()


def ingest(catalog: ModelCatalog, content: bytes, at: datetime, provider: str = "openai") -> ListingOutcome:
    submission = SubmittedListing(provider, f"{provider}.json", content, at)
    admitted = catalog.admit(submission)
    return catalog.reconcile(admitted.listing_id)


def write(wait: Wait, place: Place, what: str, count: int, first: int) -> None:
    """Write ``count`` times, at minute ``first`` and each minute after it."""
    with place.opened() as catalog:
        wait()
        for number in range(first, first + count):
            at = NOON + timedelta(minutes=number)
            if what == "track":
                used, listed = f"used-{number % 7}", f"listed-{number % 50}"
                catalog.track_successful_inference("openai", used, metadata={"n": number}, observed_at=at)
                catalog.track_successful_inference("openai", listed, observed_at=at)
            else:
                ingest(catalog, listing(*(f"listed-{row}" for row in range(50 + number % 10_000)), version=number), at)


def assert_whole(place: Place) -> None:
    """Assert that the database is intact and that its tables agree with each other."""
    database = place.database()
    with database.reading() as connection:
        if database.is_sqlite:
            assert connection.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
            assert connection.execute(sa.text("PRAGMA foreign_key_check")).all() == []
        halves = "SELECT id FROM listings WHERE model_count != created_count + updated_count + confirmed_count"
        assert connection.execute(sa.text(halves)).all() == []
        discovered = "SELECT count(*) FROM model_events WHERE kind = 'discovered'"
        count = connection.execute(sa.text("SELECT count(*) FROM models")).scalar()
        assert connection.execute(sa.text(discovered)).scalar() == count
        created = connection.execute(sa.text("SELECT coalesce(sum(created_count), 0) FROM listings")).scalar()
        listed = "SELECT count(*) FROM models WHERE source = 'INDEX'"
        assert connection.execute(sa.text(listed)).scalar() == created
    database.close()


def unfinished(place: Place) -> list[int]:
    """Return the listings that were admitted and not reconciled, oldest first."""
    database = place.database()
    with database.reading() as connection:
        query = sa.text("SELECT id FROM listings WHERE model_count IS NULL ORDER BY id")
        ids = list(connection.execute(query).scalars())
    database.close()
    return ids


def test_two_processes_that_ingest_and_track_at_once_lose_no_sighting(place: Place) -> None:
    assert run_together([(write, (place, "track", 120, 0)), (write, (place, "ingest", 40, 0))]) == []
    assert_whole(place)
    with place.opened() as catalog:
        models = {model.model_id: model for model in catalog.find_models(ModelFilter(("openai",)))}
    assert set(models) == {f"used-{n}" for n in range(7)} | {f"listed-{n}" for n in range(89)}
    assert models["used-0"].last_used_at == NOON + timedelta(minutes=119)
    assert models["used-0"].inference_metadata == {"n": 119}
    assert models["listed-19"].last_used_at == NOON + timedelta(minutes=119)
    assert models["listed-19"].last_seen_at == NOON + timedelta(minutes=119)
    assert {models[f"listed-{n}"].last_listed_at for n in range(89)} == {NOON + timedelta(minutes=39)}


def test_a_process_that_is_killed_at_any_moment_leaves_a_whole_catalog_that_the_next_run_completes(
    place: Place,
) -> None:
    chance = random.Random(20260501)
    for life in range(10):
        writer = Worker(write, place, "ingest", 10_000, 10_000 * life)
        writer.wait_until_ready()
        writer.begin()
        time.sleep(chance.uniform(0.0, 0.4))
        writer.kill()
        assert_whole(place)
    with place.opened() as catalog:
        for listing_id in unfinished(place):
            catalog.reconcile(listing_id)
        assert unfinished(place) == []
        assert_whole(place)
        content = listing(*(f"listed-{row}" for row in range(2000)))
        outcome = ingest(catalog, content, NOON + timedelta(days=300))
        assert outcome.counts is not None
        assert outcome.counts.models == len(catalog.find_models(ModelFilter(("openai",)))) == 2000
    assert_whole(place)


def prefixes() -> list[bytes]:
    content = listing(*(f"model-{number}" for number in range(12)))
    return [content[:length] for length in range(0, len(content) - 1, 23)]


def test_a_listing_that_was_cut_off_changes_no_model(place: Place) -> None:
    with place.opened() as catalog:
        ingest(catalog, listing(*(f"model-{number}" for number in range(12))), NOON)
        before = catalog.find_models(ModelFilter(is_active=None))
        for minute, prefix in enumerate(prefixes(), 1):
            outcome = ingest(catalog, prefix, NOON + timedelta(minutes=minute))
            assert outcome.is_refused
            assert outcome.reason
        assert catalog.find_models(ModelFilter(is_active=None)) == before
        assert catalog.list_providers()[0].held_since == NOON + timedelta(minutes=1)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real listings are not part of the project")
@pytest.mark.parametrize("name", ["anthropic", "xai", "openai"])
def test_no_prefix_of_a_real_listing_holds_a_model(name: str) -> None:
    (path,) = REAL.glob(f"{name}_*.json")
    content = path.read_bytes().rstrip()
    assert parse_listing(name, content).malformed_reason is None
    for length in range(len(content)):
        assert parse_listing(name, content[:length]).models == ()
