"""Fast enough to watch: from a dropped file to the catalog under ``ui``, and ``ingest`` of many small files.

Each against one ``ghost-pipeline ingest`` of one small file, start to exit, measured in the same run.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.timing import median
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.web.ui_process import UiProcess, environment

DROPS = 9
ROUNDS = 5
PAUSE_SECONDS = 6.3
"""Between two drops: not a multiple of the interval of sensors, so that they meet it at different times."""


def measure() -> list[tuple[str, float, str]]:
    """Return (what, ratio, target)."""
    with tempfile.TemporaryDirectory() as folder:
        one = _time_ingest(Path(folder) / "one", 1)
        waits = _time_drops(Path(folder) / "ui")
    return [
        ("from drop to catalog under ui, median, against ingest of one", median(waits) / one, "<= 1.3"),
        ("from drop to catalog under ui, worst, against ingest of one", max(waits) / one, "<= 2"),
        ("ingest of one small file, seconds", one, ""),
    ]


def measure_many() -> list[tuple[str, float, str]]:
    """Return (what, ratio, target)."""
    with tempfile.TemporaryDirectory() as folder:
        one = _time_ingest(Path(folder) / "one", 1)
        ten, hundred = (
            _time_ingest(Path(folder) / f"many-{files}", files, rounds) for files, rounds in ((10, 3), (100, 1))
        )
    return [
        ("ingest of 10 small files, against one", ten / one, "<= 2"),
        ("ingest of 100 small files, against one", hundred / one, "<= 10"),
    ]


def _write(folder: Path, provider_id: str, *model_ids: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{provider_id}.part"
    partial.write_text(json.dumps({"data": [{"id": one} for one in model_ids]}))
    partial.replace(folder / f"{provider_id}_models.json")


def _time_ingest(folder: Path, files: int, rounds: int = ROUNDS) -> float:
    """Return the median time of ``ingest`` in a home that exists, in seconds."""
    folder.mkdir()
    for number in range(files):
        _write(folder / "models", f"p{number}", "a", "b")
    command = [sys.executable, "-m", "ghost_pipeline", "ingest"]

    def ingest() -> None:
        subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, check=True)

    _seconds(ingest)  # makes the home
    return median(_seconds(ingest) for _ in range(rounds))


def _seconds(action: Callable[[], None]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def _time_drops(folder: Path) -> list[float]:
    folder.mkdir()
    ui = UiProcess(folder)
    try:
        ui.wait_until_up()
        with ModelCatalog.open(Settings.from_environment(environment(folder))) as catalog:
            waits = [_wait_for(catalog, folder, number) for number in range(DROPS + 1)]
    finally:
        ui.stop()
    return waits[1:]  # the first waits for the daemon to start


def _wait_for(catalog: ModelCatalog, folder: Path, number: int) -> float:
    time.sleep(PAUSE_SECONDS)
    begun = time.perf_counter()
    _write(folder / "models", "openai", *(f"model-{one}" for one in range(number + 1)))
    while f"model-{number}" not in {model.model_id for model in catalog.find_models()}:
        assert time.perf_counter() - begun < 120, os.fspath(folder)
        time.sleep(0.05)
    return time.perf_counter() - begun
