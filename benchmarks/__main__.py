"""Measure, and print each ratio beside its target: ``python -m benchmarks`` for all, or with the names of some."""

import sys

from benchmarks import fetch, growth, ingest, long_tables, postgresql, reconcile, start, tracker

MEASUREMENTS = {
    "reconcile": reconcile.measure,
    "ingest": ingest.measure,
    "growth": growth.measure,
    "start": start.measure,
    "postgresql": postgresql.measure,
    "tracker": tracker.measure,
    "fetch": fetch.measure,
    "long_tables": long_tables.measure,
}

for name in sys.argv[1:] or MEASUREMENTS:
    for what, ratio, target in MEASUREMENTS[name]():
        print(f"{what:<64} {ratio:8.2f}  {target}", flush=True)
