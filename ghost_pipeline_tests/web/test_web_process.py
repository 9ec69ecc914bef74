"""``ghost-pipeline web`` as a process: where it listens, for whom, and how it stops."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.settings import Settings
from ghost_pipeline.web.serving import REQUEST_GRACE_SECONDS
from ghost_pipeline_tests.command_line import Run
from ghost_pipeline_tests.web.ui_process import environment, free_port

TOKEN = "a-token-of-enough-characters"


def web_command(*options: str) -> list[str]:
    return [sys.executable, "-m", "ghost_pipeline", "web", "--port", str(free_port()), *options]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Provide a process that others than this machine can reach, and its address."""
    known = environment(tmp_path)
    ModelCatalog.open(Settings.from_environment(known)).close()
    process = subprocess.Popen(
        web_command("--json", "--host", "0.0.0.0", "--token-variable", "PAGE_TOKEN"),
        env={**known, "PAGE_TOKEN": TOKEN},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = "".join(iter(process.stdout.readline, "}\n")) + "}"
        yield process, json.loads(lines)["url"]
    finally:
        process.kill()
        process.communicate()


def test_it_serves_who_has_the_token_and_stops_though_clients_wait(started: tuple[subprocess.Popen[str], str]) -> None:
    process, url = started
    port = int(url.rstrip("/").rpartition(":")[2])
    assert url == f"http://0.0.0.0:{port}/"

    def ask(path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    bearer = f"Bearer {TOKEN}"
    assert ask("/api/v1/stats")[0] == 401
    assert ask("/api/v1/stats", Authorization=bearer)[0] == 200
    assert ask("/ghost/api/v1/stats", Authorization=bearer)[0] == 200
    assert ask("/api/v1/stats", Authorization=bearer, Host="evil.example")[0] == 403
    status, headers, body = ask("/ghost/health")
    assert (status, json.loads(body).keys()) == (200, {"is_ok", "checked_at"})
    assert "server" not in headers
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as waiting:
        waiting.request("GET", "/api/v1/changes?wait=30", headers={"Authorization": bearer})
        time.sleep(0.5)
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert waiting.getresponse().status == 200
        assert process.wait(10) == 0
        assert time.monotonic() - begin < REQUEST_GRACE_SECONDS
    assert process.stderr is not None
    assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "--token-variable"),
        (["--host", "::"], "--token-variable"),
        (["--host", "192.0.2.1"], "--token-variable"),
        (["--token-variable", "NOT_SET"], "NOT_SET is not set"),
        (["--token-variable", "SHORT"], "at least 16 characters"),
    ],
)
def test_without_a_token_nobody_else_is_served(
    options: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv("SHORT", "hunter2")
    ran = run("web", "--port", str(free_port()), *options)
    assert ran.code == 2
    assert words in ran.err
    assert "hunter2" not in ran.err
    assert len(ran.err.splitlines()) == 1


def test_an_address_that_this_machine_does_not_have_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGE_TOKEN", TOKEN)
    for host in ("192.0.2.1", "no-such-host.invalid"):
        ran = run("web", "--host", host, "--token-variable", "PAGE_TOKEN")
        assert (ran.code, len(ran.err.splitlines())) == (3, 1)
        assert host in ran.err
