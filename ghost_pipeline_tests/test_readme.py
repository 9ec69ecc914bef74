"""Every command and every example of the README works as it stands there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.S)


def commands(program: str) -> list[list[str]]:
    """The words of each `$ program ...` line in the README's console blocks, in order."""
    lines = [line for language, block in BLOCKS if language == "console" for line in block.splitlines()]
    return [shlex.split(line[2:]) for line in lines if line.startswith(f"$ {program}")]


def test_every_ghost_pipeline_command_runs_in_the_order_in_which_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GHOST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GHOST_MODELS_DIR", str(ROOT / "latest_models"))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    shown = commands("ghost-pipeline")
    assert len(shown) > 10
    for _, *arguments in shown:
        ran = subprocess.run(
            [sys.executable, "-m", "ghost_pipeline", *arguments], capture_output=True, text=True, cwd=tmp_path
        )
        assert ran.returncode == 0, (arguments, ran.stderr)
        assert "Traceback" not in ran.stderr


def test_every_make_target_that_is_shown_exists() -> None:
    targets = {words[1] for words in commands("make")} | set(re.findall(r"`make ([a-z]+)`", README))
    assert {"run", "test", "ui"} <= targets
    for target in targets:
        ran = subprocess.run(["make", "-n", target], capture_output=True, text=True, cwd=ROOT)
        assert ran.returncode == 0, (target, ran.stderr)


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GHOST_HOME", str(tmp_path))
    (example,) = [block for language, block in BLOCKS if language == "python"]
    ran = subprocess.run([sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    stats = subprocess.run(
        [sys.executable, "-m", "ghost_pipeline", "show", "openai", "gpt-5-preview"], capture_output=True, text=True
    )
    assert "INFERENCE" in stats.stdout


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "latest_models/README.md", "deploy/README.md"])
def test_every_path_that_a_document_links_to_exists(document: str) -> None:
    page = ROOT / document
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_no_file_names_a_machine_path_or_a_package_registry() -> None:
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=True)
    forbidden = re.compile("/".join(("", "root", "")) + "|--(extra-)?index" + "-url|pypi" + r"\.org")
    for name in tracked.stdout.split():
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".txt", ""} and path.is_file():
            assert not forbidden.search(path.read_text()), name
