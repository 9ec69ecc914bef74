"""The bytes that tests of listings read."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ghost_pipeline.lifecycle.facts import FACT_NAMES
from ghost_pipeline.lifecycle.records import ListedModel, Listing, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline.listings.parsing import parse_listing

FIXTURES = Path(__file__).parent / "fixtures"
REPOSITORY = Path(__file__).parents[2]
REAL_LISTINGS = REPOSITORY.parent / "shared" / "real_listings"

SEEN = datetime(2026, 1, 1, tzinfo=UTC)

FIXTURE_NAMES = sorted(path.stem for path in FIXTURES.glob("*.json"))


def fixture_bytes(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def fixture(name: str) -> Any:
    return json.loads(fixture_bytes(name))


def provider_of(fixture_name: str) -> str:
    return fixture_name.split("_", maxsplit=1)[0]


def parsed(provider_id: str, document: Any) -> Listing:
    return parse_listing(provider_id, json.dumps(document).encode())


def models_of(fixture_name: str) -> dict[str, ModelRecord]:
    provider_id = provider_of(fixture_name)
    listing = parse_listing(provider_id, fixture_bytes(fixture_name))
    assert listing.malformed_reason is None
    return {model.model_id: recorded(provider_id, model) for model in listing.models}


def only_model(provider_id: str, row: dict[str, Any]) -> ModelRecord:
    [model] = parsed(provider_id, {"data": [row]}).models
    return recorded(provider_id, model)


def recorded(provider_id: str, listed: ListedModel) -> ModelRecord:
    """Return the model that a catalog keeps of a row."""
    facts = {name: getattr(listed.facts, name) for name in FACT_NAMES}
    return ModelRecord(provider_id, listed.model_id, Source.INDEX, True, SEEN, SEEN, **facts)


def rows_of(document: Any) -> list[Any]:
    """Return the rows of a fixture, however it wraps them."""
    if isinstance(document, list):
        return document
    [rows] = [value for key, value in document.items() if isinstance(value, list) and key not in ("errors", "messages")]
    assert isinstance(rows, list)
    return rows
