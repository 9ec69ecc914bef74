"""Measure one listing of 100,000 models through `ghost-pipeline ingest` against the least work possible for it.

What the command does in any case (loading Dagster, creating the instance and the catalog, recording the run) is left
out: the time of a listing of one model is subtracted.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.reconcile import ROWS, time_bare_upsert
from benchmarks.timing import listing, median


def measure(rounds: int = 5) -> list[tuple[str, float, str]]:
    """Return (what, ratio, target)."""
    large, small = listing(ROWS), listing(1)
    ratios = []
    for _ in range(rounds):  # each ratio is of one round, because the machine's speed changes
        with tempfile.TemporaryDirectory() as folder:
            bare = time_bare_upsert(Path(folder), large)
        start = _ingest(small)
        ratios.append(bare / (_ingest(large) - start))
    return [("ingest of 100,000 models, against bare json + executemany", median(ratios), ">= 0.6")]


def _ingest(content: bytes) -> float:
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        models.mkdir()
        (models / "openrouter_models.json").write_bytes(content)
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "ghost_pipeline", "ingest", "--dir", str(models)],
            env={**os.environ, "GHOST_HOME": str(Path(folder) / "home"), "DAGSTER_HOME": ""},
            capture_output=True,
            check=True,
        )
        return time.perf_counter() - begun
