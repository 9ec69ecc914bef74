"""Measure twenty providers of 500 models, 200 ms away: all together against the slowest one alone, and the memory."""

import multiprocessing
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.timing import NOON, listing
from ghost_pipeline.fetching.fetch import fetch_listings
from ghost_pipeline.fetching.outcome import FetchResult
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.settings import FetchLimits

PROVIDERS, MODELS, LATENCY = 20, 500, 0.2
ROUNDS = 5
LIMITS = FetchLimits(keep_files=1)


def measure() -> list[tuple[str, float, str]]:
    """Return (what, ratio, target)."""
    size = len(listing(MODELS))
    with _provider() as base_url, tempfile.TemporaryDirectory() as folder:
        endpoints = [Endpoint(f"provider-{number}", base_url, is_key_required=False) for number in range(PROVIDERS)]
        _fetch(endpoints[:1], folder)  # loads what is loaded once
        ratios = []
        for _ in range(ROUNDS):
            slowest = max(_fetch([endpoint], folder) for endpoint in endpoints)
            ratios.append(_fetch(endpoints, folder) / slowest)
        peak = _peak_bytes(endpoints, folder)
    return [
        (f"{PROVIDERS} providers, against the slowest one alone", sorted(ratios)[ROUNDS // 2], "<= 1.5"),
        ("peak memory, against the largest answer times the concurrency", peak / (size * PROVIDERS), "<= 2"),
    ]


def _fetch(endpoints: list[Endpoint], folder: str) -> float:
    begun = time.perf_counter()
    outcomes = fetch_listings(endpoints, Path(folder), LIMITS, NOON)
    span = time.perf_counter() - begun
    assert {(one.result, one.models) for one in outcomes} == {(FetchResult.FETCHED, MODELS)}
    return span


def _peak_bytes(endpoints: list[Endpoint], folder: str) -> float:
    tracemalloc.start()
    _fetch(endpoints, folder)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@contextmanager
def _provider() -> Iterator[str]:
    """Yield the URL of a server that runs in its own process."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    yield f"http://127.0.0.1:{ours.recv()}"
    server.terminate()
    server.join()


def _serve(to_parent: Connection) -> None:
    content = listing(MODELS)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            time.sleep(LATENCY)
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it is called by
            pass

    ThreadingHTTPServer.request_queue_size = PROVIDERS
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    to_parent.send(server.server_port)
    server.serve_forever()
