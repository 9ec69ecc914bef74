"""A tracker whose catalog the tests can read, and the APIs of the providers on loopback."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ghost_pipeline import DiscoveryTracker, ModelCatalog
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.integrations.answering_providers import AnsweringProviders, serving_providers

Found = Callable[[], set[tuple[str, str]]]
"""Gives (provider, model) of all that is in the catalog, once what is noted is written."""


def wait_until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for what LiteLLM does after it has returned."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


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


@pytest.fixture(scope="session")
def provider_server() -> Iterator[AnsweringProviders]:
    with serving_providers() as server:
        yield server


@pytest.fixture
def providers(provider_server: AnsweringProviders, monkeypatch: pytest.MonkeyPatch) -> AnsweringProviders:
    """All providers' APIs at their real host names, as long as clients ask over HTTP."""
    for variable in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(variable, provider_server.url)
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    provider_server.forget()
    return provider_server
