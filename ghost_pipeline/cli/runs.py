"""Dagster runs for ``ingest``, shared by two worker processes.

A run is half a second of Dagster's bookkeeping, nearly all of it computing, so two cores halve it. The workers come
from a fork server that loads Dagster once; this process never does.
"""

import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ghost_pipeline.listings import ListingFile

if TYPE_CHECKING:
    from ghost_pipeline.defs.ingest import Ingestion, RunReport

WORKERS = 2

_ingestion: "Ingestion | None" = None  # one a worker process, which ends with the pool


def run_all(files: Sequence[ListingFile], observed_at: datetime) -> Iterator["RunReport"]:
    """Run each file's ``ingest_listing``, give the reports in the files' order, then run the statistics."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ghost_pipeline.definitions", "ghost_pipeline.cli"])
    with ProcessPoolExecutor(WORKERS, context, _begin, (dict(os.environ), Path.cwd())) as pool:
        # The first run makes Dagster's own tables; two processes at once would trip over each other.
        first = pool.submit(_run, files[0], observed_at).result()
        yield first
        yield from pool.map(_run, files[1:], [observed_at] * len(files[1:]))
        pool.submit(_refresh_statistics).result()


def _begin(environ: Mapping[str, str], folder: Path) -> None:
    """Make a worker, whose fork server may be older than the call, see the world as the caller does."""
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)


def _opened() -> "Ingestion":
    global _ingestion  # noqa: PLW0603
    if _ingestion is None:
        from ghost_pipeline.definitions import build_definitions  # noqa: PLC0415
        from ghost_pipeline.defs.ingest import Ingestion  # noqa: PLC0415
        from ghost_pipeline.defs.instance import open_instance  # noqa: PLC0415
        from ghost_pipeline.settings import Settings  # noqa: PLC0415

        _ingestion = Ingestion(build_definitions(), open_instance(Settings.from_environment()))
    return _ingestion


def _run(file: ListingFile, observed_at: datetime) -> "RunReport":
    return _opened().ingest(file, observed_at)


def _refresh_statistics() -> None:
    _opened().refresh_statistics()
