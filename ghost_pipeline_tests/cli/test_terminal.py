"""Names of models, files and providers cannot send control sequences to a terminal."""

import json
import os
import pty
import re
from pathlib import Path

import pytest

from ghost_pipeline import ModelCatalog
from ghost_pipeline.redaction import printable
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.cli.pseudo_terminal import read_all
from ghost_pipeline_tests.processes import Program
from ghost_pipeline_tests.web.ui_process import environment

HOSTILE = "x\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp\x7f"
HARMLESS = r"x\u001b]0;owned\u0007\u001b[2J\u009b31m\u202egnp\u007f"
COLOURS = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|1A|2K)")
"""Colours, and what a progress bar sends: cursor off and on, one line up, erase the line."""
RAW = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

COMMANDS = [
    ("ingest",),
    ("models",),
    ("show", "openai", "one"),
    ("show", "openai", HOSTILE),
    ("stats",),
    ("providers",),
    ("export", "--to", "csv"),
    ("export", "--to", "json"),
    ("export", "--to", "litellm"),
    ("fetch", HOSTILE),
    ("track", HOSTILE, "x"),
    ("add", "openai", HOSTILE),
    ("remove", "openai", HOSTILE),
    ("restore", "openai", HOSTILE),
    ("sweep", "--now", HOSTILE),
    ("ingest", "--dir", HOSTILE),
    ("add", "--from", HOSTILE),
    ("db", "import", HOSTILE),
    ("db", "adopt", HOSTILE),
    (HOSTILE,),
    ("models", f"--{HOSTILE}"),
    ("--debug", "track", HOSTILE, "x"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide a home whose model, file and provider names contain terminal escape sequences."""
    folder = tmp_path_factory.mktemp("terminal")
    (folder / "models").mkdir()
    rows = [{"id": "one", "name": HOSTILE}, {"id": "two", "name": HOSTILE, "price": HOSTILE}, {"id": HOSTILE}]
    (folder / "models" / "acme_models.json").write_text(json.dumps({"data": rows}))
    (folder / "models" / f"{HOSTILE}_models.json").write_text(json.dumps({"data": rows}))
    (folder / "models" / f"openai_models_{HOSTILE}.json").write_text("{")
    (folder / "providers.toml").write_text(f"[providers.{json.dumps(HOSTILE)}]\n{json.dumps(HOSTILE)} = 1\n")
    with ModelCatalog.open(Settings.from_environment(environment(folder))) as catalog:
        catalog.track_successful_inference("openai", "one", name="One", metadata={HOSTILE: HOSTILE})
    return folder


def on_terminal(folder: Path, *arguments: str) -> str:
    """Return what a command writes to a pseudo-terminal."""
    controller, terminal = pty.openpty()
    Program(
        ("-m", "ghost_pipeline", *arguments),
        environment=environment(folder),
        folder=folder,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    return read_all(controller)


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: printable(" ".join(arguments)))
def test_no_command_sends_control_characters_of_a_name_to_a_terminal(folder: Path, arguments: tuple[str, ...]) -> None:
    written = COLOURS.sub("", on_terminal(folder, *arguments))
    assert written.strip()
    assert RAW.findall(written) == []


def test_json_escapes_control_characters_and_reads_back_the_same(folder: Path) -> None:
    written = on_terminal(folder, "show", "openai", "one", "--json")
    assert RAW.findall(written) == []
    assert json.loads(written)["inference_metadata"] == {HOSTILE: HOSTILE}


def test_escapes_are_those_of_json() -> None:
    assert printable(HOSTILE) == HARMLESS
    assert json.loads(f'"{printable(HOSTILE)}"') == HOSTILE
    assert printable("a\nb\tc", keep="\n") == r"a" + "\n" + r"b\u0009c"
    assert printable("größe 模型 👩‍💻") == "größe 模型 👩‍💻"
