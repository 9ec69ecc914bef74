"""Fixtures that tests of several folders share."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, settings

from ghost_pipeline.cli import main
from ghost_pipeline_tests.command_line import Ran, Run
from ghost_pipeline_tests.postgres import stop_server
from ghost_pipeline_tests.ui.browser import INSTALL_COMMAND

# How long an example takes says more of the machine than of the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_sessionfinish() -> None:
    """Leave no server behind."""
    stop_server()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests in a browser, the longest ones, so that they do not run alone at the end."""
    items.sort(key=lambda item: "/ui/" not in item.nodeid)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End with the command that installs a browser, where tests were skipped for want of one."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and any(INSTALL_COMMAND in str(one.longrepr) for one in reporter.stats.get("skipped", [])):
        reporter.write_line(f"Tests in a browser were skipped. This installs one: {INSTALL_COMMAND}")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call ``ghost-pipeline`` with arguments."""
    monkeypatch.setenv("GHOST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GHOST_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.delenv("GHOST_DATABASE_URL", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)

    def called(*arguments: str) -> Ran:
        result = CliRunner().invoke(main, list(arguments))
        return Ran(result.exit_code, result.stdout, result.stderr)

    return called
