"""``ghost-pipeline ui`` over HTTP: only requests of other web pages are refused."""

import importlib
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

import ghost_pipeline
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.command_line import Run
from ghost_pipeline_tests.defs.builders import listing
from ghost_pipeline_tests.web.ui_process import UiProcess, environment, running_ui

EVIL = {"Origin": "https://evil.example"}
MUTATION = "mutation { setNuxSeen }"
REPORT = "/report_asset_materialization/inference_reports"
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "graphql-ws",
}


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UiProcess]:
    """Provide a UI that is reachable under a second host name."""
    with running_ui(tmp_path_factory.mktemp("ui"), "--allow-host", "Models.Example") as running:
        yield running


def graphql(ui: UiProcess, query: str, **headers: str) -> tuple[int, str]:
    return ui.request("POST", "/graphql", json.dumps({"query": query}), {"content-type": "application/json", **headers})


def test_a_mutation_by_get_is_refused_whoever_sends_it(ui: UiProcess) -> None:
    for headers in ({}, EVIL, {"Origin": f"http://127.0.0.1:{ui.port}"}):
        status, reason = ui.request("GET", f"/graphql?{urlencode({'query': MUTATION})}", headers=headers)
        assert (status, reason) == (403, "Refused: a GraphQL mutation must be sent by POST.\n")
    assert ui.request("GET", f"/graphql?{urlencode({'query': '{ version }'})}")[0] == 200


def test_a_request_from_another_origin_changes_nothing(ui: UiProcess) -> None:
    assert graphql(ui, MUTATION, **EVIL)[0] == 403
    assert graphql(ui, MUTATION, Origin="null")[0] == 403
    assert graphql(ui, MUTATION, Origin="http://127.0.0.1:1")[0] == 403
    assert graphql(ui, MUTATION, Referer="https://evil.example/page")[0] == 403
    status, reason = graphql(ui, MUTATION, **{"Sec-Fetch-Site": "cross-site"})
    assert (status, reason) == (
        403,
        "Refused: a POST request from another site is not allowed (Sec-Fetch-Site: cross-site).\n",
    )
    for path in (REPORT, "/report_asset_observation/inference_reports", "/report_asset_check/inference_reports"):
        assert ui.request("POST", f"{path}?metadata=%7B%7D&check_name=a&passed=true", headers=EVIL)[0] == 403


def test_the_ui_itself_and_programs_without_an_origin_are_served(ui: UiProcess) -> None:
    for host in (f"127.0.0.1:{ui.port}", f"localhost:{ui.port}"):
        own = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        assert graphql(ui, MUTATION, **own) == (200, '{"data":{"setNuxSeen":true}}')
        assert ui.request("GET", "/", headers={"Host": host, "Sec-Fetch-Site": "cross-site"})[0] == 200
    assert graphql(ui, MUTATION)[0] == 200
    assert ui.request("POST", f"{REPORT}?metadata=%7B%7D")[0] == 200


def test_a_host_name_that_is_not_loopback_is_refused_unless_it_is_allowed(ui: UiProcess) -> None:
    for host in ("evil.example", f"evil.example:{ui.port}", "127.0.0.1.evil.example", "192.0.2.1", ""):
        status, reason = ui.request("GET", "/server_info", headers={"Host": host})
        assert status == 403
        assert "--allow-host" in reason
    for host in ("models.example", "MODELS.example:443", "localhost.", "[::1]:3000", "127.9.9.9"):
        assert ui.request("GET", "/server_info", headers={"Host": host})[0] == 200
    proxied = {"Host": "models.example", "Origin": "https://models.example"}
    assert graphql(ui, MUTATION, **proxied)[0] == 200
    assert graphql(ui, MUTATION, Host="models.example", Origin="https://models.example:8443")[0] == 403


def test_a_websocket_from_another_origin_is_refused(ui: UiProcess) -> None:
    status, reason = ui.request("GET", "/graphql", headers={**WEBSOCKET, **EVIL})
    assert (status, reason) == (403, "Refused: a websocket from https://evil.example is not allowed.\n")
    assert ui.request("GET", "/graphql", headers={**WEBSOCKET, "Host": "evil.example"})[0] == 403
    assert ui.request("GET", "/graphql", headers={**WEBSOCKET, "Origin": f"http://127.0.0.1:{ui.port}"})[0] == 101
    assert ui.request("GET", "/graphql", headers=WEBSOCKET)[0] == 101


def test_the_catalogs_own_pages_are_below_a_prefix_and_dagsters_at_the_root(ui: UiProcess) -> None:
    assert f"http://127.0.0.1:{ui.port}/ghost/" in ui.log.read_text()
    ModelCatalog.open(Settings.from_environment(environment(ui.folder))).close()
    assert json.loads(ui.request("GET", "/ghost/api/v1/stats")[1])["total"] == 0
    status, page = ui.request("GET", "/ghost/", headers={"Host": "models.example"})
    assert status == 200
    assert "/ghost/static/" in page
    assert ui.request("POST", "/ghost/")[0] == 405
    assert ui.request("GET", "/ghost/", headers={"Host": "evil.example"})[0] == 403
    assert "Dagster" in ui.request("GET", "/")[1]
    status, found = ui.request("GET", "/ghost/health")
    findings = json.loads(found)["findings"]
    assert {"database", "daemon", "disk", "sensors"} <= {one["check"] for one in findings}, findings
    assert status == (503 if any(one["status"] == "wrong" for one in findings) else 200)


def test_a_listing_that_arrives_is_ingested_without_filling_the_log(ui: UiProcess) -> None:
    (ui.folder / "models" / "openai_models.json").write_bytes(listing("one", "two"))
    settings = Settings.from_environment(environment(ui.folder))
    ends_at = time.monotonic() + 60
    with ModelCatalog.open(settings) as catalog:
        while catalog.get_discovery_stats()["total"] != 2:
            assert time.monotonic() < ends_at, ui.log.read_text()
            time.sleep(0.2)
    # Rejected reports are the one thing that an operator has to know.
    lines = [line for line in ui.log.read_text().splitlines() if "1 rejected" not in line]
    assert len(lines) == 1, lines


def test_a_port_in_use_is_one_line_and_exit_code_3_and_nothing_is_started(run: Run, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        ended = run("ui", "--port", str(port))
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == (
        f"Error: port {port} of 127.0.0.1 can't be used: Address already in use; "
        "stop the program that uses it or choose --port\n"
    )
    assert not (tmp_path / "home" / "dagster").exists()


def test_sigterm_stops_everything_also_when_sigint_was_ignored_at_the_start(tmp_path: Path) -> None:
    with running_ui(tmp_path, ignores_sigint=True) as ui:
        assert len(ui.processes()) >= 4  # itself, the daemon, a code server for each
        assert ui.stop() == []
        assert ui.exit_code == 0


def test_the_ui_ends_with_exit_code_3_when_its_daemon_dies(tmp_path: Path) -> None:
    with running_ui(tmp_path) as ui:
        [daemon] = [one for one in ui.processes() if "dagster._daemon" in one.cmdline()]
        daemon.kill()
        assert ui.exit_code == 3
        assert "the Dagster daemon ended with exit code -9" in ui.log.read_text()


def test_private_modules_of_dagster_are_imported_in_four_places_and_exist() -> None:
    importlib.import_module("ghost_pipeline.web.dagster_ui")
    package = Path(ghost_pipeline.__file__).parent
    private = re.compile(r"^\s*(?:from|import) dagster\w*\._", re.MULTILINE)
    importing = [path.name for path in package.rglob("*.py") if private.search(path.read_text())]
    assert sorted(importing) == ["dagster_storage.py", "dagster_ui.py", "launcher.py", "worker.py"]
