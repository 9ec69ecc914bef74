"""The command line, called as a program calls it, on a catalog of its own."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ghost_pipeline.cli import main


@dataclass(frozen=True)
class Ran:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call ``ghost-pipeline`` with arguments."""
    monkeypatch.setenv("GHOST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GHOST_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.delenv("GHOST_DATABASE_URL", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)

    def called(*arguments: str) -> Ran:
        result = CliRunner().invoke(main, list(arguments))
        return Ran(result.exit_code, result.stdout, result.stderr)

    return called
