"""``doctor`` reports each problem, and what to do."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.storage.schema import VERSION_TABLE
from ghost_pipeline.definitions import build_definitions
from ghost_pipeline.defs.local_runs import open_instance
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.command_line import Run
from ghost_pipeline_tests.defs.builders import listing


class Deployment:
    """A home in which everything is as it should be, and ways to break it."""

    def __init__(self, folder: Path) -> None:
        self.home, self.models = folder / "home", folder / "models"
        self.settings = Settings.from_environment({"GHOST_HOME": str(self.home), "GHOST_MODELS_DIR": str(self.models)})

    def build(self) -> None:
        self.models.mkdir()
        (self.models / "openai_models.json").write_bytes(listing("a"))
        with ModelCatalog.open(self.settings) as catalog:
            catalog.add_manual_model("openai", "a")
        repository = build_definitions().get_repository_def()
        with open_instance(self.settings) as instance:
            self.beat(instance)
            for name in [sensor.name for sensor in repository.sensor_defs]:
                self.tick(instance, name, InstigatorType.SENSOR)
            for name in [schedule.name for schedule in repository.schedule_defs]:
                self.tick(instance, name, InstigatorType.SCHEDULE)

    def beat(self, instance: dg.DagsterInstance, age: timedelta = timedelta(0)) -> None:
        at = (datetime.now(UTC) - age).timestamp()
        instance.add_daemon_heartbeat(DaemonHeartbeat(at, "SENSOR", "a", []))

    def tick(
        self,
        instance: dg.DagsterInstance,
        name: str,
        kind: InstigatorType,
        age: timedelta = timedelta(0),
        error: str | None = None,
    ) -> None:
        repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__")
        origin = RemoteInstigatorOrigin(repository, name)
        if instance.get_instigator_state(origin.get_id(), origin.get_selector().get_id()) is None:
            data = ScheduleInstigatorData("0 * * * *") if kind is InstigatorType.SCHEDULE else None
            instance.add_instigator_state(InstigatorState(origin, kind, InstigatorStatus.RUNNING, data))
        instance.create_tick(
            TickData(
                instigator_origin_id=origin.get_id(),
                selector_id=origin.get_selector().get_id(),
                instigator_name=name,
                instigator_type=kind,
                status=TickStatus.FAILURE if error else TickStatus.SKIPPED,
                timestamp=(datetime.now(UTC) - age).timestamp(),
                error=SerializableErrorInfo(error, [], "ValueError") if error else None,
            )
        )


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    Deployment(folder).build()
    return folder


@pytest.fixture
def deployment(template: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-doctor-test")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return Deployment(tmp_path)


def test_a_deployment_that_is_well_has_no_problems(deployment: Deployment, run: Run) -> None:
    ran = run("doctor", "--json")
    assert [one for one in ran.document["findings"] if one["status"] == "wrong"] == []
    assert (ran.code, ran.document["is_ok"]) == (0, True)
    checks = {one["check"] for one in ran.document["findings"]}
    assert checks == {
        *(
            "home",
            "database",
            "schema",
            "disk",
            "clock",
            "inbox",
            "keys",
            "files",
            "references",
            "daemon",
            "sensors",
            "schedules",
        )
    }
    text = run("doctor")
    assert (text.code, "no problems" in text.out, "sk-doctor-test" in text.out) == (0, True, False)


class Broken(NamedTuple):
    check: str
    detail: str
    break_it: Callable[[Deployment, pytest.MonkeyPatch], Any]


def _without_catalog(deployment: Deployment, _: pytest.MonkeyPatch) -> None:
    (deployment.home / "catalog.db").unlink()


def _older_schema(deployment: Deployment, _: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(deployment.home / "catalog.db")) as connection, connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '0001'")


def _damaged(deployment: Deployment, _: pytest.MonkeyPatch) -> None:
    for name in ("catalog.db-wal", "catalog.db-shm"):
        (deployment.home / name).unlink(missing_ok=True)
    (deployment.home / "catalog.db").write_bytes(b"not a database" * 1000)


def _full_disk(_: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=1_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def _clock(deployment: Deployment, _: pytest.MonkeyPatch) -> None:
    ahead = datetime.now(UTC) + timedelta(days=3)
    os.utime(deployment.models / "openai_models.json", (ahead.timestamp(), ahead.timestamp()))


def _dead_daemon(deployment: Deployment, _: pytest.MonkeyPatch) -> None:
    with open_instance(deployment.settings) as instance:
        deployment.beat(instance, timedelta(hours=2))


def _never_started(deployment: Deployment, _: pytest.MonkeyPatch) -> None:
    shutil.rmtree(deployment.home / "dagster")


def _failing_sensor(deployment: Deployment, _: pytest.MonkeyPatch) -> None:
    with open_instance(deployment.settings) as instance:
        deployment.tick(instance, "inbox_sensor", InstigatorType.SENSOR, error="the inbox is on fire")


def _failing_schedule(deployment: Deployment, _: pytest.MonkeyPatch) -> None:
    with open_instance(deployment.settings) as instance:
        deployment.tick(instance, "stale_sweep_24h", InstigatorType.SCHEDULE, error="no such table")


def _missing_key(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    file = deployment.home / "providers.toml"
    file.write_text("[providers.mistral]\n")
    monkeypatch.setenv("GHOST_PROVIDERS_FILE", str(file))
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)


def _invalid_providers_file(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    file = deployment.home / "providers.toml"
    file.write_text("[providers")
    monkeypatch.setenv("GHOST_PROVIDERS_FILE", str(file))


def _inbox_is_a_file(deployment: Deployment, _: pytest.MonkeyPatch) -> None:
    (deployment.home / "inbox").write_text("")


def _no_files(deployment: Deployment, _: pytest.MonkeyPatch) -> None:
    (deployment.models / "openai_models.json").unlink()


BROKEN = [
    Broken("home", "does not exist", lambda deployment, _: shutil.rmtree(deployment.home)),
    Broken("database", "there is no catalog", _without_catalog),
    Broken("database", "", _damaged),
    Broken("schema", "has version 0001", _older_schema),
    Broken("disk", "0.0 GB free", _full_disk),
    Broken("clock", "openai_models.json", _clock),
    Broken("daemon", "last heartbeat", _dead_daemon),
    Broken("daemon", "never run", _never_started),
    Broken("sensors", "inbox_sensor failed", _failing_sensor),
    Broken("schedules", "stale_sweep_24h failed", _failing_schedule),
    Broken("keys", "mistral", _missing_key),
    Broken("keys", "", _invalid_providers_file),
    Broken("inbox", "can't be read", _inbox_is_a_file),
    Broken("files", "contains no provider file", _no_files),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda one: f"{one.check}-{one.detail[:12]}")
def test_each_broken_thing_is_found_with_what_to_do(
    deployment: Deployment, run: Run, monkeypatch: pytest.MonkeyPatch, broken: Broken
) -> None:
    broken.break_it(deployment, monkeypatch)
    ran = run("doctor", "--json")
    wrong = [one for one in ran.document["findings"] if one["status"] == "wrong"]
    assert (ran.code, ran.document["is_ok"]) == (1, False)
    [found] = [one for one in wrong if one["check"] == broken.check and broken.detail in one["detail"]][:1]
    assert found["advice"]
    if broken.check not in ("home", "database", "clock"):
        assert {one["check"] for one in wrong} == {broken.check}, json.dumps(wrong, indent=1)


def test_what_is_old_or_stopped_is_found_too(deployment: Deployment, run: Run) -> None:
    with open_instance(deployment.settings) as instance:
        state = next(one for one in instance.all_instigator_state() if one.instigator_name == "inbox_sensor")
        instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))
    old = datetime.now(UTC) - timedelta(days=5)
    os.utime(deployment.models / "openai_models.json", (old.timestamp(), old.timestamp()))
    ran = run("doctor", "--json")
    warned = {one["check"]: one["detail"] for one in ran.document["findings"] if one["status"] == "warning"}
    assert ran.code == 0
    assert "inbox_sensor is stopped" in warned["sensors"]
    assert warned["files"] == "older than 48 hours: openai"


def test_the_age_of_files_that_is_old_is_that_of_complete_listings(
    deployment: Deployment, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = datetime.now(UTC) - timedelta(days=5)
    os.utime(deployment.models / "openai_models.json", (old.timestamp(), old.timestamp()))
    monkeypatch.setenv("GHOST_COMPLETE_WITHIN_HOURS", "200")
    found = {one["check"]: one["status"] for one in run("doctor", "--json").document["findings"]}
    assert found["files"] == "ok"


def test_doctor_changes_nothing(deployment: Deployment, run: Run) -> None:
    _older_schema(deployment, pytest.MonkeyPatch())
    before = (deployment.home / "catalog.db").read_bytes()
    run("doctor")
    assert (deployment.home / "catalog.db").read_bytes() == before


def test_names_of_files_can_not_forge_lines_and_links_that_lead_nowhere_do_no_harm(
    deployment: Deployment, run: Run
) -> None:
    ahead = (datetime.now(UTC) + timedelta(days=3)).timestamp()
    forged = deployment.models / "x\nno problems\nok    daemon    fine\x1b[2J_models.json"
    forged.write_text("{}")
    os.utime(forged, (ahead, ahead))
    (deployment.models / "mistral_models.json").symlink_to(deployment.home / "missing")
    ran = run("doctor")
    assert ran.code == 1
    assert "no problems" not in ran.out.splitlines()
    assert not [line for line in ran.out.splitlines() if "ok    daemon    fine" in line and "clock" not in line]
    assert "\x1b" not in ran.out
    assert "FileNotFoundError" not in ran.out
