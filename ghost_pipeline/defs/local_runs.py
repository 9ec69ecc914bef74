"""The Dagster instance under GHOST_HOME, and runs in this process."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg

from ghost_pipeline.defs.ingestion import ingest_listing, listing_run_config
from ghost_pipeline.defs.monitoring import refresh_statistics
from ghost_pipeline.defs.resource import providers
from ghost_pipeline.errors import SettingsError
from ghost_pipeline.listings.files import ListingFile
from ghost_pipeline.settings import Settings

DAGSTER_YAML = """\
# Made by ghost-pipeline; yours to change.
telemetry:
  enabled: false
nux:  # no sign-up dialog over the first page
  enabled: false
run_queue:
  dequeue_interval_seconds: 1  # the default of 5 is most of the time between a file's arrival and its run
compute_logs:  # no step prints, and to capture that costs four processes a run; logs are in the event log
  module: dagster.core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
python_logs:  # the console's; every step's start and end is in the event log
  python_log_level: INFO
retention:
  schedule:
    purge_after_days: {skipped: 7, failure: 30, success: 30}
  sensor:
    purge_after_days: {skipped: 1, failure: 30, success: 30}
"""


def prepare_dagster_home(settings: Settings) -> Path:
    """Make the folder and its ``dagster.yaml`` unless they are there, and name it in the environment for Dagster.

    Raises SettingsError if it can't be made.
    """
    home = settings.dagster_home
    try:
        home.mkdir(parents=True, exist_ok=True)
        config = home / "dagster.yaml"
        if not config.exists():
            config.write_text(DAGSTER_YAML)
    except OSError as error:
        raise SettingsError(f"DAGSTER_HOME {home} can't be made: {error.strerror}; set GHOST_HOME elsewhere") from error
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The instance, for a ``with`` block."""
    prepare_dagster_home(settings)
    return dg.DagsterInstance.get()


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
        self._statistics = definitions.resolve_job_def(refresh_statistics.name)

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
