"""``python -m benchmarks [reconcile|growth|start]``: measure, and print each ratio beside its target."""

import sys

from benchmarks import growth, reconcile, start

MEASUREMENTS = {"reconcile": reconcile.measure, "growth": growth.measure, "start": start.measure}

for name in sys.argv[1:] or MEASUREMENTS:
    for what, ratio, target in MEASUREMENTS[name]():
        print(f"{what:<60} {ratio:8.2f}  {target}", flush=True)
