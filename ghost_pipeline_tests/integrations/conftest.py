"""A tracker whose catalog the tests can read."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ghost_pipeline import DiscoveryTracker, ModelCatalog
from ghost_pipeline.settings import Settings

Found = Callable[[], set[tuple[str, str]]]
"""Gives (provider, model) of all that is in the catalog, once what is noted is written."""


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[DiscoveryTracker]:
    with DiscoveryTracker(Settings(home=tmp_path / "home"), interval=3600) as one:
        yield one


@pytest.fixture
def found(tracker: DiscoveryTracker, tmp_path: Path) -> Found:
    def look() -> set[tuple[str, str]]:
        assert tracker.flush()
        with ModelCatalog.open(Settings(home=tmp_path / "home")) as catalog:
            return {(model.provider_id, model.model_id) for model in catalog.find_models()}

    return look
