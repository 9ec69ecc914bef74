"""Measure the web page on 1,000,000 models on SQLite: its pages against bare SQL, and readers beside a writer.

A page is requested from the application itself, so that its time is the server's and not the network's. What is
compared with SQL is the time of the processor, which other programs change less. Where SQL takes less than a
millisecond, a page takes what a request, a template and its rows cost, and the ratio to the SQL has no target: that of
one model needs 0.03 ms of SQL.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.growth import fill
from benchmarks.search import NAMES
from benchmarks.timing import NOON, listing, median, median_seconds
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.browsing.selection import MOST_COUNTED
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.settings import Settings
from ghost_pipeline.web.application import create_application
from ghost_pipeline.web.security import Application

MODELS = 1_000_000
MODELS_A_PROVIDER = 20_000
ROWS = 100_000
"""Of the listing that is reconciled beside the readers."""

READERS = 50
PAUSE_SECONDS = 0.2
"""Between two requests of a reader."""

LEAST_SECONDS = 0.001
"""The shortest SQL that a page is compared with."""

TIMES = 9

_PAGE = "SELECT * FROM models WHERE {condition} ORDER BY provider_id, model_id LIMIT 50"
_COUNT = f"SELECT count(*) FROM (SELECT 1 FROM models WHERE {{condition}} LIMIT {MOST_COUNTED + 1})"
_CONTAINS = "(model_id LIKE '%{text}%' OR name LIKE '%{text}%' OR aliases LIKE '%{text}%')"
_KEY = "provider_id = 'p0' AND model_id = 'lab/model-7'"

PAGES: Mapping[str, tuple[str, Mapping[str, str], tuple[str, ...]]] = {
    "search, common text": (
        "/models",
        {"search": "model-1"},
        tuple(query.format(condition=_CONTAINS.format(text="model-1")) for query in (_PAGE, _COUNT)),
    ),
    "search, rare text": (
        "/models",
        {"search": "model-123456"},
        tuple(query.format(condition=_CONTAINS.format(text="model-123456")) for query in (_PAGE, _COUNT)),
    ),
    "filter": (
        "/models",
        {"provider": "p7", "state": "active"},
        tuple(query.format(condition="provider_id = 'p7' AND is_active") for query in (_PAGE, _COUNT)),
    ),
    "model": (
        "/model",
        {"provider": "p0", "id": "lab/model-7"},
        (
            f"SELECT * FROM models WHERE {_KEY}",
            f"SELECT * FROM model_events WHERE {_KEY} ORDER BY id DESC LIMIT 50",
            "SELECT * FROM providers WHERE id = 'p0'",
        ),
    ),
    "API, search": (
        "/api/v1/models",
        {"search": "model-1", "limit": "50"},
        (_PAGE.format(condition=_CONTAINS.format(text="model-1")),),
    ),
    "API, model": (
        "/api/v1/model",
        {"provider": "p0", "id": "lab/model-7"},
        (f"SELECT * FROM models WHERE {_KEY}", f"SELECT * FROM model_events WHERE {_KEY} ORDER BY id LIMIT 1000"),
    ),
    "page 19,000": (
        "/models",
        {"page": "19000"},
        (f"{_PAGE.format(condition='1')} OFFSET 949950", _COUNT.format(condition="1")),
    ),
    "providers": ("/providers", {}, ("SELECT provider_id, count(*) FROM models GROUP BY provider_id",)),
}
"""What -> path, parameters, and the SQL that it can't do without."""


def measure(models: int = MODELS, rows: int = ROWS) -> list[tuple[str, float, str]]:
    """Return (what, value, target)."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        ModelCatalog.open(settings).close()
        fill(settings.catalog_url, models, MODELS_A_PROVIDER)
        database = Database(settings.catalog_url)
        with database.writing() as connection:
            connection.exec_driver_sql(NAMES)
        database.close()
        return [*_measure_pages(settings, models), _measure_readers(settings, rows)]


def _measure_pages(settings: Settings, models: int) -> Iterator[tuple[str, float, str]]:
    bare = sqlite3.connect(settings.home / "catalog.db")
    with ModelCatalog.open_read_only(settings) as catalog:
        application = create_application(catalog)
        largest = 0
        for name, (path, parameters, statements) in PAGES.items():
            ours, elapsed, size = asyncio.run(_time_page(application, path, parameters))
            largest = max(largest, size)
            theirs = _median_cpu(partial(_execute, bare, statements))
            what = f"web page: {name}, {models:,} models"
            yield f"{what}, ms of server time", elapsed * 1_000, "<= 100"
            yield f"{what}, ms of the processor", ours * 1_000, ""
            if theirs >= LEAST_SECONDS:
                yield f"{what}, against bare SQL", ours / theirs, "<= 3"
        yield "web page: the largest of these, kB", largest / 1_000, "< 150"
    bare.close()


def _median_cpu(action: Callable[[], object]) -> float:
    """Return the median seconds of the processor, of all threads."""
    action()
    spans = []
    for _ in range(TIMES):
        begun = time.process_time()
        action()
        spans.append(time.process_time() - begun)
    return median(spans)


async def _time_page(application: Application, path: str, parameters: Mapping[str, str]) -> tuple[float, float, int]:
    """Return the median seconds of the processor, of all threads, and of the clock that a page takes, and its bytes."""
    size = await _get(application, path, parameters)
    of_processor, elapsed = [], []
    for _ in range(TIMES):
        cpu, begun = time.process_time(), time.perf_counter()
        await _get(application, path, parameters)
        of_processor.append(time.process_time() - cpu)
        elapsed.append(time.perf_counter() - begun)
    return median(of_processor), median(elapsed), size


def _execute(connection: sqlite3.Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        connection.execute(statement).fetchall()


async def _get(application: Application, path: str, parameters: Mapping[str, str]) -> int:
    """Return the number of bytes of a page."""
    size = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal size
        assert message.get("status", 200) == 200, message
        size += len(message.get("body", b""))

    scope: dict[str, Any] = {"type": "http", "http_version": "1.1", "method": "GET", "scheme": "http"}
    scope |= {"path": path, "raw_path": path.encode(), "query_string": urlencode(parameters).encode()}
    scope |= {"headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 3001)}
    await application(scope, receive, send)
    return size


def _measure_readers(settings: Settings, rows: int) -> tuple[str, float, str]:
    """Return how much longer a listing takes while READERS ask for pages, each in its turn with and without."""
    alone, beside = [], []
    content = listing(rows)
    with ModelCatalog.open(settings) as catalog:
        _reconcile(catalog, content, 0)  # creates its models; from then on all are updated
        for number in (1, 3, 5):
            alone.append(median_seconds(partial(_reconcile, catalog, content, number), 1))
            with _readers(settings):
                beside.append(median_seconds(partial(_reconcile, catalog, content, number + 1), 1))
    what = f"listing of {rows:,} rows beside {READERS} readers of the web page, against alone"
    return what, median(beside) / median(alone), "<= 1.5"


def _reconcile(catalog: ModelCatalog, content: bytes, number: int) -> None:
    name, at = "openrouter_models.json", NOON + timedelta(hours=number)
    changed = content.replace(b"131072", str(131_072 + number).encode())
    catalog.reconcile(catalog.admit(SubmittedListing("openrouter", name, changed, at)).listing_id)


@contextmanager
def _readers(settings: Settings) -> Iterator[None]:
    """Let readers ask for pages, in a process of its own as the server is."""
    import multiprocessing  # noqa: PLC0415

    context = multiprocessing.get_context("spawn")
    is_ready = context.Event()
    process = context.Process(target=_read, args=(settings, is_ready), daemon=True)
    process.start()
    is_ready.wait(60)
    try:
        yield
    finally:
        process.kill()
        process.join()


def _read(settings: Settings, is_ready: Any) -> None:
    with ModelCatalog.open_read_only(settings) as catalog:
        asyncio.run(_read_forever(create_application(catalog), is_ready))


async def _read_forever(application: Application, is_ready: Any) -> None:
    async def read(number: int) -> None:
        await asyncio.sleep(PAUSE_SECONDS * number / READERS)
        while True:
            path, parameters, _ = list(PAGES.values())[2 + number % 4]
            await _get(application, path, parameters)
            is_ready.set()
            await asyncio.sleep(PAUSE_SECONDS)

    await asyncio.gather(*map(read, range(READERS)))
