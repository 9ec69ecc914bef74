"""Measure, and print each ratio beside its target: ``python -m benchmarks`` for all, or with the names of some."""

import sys

from benchmarks import fetch, growth, ingest, long_tables, months, postgresql, reconcile, start, tracker

MEASUREMENTS = {
    "reconcile": reconcile.measure,
    "ingest": ingest.measure,
    "growth": growth.measure,
    "start": start.measure,
    "postgresql": postgresql.measure,
    "tracker": tracker.measure,
    "fetch": fetch.measure,
    "long_tables": long_tables.measure,
    "months": months.measure,
    "months-full": months.measure_full,
}

BY_NAME_ONLY = ("months-full",)
"""Measurements that take long, or gigabytes."""

for name in sys.argv[1:] or [name for name in MEASUREMENTS if name not in BY_NAME_ONLY]:
    for what, ratio, target in MEASUREMENTS[name]():
        print(f"{what:<64} {ratio:8.2f}  {target}", flush=True)
