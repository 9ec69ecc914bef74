"""Measure the catalog on PostgreSQL against the least work possible for the same rows on the same server."""

import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psycopg2

from benchmarks.growth import fill, ratio_of_growth
from benchmarks.reconcile import ROWS, one_transaction_each
from benchmarks.timing import NOON, listing, median
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.postgres import Server

PROVIDERS = ("anthropic", "cohere", "deepseek", "google", "groq", "mistral", "openai", "xai")
ROWS_OF_EACH = 20_000
TABLE = """CREATE TABLE bare (id bigserial PRIMARY KEY, provider_id text, model_id text, name text,
    context_window bigint, last_seen_at timestamptz, provider_data jsonb, UNIQUE (provider_id, model_id))"""
COLUMNS = "provider_id, model_id, name, context_window, last_seen_at, provider_data"
UPSERT = f"""INSERT INTO bare ({COLUMNS}) SELECT {COLUMNS} FROM staging ON CONFLICT (provider_id, model_id) DO UPDATE
    SET name = excluded.name, context_window = excluded.context_window, last_seen_at = excluded.last_seen_at,
    provider_data = excluded.provider_data"""
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
WORKER = """
import sys
from pathlib import Path
from benchmarks.postgresql import opened
with opened(sys.argv[1], Path(sys.argv[2])) as catalog:
    catalog.list_providers()
    print("ready", flush=True)
    sys.stdin.readline()
    catalog.reconcile(int(sys.argv[3]))
"""


def measure(rounds: int = 3) -> list[tuple[str, float, str]]:
    """Return (what, ratio, target) of each claim."""
    with _server() as server:
        return [*_bulk(server, rounds), *_growth(server), *_eight_at_once(server, rounds)]


@contextmanager
def _server() -> Iterator[Server]:
    server = Server(is_durable=True)
    try:
        yield server
    finally:
        server.stop()


def _bulk(server: Server, rounds: int) -> list[tuple[str, float, str]]:
    content = listing(ROWS)
    bare, single, ours = [], [], []
    for _ in range(rounds):
        url = server.new_url()
        bare.append(_bare(url, content))
        server.drop(url)
        url = server.new_url()
        single.append(one_transaction_each(url, content))
        server.drop(url)
        url = server.new_url()
        ours.append(_ours(url, content))
        server.drop(url)
    return [
        ("PostgreSQL: reconcile, against bare COPY + ON CONFLICT", median(bare) / median(ours), ">= 0.4"),
        ("PostgreSQL: reconcile, against one transaction a model", median(single) / median(ours), ">= 10"),
    ]


def _bare(url: str, content: bytes) -> float:
    connection = psycopg2.connect(url)
    with connection.cursor() as cursor:
        cursor.execute(TABLE)
        connection.commit()
        begun = time.perf_counter()
        cursor.execute("CREATE TEMPORARY TABLE staging (LIKE bare) ON COMMIT DROP")
        cursor.execute("ALTER TABLE staging ALTER id DROP NOT NULL")
        cursor.copy_expert(f"COPY staging ({COLUMNS}) FROM STDIN", io.StringIO("".join(_lines(content))))
        cursor.execute(UPSERT)
        connection.commit()
        span = time.perf_counter() - begun
    connection.close()
    return span


def _lines(content: bytes) -> Iterator[str]:
    for row in json.loads(content)["data"]:
        values = ("openrouter", row["id"], row["name"], str(row["context_length"]), str(NOON), json.dumps(row))
        yield "\t".join([value.translate(ESCAPES) if "\\" in value else value for value in values]) + "\n"


def _ours(url: str, content: bytes) -> float:
    with tempfile.TemporaryDirectory() as home, opened(url, Path(home)) as catalog:
        listing_id = _admitted(catalog, "openrouter", content, NOON)
        begun = time.perf_counter()
        outcome = catalog.reconcile(listing_id)
        span = time.perf_counter() - begun
    assert outcome.counts is not None
    assert outcome.counts.created == ROWS
    return span


def _growth(server: Server) -> list[tuple[str, float, str]]:
    def filled(folder: Path, models: int) -> ModelCatalog:
        catalog = opened(server.new_url(), folder)
        fill(catalog.settings.catalog_url, models)
        return catalog

    return [(f"PostgreSQL: {what}", ratio, target) for what, ratio, target in ratio_of_growth(filled)]


def _eight_at_once(server: Server, rounds: int) -> list[tuple[str, float, str]]:
    in_a_row, at_once = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as home:
            url = server.new_url()
            with opened(url, Path(home)) as catalog:
                admitted = _admit_each(catalog, NOON)
                begun = time.perf_counter()
                for listing_id in admitted:
                    catalog.reconcile(listing_id)
                in_a_row.append(time.perf_counter() - begun)
            server.drop(url)
            url = server.new_url()
            with opened(url, Path(home)) as catalog:
                admitted = _admit_each(catalog, NOON)
            at_once.append(_reconcile_at_once(url, home, admitted))
            server.drop(url)
    ratio = median(at_once) / (median(in_a_row) / 2)
    return [("PostgreSQL: eight processes, against half the time in a row", ratio, "<= 1.5")]


def _admit_each(catalog: ModelCatalog, at: datetime) -> list[int]:
    return [_admitted(catalog, provider_id, listing(ROWS_OF_EACH), at) for provider_id in PROVIDERS]


def _reconcile_at_once(url: str, home: str, admitted: list[int]) -> float:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, url, home, str(listing_id)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for listing_id in admitted
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    begun = time.perf_counter()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate()
    span = time.perf_counter() - begun
    assert [worker.returncode for worker in workers] == [0] * len(workers)
    return span


def opened(url: str, home: Path) -> ModelCatalog:
    """Return the catalog at that URL, with its archive in ``home``."""
    return ModelCatalog.open(Settings(home=home, database_url=url))


def _admitted(catalog: ModelCatalog, provider_id: str, content: bytes, at: datetime) -> int:
    submission = SubmittedListing(provider_id, f"{provider_id}.json", content, at)
    return catalog.admit(submission).listing_id
