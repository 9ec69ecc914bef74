"""The migrations themselves, which other tests run once and copy the result of."""

import pytest

from ghost_pipeline.catalog.storage import schema
from ghost_pipeline_tests.sqlite_template import migrate


@pytest.fixture(autouse=True)
def _migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "upgrade", migrate)
