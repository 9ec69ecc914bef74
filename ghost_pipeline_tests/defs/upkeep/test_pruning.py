"""Old runs are deleted with their files; no asset, partition or check loses its newest event."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.events import DagsterEventType

from ghost_pipeline.defs.evidence import reference_facts
from ghost_pipeline.defs.evidence.channels import ACCEPTED_CHECK
from ghost_pipeline.defs.evidence.recorded_evidence import channels_sensor
from ghost_pipeline.defs.local_runs import open_instance
from ghost_pipeline.defs.model_pages import models_sensor
from ghost_pipeline.defs.upkeep.dagster_storage import SMALL_PAGE_BYTES, DagsterStorage, cheap_commits, page_bytes
from ghost_pipeline.defs.upkeep.pruning import (
    LONGEST_STEP_SECONDS,
    BatchPace,
    delete_old_runs,
    prune_old_runs,
    prune_runs_1d,
)
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.command_line import Run
from ghost_pipeline_tests.defs.builders import Workshop, listing
from ghost_pipeline_tests.defs.channels import Channel
from ghost_pipeline_tests.postgres import server

PARTITIONS = ("openai", "mistral")
REPORTED = ("provider_responses", "listing_files", "inference_reports", "inbox", "manual_additions")
REPORTED_CHECKS = (
    ("inference_reports", ACCEPTED_CHECK),
    ("inbox", ACCEPTED_CHECK),
    (reference_facts.REFERENCE_ASSET, reference_facts.IS_COMPLETE),
    (reference_facts.REFERENCE_ASSET, reference_facts.IS_PLAUSIBLE),
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def past(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str | None]]:
    """Provide the folder, and on PostgreSQL the database, of a pipeline with a history of every asset."""
    folder = tmp_path_factory.mktemp("past")
    url = server().new_url(is_migrated=False) if request.param == "postgresql" else None
    with opened(folder, url) as workshop, cheap_commits(workshop.instance):
        perform_work(workshop)
    yield folder, url
    if url:
        server().drop(url)


@pytest.fixture
def history(past: tuple[Path, str | None], tmp_path: Path) -> Iterator[Workshop]:
    """Provide a copy of that pipeline, on a Dagster instance with real storage."""
    folder, original = past
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    url = server().new_copy(original) if original else None
    with opened(tmp_path, url) as workshop:
        yield workshop
    if url:
        server().drop(url)


@contextmanager
def opened(folder: Path, url: str | None) -> Iterator[Workshop]:
    """Open a pipeline whose Dagster instance is in ``folder``, or in the PostgreSQL database at ``url``."""
    home = folder / "dagster"
    home.mkdir(exist_ok=True)
    config: dict[str, Any] = {"telemetry": {"enabled": False}}
    if url:
        config["storage"] = {"postgres": {"postgres_url": url}}
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield Workshop(folder, instance)


def perform_work(workshop: Workshop) -> None:
    """Two weeks in short: every asset has events, some newer than others, of runs and of none."""
    channel, now = Channel(workshop, channels_sensor), datetime.now(UTC)
    for hours in (50, 49, 2):
        workshop.ingest("openai_models.json", listing("a", "b", "c"), now - timedelta(hours=hours))
    workshop.ingest("mistral_models.json", listing("m"), now - timedelta(hours=48))
    workshop.ingest("mistral_models.json", listing(), now - timedelta(hours=1))  # refused: the run fails
    with workshop.catalog() as catalog:
        catalog.track_successful_inference("openai", "a")
    channel.tick()
    channel.tick()
    pages = Channel(workshop, models_sensor)
    for model in ("z", "a"):
        with workshop.catalog() as catalog:
            catalog.add_manual_model("openai", model)
        pages.tick()
    for job in ("stale_sweep", "purge_sweep", "refresh_statistics", "check_health", "refresh_statistics"):
        definition = workshop.definitions.resolve_job_def(job)
        assert definition.execute_in_process(instance=workshop.instance).success
    for asset, check in REPORTED_CHECKS:
        for passed in (False, True):
            workshop.instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(dg.AssetKey(asset), check, passed=passed)
            )
    for asset in REPORTED:
        for partition in (*PARTITIONS, *PARTITIONS):
            for event in (dg.AssetMaterialization(asset, partition=partition), dg.AssetObservation(asset)):
                workshop.instance.report_runless_asset_event(event)


def test_the_history_has_events_of_every_asset_and_check(history: Workshop) -> None:
    graph = history.definitions.get_repository_def().asset_graph
    storage = history.instance.event_log_storage
    records = storage.get_asset_records(sorted(graph.get_all_asset_keys()))
    with_events = {record.asset_entry.asset_key for record in records if record.asset_entry.last_materialization}
    checks = list(graph.asset_check_keys)
    assert set(checks) == set(storage.get_latest_asset_check_execution_by_key(checks))
    assert graph.get_all_asset_keys() == with_events | {check.asset_key for check in checks}


def latest(workshop: Workshop) -> dict[str, Any]:
    """Return what the pages of all assets and checks show as their newest state."""
    storage, graph = workshop.instance.event_log_storage, workshop.definitions.get_repository_def().asset_graph
    state: dict[str, Any] = {}
    for key in sorted(graph.get_all_asset_keys()):
        name, partitions = key.to_user_string(), graph.get(key).partitions_def
        for kind in (DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_OBSERVATION):
            state[f"{name} {kind.value}"] = dict(storage.get_latest_storage_id_by_partition(key, kind))
        if partitions is not None:
            keys = partitions.get_partition_keys(dynamic_partitions_store=workshop.instance)
            statuses = workshop.instance.get_status_by_partition(key, keys, partitions) or {}
            state[f"{name} status"] = {partition: str(status) for partition, status in statuses.items()}
        event = workshop.instance.get_latest_materialization_event(key)
        state[f"{name} newest"] = event and (event.run_id, event.timestamp)
    for check, record in storage.get_latest_asset_check_execution_by_key(list(graph.asset_check_keys)).items():
        state[check.to_user_string()] = (record.status.value, record.run_id, record.create_timestamp)
    return state


def later(days: float = 1) -> datetime:
    """Return an instant at which everything so far is old."""
    return datetime.now(UTC) + timedelta(days=days)


def test_no_partition_of_any_asset_turns_missing(history: Workshop) -> None:
    before, runs = latest(history), len(history.instance.get_run_ids())
    assert "MATERIALIZED" in before["model_catalog status"]["openai"]
    assert "FAILED" in before["raw_provider_models status"]["mistral"]
    result = prune_old_runs(history.instance, timedelta(hours=12), later())
    assert latest(history) == before
    assert (result.runs, result.kept_runs) == (runs - len(history.instance.get_run_ids()), runs - result.runs)
    assert result.runs >= 3
    assert result.events >= len(REPORTED) * len(PARTITIONS)
    assert result.check_executions > 0
    again = prune_old_runs(history.instance, timedelta(hours=12), later())
    assert (again.runs, again.events, again.check_executions, again.orphaned_files) == (0, 0, 0, 0)


def test_every_run_that_stays_can_be_read_and_nothing_refers_to_one_that_went(history: Workshop) -> None:
    logs = {run_id: len(history.instance.all_logs(run_id)) for run_id in history.instance.get_run_ids()}
    prune_old_runs(history.instance, timedelta(hours=12), later())
    left = set(history.instance.get_run_ids())
    assert {run_id: len(history.instance.all_logs(run_id)) for run_id in left} == {one: logs[one] for one in left}
    assert not {record.run_id for record in materializations(history)} & (set(logs) - left)
    result = history.ingest("openai_models.json", listing("a", "z"), datetime.now(UTC))
    assert result.success


def materializations(workshop: Workshop) -> list[dg.EventLogRecord]:
    return [
        record
        for key in ("model_catalog", "raw_provider_models", "discovery_stats")
        for record in workshop.instance.fetch_materializations(dg.AssetKey(key), limit=1000).records
    ]


def test_a_dry_run_reports_the_same_and_changes_nothing(history: Workshop) -> None:
    now, runs, files = later(), history.instance.get_run_ids(), sorted(history.folder.rglob("*.db"))
    promised = prune_old_runs(history.instance, timedelta(hours=12), now, is_dry_run=True)
    assert history.instance.get_run_ids() == runs
    assert sorted(history.folder.rglob("*.db")) == files
    done = prune_old_runs(history.instance, timedelta(hours=12), now)
    for name in ("runs", "kept_runs", "events", "check_executions", "files_before"):
        assert getattr(promised, name) == getattr(done, name), name


def test_a_crash_between_the_steps_is_made_good_by_the_next_run(
    history: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, runs = latest(history), set(history.instance.get_run_ids())

    def crash(_: DagsterStorage, run_id: str) -> None:
        raise KeyboardInterrupt(run_id)

    monkeypatch.setattr(DagsterStorage, "delete_run_files", crash)
    with pytest.raises(KeyboardInterrupt):
        prune_old_runs(history.instance, timedelta(hours=12), later())
    monkeypatch.undo()
    assert set(history.instance.get_run_ids()) == runs
    prune_old_runs(history.instance, timedelta(hours=12), later())
    left = set(history.instance.get_run_ids())
    assert left < runs
    assert latest(history) == before
    assert {path.stem for path in DagsterStorage(history.instance).run_files()} <= left


def test_young_and_unfinished_runs_stay(history: Workshop) -> None:
    runs = len(history.instance.get_run_ids())
    assert prune_old_runs(history.instance, timedelta(days=30), datetime.now(UTC)).runs == 0
    assert len(history.instance.get_run_ids()) == runs
    job = history.definitions.resolve_job_def("refresh_statistics")
    started = history.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    prune_old_runs(history.instance, timedelta(hours=12), later())
    assert history.instance.get_run_by_id(started.run_id) is not None


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Workshop]:
    """Provide a pipeline on the instance that the command line creates, with one run of each kind."""
    with open_instance(Settings.from_environment({"GHOST_HOME": str(tmp_path / "home")})) as instance:
        workshop = Workshop(tmp_path, instance)
        for hours in (3, 2, 1):
            workshop.ingest("openai_models.json", listing("a"), datetime.now(UTC) - timedelta(hours=hours))
        yield workshop


def run_files(workshop: Workshop) -> list[Path]:
    return sorted(DagsterStorage(workshop.instance).run_files())


def test_files_of_runs_go_and_those_that_stay_shrink(home: Workshop) -> None:
    sizes = {path: path.stat().st_size for path in run_files(home)}
    result = prune_old_runs(home.instance, timedelta(hours=12), later())
    [left] = run_files(home)
    assert (result.files_before, result.files_after, result.compacted_files) == (3, 1, 1)
    assert left.stat().st_size < sizes[left] * 0.6
    assert page_bytes(left) == SMALL_PAGE_BYTES
    assert result.bytes_after < result.bytes_before
    assert prune_old_runs(home.instance, timedelta(hours=12), later()).compacted_files == 0


def test_the_file_of_a_run_that_was_deleted_in_the_ui_goes_too(home: Workshop) -> None:
    [run_id, *_] = home.instance.get_run_ids()
    home.instance.delete_run(run_id)
    assert run_id in {path.stem for path in run_files(home)}
    assert prune_old_runs(home.instance, timedelta(hours=12), later()).orphaned_files == 1
    assert run_id not in {path.stem for path in run_files(home)}


def test_free_pages_are_given_back(home: Workshop) -> None:
    for number in range(400):
        metadata = {"text": f"{number} " * 2000}
        home.instance.report_runless_asset_event(dg.AssetObservation("model_catalog", metadata=metadata))
    size = sum(path.stat().st_size for path in DagsterStorage(home.instance).shared_files())
    result = prune_old_runs(home.instance, timedelta(hours=12), later())
    assert result.events >= 399
    assert sum(path.stat().st_size for path in DagsterStorage(home.instance).shared_files()) < size / 2
    assert result.unreclaimed_bytes == 0


def test_a_slow_step_halves_the_next_batch_and_others_get_as_much_time() -> None:
    pauses: list[float] = []
    clock = iter([0.0, 2.0, 2.0, 2.001])
    pace = BatchPace(40, pause=pauses.append, clock=lambda: next(clock))
    pace.step(lambda: None)
    assert (pace.size, pace.longest_seconds, pauses) == (20, 2.0, [LONGEST_STEP_SECONDS])
    pace.step(lambda: None)
    assert pace.size == 40


def test_the_command_deletes_and_reports(run: Run, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "openai_models.json").write_bytes(listing("a"))
    assert run("ingest").code == 0
    assert run("ingest").code == 0
    assert run("db", "prune-runs", "--older-than", "30d", "--json").document["runs"] == 0
    promised = run("db", "prune-runs", "--older-than", "0.0001h", "--dry-run", "--json").document
    assert promised["runs"] == 2
    assert run("db", "prune-runs", "--older-than", "0.0001h", "--json").document["runs"] == 2
    assert "0 runs deleted, 2 kept" in run("db", "prune-runs", "--older-than", "0.0001h").out


def test_the_command_refuses_what_is_not_an_age(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for age in ("0d", "-1d", "soon", "1e9d", "9999999d"):
        ran = run("db", "prune-runs", "--older-than", age)
        assert ran.code == 2, age
    monkeypatch.setenv("GHOST_KEEP_RUNS_DAYS", "0")
    ran = run("db", "prune-runs")
    assert (ran.code, "--older-than" in ran.err) == (2, True)


def test_the_archive_is_pruned_by_the_job_and_by_a_command(
    home: Workshop, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = home.folder / "home" / "archive"
    for hours, note in enumerate("xyz"):
        home.ingest("openai_models.json", listing("a", note=note), datetime.now(UTC) - timedelta(days=9, hours=-hours))
    old = (datetime.now(UTC) - timedelta(days=9)).timestamp()
    for path in archive.rglob("*.json"):
        os.utime(path, (old, old))
    assert len(list(archive.rglob("*.json"))) == 4
    ran = run("db", "prune-listings")
    assert (ran.code, "--older-than" in ran.err) == (2, True)
    promised = run("db", "prune-listings", "--older-than", "2d", "--dry-run", "--json").document
    assert promised == {"is_dry_run": True, "deleted": 3, "kept": 1, "deleted_bytes": promised["deleted_bytes"]}
    job = home.definitions.resolve_job_def("prune_runs")
    assert job.execute_in_process(instance=home.instance).success
    assert len(list(archive.rglob("*.json"))) == 4
    monkeypatch.setenv("GHOST_KEEP_LISTINGS_DAYS", "2")
    assert job.execute_in_process(instance=home.instance).success
    assert len(list(archive.rglob("*.json"))) == 1
    assert "bytes of 0 listings deleted" in run("db", "prune-listings").out


def test_the_schedule_and_the_job_follow_the_setting(home: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    with dg.build_schedule_context(resources={"ghost": home.ghost}) as context:
        assert isinstance(prune_runs_1d(context), dg.RunRequest)
        monkeypatch.setenv("GHOST_KEEP_RUNS_DAYS", "0")
        assert isinstance(prune_runs_1d(context), dg.SkipReason)
    job = home.definitions.resolve_job_def("prune_runs")
    assert job.execute_in_process(instance=home.instance).success
    assert len(run_files(home)) == 4
    monkeypatch.setenv("GHOST_KEEP_RUNS_DAYS", "0.000001")
    assert job.execute_in_process(instance=home.instance).success
    assert len(home.instance.get_run_ids()) == 2
    assert delete_old_runs.name == "delete_old_runs"
