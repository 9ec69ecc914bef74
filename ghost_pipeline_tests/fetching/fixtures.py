"""Fixtures for tests that fetch, here and in Dagster's runs: closing servers, and known providers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ghost_pipeline.providers import ENDPOINTS
from ghost_pipeline_tests.fetching.builders import KEY, Configure, Serve
from ghost_pipeline_tests.fetching.server import Script, Server


@pytest.fixture
def serve() -> Iterator[Callable[[Script], Server]]:
    servers: list[Server] = []

    def started(script: Script) -> Server:
        servers.append(Server(script))
        return servers[-1]

    yield started
    for server in servers:
        server.close()


@pytest.fixture
def configure(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Configure providers of these names with these servers, and no others."""
    for endpoint in ENDPOINTS.values():
        for variable in endpoint.key_variables:
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.setenv("GHOST_PROVIDERS_FILE", str(tmp_path / "providers.toml"))

    def configured(**scripts: Script) -> dict[str, Server]:
        servers = {name: serve(script) for name, script in scripts.items()}
        tables = [
            f'[providers.{name}]\nbase_url = "{server.url}/v1"\nkey_variable = "MY_KEY"\n'
            for name, server in servers.items()
        ]
        (tmp_path / "providers.toml").write_text("".join(tables))
        return servers

    return configured
