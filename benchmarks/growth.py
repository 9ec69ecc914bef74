"""Measure a listing of 1,000 models into a small catalog and into a large one; the time must not grow."""

import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from benchmarks.timing import NOON, listing, median
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.catalog.storage import tables
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.tables import Instant
from ghost_pipeline.settings import Settings

SMALL, LARGE = 10_000, 1_000_000
MODELS_A_PROVIDER = 1_000
ROUNDS = 7


def measure() -> list[tuple[str, float, str]]:
    """Return (what, ratio, target) on SQLite."""

    def filled(folder: Path, models: int) -> ModelCatalog:
        settings = Settings(home=folder)
        catalog = ModelCatalog.open(settings)
        fill(settings.catalog_url, models)
        return catalog

    return ratio_of_growth(filled)


def ratio_of_growth(filled: Callable[[Path, int], ModelCatalog]) -> list[tuple[str, float, str]]:
    """Return (what, ratio, target) for catalogs that ``filled`` creates in a folder with that many models."""
    with tempfile.TemporaryDirectory() as folder:
        small = filled(Path(folder) / "small", SMALL)
        large = filled(Path(folder) / "large", LARGE)
        spans: dict[str, list[float]] = {"small": [], "large": []}
        for number in range(ROUNDS):  # in turns, so that a busy moment of the machine meets both
            spans["small"].append(_ingest(small, number))
            spans["large"].append(_ingest(large, number))
        small.close()
        large.close()
    ratio = median(spans["large"]) / median(spans["small"])
    return [(f"1,000 rows into {LARGE:,} models, against {SMALL:,}", ratio, "<= 1.3")]


def fill(url: str, models: int, models_a_provider: int = MODELS_A_PROVIDER) -> None:
    """Put models into an empty catalog, as complete listings of providers with as many models each would."""
    database = Database(url)
    numbers = sa.text(
        f"(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {models - 1}) "
        f"SELECT 'p' || (i / {models_a_provider}) AS p, 'lab/model-' || i AS m FROM n) AS numbers"
    )
    provider_id, model_id, noon = sa.column("p", sa.Text), sa.column("m", sa.Text), sa.literal(NOON, Instant())
    columns = {
        tables.models.c.provider_id: provider_id,
        tables.models.c.model_id: model_id,
        tables.models.c.source: sa.literal("INDEX"),
        tables.models.c.is_active: sa.true(),
        tables.models.c.is_name_manual: sa.false(),
        tables.models.c.first_seen_at: noon,
        tables.models.c.last_seen_at: noon,
        tables.models.c.last_listed_at: noon,
    }
    known = sa.select(provider_id, provider_id.label("label"), noon, noon).select_from(numbers).distinct()
    listed = ["id", "label", "last_listing_at", "last_complete_at"]
    rows = sa.select(*columns.values()).select_from(numbers)
    with database.writing() as connection:
        connection.execute(sa.insert(tables.providers).from_select(listed, known))
        connection.execute(sa.insert(tables.models).from_select(list(columns), rows))
        connection.exec_driver_sql("ANALYZE")
    database.close()


def _ingest(catalog: ModelCatalog, number: int) -> float:
    """Seconds for a listing of new models, of the provider ``openrouter``, each time others."""
    content = listing(1_000, prefix=f"round-{number}/model")
    at = NOON + timedelta(hours=number)
    begun = time.perf_counter()
    submission = SubmittedListing("openrouter", "openrouter.json", content, at)
    outcome = catalog.reconcile(catalog.admit(submission).listing_id)
    span = time.perf_counter() - begun
    assert outcome.counts is not None
    assert outcome.counts.created == 1_000
    return span
