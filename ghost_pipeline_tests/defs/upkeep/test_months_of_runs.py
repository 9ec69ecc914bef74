"""180 days of a deployment, a twelfth of it, pruned at their end beside a program that writes events.

``python -m benchmarks months`` measures the same with pruning every day.
"""

import dagster as dg

from benchmarks.months import BYTES_PER_TICK, DAYS, KEPT, SHARE, TICKS_PER_DAY, deployed

MAX_BYTES = 1_000_000_000


def test_180_days_of_runs_stay_under_one_gigabyte_and_a_writer_beside_them_loses_nothing() -> None:
    with deployed(SHARE) as deployment:
        for day in range(DAYS):
            deployment.live(day)
        before = deployment.measure()
        result, longest_wait, written = deployment.prune_beside_a_writer(DAYS - 1)
        after = deployment.measure()
        deployment.ingest()
        left = len(deployment.instance.get_run_ids())
        observed = deployment.instance.fetch_observations(dg.AssetKey("inbox"), limit=10_000).records
    print(  # noqa: T201 - the figures are what the test is run for
        f"{DAYS} days of 24 providers: {before[0] * SHARE:,.0f} MB in {before[1] * SHARE:,} files, after pruning "
        f"{after[0] * SHARE:,.0f} MB in {after[1] * SHARE:,}; pruned in {result.duration_seconds:.0f} s, longest step "
        f"{result.longest_step_seconds:.2f} s, longest wait of a writer beside it {longest_wait:.2f} s"
    )
    kept = KEPT.days * deployment.runs_per_day
    assert result.runs == DAYS * deployment.runs_per_day - kept
    assert kept < left < kept + deployment.runs_per_day
    assert result.files_after < kept + deployment.runs_per_day
    assert after[0] * 1e6 * SHARE + TICKS_PER_DAY * BYTES_PER_TICK < MAX_BYTES
    assert len(observed) == written
