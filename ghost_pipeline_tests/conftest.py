"""Fixtures that tests of several folders share."""

import gc
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from filelock import FileLock
from hypothesis import HealthCheck, settings

from ghost_pipeline.catalog.storage import schema
from ghost_pipeline.cli import main
from ghost_pipeline_tests import sqlite_template
from ghost_pipeline_tests.command_line import Ran, Run
from ghost_pipeline_tests.postgres import stop_server
from ghost_pipeline_tests.ui.browser import INSTALL_COMMAND

# How long an example takes says more of the machine than of the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

FIRST = ("ui", "deploy")
"""The folders of tests that take minutes: of stories, with all services of a deployment and a browser."""

LAST = ("lifecycle", "listings", "providers", "references", "reported_sightings")
"""The folders of tests that take milliseconds, because they call pure functions."""


def pytest_sessionfinish() -> None:
    """Leave no server behind."""
    stop_server()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the garbage collector what stays until the end: modules and thousands of tests, a million objects."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests and end with the shortest, so that no worker ends long before the others."""
    items.sort(key=lambda item: _turn(item.nodeid.split("/")[1]))


def _turn(folder: str) -> int:
    """Return -1 for what begins, 1 for what ends, and 0 for what keeps its order between them."""
    return (folder not in FIRST) - (folder not in LAST)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End with the command that installs a browser, where tests were skipped for want of one."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and any(INSTALL_COMMAND in str(one.longrepr) for one in reporter.stats.get("skipped", [])):
        reporter.write_line(f"Tests in a browser were skipped. This installs one: {INSTALL_COMMAND}")


@pytest.fixture(scope="session", autouse=True)
def _copied_catalogs() -> Iterator[None]:
    """Create SQLite catalogs in this process as copies of one that was migrated. Tests of ``storage`` migrate each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "upgrade", sqlite_template.upgrade)
        yield


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


@pytest.fixture(scope="session")
def ingested(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide a folder in which a process has ingested the sample listings, once for all workers. Tests use copies.

    It has ``latest_models``, ``.ghost`` and ``printed``, what the process printed.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    folder = shared / "ingested"
    with FileLock(shared / "ingested.lock"):
        if not (folder / "printed").exists():
            samples = Path(__file__).parent.parent / "latest_models"
            shutil.copytree(samples, folder / "latest_models", copy_function=shutil.copyfile)
            with pytest.MonkeyPatch.context() as environment:
                for name in ("GHOST_HOME", "GHOST_MODELS_DIR", "GHOST_DATABASE_URL", "DAGSTER_HOME"):
                    environment.delenv(name, raising=False)
                command = [sys.executable, "-m", "ghost_pipeline", "ingest"]
                ran = subprocess.run(command, capture_output=True, text=True, cwd=folder)
            assert ran.returncode == 0, ran.stderr
            (folder / "printed").write_text(ran.stdout)
    return folder
