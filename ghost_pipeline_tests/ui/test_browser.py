"""Installing a browser for the tests, and what they print where none can be had. Nothing is downloaded here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ghost_pipeline_tests.ui.browser import INSTALL_COMMAND, install_commands

ROOT = Path(__file__).parents[2]
DOWNLOAD = [sys.executable, "-m", "playwright", "install", "chromium"]


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a machine with a shell and Playwright, but no browser, package manager or network."""
    (tmp_path / "sh").symlink_to("/bin/sh")
    return {
        **os.environ,
        "PATH": str(tmp_path),
        "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path / "browsers"),
        "PLAYWRIGHT_DOWNLOAD_HOST": "http://127.0.0.1:9",
    }


def run(machine: dict[str, str], *arguments: str) -> tuple[int, list[str]]:
    """Run a module; return its exit code and the lines that it printed."""
    command = [sys.executable, "-m", *arguments]
    ran = subprocess.run(
        command, cwd=ROOT, env=machine, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
    )
    return ran.returncode, ran.stdout.strip().splitlines()


def put_apt_get(machine: dict[str, str], last_step: str) -> None:
    folder = Path(machine["PATH"])
    (folder / "apt-get").write_text(f'#!/bin/sh\necho "apt-get $*"\n[ "$1" = update ] || {last_step}\n')
    (folder / "apt-get").chmod(0o755)


def test_the_package_manager_is_used_by_root_only_and_the_download_comes_after_it(
    tmp_path: Path, machine: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert install_commands(is_root=True) == [DOWNLOAD]
    put_apt_get(machine, "true")
    assert install_commands(is_root=False) == [DOWNLOAD]
    first, second = install_commands(is_root=True)
    assert first == ["sh", "-c", "apt-get update -q && apt-get install -q -y chromium"]
    assert second == DOWNLOAD


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may use the package manager")
def test_root_installs_the_packaged_browser_and_downloads_nothing(machine: dict[str, str]) -> None:
    put_apt_get(machine, f"/bin/ln -s /bin/true {machine['PATH']}/chromium")
    code, lines = run(machine, "ghost_pipeline_tests.ui.browser")
    assert (code, lines) == (0, ["apt-get update -q", "apt-get install -q -y chromium"])
    assert run(machine, "ghost_pipeline_tests.ui.browser") == (0, [])


def test_the_download_is_tried_last_and_its_failure_names_the_command(machine: dict[str, str]) -> None:
    put_apt_get(machine, "false")
    code, lines = run(machine, "ghost_pipeline_tests.ui.browser")
    assert code == 1
    assert "http://127.0.0.1:9" in "".join(lines)
    assert lines[-1].startswith("No browser could be installed")
    assert lines[-1].endswith(INSTALL_COMMAND)


def test_the_last_line_of_the_tests_names_the_command_if_they_were_skipped(machine: dict[str, str]) -> None:
    code, lines = run(machine, "pytest", "-q", "-p", "no:cacheprovider", "ghost_pipeline_tests/ui/test_story.py")
    assert code == 0
    assert any("2 skipped" in line for line in lines)
    assert lines[-1] == f"Tests in a browser were skipped. This installs one: {INSTALL_COMMAND}"
