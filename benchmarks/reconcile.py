"""Measure one listing of 100,000 models on SQLite against the least work possible for it."""

import json
import sqlite3
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.timing import NOON, listing
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.repository import get_or_create_provider, insert_models, read_model, update_models
from ghost_pipeline.catalog.storage.tables import metadata
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline.listings.parsing import parse_listing
from ghost_pipeline.settings import Settings

ROWS = 100_000
SINGLE_ROWS = 2_000
TABLE = """CREATE TABLE models (id INTEGER PRIMARY KEY, provider_id TEXT, model_id TEXT, name TEXT,
    context_window INTEGER, last_seen_at TEXT, provider_data TEXT, UNIQUE (provider_id, model_id))"""
UPSERT = """INSERT INTO models (provider_id, model_id, name, context_window, last_seen_at, provider_data)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (provider_id, model_id) DO UPDATE SET name = excluded.name,
    context_window = excluded.context_window, last_seen_at = excluded.last_seen_at,
    provider_data = excluded.provider_data"""


def measure(rounds: int = 3) -> list[tuple[str, float, str]]:
    """Return (what, ratio, target) of each claim."""
    content = listing(ROWS)
    bare, single, first, again = [], [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            bare.append(time_bare_upsert(Path(folder), content))
            single.append(one_transaction_each(f"sqlite:///{folder}/single.db", content))
            reconciled, ingested, repeated = _ours(Path(folder), content)
            first.append((reconciled, ingested))
            again.append(repeated)
    reconciled = sorted(one for one, _ in first)[rounds // 2]
    ingested = sorted(one for _, one in first)[rounds // 2]
    return [
        ("reconcile, against bare json + executemany", sorted(bare)[rounds // 2] / reconciled, ">= 0.4"),
        ("reconcile, against one SQLAlchemy transaction a model", sorted(single)[rounds // 2] / reconciled, ">= 15"),
        ("identical listing, against its first ingest", ingested / sorted(again)[rounds // 2], ">= 3"),
    ]


def _rows(content: bytes) -> list[tuple[object, ...]]:
    return [
        ("openrouter", row["id"], row["name"], row["context_length"], str(NOON), json.dumps(row))
        for row in json.loads(content)["data"]
    ]


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(TABLE)
    return connection


def time_bare_upsert(folder: Path, content: bytes) -> float:
    """Return the seconds that ``json`` and one ``executemany`` in one transaction take for a listing."""
    connection = _connected(folder / "bare.db")
    begun = time.perf_counter()
    rows = _rows(content)
    connection.execute("BEGIN")
    connection.executemany(UPSERT, rows)
    connection.execute("COMMIT")
    span = time.perf_counter() - begun
    connection.close()
    return span


def one_transaction_each(url: str, content: bytes) -> float:
    """Seconds for all rows, from those of a part; the parsing counts once and whole.

    As the pattern was first built: for each model look it up, insert or update it with SQLAlchemy, commit.
    """
    database = Database(url)
    metadata.create_all(database.engine)
    with database.writing() as connection:
        get_or_create_provider(connection, "openrouter")
    begun = time.perf_counter()
    listed = parse_listing("openrouter", content).models
    parsed = time.perf_counter() - begun
    begun = time.perf_counter()
    for one in listed[:SINGLE_ROWS]:
        record = ModelRecord("openrouter", one.model_id, Source.INDEX, True, NOON, NOON, name=one.facts.name)
        with database.writing() as connection:
            known = read_model(connection, record.provider_id, record.model_id)
            if known is None:
                insert_models(connection, [record])
            else:
                update_models(connection, [(known, record)])
    span = time.perf_counter() - begun
    database.close()
    return parsed + span * len(listed) / SINGLE_ROWS


def _ours(folder: Path, content: bytes) -> tuple[float, float, float]:
    """Seconds of: the first reconcile, the first ingest (with admission), the ingest of the same bytes again."""
    with ModelCatalog.open(Settings(home=folder / "home")) as catalog:
        begun = time.perf_counter()
        listing_id = _admit(catalog, content, NOON)
        admitted = time.perf_counter()
        catalog.reconcile(listing_id)
        reconciled = time.perf_counter()
        outcome = catalog.reconcile(_admit(catalog, content, NOON + timedelta(hours=1)))
        repeated = time.perf_counter()
    assert outcome.counts is not None
    assert outcome.counts.confirmed == ROWS
    return reconciled - admitted, reconciled - begun, repeated - reconciled


def _admit(catalog: ModelCatalog, content: bytes, at: datetime) -> int:
    submission = SubmittedListing("openrouter", "openrouter.json", content, at)
    return catalog.admit(submission).listing_id
