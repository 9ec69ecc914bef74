"""Measure start-up: importing the client, and `ingest` of ten small files from process start to exit."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import median_seconds

SAMPLES = Path(__file__).parent.parent / "latest_models"


def measure() -> list[tuple[str, float, str]]:
    """Return (what, ratio or seconds, target)."""
    nothing = median_seconds(lambda: _python("pass"), 9)
    ours = median_seconds(lambda: _python("import ghost_pipeline"), 9) - nothing
    theirs = median_seconds(lambda: _python("import sqlalchemy"), 9) - nothing
    dagster = median_seconds(lambda: _python("import dagster"), 5)
    seconds = median_seconds(_ingest)
    return [
        ("import ghost_pipeline, against import sqlalchemy", ours / theirs, "<= 2"),
        ("ingest of ten small files, in seconds", seconds, "< 6"),
        ("ingest of ten small files, against import dagster", seconds / dagster, ""),
    ]


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def _ingest() -> None:
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        models.mkdir()
        for path in sorted(SAMPLES.glob("*.json"))[:10]:
            shutil.copy(path, models)
        subprocess.run(
            [sys.executable, "-m", "ghost_pipeline", "ingest", "--dir", str(models)],
            env={**os.environ, "GHOST_HOME": str(Path(folder) / "home"), "DAGSTER_HOME": ""},
            capture_output=True,
            check=True,
        )
