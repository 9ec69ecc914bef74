"""Pruning beside other programs, cut off in the middle, and with names that would lead out of the home."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from benchmarks.months import DAYS, SHARE, Deployment, deployed
from ghost_pipeline import ModelFilter
from ghost_pipeline.defs.evidence import reported_sightings
from ghost_pipeline.defs.evidence.reported_sightings import inference_reports_sensor
from ghost_pipeline.defs.local_runs import open_instance
from ghost_pipeline.defs.upkeep.dagster_storage import DagsterStorage, enable_incremental_vacuum, give_back_pages
from ghost_pipeline.defs.upkeep.pruning import prune_old_runs
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.defs.channels import Channel

A_WEEK = timedelta(days=7)


@pytest.fixture
def months() -> Iterator[Deployment]:
    """Yield a small deployment with the runs of 40 days."""
    with deployed(SHARE) as deployment:
        for day in range(DAYS - 40, DAYS):
            deployment.live(day)
        yield deployment


def prune(deployment: Deployment) -> int:
    return prune_old_runs(deployment.instance, A_WEEK, datetime.now(UTC)).runs


def test_names_that_lead_out_of_the_folder_and_links_are_left_alone(months: Deployment) -> None:
    runs, outside = months.home / "history" / "runs", months.home.parent / "outside"
    outside.mkdir()
    precious = outside / "precious.db"
    precious.write_bytes(next(DagsterStorage(months.instance).run_files()).read_bytes())
    before, old = precious.read_bytes(), (datetime.now(UTC) - timedelta(days=90)).timestamp()
    for name in ("...db", "..db", ".hidden.db", "a b.db", "-.db"):
        (runs / name).write_bytes(b"")
    for number, target in enumerate((precious, outside, months.home.parent / "missing")):
        (runs / f"00000000-0000-4000-8000-00000000000{number}.db").symlink_to(target)
    (runs / "00000000-0000-4000-8000-000000000009.db").mkdir()
    for path in (*runs.glob("*.db"), precious):
        os.utime(path, (old, old), follow_symlinks=False)
    doomed = months.instance.get_run_ids()[-1]
    (months.home / "storage").mkdir(exist_ok=True)
    (months.home / "storage" / doomed).symlink_to(outside)
    assert prune(months) > 0
    assert precious.read_bytes() == before
    assert (months.home / "dagster.yaml").exists()
    assert (months.home / "storage").is_dir()
    assert not [path for path in outside.iterdir() if path != precious]


def test_a_link_in_place_of_a_folder_of_compute_logs_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.txt").write_text("kept")
    home = tmp_path / "home" / "dagster"
    (home / "storage").mkdir(parents=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")  # logs of steps in files, Dagster's default
    with open_instance(Settings.from_environment({"GHOST_HOME": str(tmp_path / "home")})) as instance:
        run = instance.create_run_for_job(_nothing, status=dg.DagsterRunStatus.SUCCESS)
        kept = instance.create_run_for_job(_nothing, status=dg.DagsterRunStatus.SUCCESS)
        (home / "storage" / run.run_id).symlink_to(outside)
        (home / "storage" / kept.run_id / "compute_logs").mkdir(parents=True)
        (home / "storage" / kept.run_id / "compute_logs" / "link").symlink_to(outside)
        assert prune_old_runs(instance, A_WEEK, datetime.now(UTC) + timedelta(days=30)).runs == 2
    assert (outside / "precious.txt").read_text() == "kept"
    assert not (home / "storage" / kept.run_id).exists()


@dg.job
def _nothing() -> None:
    """Do nothing."""


def test_two_at_once_delete_the_same_as_one(months: Deployment) -> None:
    errors: list[BaseException] = []

    def prune_again() -> None:
        try:
            with dg.DagsterInstance.from_config(str(months.home)) as instance:
                prune_old_runs(instance, A_WEEK, datetime.now(UTC))
        except BaseException as error:  # noqa: BLE001 - the thread has no other way to report it
            errors.append(error)

    others = [threading.Thread(target=prune_again) for _ in range(2)]
    for other in others:
        other.start()
    prune(months)
    for other in others:
        other.join()
    assert not errors
    left = set(months.instance.get_run_ids())
    assert len(left) in (months.runs_per_day * 7 + 1, months.runs_per_day * 7 + 2)  # one may turn a week old meanwhile
    files = list(DagsterStorage(months.instance).run_files())
    assert {path.stem for path in files} == left
    assert all(path.stat().st_size for path in files)


def test_runs_are_ingested_while_old_ones_are_deleted(months: Deployment) -> None:
    done = threading.Event()

    def prune_all() -> None:
        prune_old_runs(months.instance, A_WEEK, datetime.now(UTC))
        done.set()

    pruning = threading.Thread(target=prune_all)
    pruning.start()
    runs = 0
    while not done.is_set() or not runs:
        months.ingest()
        runs += 1
    pruning.join()
    newest = months.instance.get_runs(limit=runs)
    assert {run.status for run in newest} == {dg.DagsterRunStatus.SUCCESS}
    assert all(months.instance.all_logs(run.run_id) for run in newest)


def test_one_that_is_killed_leaves_a_history_that_the_next_one_completes(months: Deployment) -> None:
    status = months.instance.get_status_by_partition
    key, partitions = dg.AssetKey("model_catalog"), months.workshop.definitions.get_assets_def("model_catalog")
    before = status(key, ["openai"], partitions.partitions_def)  # type: ignore[arg-type]
    environment = {**os.environ, "DAGSTER_HOME": str(months.home), "GHOST_HOME": str(months.home.parent)}
    command = [sys.executable, "-m", "ghost_pipeline", "db", "prune-runs", "--older-than", "7d"]
    runs, kills = len(months.instance.get_run_ids()), 0
    for _ in range(3):
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            while process.poll() is None and len(months.instance.get_run_ids()) > runs - 30:
                time.sleep(0.02)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                kills += 1
        runs = len(months.instance.get_run_ids())
    assert kills
    assert subprocess.run(command, env=environment, capture_output=True).returncode == 0
    left = set(months.instance.get_run_ids())
    assert len(left) in (7 * months.runs_per_day + 1, 7 * months.runs_per_day + 2)  # one may turn a week old meanwhile
    assert {path.stem for path in DagsterStorage(months.instance).run_files()} == left
    assert status(key, ["openai"], partitions.partitions_def) == before  # type: ignore[arg-type]
    assert prune(months) <= 1


def test_reports_that_were_not_recorded_yet_stay(months: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reported_sightings, "SETTLING_SECONDS", 0)
    channel = Channel(months.workshop, inference_reports_sensor)
    for model in ("used-1", "used-2"):
        channel.report(provider="openai", model=model)
    [last, *_] = months.instance.fetch_materializations(dg.AssetKey("inference_reports"), limit=10).records
    later = datetime.now(UTC) + timedelta(days=60)
    unread = prune_old_runs(months.instance, A_WEEK, later)
    assert unread.unread_reports == 2
    channel.evaluate()  # a tick that dies before its cursor is kept
    assert prune_old_runs(months.instance, A_WEEK, later).unread_reports == 2
    store_cursor(months.instance, str(last.storage_id - 1))
    assert prune_old_runs(months.instance, A_WEEK, later).unread_reports == 1
    assert len(months.instance.fetch_materializations(dg.AssetKey("inference_reports"), limit=10).records) == 1
    with months.workshop.catalog() as catalog:
        assert {"used-1", "used-2"} <= {model.model_id for model in catalog.find_models(ModelFilter(("openai",)))}


def store_cursor(instance: dg.DagsterInstance, cursor: str) -> None:
    """Store what Dagster's daemon stores after a tick of the sensor."""
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="ghost_pipeline.definitions"))
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), inference_reports_sensor.name)
    instance.add_instigator_state(
        InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.STOPPED, SensorInstigatorData(cursor=cursor))
    )


def test_one_step_gives_back_as_many_pages_as_it_should(tmp_path: Path) -> None:
    path = tmp_path / "full.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("CREATE TABLE t (x)")
    assert enable_incremental_vacuum(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.executemany("INSERT INTO t VALUES (?)", [("x" * 4000,)] * 100)
        file.execute("DELETE FROM t")
    assert 40 <= give_back_pages(path, 50) <= 60
    assert give_back_pages(path, 1000) == 0
