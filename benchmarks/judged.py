"""Measure what a listing costs that is judged for implausible facts, and compared with what operators stated."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from unittest import mock

import sqlalchemy as sa

from benchmarks.timing import NOON, listing, median
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.ingestion import reconcile
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.postgres import Server

ROWS = 100_000
STATED = 100
"""Models of which an operator stated a fact, in one of the measurements."""


def measure(rounds: int = 4) -> list[tuple[str, float, str]]:
    """Return (what, ratio, target) of each claim: CPU seconds of this process and of the server's."""
    with tempfile.TemporaryDirectory() as folder:
        results = _of_database("SQLite", Settings(home=Path(folder)), rounds)
    server = Server()
    try:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(home=Path(folder), database_url=server.new_url())
            return results + _of_database(
                "PostgreSQL", settings, rounds, lambda: time.process_time() + server.cpu_seconds()
            )
    finally:
        server.stop()


def _of_database(
    label: str, settings: Settings, rounds: int, clock: Callable[[], float] = time.process_time
) -> list[tuple[str, float, str]]:
    whole = listing(ROWS)
    contents = [_repriced(whole, price) for price in ("0.00000015", "0.00000016")]
    numbers = count()
    with ModelCatalog.open(settings) as catalog:

        def cpu_seconds(patches: Callable[[], Iterator[object]]) -> float:
            number = next(numbers)
            content = contents[number % 2] + b" " * number  # of the same bytes nothing is judged
            at = NOON + timedelta(hours=2 * number)
            admitted = catalog.admit(SubmittedListing("openrouter", "openrouter.json", content, at))
            with contextmanager(patches)():
                begun = clock()
                catalog.reconcile(admitted.listing_id)
                return clock() - begun

        for patches in (_whole, _without_operators, _bare, _whole):
            cpu_seconds(patches)
        judged, looked = [], []
        for number in range(rounds):
            order = (_bare, _without_operators, _whole)
            spans = {patches: cpu_seconds(patches) for patches in (order if number % 2 else reversed(order))}
            judged.append(spans[_whole] / spans[_bare])
            looked.append(spans[_whole] / spans[_without_operators])
        stated = [
            {"provider_id": "openrouter", "model_id": f"lab/model-{one}", "context_window": 5} for one in range(STATED)
        ]
        catalog.add_manual_models(stated)
        cpu_seconds(_whole)
        kept = [cpu_seconds(_whole) / cpu_seconds(_without_operators) for _ in range(rounds)]
    what = f"{label}: listing of {ROWS:,} rows, CPU"
    return [
        (f"{what}, judged and compared with operators' facts, against neither", median(judged), "<= 1.25"),
        (f"{what}, compared with operators' facts, none stated, against not", median(looked), "<= 1.02"),
        (f"{what}, the same, {STATED} stated", median(kept), "<= 1.05"),
    ]


def _repriced(content: bytes, price: str) -> bytes:
    """Return the listing with a price in one row of a hundred, which is plausible."""
    rows = json.loads(content)["data"]
    for row in rows[::100]:
        row["pricing"]["prompt"] = price
    return json.dumps({"data": rows}).encode()


def _whole() -> Iterator[None]:
    yield


def _without_operators() -> Iterator[None]:
    with mock.patch.object(reconcile, "record_listed_values", return_value=False):
        yield


def _bare() -> Iterator[None]:
    with mock.patch.object(reconcile, "may_be_doubted", sa.null):
        find = reconcile._statements_of_changes()[0]
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(reconcile, "_FIND_CHANGED", find))
        stack.enter_context(mock.patch.object(reconcile, "withhold_implausible", return_value=({}, [])))
        stack.enter_context(mock.patch.object(reconcile, "record_listed_values", return_value=False))
        yield
