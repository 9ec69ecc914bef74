"""The deployment files are consistent, as far as that can be checked without a container engine."""

import re
import shlex
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml
from dagster._core.workspace.load import location_origins_from_yaml_paths  # what -w does; it has no public name

from ghost_pipeline.catalog.storage import schema
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.cli import main
from ghost_pipeline.defs.local_runs import DAGSTER_YAML
from ghost_pipeline_tests.deploy.compose import DEPLOY, ROOT, SERVICES, TARGETS, environment, parsed
from ghost_pipeline_tests.postgres import server

OURS = {name: service for name, service in SERVICES.items() if name != "postgres"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def instructions(name: str) -> list[list[str]]:
    """Return the arguments of each such instruction of the Dockerfile."""
    whole = DOCKERFILE.replace("\\\n", "")
    return [shlex.split(line)[1:] for line in whole.splitlines() if line.startswith(f"{name} ")]


def dagster_home(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    (folder / "dagster.yaml").write_text((DEPLOY / "dagster-postgres.yaml").read_text())
    return str(folder)


@pytest.mark.parametrize("is_catalog_first", [True, False])
def test_the_catalog_and_dagster_share_one_database_whichever_came_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_catalog_first: bool
) -> None:
    url = server().new_url(is_migrated=is_catalog_first)
    database = Database(url)
    try:
        with dg.DagsterInstance.from_config(dagster_home(tmp_path, url, monkeypatch)) as instance:
            if not is_catalog_first:
                schema.upgrade(database)
            instance.add_dynamic_partitions("provider", ["openai"])
            assert instance.get_dynamic_partitions("provider") == ["openai"]
            instance.upgrade()
        schema.require_head(database)
        with database.reading() as connection:
            tables = sa.inspect(connection).get_table_names()
        assert {"catalog_version", "models", "alembic_version", "runs"} <= set(tables)
    finally:
        database.close()
        server().drop(url)


def test_the_instance_queues_watches_and_does_again_what_died_but_not_what_was_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server().new_url(is_migrated=False)
    try:
        with dg.DagsterInstance.from_config(dagster_home(tmp_path, url, monkeypatch)) as instance:
            assert isinstance(instance.run_coordinator, dg.QueuedRunCoordinator)
            assert instance.run_monitoring_enabled
            assert instance.run_retries_enabled
            assert not instance.run_retries_retry_on_asset_or_op_failure
            assert not instance.telemetry_enabled
            assert not instance.nux_enabled
            # The launcher can't ask whether a run is alive, so without a longest time a dead one would never end.
            assert not instance.run_launcher.supports_check_run_worker_health
            assert instance.run_monitoring_max_runtime_seconds > 0
            queue = instance.get_concurrency_config().run_queue_config
            assert queue is not None
            # A code server may be away for as long in the queue as it may in the middle of a run.
            waits = queue.max_user_code_failure_retries * queue.user_code_failure_retry_delay
            assert waits >= instance.run_monitoring_max_runtime_seconds
    finally:
        server().drop(url)


def test_the_workspace_takes_the_code_servers_address_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GHOST_CODE_SERVER_HOST", "elsewhere")
    monkeypatch.setenv("GHOST_CODE_SERVER_PORT", "4001")
    (origin,) = location_origins_from_yaml_paths([str(DEPLOY / "workspace-grpc.yaml")])
    assert origin.get_display_metadata() == {"host": "elsewhere", "port": "4001"}


def test_no_port_is_open_to_the_world() -> None:
    open_ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert open_ports
    assert all(port.startswith("127.0.0.1:") for port in open_ports)
    outside = {name for name, service in SERVICES.items() if service["networks"] != ["inside"]}
    assert outside == {"webserver", "web"}
    assert parsed("docker-compose.yml")["networks"]["inside"]["internal"]


def test_a_secret_comes_from_the_environment_and_without_it_nothing_starts() -> None:
    for name in SERVICES:
        for variable, value in environment(name).items():
            if "PASSWORD" in variable:
                assert re.match(r"\$\{POSTGRES_PASSWORD:\?.+\}$", value), (name, variable)
            elif "TOKEN" in variable:
                assert re.match(r"\$\{GHOST_WEB_TOKEN:\?.+\}$", value), (name, variable)
            else:
                assert not re.search(r"://[^/@]*:[^/@]*@", value), (name, variable)


def test_what_stays_has_a_health_check_and_comes_back_after_a_crash() -> None:
    restarted = {name: service["restart"] for name, service in SERVICES.items() if "restart" in service}
    assert {restarted.pop(name) for name in ("upgrade-catalog", "upgrade-dagster")} == {"on-failure:5"}
    lasting = set(restarted)
    assert lasting == {"postgres", "code-server", "daemon", "webserver", "web"}
    for name in lasting:
        assert SERVICES[name]["restart"] == "unless-stopped"
        assert SERVICES[name]["healthcheck"]["test"]


def test_the_web_page_can_only_read_and_has_a_token_wherever_it_runs() -> None:
    web = SERVICES["web"]
    assert [volume for volume in web["volumes"] if not volume.endswith(":ro")] == []
    assert set(environment("web")) & {"DAGSTER_POSTGRES_URL", "GHOST_MODELS_DIR"} == set()
    deployment, service = yaml.safe_load_all((DEPLOY / "web.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"] == web["command"]
    assert [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")] == ["/tmp"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert service["spec"]["type"] == "ClusterIP"
    image = parsed("helm-values.yaml")["image"]
    assert container["image"] == f"{image['repository']}:{image['tag']}"
    ((user,),) = instructions("USER")
    assert str(pod["securityContext"]["runAsUser"]) == user.split(":")[0]
    program, command, *options = container["command"]
    assert program == "ghost-pipeline"
    main.commands[command].make_context(command, list(options))  # the options exist; a context runs nothing
    assert "--token-variable" in options


def test_the_image_is_built_once() -> None:
    assert [name for name, service in SERVICES.items() if "build" in service] == ["upgrade-catalog"]


def test_nothing_of_ours_starts_before_the_upgrades() -> None:
    def comes_after(name: str) -> set[str]:
        direct = set(SERVICES[name].get("depends_on", ()))
        return direct.union(*map(comes_after, direct)) if direct else set()

    for name in set(OURS) - {"upgrade-catalog", "upgrade-dagster"}:
        assert {"postgres", "upgrade-catalog", "upgrade-dagster"} <= comes_after(name)
    waited_for = [awaited for service in SERVICES.values() for awaited in service.get("depends_on", {}).items()]
    for name, how in waited_for:
        ends = name.startswith("upgrade-")
        assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy"), name


def test_our_containers_may_do_little() -> None:
    for name, service in OURS.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
    (user,) = instructions("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user[0])


def test_the_image_holds_the_files_where_the_processes_look_for_them() -> None:
    (folder,) = [words[0] for words in instructions("WORKDIR") if words[0].startswith("/opt")]
    copied = {words[0]: words[1] for words in instructions("COPY") if words[0].startswith("deploy/")}
    assert copied == {f"deploy/{name}": f"{folder}/{target}" for name, target in TARGETS.items()}
    assert f"DAGSTER_HOME={folder}/dagster" in [argument for arguments in instructions("ENV") for argument in arguments]


def test_the_image_is_built_from_files_that_are_there_and_not_ignored() -> None:
    kept = [line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    sources = [source for *words, _ in instructions("COPY") for source in words if not source.startswith("-")]
    ours = [source for source in sources if not source.startswith("/")]
    assert sorted(ours) == sorted(kept)
    assert all((ROOT / source).exists() for source in ours)


def mappings(value: Any) -> list[dict[str, Any]]:
    """Every mapping inside a parsed YAML document."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return ([value] if isinstance(value, dict) else []) + [found for one in inner for found in mappings(one)]


def test_on_kubernetes_every_process_is_of_one_image_and_none_is_root() -> None:
    values, (job,) = parsed("helm-values.yaml"), [parsed("upgrade-job.yaml")]
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    images = [deployment["image"], values["dagsterWebserver"]["image"], values["dagsterDaemon"]["image"]]
    names = {f"{image['repository']}:{image['tag']}" for image in images}
    assert names == {container["image"] for container in job["spec"]["template"]["spec"]["containers"]}
    assert not any("latest" in name for name in names)
    users = {found["runAsUser"] for found in [*mappings(values), *mappings(job)] if "runAsUser" in found}
    ((user,),) = instructions("USER")
    assert users == {int(user.split(":")[0])}


def test_on_kubernetes_each_run_is_a_pod_that_finds_catalog_archive_and_files() -> None:
    values = parsed("helm-values.yaml")
    assert values["runLauncher"]["type"] == "K8sRunLauncher"
    assert set(values["runLauncher"]["config"]) == {"k8sRunLauncher"}
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    assert deployment["includeConfigInLaunchedRuns"]["enabled"]
    mounted = {mount["mountPath"]: mount["name"] for mount in deployment["volumeMounts"]}
    assert set(mounted.values()) == {volume["name"] for volume in deployment["volumes"]}
    assert {deployment["env"]["GHOST_HOME"], deployment["env"]["GHOST_MODELS_DIR"]} == set(mounted)


def test_on_kubernetes_what_died_is_done_again_and_what_was_refused_is_not() -> None:
    values = parsed("helm-values.yaml")
    assert values["dagsterDaemon"]["runMonitoring"]["enabled"]
    assert not values["dagsterDaemon"]["runRetries"]["enabled"]  # or dagster.yaml would say run_retries twice
    ours = parsed("dagster-postgres.yaml")
    assert values["additionalInstanceConfig"] == {name: ours[name] for name in ("run_retries", "nux")}


def test_on_kubernetes_no_secret_is_in_the_values_and_no_door_is_open() -> None:
    values = parsed("helm-values.yaml")
    assert "password" not in yaml.safe_dump(values).lower().replace("generatepostgresqlpasswordsecret", "")
    assert values["ingress"]["enabled"] is False
    assert values["dagsterWebserver"]["service"]["type"] == "ClusterIP"


def test_sensors_have_threads_as_in_a_home_that_the_command_line_makes() -> None:
    assert parsed("dagster-postgres.yaml")["sensors"] == yaml.safe_load(DAGSTER_YAML)["sensors"]
