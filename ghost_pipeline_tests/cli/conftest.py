"""A separate GHOST_HOME for every test of the command line."""

from pathlib import Path

import pytest

from ghost_pipeline_tests.cli.run_cli import Shell


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DAGSTER_HOME", "GHOST_DATABASE_URL", "GHOST_MODELS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GHOST_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def shell(home: Path) -> Shell:
    return Shell()
