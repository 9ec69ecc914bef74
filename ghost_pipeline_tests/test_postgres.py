"""The PostgreSQL of the tests keeps its files in a folder of the current user."""

import os
import stat
from pathlib import Path

import pytest

from ghost_pipeline_tests.postgres import private_runtime_dir


def test_the_runtime_folder_is_the_user_s_own(tmp_path: Path) -> None:
    folder = private_runtime_dir(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "python_PostgresServer").is_dir()
    assert private_runtime_dir(tmp_path) == folder


def test_a_folder_of_another_user_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = private_runtime_dir(tmp_path)
    monkeypatch.setattr(os, "getuid", lambda: taken.stat().st_uid + 1)
    assert private_runtime_dir(tmp_path) != taken


def test_the_lock_file_of_the_server_is_in_that_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(private_runtime_dir(tmp_path)))
    platformdirs = pytest.importorskip("platformdirs")
    assert platformdirs.user_runtime_path("python_PostgresServer").is_dir()
