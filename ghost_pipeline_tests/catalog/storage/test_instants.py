"""Instants of any year that Python knows can be stored and read."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ghost_pipeline.catalog.results import ModelFilter, SubmittedListing
from ghost_pipeline_tests.catalog.backends import BACKENDS, new_place


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("stated", ["0001-01-01T00:00:00Z", "0999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"])
def test_a_date_that_a_provider_states_never_makes_its_models_unreadable(
    backend: str, stated: str, tmp_path: Path
) -> None:
    place = new_place(backend, tmp_path)
    rows = {"data": [{"id": "m", "name": "M", "expiration_date": stated}]}
    try:
        with place.opened() as catalog:
            submitted = SubmittedListing(
                "openrouter", "f.json", json.dumps(rows).encode(), datetime.now(UTC) - timedelta(hours=1)
            )
            catalog.reconcile(catalog.admit(submitted).listing_id)
            [model] = catalog.find_models(ModelFilter(("openrouter",)))
        assert model.expires_at in (None, datetime.fromisoformat(stated))
    finally:
        place.remove()
