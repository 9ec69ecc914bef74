"""The Dagster instance under GHOST_HOME, and runs in this process."""

import os
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
from filelock import FileLock, Timeout

from ghost_pipeline.atomic_file import atomic_write
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.defs.ingestion import ingest_listing, listing_run_config
from ghost_pipeline.defs.monitoring import refresh_statistics
from ghost_pipeline.defs.provider_health import INGEST_COMMAND_TAGS, health_events
from ghost_pipeline.defs.resource import providers
from ghost_pipeline.defs.upkeep.dagster_storage import DagsterStorage, enable_incremental_vacuum
from ghost_pipeline.errors import OrchestratorError, SettingsError
from ghost_pipeline.listings.files import ListingFile
from ghost_pipeline.settings import Settings

DAGSTER_YAML = """\
# Made by ghost-pipeline; yours to change.
telemetry:
  enabled: false
nux:  # no sign-up dialog over the first page
  enabled: false
run_launcher:  # runs start in processes that have imported all they need
  module: ghost_pipeline.defs.run_processes.launcher
  class: PreparedRunLauncher
run_queue:
  dequeue_interval_seconds: 1  # the default of 5 is most of the time between a file's arrival and its run
run_monitoring:  # a run whose process was killed fails, instead of taking one of ten places for ever
  enabled: true
  poll_interval_seconds: 10
compute_logs:  # no step prints, and to capture that costs four processes a run; logs are in the event log
  module: dagster.core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
python_logs:  # the console's; every step's start and end is in the event log
  python_log_level: INFO
sensors:  # one that waits for a file to change delays no other
  use_threads: true
  num_workers: 8
retention:
  schedule:
    purge_after_days: {skipped: 7, failure: 30, success: 30}
  sensor:
    purge_after_days: {skipped: 1, failure: 30, success: 30}
  auto_materialize:
    purge_after_days: {skipped: 1, failure: 30, success: 30}
"""

FORMER_DAGSTER_YAML = frozenset(
    {
        "a0a31143c2c6f2b7f5eff204d2f9a102ee1d362257a7752ec3100d1b49fed58d",
        "a92439795138a110f9f2bac07708ce29e44f98fe598d525b33a0f3590a0e8373",
        "86d0c5738f46dc7c4c6e8bd9d7f68b1ac78540ad4c1b124922a1e3dc443b67ff",
        "b6a7bbaf2bc7869f62847305203cea9197f2b15005461219bfea84504369eba6",
    }
)
"""SHA-256 of what earlier versions wrote. A file that is still like that is replaced: nobody has changed it."""

LOCK_TIMEOUT_SECONDS = 120
"""How long to wait for another program that creates the same instance, which takes it a second or two."""

_BROKEN_BY_A_RACE = "more than one head"


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Return the Dagster instance, created if need be, for a ``with`` block. Set DAGSTER_HOME for the processes below.

    Raises:
        SettingsError: The folder can't be created.
        OrchestratorError: Another program has been creating it for too long, or its storage is damaged.
    """
    home = settings.dagster_home
    os.environ["DAGSTER_HOME"] = str(home)
    try:
        home.mkdir(parents=True, exist_ok=True)
        # Dagster creates its SQLite files step by step and unlocked: two programs at once break them for good.
        with FileLock(home / ".creating.lock", timeout=LOCK_TIMEOUT_SECONDS):
            config = home / "dagster.yaml"
            is_new = not config.exists()
            if is_new or sha256(config.read_bytes()).hexdigest() in FORMER_DAGSTER_YAML:
                atomic_write(config, DAGSTER_YAML.encode())
            instance = _open_storages(home)
            if is_new:
                for path in DagsterStorage(instance).shared_files():
                    enable_incremental_vacuum(path)
            return instance
    except Timeout as error:  # an OSError too
        raise OrchestratorError(
            f"another program has been creating {home} for {LOCK_TIMEOUT_SECONDS} s",
            "stop it and run the command again",
        ) from error
    except OSError as error:
        raise SettingsError(
            f"the folder {home} can't be created: {error.strerror}", "set DAGSTER_HOME or GHOST_HOME to another one"
        ) from error


def _open_storages(home: Path) -> dg.DagsterInstance:
    try:
        instance = dg.DagsterInstance.get()
        # Dagster creates each at its first use, which would come after the lock, and checks the second only then.
        _ = instance.run_storage, instance.has_asset_key(dg.AssetKey("model_catalog")), instance.schedule_storage
    except Exception as error:
        if _BROKEN_BY_A_RACE not in str(error):
            raise
        raise OrchestratorError(
            f"Dagster's storage in {home} is damaged: two programs created it at the same time",
            f"stop all of them, delete {home / 'history'} and {home / 'schedules'}, and run the command again; "
            "only the history of runs is lost",
        ) from error
    return instance


@dataclass(frozen=True, slots=True)
class Assignment:
    """A file to ingest."""

    file: ListingFile
    observed_at: datetime
    run_id: str = field(default_factory=lambda: str(uuid4()))


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

    def ingest(self, assignment: Assignment) -> RunReport:
        """Admit and reconcile one file."""
        file = assignment.file
        self._instance.add_dynamic_partitions(str(providers.name), [file.provider_id])
        result = self._ingest.execute_in_process(
            instance=self._instance,
            partition_key=file.provider_id,
            run_config={**listing_run_config(file.path, assignment.observed_at), **QUIET},
            run_id=assignment.run_id,
            tags=INGEST_COMMAND_TAGS,
            raise_on_error=False,
        )
        return RunReport(file.provider_id, result.run_id, result.success, _failure(result))

    def finish(self, catalog: ModelCatalog) -> None:
        """Evaluate the checks of ``provider_health`` and materialize ``discovery_stats``, once after all files."""
        for event in health_events(catalog):
            self._instance.report_runless_asset_event(event)
        self._statistics.execute_in_process(instance=self._instance, run_config=QUIET, tags=INGEST_COMMAND_TAGS)


QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The command line prints a summary; the rest is in the event log."""


def _failure(result: dg.ExecuteInProcessResult) -> str | None:
    for event in result.get_step_failure_events():
        error = event.step_failure_data.error
        cause = event.step_failure_data.user_failure_data
        if cause is not None and cause.description:
            return cause.description
        if error is not None:
            return (error.cause or error).message.strip()
    return None
