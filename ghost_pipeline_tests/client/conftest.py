"""Settings for the tests of the tracker."""

from pathlib import Path

import pytest

from ghost_pipeline.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")
