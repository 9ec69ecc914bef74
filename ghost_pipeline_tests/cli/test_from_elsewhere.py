"""``db adopt`` and ``db import``: what they print, their JSON, their exit codes."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ghost_pipeline.cli import main
from ghost_pipeline_tests.cli.run_cli import Shell, list_models, listing_bytes
from ghost_pipeline_tests.postgres import server

ROW = {
    "provider_id": "openai",
    "model_id": "gpt-x",
    "model_name": "GPT X",
    "provider_data": {"id": "gpt-x"},
    "first_seen_at": "2025-10-01T00:00:00",
    "last_seen_at": "2025-11-01T00:00:00",
    "is_active": False,
    "source": "INFERENCE",
}
COUNTS = {
    "rows": 0,
    "created": 0,
    "updated": 0,
    "unchanged": 0,
    "repeated": 0,
    "kept_out": 0,
    "refused": 0,
    "refusals": [],
    "remarked": 0,
    "remarks": [],
}


def old_table(home: Path, rows: Sequence[tuple[Any, ...]]) -> None:
    home.mkdir(exist_ok=True)
    connection = sqlite3.connect(home / "catalog.db")
    with connection:
        connection.execute("CREATE TABLE old (provider TEXT, model TEXT, name TEXT, raw TEXT, price REAL)")
        connection.executemany("INSERT INTO old VALUES (?, ?, ?, ?, 1.5)", rows)
    connection.close()


def export(folder: Path, document: Any) -> str:
    file = folder / "old.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    return str(file)


def test_adopt_prints_what_it_read_and_did_as_json(shell: Shell, home: Path) -> None:
    old_table(home, [("openai", "a", "A", "{}"), ("openai", "b", None, None)])
    assert shell.json("db", "adopt", "old") == COUNTS | {
        "origin": "old",
        "columns": {"provider": "provider", "model": "model", "name": "name", "data": "raw"},
        "left_out": ["price"],
        "rows": 2,
        "created": 2,
    }
    assert shell.json("stats")["by_source"]["INDEX"] == 2


def test_adopt_names_each_rejected_row_and_exits_with_1(shell: Shell, home: Path) -> None:
    old_table(home, [("openai", "a", "A", "{}"), ("openai", "", None, None), ("open ai", "b", None, "oops")])
    ran = shell.run("db", "adopt", "old", exit_code=1)
    assert ran.stdout.splitlines() == [
        "old: 3 rows; columns: provider, model, name, data (raw)",
        "1 created, 0 updated, 0 unchanged, 0 duplicate, 0 suppressed, 2 rejected",
    ]
    assert "Rejected: a model id of openai is empty" in ran.stderr
    assert "Rejected: 1 row: provider 'open ai' is not a valid provider name" in ran.stderr
    assert "Warning: ignored columns: price" in ran.stderr
    assert shell.json("db", "adopt", "old", exit_code=1)["unchanged"] == 1


def test_adopt_warns_of_models_that_stay_out(shell: Shell, home: Path) -> None:
    old_table(home, [("openai", "a", "A", "oops")])
    shell.run("db", "adopt", "old")
    shell.run("remove", "openai", "a")
    output = shell.run("db", "adopt", "old").stderr
    assert "Warning: skipped 1 model removed or purged here" in output
    assert "Warning: openai a: its data is not a JSON object: stored as 'not_an_object'" in output


def test_an_adopted_model_is_covered_by_a_hold(shell: Shell, home: Path) -> None:
    old_table(home, [("openai", "a", "A", "{}")])
    shell.run("db", "adopt", "old")
    list_models("openai", listing_bytes([]))
    assert shell.json("sweep", "--now", "2025-12-12T00:00:00Z")["changed"] == 0


def test_a_column_can_be_named(shell: Shell, home: Path) -> None:
    old_table(home, [("A", "a", "openai", "{}")])
    shell.run("db", "adopt", "old", "--provider-column", "name", "--name-column", "provider")
    assert shell.json("show", "openai", "a")["name"] == "A"
    assert "no column 'price2'" in shell.error("db", "adopt", "old", "--data-column", "price2", exit_code=2)


@pytest.mark.parametrize("document", [[ROW], {"models": [ROW]}], ids=["list", "object"])
def test_import_keeps_instants_and_sources(shell: Shell, home: Path, tmp_path: Path, document: Any) -> None:
    result = shell.json("db", "import", export(tmp_path, document))
    assert (result["created"], result["left_out"], result["columns"]["name"]) == (1, [], "model_name")
    model = shell.json("show", "openai", "gpt-x")
    assert (model["source"], model["is_active"], model["name"]) == ("INFERENCE", False, "GPT X")
    assert (model["first_seen_at"], model["last_seen_at"]) == ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z")
    assert model["events"][0]["details"] == {"imported_from": "old.json"}


def test_what_models_prints_can_be_imported_again_and_elsewhere(
    shell: Shell, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_models("groq", listing_bytes(["a", "b"]))
    shell.run("track", "openai", "x", "--metadata", '{"region": "eu"}')
    shell.run("add", "openai", "y", "--name", "Y", "--input-price", "0", "--output-price", "0", "-c", "tools")
    shell.run("sweep", "--provider", "groq", "--now", "2025-12-12T00:00:00Z")
    printed = shell.run("models", "--json").stdout
    assert shell.json("db", "import", export(tmp_path, printed))["unchanged"] == 4
    assert shell.run("models", "--json").stdout == printed
    monkeypatch.setenv("GHOST_HOME", str(tmp_path / "elsewhere"))
    assert shell.json("db", "import", export(tmp_path, printed))["created"] == 4
    without_listings = [{**model, "listing_id": None} for model in json.loads(printed)]
    assert shell.json("models") == without_listings


def test_import_reads_stdin(home: Path) -> None:
    ran = CliRunner().invoke(main, ["db", "import", "-"], input=json.dumps([ROW]))
    assert ran.exit_code == 0
    assert ran.stdout.startswith("<stdin>: 1 row; columns: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ('[{"provider_id": "openai"', "cut off after 25 bytes; export it again"),
        ("<html>", "HTML"),
        ("{}", "not a list of models"),
        ("[" * 100_000, "nested too deeply"),
        (json.dumps([ROW, {**ROW, "source": "RUMOUR"}]), "row 2 (openai gpt-x): 'RUMOUR' is not a source"),
    ],
    ids=["empty", "cut", "html", "object", "deep", "row"],
)
def test_an_export_that_cannot_be_read_is_exit_code_2_and_writes_nothing(
    shell: Shell, home: Path, tmp_path: Path, text: str, message: str
) -> None:
    line = shell.error("db", "import", export(tmp_path, text), exit_code=2)
    assert line.startswith("Error: old.json")
    assert message in line
    assert shell.json("models") == []


def test_on_postgresql_both_want_the_schema_first(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server().new_url(is_migrated=False)
    monkeypatch.setenv("GHOST_DATABASE_URL", url)
    for command in (("adopt", "old"), ("import", export(tmp_path, [ROW]))):
        assert "run 'ghost-pipeline db upgrade'" in shell.error("db", *command, exit_code=3)
    shell.run("db", "upgrade")
    assert shell.json("db", "import", export(tmp_path, [ROW]))["created"] == 1
    server().drop(url)
