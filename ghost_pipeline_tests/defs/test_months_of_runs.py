"""180 days of a deployment stay small and quick when old runs are pruned."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from ghost_pipeline.defs.local_runs import open_instance
from ghost_pipeline.defs.upkeep.pruning import prune_old_runs
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.defs.builders import Workshop, listing
from ghost_pipeline_tests.defs.months import Months

DAYS = 180
PROVIDERS = 2
DEPLOYED_PROVIDERS = 24
FETCHES_A_DAY = 4
STATISTICS_A_DAY = 4

MAX_BYTES = 1_000_000_000


def test_180_days_of_runs_stay_under_one_gigabyte(tmp_path: Path) -> None:
    settings = Settings.from_environment({"GHOST_HOME": str(tmp_path / "home")})
    now = datetime.now(UTC)
    with open_instance(settings) as instance:
        workshop = Workshop(tmp_path, instance)
        listed = workshop.ingest("openai_models.json", listing(*"abcdefgh"), now).run_id
        statistics = workshop.definitions.resolve_job_def("refresh_statistics")
        short = statistics.execute_in_process(instance=instance).run_id
        # A fetch leaves as much as the statistics: a run of one step with one materialization.
        day = [listed, short] * (PROVIDERS * FETCHES_A_DAY) + [short] * STATISTICS_A_DAY
        months = Months(settings.dagster_home, [listed, short])
        for number in range(DAYS, 0, -1):
            months.add_day(now - timedelta(days=number), day)
        unpruned = ingest_seconds(workshop, now)
        result = prune_old_runs(instance, timedelta(days=30), now)
        pruned = ingest_seconds(workshop, now)
        left = len(instance.get_run_ids())
    scale = DEPLOYED_PROVIDERS / PROVIDERS
    print(  # noqa: T201 - the figures are what the test is run for
        f"{DAYS} days, {PROVIDERS} providers: {result.bytes_before / 1e6:,.0f} MB in {result.files_before:,} files, "
        f"after pruning {result.bytes_after / 1e6:,.0f} MB in {result.files_after:,} files; pruned in "
        f"{result.duration_seconds:.1f} s, longest step {result.longest_step_seconds:.2f} s; "
        f"one ingest {unpruned:.2f} s before, {pruned:.2f} s after"
    )
    assert result.files_before >= DAYS * len(day)
    assert 29 * len(day) <= left <= 31 * len(day) + 10
    assert result.files_after == left - 1
    assert result.bytes_after * scale < MAX_BYTES


def ingest_seconds(workshop: Workshop, now: datetime) -> float:
    """The time of one run, its start-up not included."""
    started = time.monotonic()
    result: dg.ExecuteInProcessResult = workshop.ingest("openai_models.json", listing(*"abcdefgh"), now)
    assert result.success
    return time.monotonic() - started
