"""A listing of 1,000 models into a small catalog and into a large one: the time must not grow with the catalog."""

import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from benchmarks.timing import NOON, listing
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.column_types import instant_text
from ghost_pipeline.catalog.results import Submission
from ghost_pipeline.listings import format_version, parse_listing
from ghost_pipeline.settings import Settings

SMALL, LARGE = 10_000, 1_000_000
MODELS_A_PROVIDER = 1_000
ROUNDS = 7


def measure() -> list[tuple[str, float, str]]:
    """(what, ratio, target)."""
    with tempfile.TemporaryDirectory() as folder:
        small = _filled(Path(folder) / "small", SMALL)
        large = _filled(Path(folder) / "large", LARGE)
        spans: dict[str, list[float]] = {"small": [], "large": []}
        for number in range(ROUNDS):  # in turns, so that a busy moment of the machine meets both
            spans["small"].append(_ingest(small, number))
            spans["large"].append(_ingest(large, number))
        small.close()
        large.close()
    ratio = statistics.median(spans["large"]) / statistics.median(spans["small"])
    return [(f"1,000 rows into {LARGE:,} models, against {SMALL:,}", ratio, "<= 1.3")]


def _filled(home: Path, models: int) -> ModelCatalog:
    settings = Settings(home=home)
    catalog = ModelCatalog.open(settings)
    engine = sa.create_engine(settings.catalog_url)
    numbers = (
        f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {models - 1}) "
        f"SELECT 'p' || (i / {MODELS_A_PROVIDER}) AS p, 'lab/model-' || i AS m, '{instant_text(NOON)}' AS t FROM n"
    )
    with engine.begin() as connection:
        connection.execute(sa.text(f"INSERT INTO providers (id, label) SELECT DISTINCT p, p FROM ({numbers})"))
        connection.execute(
            sa.text(
                "INSERT INTO models (provider_id, model_id, source, is_active, is_name_manual, first_seen_at, "
                f"last_seen_at, last_listed_at) SELECT p, m, 'INDEX', 1, 0, t, t, t FROM ({numbers})"
            )
        )
    engine.dispose()
    return catalog


def _ingest(catalog: ModelCatalog, number: int) -> float:
    """Seconds for a listing of new models, of the provider ``openrouter``, each time others."""
    content = listing(1_000, prefix=f"round-{number}/model")
    at = NOON + timedelta(hours=number)
    begun = time.perf_counter()
    submission = Submission("openrouter", "openrouter.json", content, at, format_version("openrouter"))
    outcome = catalog.reconcile(catalog.admit(submission, parse_listing).listing_id, parse_listing)
    span = time.perf_counter() - begun
    assert outcome.counts is not None
    assert outcome.counts.created == 1_000
    return span
