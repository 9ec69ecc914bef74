"""Servers that are closed after the test, a folder for listings, a key."""

from pathlib import Path

import pytest

from ghost_pipeline.providers import ENDPOINTS
from ghost_pipeline_tests.fetching.builders import KEY
from ghost_pipeline_tests.fetching.fixtures import configure, serve

__all__ = ["configure", "serve"]


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every known provider has the same key; nothing of the machine's environment counts."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for endpoint in ENDPOINTS.values():
        for variable in endpoint.key_variables:
            monkeypatch.setenv(variable, KEY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "models"
    path.mkdir()
    return path
