"""Progress is shown on a terminal only, after a second, and removed at the end."""

import fcntl
import io
import json
import os
import pty
import re
import sqlite3
import sys
import termios
import time
from contextlib import closing
from pathlib import Path

import pytest

from ghost_pipeline.cli import progress
from ghost_pipeline.cli.progress import show_progress
from ghost_pipeline_tests.cli.pseudo_terminal import read_all
from ghost_pipeline_tests.fetching.server import Server, json_reply
from ghost_pipeline_tests.processes import Program

ENVIRONMENT = {"PATH": "", "TERM": "xterm"}

SLOW = """
import sys, time
from ghost_pipeline.cli import progress
from ghost_pipeline.cli.output import PrintableStream
sys.stderr = PrintableStream(sys.stderr)
progress.SHOWN_AFTER_SECONDS = 0.2
with progress.show_progress("importing [bold]\\x1b]0;title\\x07" + "name", is_json="--json" in sys.argv) as shown:
    for done in range(5):
        shown.update(done, 5)
        time.sleep(float(sys.argv[1]))
print("done")
"""


def on_terminal(*arguments: str, terminal_of: str = "stderr") -> tuple[str, str]:
    """Return what a program writes to a pseudo-terminal, and to a pipe on its other stream."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, b"\x28\x00\x78\x00\x00\x00\x00\x00")  # 40 lines of 120 columns
    other = "stdout" if terminal_of == "stderr" else "stderr"
    reader, writer = os.pipe()
    streams = {terminal_of: terminal, other: writer}
    program = Program(("-c", SLOW, *arguments), environment=ENVIRONMENT, **streams)  # type: ignore[arg-type]
    os.close(terminal)
    os.close(writer)
    written = read_all(controller)
    with open(reader) as pipe:
        piped = pipe.read()
    assert program.wait() == 0
    return written, piped


def test_a_terminal_shows_what_is_done_and_how_far_without_obeying_names() -> None:
    written, piped = on_terminal("0.2")
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written)
    assert "importing [bold]" in plain
    assert re.search(r"[1-4]/5", plain)
    assert "\x1b]0;" not in written
    assert "\x07" not in written
    assert piped == "done\n"


@pytest.mark.parametrize("arguments", [("0.2", "--json"), ("0",)], ids=["with --json", "done at once"])
def test_no_bar_is_shown_where_none_is_wanted(arguments: tuple[str, ...]) -> None:
    assert on_terminal(*arguments)[0] == ""


def test_no_bar_is_shown_in_a_pipe() -> None:
    assert on_terminal("0.2", terminal_of="stdout") == ("done\r\n", "")


def test_a_bar_ends_with_an_error_of_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SHOWN_AFTER_SECONDS", 0)
    monkeypatch.setattr(sys, "stderr", terminal := io.StringIO())
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="broken"):
        fail_under_a_bar()
    assert sys.stderr is terminal


def fail_under_a_bar() -> None:
    with show_progress("failing") as shown:
        time.sleep(0.2)
        shown.update(1, 2)
        raise ValueError("broken")


COMMANDS = [
    ("ingest",),
    ("export", "--to", "openai"),
    ("db", "import", "export.json"),
    ("db", "adopt", "old", "--provider-column", "provider", "--model-column", "model"),
    ("fetch", "lab"),
    ("db", "prune-runs", "--older-than", "1d"),
    ("db", "prune-listings", "--older-than", "1d"),
]


def test_the_commands_show_their_progress_on_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "openai_models.json").write_text(json.dumps({"data": [{"id": "a"}]}))
    row = {"provider_id": "openai", "model_id": "b", "source": "INDEX", "is_active": True}
    instants = {"first_seen_at": "2026-01-01T00:00:00Z", "last_seen_at": "2026-01-01T00:00:00Z"}
    (tmp_path / "export.json").write_text(json.dumps([row | instants]))
    (tmp_path / "home").mkdir()
    with closing(sqlite3.connect(tmp_path / "home" / "catalog.db")) as old, old:
        old.execute("CREATE TABLE old (provider TEXT, model TEXT)")
        old.execute("INSERT INTO old VALUES ('mistral', 'c')")
    with closing(Server(lambda _: json_reply({"data": [{"id": "d"}]}))) as server:
        (tmp_path / "providers.toml").write_text(f'[providers.lab]\nbase_url = "{server.url}"\n')
        shown = {command: run_at_once(tmp_path, command) for command in COMMANDS}
    texts = (
        "ingesting openai_models.json",
        "writing openai",
        "importing export.json",
        "adopting old",
        "fetching, lab: ",
        "old runs",
        "deleting listings",
    )
    assert {command: text in shown[command] for command, text in zip(COMMANDS, texts, strict=True)} == dict.fromkeys(
        COMMANDS, True
    )


def run_at_once(folder: Path, command: tuple[str, ...]) -> str:
    """Return what a command whose bar starts at once writes to a terminal, without escape sequences."""
    code = "from ghost_pipeline.cli import main, progress; progress.SHOWN_AFTER_SECONDS = 0; main()"
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, b"\x28\x00\x78\x00\x00\x00\x00\x00")
    own = {"GHOST_HOME": str(folder / "home"), "GHOST_MODELS_DIR": str(folder / "models")}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    program = Program(
        ("-c", code, *command), environment={**ENVIRONMENT, **own}, folder=folder, stdout=nowhere, stderr=terminal
    )
    os.close(nowhere)
    os.close(terminal)
    written = read_all(controller)
    assert program.wait() == 0, written
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written)
