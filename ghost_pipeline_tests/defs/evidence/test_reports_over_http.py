"""A report as another program sends it: over HTTP, to Dagster's own server."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import pytest

from ghost_pipeline.defs.evidence import reported_sightings
from ghost_pipeline.defs.local_runs import DAGSTER_YAML
from ghost_pipeline_tests.defs.builders import Workshop
from ghost_pipeline_tests.defs.channels import Channel

SECONDS_TO_START = 60


@contextmanager
def webserver(home: Path) -> Iterator[str]:
    """Dagster's server on a free port of this machine, for the length of the block."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # An empty workspace: reports need no code, and to load ours would take seconds.
    (home / "empty.yaml").write_text("load_from: []\n")
    command = [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port), "-w", "empty.yaml"]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=home, env={**os.environ, "DAGSTER_HOME": str(home)}, stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        ends_at = time.monotonic() + SECONDS_TO_START
        while not is_up(url):
            assert server.poll() is None, (home / "log").read_text()
            assert time.monotonic() < ends_at, (home / "log").read_text()
            time.sleep(0.1)
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def post(url: str, body: object) -> int:
    request = urllib.request.Request(
        f"{url}/report_asset_materialization/inference_reports",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return int(answer.status)


def test_reports_sent_to_dagsters_server_reach_the_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reported_sightings, "SETTLING_SECONDS", 0.0)
    monkeypatch.delenv("GHOST_HOME", raising=False)
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(DAGSTER_YAML)
    with webserver(home) as url:
        assert (
            post(url, {"metadata": {"provider": "gemini", "model": "one", "metadata": {"a": [1]}, "count": 2}}) == 200
        )
        assert post(url, {"metadata": {"sightings": [{"provider": "openai", "model": "two"}, {"model": "x"}]}}) == 200
        assert post(url, {"metadata": {"provider": "openai", "model": "three", "name": None}, "partition": "p"}) == 200
        assert post(url, {"metadata": {"provider": "openai", "model": "\ud800"}}) == 200
        assert post(url, {}) == 200
    with dg.DagsterInstance.from_config(str(home)) as instance:
        channel = Channel(Workshop(tmp_path, instance), reported_sightings.inference_reports_sensor)
        taken = channel.taken()
        assert (taken["sightings"], taken["inferences"], taken["rejected"]) == (3, 4, 3)
        assert channel.workshop.active("google") == ["one"]
        assert channel.workshop.active("openai") == ["three", "two"]
        assert channel.taken() == {}
        assert sorted(instance.get_dynamic_partitions("provider")) == ["google", "openai"]
