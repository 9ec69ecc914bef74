"""A real browser for the tests: find one, install one, open one.

``python -m ghost_pipeline_tests.ui.browser`` installs Chromium where none is found: as root with the system's package
manager, else, or if that fails, with Playwright's own download. ``make test`` calls it, until it exits with 0.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_COMMAND = f"{sys.executable} -m ghost_pipeline_tests.ui.browser"
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def find_browser() -> str | None:
    """Return the path of a Chromium: the system's, else Playwright's own, else None."""
    for program in PROGRAMS:
        if found := shutil.which(program):
            return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def install_commands(is_root: bool) -> list[list[str]]:
    """Return the commands that may install Chromium, the first that may work first."""
    download = [sys.executable, "-m", "playwright", "install", "chromium"]
    if not is_root or not shutil.which("apt-get"):
        return [download]
    return [["sh", "-c", "apt-get update -q && apt-get install -q -y chromium"], download]


def install_browser() -> bool:
    """Install Chromium; return False if nothing worked."""
    for command in install_commands(is_root=os.geteuid() == 0):
        ran = subprocess.run(command, stdout=sys.stderr, stderr=sys.stderr)
        if ran.returncode == 0 and find_browser():
            return True
    return False


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """Open the browser for the length of a block."""
    path = find_browser()
    assert path is not None, INSTALL_COMMAND
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__" and not find_browser() and not install_browser():
    sys.exit(f"No browser could be installed, so the tests in a browser are skipped. Try: {INSTALL_COMMAND}")
