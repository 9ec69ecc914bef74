"""One file's run, and the run of the statistics, in the process that calls: what ``ingest`` is made of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

from ghost_pipeline.defs.discovery_stats import discovery_stats
from ghost_pipeline.defs.models_directory import ingest_listing, listing_run_config
from ghost_pipeline.defs.partitions import providers
from ghost_pipeline.listings import ListingFile

STATISTICS_JOB = "refresh_statistics"


@dataclass(frozen=True, slots=True)
class RunReport:
    """How one run ended; a refused listing is a failed run too."""

    provider_id: str
    run_id: str
    is_success: bool
    error: str | None = None
    """The failure's own line, if it was one of this project's errors or an unexpected one."""


class Ingestion:
    """Runs the jobs of ``definitions`` on the instance that the UI shows."""

    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._ingest = definitions.resolve_job_def(ingest_listing.name)
        self._statistics = definitions.resolve_job_def(STATISTICS_JOB)

    def ingest(self, file: ListingFile, observed_at: datetime) -> RunReport:
        """Admit and reconcile one file."""
        self._instance.add_dynamic_partitions(str(providers.name), [file.provider_id])
        result = self._ingest.execute_in_process(
            instance=self._instance,
            partition_key=file.provider_id,
            run_config={**listing_run_config(file.path, observed_at), **_QUIET},
            raise_on_error=False,
        )
        return RunReport(file.provider_id, result.run_id, result.success, _failure(result))

    def refresh_statistics(self) -> None:
        """Materialize ``discovery_stats``."""
        self._statistics.execute_in_process(instance=self._instance, run_config=_QUIET)


refresh_statistics = dg.define_asset_job(
    STATISTICS_JOB,
    selection=dg.AssetSelection.assets(discovery_stats),
    description="The statistics and the check on holds, now.",
)

_QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The command line prints what a person wants to see; the rest is in the event log."""


def _failure(result: dg.ExecuteInProcessResult) -> str | None:
    for event in result.get_step_failure_events():
        error = event.step_failure_data.error
        cause = event.step_failure_data.user_failure_data
        if cause is not None and cause.description:
            return cause.description
        if error is not None:
            return (error.cause or error).message.strip()
    return None
