"""Measure references: 5,000 entries beside 100,000 models, and a listing of 100,000 models with claims and without."""

import json
import sqlite3
import tempfile
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

from benchmarks.timing import NOON, cpu_ratio, listing, median
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter, SubmittedListing
from ghost_pipeline.settings import Settings

ROWS = 100_000
ENTRIES = 5_000
TABLE = "CREATE TABLE claims (id INTEGER PRIMARY KEY, model_id TEXT, fact TEXT, value, UNIQUE (model_id, fact))"
UPSERT = "INSERT INTO claims (model_id, fact, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"


def measure() -> list[tuple[str, float, str]]:
    """Return (what, ratio, target) of imports, of the search for conflicts, and of a listing beside claims."""
    with tempfile.TemporaryDirectory() as folder:
        with ModelCatalog.open(Settings(home=Path(folder) / "with")) as catalog:
            _reconcile(catalog, listing(ROWS), 0)
            bare = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
            bare.execute(TABLE)
            numbers = iter(range(1_000))
            changed = cpu_ratio(
                lambda: _import(catalog, next(numbers)), lambda: _import_bare(bare, _reference(next(numbers))), times=3
            )
            repeated = cpu_ratio(partial(_import, catalog, 0), partial(_import_bare, bare, _reference(0)), times=3)
            assert len(catalog.references.list_conflicts("input_price")) == ENTRIES
            bare.close()
            stated, filled = (
                ModelFilter(min_context_window=100_000, is_stated_only=is_only) for is_only in (True, False)
            )
            counted = cpu_ratio(
                lambda: catalog.count_undecided_models(filled), lambda: catalog.count_undecided_models(stated), times=5
            )
        return [
            (
                f"import of {ENTRIES:,} entries beside {ROWS:,} models, all changed, CPU against bare SQL",
                changed,
                "<= 15",
            ),
            ("the same import again, CPU against bare SQL", repeated, "<= 15"),
            (f"filter of {ROWS:,} models by filled facts against stated ones", counted, "<= 3"),
            (f"listing of {ROWS:,} rows, with claims against without", _ratio_of_listing(Path(folder)), "<= 1.25"),
        ]


def _ratio_of_listing(folder: Path) -> float:
    spans: dict[bool, list[float]] = {True: [], False: []}
    catalogs = {has: ModelCatalog.open(Settings(home=folder / f"claims-{has}")) for has in spans}
    content = listing(ROWS)
    for catalog in catalogs.values():
        _reconcile(catalog, content, 0)
    _import(catalogs[True], 0)
    for number in range(1, 3):  # in turns, so that a busy moment of the machine meets both
        content = listing(ROWS).replace(b"Lab: ", f"Lab {number}: ".encode())
        for has, catalog in catalogs.items():
            begun = time.process_time()
            _reconcile(catalog, content, number)
            spans[has].append(time.process_time() - begun)
    for catalog in catalogs.values():
        catalog.close()
    return median(spans[True]) / median(spans[False])


def _reconcile(catalog: ModelCatalog, content: bytes, number: int) -> None:
    submission = SubmittedListing("openrouter", "openrouter.json", content, NOON + timedelta(hours=number))
    catalog.reconcile(catalog.admit(submission).listing_id)


def _reference(number: int) -> bytes:
    """Return what models.dev would state of the first models of the listing, each time other prices."""
    price = 1 + number / 100
    entry = {"name": "M", "cost": {"input": price, "output": price}, "limit": {"context": 131_072, "output": 8_192}}
    return json.dumps({"openrouter": {"models": {f"lab/model-{one}": entry for one in range(ENTRIES)}}}).encode()


def _import(catalog: ModelCatalog, number: int) -> None:
    outcome = catalog.references.import_content("models-dev", "api.json", _reference(number), is_accepted=True)
    assert outcome.imported.is_applied


def _import_bare(connection: sqlite3.Connection, content: bytes) -> None:
    models = json.loads(content)["openrouter"]["models"]
    rows = [
        (model_id, fact, value)
        for model_id, entry in models.items()
        for fact, value in (
            *(("name", entry["name"]), ("input_price", entry["cost"]["input"])),
            *(("output_price", entry["cost"]["output"]), ("context_window", entry["limit"]["context"])),
            ("max_output_tokens", entry["limit"]["output"]),
        )
    ]
    connection.execute("BEGIN")
    connection.executemany(UPSERT, rows)
    connection.execute("COMMIT")
