"""Shared by the tests of fetching: endpoints on loopback, short limits, reading the folder."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ghost_pipeline.fetching.fetch import fetch_listings
from ghost_pipeline.fetching.outcome import FetchOutcome
from ghost_pipeline.lifecycle.records import Listing
from ghost_pipeline.listings.files import find_listings, newest_listings
from ghost_pipeline.listings.parsing import parse_listing
from ghost_pipeline.providers import ENDPOINTS
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.settings import FetchLimits
from ghost_pipeline_tests.fetching.server import Script, Server

KEY = "sk-Zq9vExample4711Kk"
NOON = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
QUICK = FetchLimits(connect_timeout=10, read_timeout=10, total_timeout=30, initial_backoff=0.01, attempts=3)
PLACES = {"account_id": "acme", "region": "eu-west-1", "resource": "acme"}

Serve = Callable[[Script], Server]
Configure = Callable[..., dict[str, Server]]


def at(server: Server, provider_id: str = "openai", **changes: Any) -> Endpoint:
    """Return a declared endpoint whose server is ``server``."""
    declared = ENDPOINTS[provider_id]
    return replace(
        declared,
        base_url=server.url + urlsplit(declared.base_url).path,
        places={**PLACES, **declared.places},
        **changes,
    )


def fetch_one(endpoint: Endpoint, folder: Path, limits: FetchLimits = QUICK, hours: int = 0) -> FetchOutcome:
    [outcome] = fetch_listings([endpoint], folder, limits, NOON + timedelta(hours=hours))
    return outcome


def ids_document(ids: Iterable[str], **envelope: Any) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": one, "object": "model"} for one in ids], **envelope}


def ids_bytes(*ids: str) -> bytes:
    return json.dumps(ids_document(ids)).encode()


def newest(folder: Path, provider_id: str) -> Listing:
    """Return the provider's newest listing, found and parsed as the rest of the pipeline does."""
    path = newest_listings(find_listings(folder).files)[provider_id].path
    return parse_listing(provider_id, path.read_bytes())


def ids_of(listing: Listing) -> list[str]:
    return [model.model_id for model in listing.models]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
