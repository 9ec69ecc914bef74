"""Real listings in sequence, with faults in between: the messages are what an independent computation gives."""

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from ghost_pipeline.notifications.delivery import deliver
from ghost_pipeline_tests.notifications.world import HOUR, Receiver, World, webhook
from ghost_pipeline_tests.providers.samples import REAL_LISTINGS, rows_of

FILES = {path.name.split("_")[0]: path for path in sorted(REAL_LISTINGS.glob("*_models_*.json"))}

pytestmark = pytest.mark.skipif(not FILES, reason="no real listings beside the repository")

FAULTS = (b"", b"{}", b"<html>busy</html>", b'{"error": {"message": "busy"}}', b'{"data": []}', b"\x1f\x8b\x08junk")


def id_of(row: dict[str, Any]) -> str:
    return str(row.get("id") or row["name"]).removeprefix("models/")


def steps(document: Any, seed: int) -> Iterator[bytes]:
    """Yield what a provider sends, step by step: models come, leave and cost more or less; some answers are faults."""
    chosen = random.Random(seed)
    everything = [row for row in rows_of(document) if isinstance(row, dict)]
    key = next((key for key, value in document.items() if value is everything or value == everything), "data")
    served = [row for row in everything if chosen.random() < 0.9]
    for _ in range(14):
        missing = [row for row in everything if row not in served]
        arrivals = chosen.sample(missing, min(len(missing), chosen.randint(0, 2)))
        departures = chosen.sample(served, chosen.randint(0, 2))
        served = [row for row in served if row not in departures] + arrivals
        served = [_repriced(row, chosen) if chosen.random() < 0.02 else row for row in served]
        everything = [next((one for one in served if id_of(one) == id_of(row)), row) for row in everything]
        is_fault = chosen.random() < 0.35
        if not is_fault:
            yield json.dumps({**document, key: served}).encode()
        elif chosen.random() < 0.7:
            yield chosen.choice(FAULTS)
        else:  # most of it is cut off
            yield json.dumps({**document, key: served[: len(served) // 3]}).encode()


def _repriced(row: dict[str, Any], chosen: random.Random) -> dict[str, Any]:
    pricing = row.get("pricing")
    if not isinstance(pricing, dict) or not _is_price(pricing.get("prompt")):
        return row
    factor = chosen.choice((0.5, 0.99, 1.01, 3))
    return {**row, "pricing": {**pricing, "prompt": repr(float(pricing["prompt"]) * factor)}}


def _is_price(text: Any) -> bool:
    return isinstance(text, str) and float(text) > 0


class Expected:
    """What a receiver should know, computed from what was accepted: active models, prices, last sightings."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}
        self.active: set[str] = set()
        self.prices: dict[str, float | None] = {}

    def accept(self, rows: list[dict[str, Any]], now: Any) -> None:
        for row in rows:
            model_id = id_of(row)
            self.seen[model_id] = now
            self.active.add(model_id)
            pricing = row.get("pricing")
            is_priced = isinstance(pricing, dict) and _is_price(pricing.get("prompt"))
            self.prices[model_id] = float(pricing["prompt"]) * 1e6 if is_priced and pricing else None

    def sweep(self, now: Any, *, is_held: bool) -> None:
        if not is_held:
            self.active = {one for one in self.active if now - self.seen[one] <= timedelta(hours=24)}


@pytest.mark.parametrize("provider_id", FILES)
def test_messages_are_what_an_independent_computation_gives(provider_id: str, world: World, receiver: Receiver) -> None:
    document = json.loads(FILES[provider_id].read_bytes())
    if not isinstance(document, dict):
        document = {"data": document}
    hook = webhook(receiver.url, more="minimum_price_move = 10")
    rows = rows_of(document)
    world.ingest(provider_id, json.dumps(document).encode())
    expected = Expected()
    known = {one.model_id for one in world.catalog.iterate_models()}
    expected.accept([row for row in rows if id_of(row) in known], world.now)
    deliver(world.catalog, hook, world.clock)
    faults = 0
    for content in steps(document, seed=len(rows)):
        world.pass_time(13 * HOUR)
        outcome = world.ingest(provider_id, content, is_complete=False)
        before_active, before_prices, first_seen = set(expected.active), dict(expected.prices), set(expected.seen)
        is_held = next(one.held_since for one in world.catalog.list_providers()) is not None
        faults += is_held
        if not outcome.is_refused:
            expected.accept([row for row in rows_of(json.loads(content)) if id_of(row) in known], world.now)
        world.catalog.mark_stale_models_inactive()
        expected.sweep(world.now, is_held=is_held)
        receiver.received.clear()
        deliver(world.catalog, hook, world.clock)
        sent = [one for one in receiver.all_entries() if one[0] != "unclear"]
        moved = {
            model_id: (price - before) / before
            for model_id, price in expected.prices.items()
            if price is not None and (before := before_prices.get(model_id)) and model_id in expected.active
        }
        entries = {
            "gone": before_active - expected.active,
            "new": expected.active - first_seen,
            "back": expected.active - before_active & first_seen,
            "dearer": {model_id for model_id, move in moved.items() if move >= 0.1},
            "cheaper": {model_id for model_id, move in moved.items() if move <= -0.1},
        }
        wanted = {(section, provider_id, model_id) for section, ids in entries.items() for model_id in ids}
        assert set(sent) == wanted
        assert len(sent) == len(wanted)
    assert faults
