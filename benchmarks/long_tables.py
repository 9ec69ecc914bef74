"""Measure ``models`` as text with 200,000 rows against a bare query of the same columns, and its memory."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.growth import fill
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.settings import Settings

ROWS = 200_000

BARE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
query = ("SELECT provider_id, model_id, name, source, context_window, input_price, output_price, is_active, "
         "last_seen_at FROM models ORDER BY provider_id, model_id")
for row in connection.execute(query):
    print(*row)
"""


def measure() -> list[tuple[str, float, str]]:
    """Return (what, ratio or megabytes, target)."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        ModelCatalog.open(settings).close()
        fill(settings.catalog_url, ROWS)
        database = str(Path(folder) / "catalog.db")
        bare = min(
            _run([sys.executable, "-c", BARE, database], folder)[0] for _ in range(3)
        )  # the first reads the disk
        results = []
        for name, options, target in (("text", [], "<= 10"), ("--json", ["--json"], "")):
            seconds, megabytes = _run([sys.executable, "-m", "ghost_pipeline", "models", *options], folder)
            results.append((f"models, {ROWS:,} rows, {name}, against a bare query", seconds / bare, target))
            results.append((f"models, {ROWS:,} rows, {name}: MB", megabytes, "< 300"))
        return results


def _run(command: list[str], home: str) -> tuple[float, float]:
    """Return the time in seconds, and the largest memory in MB, of a command whose output goes to a file."""
    with tempfile.TemporaryFile() as output:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, env={**os.environ, "GHOST_HOME": home})
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
    process.returncode = status
    assert status == 0
    assert isinstance(usage, resource.struct_rusage)
    return seconds, usage.ru_maxrss / 1000
