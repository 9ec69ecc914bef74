"""``python -m simulation --seed N --days D --providers P [--database URL] [--jobs J] [--story]``."""

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from simulation.runner import Report, Scenario, print_failure, run, shrink


def main() -> int:
    """Run the simulation as the command line asks; return 1 if an invariant broke."""
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after the other")
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--providers", type=int, default=4)
    parser.add_argument(
        "--database", default="", help="URL of an empty, migrated database; SQLite in a folder unless given"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes that run seeds side by side, on SQLite only")
    parser.add_argument("--story", action="store_true", help="print every step")
    asked = parser.parse_args()
    scenarios = [Scenario(asked.seed + number, asked.days, asked.providers) for number in range(asked.seeds)]
    tell = print if asked.story else None
    if asked.jobs > 1 and not asked.database:
        with ProcessPoolExecutor(asked.jobs) as pool:
            reports = list(pool.map(run, scenarios))
    else:
        reports = [partial(run, database_url=asked.database, tell=tell)(scenario) for scenario in scenarios]
    _print(reports)
    failed = [report for report in reports if report.failure is not None]
    for report in failed[:1]:
        print_failure(report, shrink(report))
    return 1 if failed else 0


def _print(reports: list[Report]) -> None:
    counts = sum((report.counts for report in reports), Counter[str]())
    for name, count in sorted(counts.items()):
        print(f"{count:>9,}  {name}")
    days = sum(report.scenario.days * report.scenario.providers for report in reports)
    seconds = sum(report.seconds for report in reports)
    steps = sum(report.steps for report in reports)
    print(f"{days:,} provider-days, {steps:,} steps, {days / seconds:,.0f} provider-days a second")
    print(f"{sum(report.checks for report in reports):,} comparisons with the truth")
    print(
        f"longest time from retirement to ghost with good listings: {max(r.slowest_ghost_hours for r in reports)} hours"
    )
    print(f"seeds that failed: {[report.scenario.seed for report in reports if report.failure]}")
    if len(reports) == 1:
        print(f"digest {reports[0].digest}")


if __name__ == "__main__":
    sys.exit(main())
