"""Several programs that use a new GHOST_HOME at the same time, and a home that such a start has damaged."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ghost_pipeline_tests.command_line import Run
from ghost_pipeline_tests.defs.builders import listing
from ghost_pipeline_tests.web.ui_process import environment

INGEST = [sys.executable, "-m", "ghost_pipeline", "ingest"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "openai_models.json").write_bytes(listing("one", "two"))
    return tmp_path


def test_three_ingestions_at_once_on_a_new_home_all_succeed(folder: Path) -> None:
    programs = [
        subprocess.Popen(INGEST, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    ended = [(program.communicate(timeout=300)[1], program.returncode) for program in programs]
    assert [code for _, code in ended] == [0, 0, 0], ended


@pytest.mark.parametrize("database", ["history/runs.db", "history/runs/index.db", "schedules/schedules.db"])
def test_a_home_that_was_broken_at_its_first_use_is_named_with_the_way_out(
    folder: Path, database: str, run: Run
) -> None:
    assert run("ingest").code == 0
    home = folder / "home" / "dagster"
    with sqlite3.connect(home / database) as connection:
        connection.execute("INSERT INTO alembic_version VALUES ('d3a4c9e87af3')")
    connection.close()
    ended = run("ingest")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == (
        f"Error: Dagster's storage in {home} is damaged: two programs created it at the same time; stop all of them, "
        f"delete {home / 'history'} and {home / 'schedules'}, and run the command again; "
        "only the history of runs is lost\n"
    )
    shutil.rmtree(home / "history")
    shutil.rmtree(home / "schedules")
    assert run("ingest").code == 0
