"""The Dagster instance that ``ingest`` and the UI share, under GHOST_HOME unless DAGSTER_HOME says otherwise."""

import os
from pathlib import Path

import dagster as dg

from ghost_pipeline.errors import SettingsError
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
