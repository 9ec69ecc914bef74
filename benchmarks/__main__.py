"""Measure, and print each ratio beside its target: ``python -m benchmarks`` for all, or with the names of some.

With ``--write``, the results replace those of the same names in the table of ``docs/performance.md``.
"""

import sys

from benchmarks import (
    fetch,
    growth,
    history,
    ingest,
    judged,
    long_tables,
    model_pages,
    months,
    postgresql,
    reconcile,
    references,
    refusals,
    search,
    start,
    table,
    tracker,
    watch,
    web,
)

MEASUREMENTS = {
    "reconcile": reconcile.measure,
    "ingest": ingest.measure,
    "judged": judged.measure,
    "growth": growth.measure,
    "start": start.measure,
    "postgresql": postgresql.measure,
    "tracker": tracker.measure,
    "refusals": refusals.measure,
    "fetch": fetch.measure,
    "long_tables": long_tables.measure,
    "watch": watch.measure,
    "many-files": watch.measure_many,
    "history": history.measure,
    "history-full": history.measure_full,
    "references": references.measure,
    "search": search.measure,
    "web": web.measure,
    "model-pages": model_pages.measure,
    "months": months.measure,
    "months-full": months.measure_full,
}

BY_NAME_ONLY = ("months-full", "history-full")
"""Measurements that take long, or gigabytes."""

arguments = sys.argv[1:]
is_written = "--write" in arguments
chosen = [name for name in arguments if name != "--write"]
for name in chosen or [name for name in MEASUREMENTS if name not in BY_NAME_ONLY]:
    measured = MEASUREMENTS[name]()
    for what, ratio, target in measured:
        print(f"{what:<64} {ratio:8.2f}  {target}", flush=True)
    if is_written:
        table.record(name, measured)
