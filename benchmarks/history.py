"""Measure ``changes --since`` and ``models --at`` in a catalog with a long history, against bare indexed queries."""

import tempfile
import time
from collections.abc import Callable, Iterator
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
from ghost_pipeline_tests.postgres import Server

EVENTS_OF_EACH = 10
READ = 50_000
"""Changes that are read from the middle of the history."""

EVENTS = """
INSERT INTO model_events (provider_id, model_id, kind, at, source, details, recorded_at)
WITH RECURSIVE round(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM round WHERE i < :last)
SELECT provider_id, model_id, CASE i WHEN 0 THEN 'discovered' ELSE 'changed' END, {at}, 'INDEX',
    {details}, {at}
FROM round CROSS JOIN models ORDER BY i, models.id
"""
SQLITE = {
    "at": "datetime(:noon, '+' || i || ' hours') || '.000000'",
    "details": """CASE i WHEN 0 THEN NULL ELSE '{"context_window":{"new":' || i || ',"old":' || (i - 1) || '}}' END""",
}
POSTGRESQL = {
    "at": "CAST(:noon AS timestamptz) + i * interval '1 hour'",
    "details": """CASE i WHEN 0 THEN NULL
    ELSE CAST('{"context_window":{"new":' || i || ',"old":' || (i - 1) || '}}' AS jsonb) END""",
}
BATCHES = """
INSERT INTO event_batches (position, provider_id, recorded_at, first_id, last_id, event_count)
SELECT row_number() OVER (ORDER BY min(id)), provider_id, recorded_at, min(id), max(id), count(*)
FROM model_events GROUP BY provider_id, recorded_at
"""


def measure(model_count: int = 100_000) -> list[tuple[str, float, str]]:
    """Return (what, ratio, target) on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        with _filled(settings, model_count, SQLITE) as (catalog, database):
            return _measure(catalog, database, model_count, "SQLite", time.process_time)


def measure_full() -> list[tuple[str, float, str]]:
    """Return (what, ratio, target) with 1,000,000 models on both databases."""
    return [*measure(1_000_000), *measure_postgresql(1_000_000)]


def measure_postgresql(model_count: int) -> list[tuple[str, float, str]]:
    """Return (what, ratio, target) on PostgreSQL, by the CPU time of this process and of the server."""
    server = Server()
    try:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(home=Path(folder), database_url=server.new_url())
            with _filled(settings, model_count, POSTGRESQL) as (catalog, database):
                return _measure(
                    catalog,
                    database,
                    model_count,
                    "PostgreSQL",
                    lambda: time.process_time() + server.cpu_seconds(),
                )
    finally:
        server.stop()


def _measure(
    catalog: ModelCatalog, database: Database, model_count: int, name: str, clock: Callable[[], float]
) -> list[tuple[str, float, str]]:
    middle = NOON + timedelta(hours=EVENTS_OF_EACH // 2)
    cursor = catalog.list_changes(middle, limit=1).cursor
    half = model_count * EVENTS_OF_EACH // 2
    changes = cpu_ratio(lambda: _read_changes(catalog, cursor), lambda: _read_events(database, half), 5, clock)
    recent = NOON + timedelta(hours=EVENTS_OF_EACH - 1, minutes=-1)
    newest = model_count * (EVENTS_OF_EACH - 1)
    at = cpu_ratio(
        lambda: _read_models_at(catalog, recent), lambda: _read_models_and_events(database, newest), 1, clock
    )
    size = f"{name}: {model_count:,} models, {model_count * EVENTS_OF_EACH:,} events"
    return [
        (f"{size}: changes --since, CPU against an indexed query", changes, "<= 2"),
        (f"{size}: models --at, CPU against an indexed query", at, "<= 3"),
    ]


@contextmanager
def _filled(settings: Settings, model_count: int, dialect: dict[str, str]) -> Iterator[tuple[ModelCatalog, Database]]:
    with ModelCatalog.open(settings) as catalog:
        fill(settings.catalog_url, model_count)
        database = Database(settings.catalog_url)
        with database.writing() as connection:
            noon = sa.bindparam("noon", NOON, Instant())
            # The colons of JSON are no parameters.
            details = dialect["details"].replace(":", "\\:")
            events = sa.text(EVENTS.format(at=dialect["at"], details=details))
            connection.execute(events.bindparams(noon, last=EVENTS_OF_EACH - 1))
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


def _read_events(database: Database, after: int) -> None:
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
    for _ in range(READ // 1_000):
        with database.reading() as connection:
            after = connection.execute(query.where(events.id > after)).all()[-1].id


def _read_models_and_events(database: Database, after_id: int) -> None:
    """Read every model as it is, in pages by its key, and the events after one by their key."""
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
        newest = sa.select(model_events).where(model_events.c.id > after_id)
        for _ in connection.execute(newest.execution_options(yield_per=1_000)):
            pass
