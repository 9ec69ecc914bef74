"""Measure ``models --search`` among 1,000,000 models on SQLite, against the same query without the project."""

import sqlite3
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.growth import fill
from benchmarks.timing import cpu_ratio
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.settings import Settings

MODELS = 1_000_000
NAMES = "UPDATE models SET name = 'Lab: Model ' || substr(model_id, 11)"
COLUMNS = (
    *("provider_id", "model_id", "name", "source", "context_window", "input_price", "output_price"),
    *("is_active", "last_seen_at"),
)
"""Those of the table that ``models`` prints."""
BARE = (
    f"SELECT {', '.join(COLUMNS)} FROM models WHERE model_id LIKE '%' || :text || '%' OR name LIKE '%' || :text || '%' "
    "ORDER BY provider_id, model_id"
)


def measure() -> list[tuple[str, float, str]]:
    """Return (what, ratio, target): of a text that is in few models, and of one that is in a tenth of them."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        with ModelCatalog.open(settings) as catalog:
            fill(settings.catalog_url, MODELS)
            database = Database(settings.catalog_url)
            with database.writing() as connection:
                connection.exec_driver_sql(NAMES)
            bare = sqlite3.connect(str(database.url.database))
            results = []
            for text, hits, target in (("MODEL-123456", 1, "<= 1.5"), ("model-1", 111_111, "<= 3")):
                assert len(_search(catalog, text)) == len(_search_bare(bare, text)) >= hits
                ratio = cpu_ratio(partial(_search, catalog, text), partial(_search_bare, bare, text), times=3)
                what = f"models --search, {MODELS:,} models, {len(_search_bare(bare, text)):,} found"
                results.append((f"{what}, CPU against bare SQL", ratio, target))
            bare.close()
            database.close()
    return results


def _search(catalog: ModelCatalog, text: str) -> list[tuple[object, ...]]:
    return list(catalog.iterate_columns(ModelFilter(search=text, is_active=None), COLUMNS))


def _search_bare(connection: sqlite3.Connection, text: str) -> list[tuple[object, ...]]:
    return connection.execute(BARE, {"text": text}).fetchall()
