"""What the pages of 2,000 models cost in Dagster's UI: seconds until all are there, megabytes, and how fast pages open.

The catalog is filled before the UI starts, so that nearly all of what Dagster writes are these pages.
"""

import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.timing import listing, median_seconds
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.defs.model_pages import models
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.ui.browser import opened_browser
from ghost_pipeline_tests.ui.pages import DagsterPages
from ghost_pipeline_tests.web.ui_process import UiProcess, environment

MODELS = 2_000
PROVIDERS = 4
ROUNDS = 3
TIMEOUT_SECONDS = 1_200


def measure() -> list[tuple[str, float, str]]:
    """Return (what, seconds or megabytes, target)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fill(folder)
        ui = UiProcess(folder)
        try:
            ui.wait_until_up()
            before = _megabytes(folder)
            first = _wait_for(folder, 1)
            every = _wait_for(folder, MODELS)
            grown = _megabytes(folder) - before
            lineage, partitions, model = _time_pages(f"http://127.0.0.1:{ui.port}")
        finally:
            ui.stop()
    return [
        (f"pages of {MODELS:,} models: seconds from the start of ui to the first", first, ""),
        (f"pages of {MODELS:,} models: seconds from the first to the last", every, ""),
        (f"pages of {MODELS:,} models: MB of Dagster's storage", grown, ""),
        ("the lineage of all assets opens, seconds", lineage, ""),
        ("the list of the models' partitions opens, seconds", partitions, ""),
        ("the page of one model opens, seconds", model, ""),
    ]


def _fill(folder: Path) -> None:
    content = listing(MODELS // PROVIDERS, "model")
    with ModelCatalog.open(Settings.from_environment(environment(folder))) as catalog:
        for number in range(PROVIDERS):
            submission = SubmittedListing(f"p{number}", f"p{number}_models.json", content, datetime.now(UTC))
            catalog.reconcile(catalog.admit(submission).listing_id)


def _wait_for(folder: Path, count: int) -> float:
    """Wait until there are pages of so many models; return the seconds."""
    begun = time.perf_counter()
    while _count_pages(folder) < count:
        assert time.perf_counter() - begun < TIMEOUT_SECONDS, f"only {_count_pages(folder):,} pages"
        time.sleep(0.2)
    return time.perf_counter() - begun


def _count_pages(folder: Path) -> int:
    # A partition is added after its event was written.
    with closing(sqlite3.connect(folder / "home/dagster/history/runs/index.db", timeout=30)) as index:
        query = "SELECT count(*) FROM dynamic_partitions WHERE partitions_def_name = 'model'"
        return int(index.execute(query).fetchone()[0])


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in (folder / "home/dagster").rglob("*") if file.is_file()) / 1e6


def _time_pages(url: str) -> tuple[float, float, float]:
    """Return the median seconds until a page shows what it is opened for: lineage, partitions, one model."""
    page_of_model = f"/assets/{models.key.to_user_string()}?view=partitions&partition=p1%2Fmodel-7"
    shown = (
        ("/asset-groups", "monitoring"),
        ("/assets/models?view=partitions", "p0/model-1"),
        (page_of_model, "command"),
    )
    with opened_browser() as browser, browser.new_context() as context:
        pages = DagsterPages(url, context.new_page())
        pages.shows(*shown[0])  # loads the program of the UI
        lineage, partitions, model = (median_seconds(partial(pages.shows, *one), ROUNDS) for one in shown)
    return lineage, partitions, model
