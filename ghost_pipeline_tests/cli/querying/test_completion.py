"""Completion in a real bash: names of the catalog, nothing that a shell would evaluate, and no noise."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ghost_pipeline import ModelCatalog
from ghost_pipeline_tests.cli.run_cli import Shell

BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(BASH is None, reason="needs bash")

HOSTILE = [
    *("$(touch owned)", "`touch owned`", "a;touch owned", "a b", "*", "a*", "?", "~root", "-rf", "a|b", "a&b", "a\\b"),
    *("'a", '"a', "a>b", "$HOME", "{a,b}", "!1", "#a", "a[b]"),
]

SCRIPT = """
source <(_GHOST_PIPELINE_COMPLETE=bash_source ghost-pipeline)
for line in "$@"; do
    COMP_LINE=$line COMP_POINT=${#line} COMPREPLY=()
    _ghost_pipeline_completion ghost-pipeline
    printf '%s\\n' "${COMPREPLY[@]}" =====
done
"""


def complete(folder: Path, *lines: str) -> list[list[str]]:
    """Return what bash would offer at the end of each line; nothing may be printed beside it."""
    assert BASH is not None
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [BASH, "--norc", "-c", SCRIPT, "bash", *lines]
    ran = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return [[one for one in part.splitlines() if one] for part in ran.stdout.split("=====\n")[:-1]]


@pytest.fixture
def folder(shell: Shell, tmp_path: Path) -> Path:
    """Provide a folder with files that a pattern would match, and a catalog with hostile names."""
    for provider_id, ids in (("groq", ["llama-3", "llama:free", "llama:paid", *HOSTILE]), ("google", ["gemini-x"])):
        with ModelCatalog.open() as catalog:
            catalog.add_manual_models([{"provider_id": provider_id, "model_id": one} for one in ids])
    (tmp_path / "a-file").touch()
    return tmp_path


def test_providers_and_model_ids_are_completed(folder: Path) -> None:
    expected = {
        "ghost-pipeline show g": ["google", "groq"],
        "ghost-pipeline models --provider gr": ["groq"],
        "ghost-pipeline show groq llama": ["llama-3", "llama:free", "llama:paid"],
        "ghost-pipeline show gemini ": ["gemini-x"],
        "ghost-pipeline show groq llama:f": ["free"],  # bash replaces what follows the colon
        "ghost-pipeline sho": ["show"],
    }
    assert complete(folder, *expected) == list(expected.values())


def test_names_that_a_shell_would_evaluate_are_left_out(folder: Path) -> None:
    begun = [f"ghost-pipeline show groq {begin}" for begin in ("", "'", "*", "$(touch owned)")]
    assert complete(folder, *begun)[0] == ["llama-3", "llama:free", "llama:paid"]
    assert not (folder / "owned").exists()


def test_without_a_catalog_there_is_nothing_and_none_is_created(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert complete(tmp_path, "ghost-pipeline show ", "ghost-pipeline show groq ") == [[], []]
    assert not home.exists()
    (tmp_path / "notes.db").write_text("these are notes")
    for url in (f"sqlite:///{tmp_path / 'notes.db'}", "nonsense"):
        monkeypatch.setenv("GHOST_DATABASE_URL", url)
        assert complete(tmp_path, "ghost-pipeline show groq l") == [[]]


def test_a_server_that_never_answers_ends_in_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        # Without a time-out of its own, the connection would wait for ever.
        monkeypatch.setenv("GHOST_DATABASE_URL", f"postgresql://someone@{place}/catalog?connect_timeout=0")
        assert complete(tmp_path, "ghost-pipeline show groq l") == [[]]
