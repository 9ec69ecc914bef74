"""Measure ``changes --since`` and ``models --at`` in a catalog with a long history, against bare indexed queries."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from benchmarks.growth import fill
from benchmarks.timing import NOON, cpu_ratio
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.repository import model_record
from ghost_pipeline.catalog.storage.tables import Instant, listings, model_events, models
from ghost_pipeline.settings import Settings

MODELS = 100_000
"""1,000,000 for the numbers of docs/performance.md."""
EVENTS_OF_EACH = 10
READ = 50_000
"""Changes that are read from the middle of the history."""

EVENTS = """
INSERT INTO model_events (provider_id, model_id, kind, at, source, details, recorded_at)
WITH RECURSIVE round(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM round WHERE i < :last)
SELECT provider_id, model_id, CASE i WHEN 0 THEN 'discovered' ELSE 'changed' END, datetime(:noon, '+' || i || ' hours')
    || '.000000', 'INDEX', CASE i WHEN 0 THEN NULL ELSE '{"context_window":{"new":' || i || ',"old":' || (i - 1) || '}}'
    END, datetime(:noon, '+' || i || ' hours') || '.000000'
FROM round CROSS JOIN models
"""
BATCHES = """
INSERT INTO event_batches (position, provider_id, recorded_at, first_id, last_id, event_count)
SELECT row_number() OVER (ORDER BY min(id)), provider_id, recorded_at, min(id), max(id), count(*)
FROM model_events GROUP BY provider_id, recorded_at
"""


def measure() -> list[tuple[str, float, str]]:
    """Return (what, ratio, target) on SQLite."""
    with _filled() as (catalog, database):
        middle = NOON + timedelta(hours=EVENTS_OF_EACH // 2)
        cursor = catalog.list_changes(middle, limit=1).cursor
        changes = cpu_ratio(lambda: _read_changes(catalog, cursor), lambda: _read_events(database), times=5)
        recent = NOON + timedelta(hours=EVENTS_OF_EACH - 1, minutes=-1)
        at = cpu_ratio(lambda: _read_models_at(catalog, recent), lambda: _read_models_and_events(database), times=1)
    size = f"{MODELS:,} models, {MODELS * EVENTS_OF_EACH:,} events"
    return [
        (f"changes --since, {size}, CPU against an indexed query", changes, "<= 2"),
        (f"models --at, {size}, CPU against an indexed query", at, "<= 3"),
    ]


@contextmanager
def _filled() -> Iterator[tuple[ModelCatalog, Database]]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        with ModelCatalog.open(settings) as catalog:
            fill(settings.catalog_url, MODELS)
            database = Database(settings.catalog_url)
            with database.writing() as connection:
                noon = sa.bindparam("noon", NOON, Instant())
                connection.execute(sa.text(EVENTS).bindparams(noon, last=EVENTS_OF_EACH - 1))
                connection.execute(sa.text(BATCHES))
                connection.exec_driver_sql("ANALYZE")
            yield catalog, database
            database.close()


def _read_changes(catalog: ModelCatalog, since: str) -> None:
    read = 0
    while read < READ:
        page = catalog.list_changes(since)
        read, since = read + len(page.changes), page.cursor


def _read_models_at(catalog: ModelCatalog, at: datetime) -> None:
    for _ in catalog.history.iterate_models(at, ModelFilter(is_active=None)):
        pass


def _read_events(database: Database) -> None:
    """Read as many events by their key, with the model's name and the listing's digest, as rows of typed values."""
    events = model_events.c
    same_model = sa.and_(models.c.provider_id == events.provider_id, models.c.model_id == events.model_id)
    query = (
        sa.select(model_events, models.c.name, models.c.last_used_at, listings.c.sha256)
        .outerjoin(models, same_model)
        .outerjoin(listings, listings.c.id == events.listing_id)
        .order_by(events.id)
        .limit(1_000)
    )
    after = MODELS * EVENTS_OF_EACH // 2
    for _ in range(READ // 1_000):
        with database.reading() as connection:
            after = connection.execute(query.where(events.id > after)).all()[-1].id


def _read_models_and_events(database: Database) -> None:
    """Read every model as it is, in pages by its key, and the events of the last hour by their key."""
    after = ("", "")
    key = (models.c.provider_id, models.c.model_id)
    while True:
        with database.reading() as connection:
            query = sa.select(models).where(sa.tuple_(*key) > after).order_by(*key).limit(1_000)
            page = [model_record(row) for row in connection.execute(query)]
        if not page:
            break
        after = (page[-1].provider_id, page[-1].model_id)
    with database.reading() as connection:
        newest = sa.select(model_events).where(model_events.c.id > MODELS * (EVENTS_OF_EACH - 1))
        for _ in connection.execute(newest.execution_options(yield_per=1_000)):
            pass
