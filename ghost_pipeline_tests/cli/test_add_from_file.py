"""``add --from``: many models by hand."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pytest

from ghost_pipeline.catalog import catalog, sightings
from ghost_pipeline.catalog.sightings import check_additions
from ghost_pipeline.lifecycle.records import Addition
from ghost_pipeline_tests.cli.run_cli import Shell

CSV = "provider,model_id,input_price,output_price\nopenai,ft:a,0,0\ngemini,models/b,1,2\n"


def write(home: Path, name: str, content: str) -> str:
    path = home.parent / name
    path.write_text(content)
    return str(path)


def test_every_model_of_a_file_is_added(shell: Shell, home: Path) -> None:
    added = shell.json("add", "--from", write(home, "mine.csv", CSV))
    assert added == {
        "added": 2,
        "models": [
            {"provider_id": "google", "model_id": "b", "effect": "created"},
            {"provider_id": "openai", "model_id": "ft:a", "effect": "created"},
        ],
    }
    models = {model["model_id"]: model for model in shell.json("models", "--source", "manual")}
    assert (models["ft:a"]["is_free"], models["b"]["is_free"], models["b"]["output_price"]) == (True, False, 2)
    again = shell.run("add", "--from", write(home, "mine.csv", CSV))
    assert again.stdout == "google b: updated\nopenai ft:a: updated\n"
    assert again.stderr == "2 models added\n"


def test_all_errors_are_one_line_with_the_file_and_their_lines_and_nothing_is_added(shell: Shell, home: Path) -> None:
    wrong = 'provider,model_id,context_window\nopenai,fine,1\nopenai,"two\nlines",1\nopenai,c,many\nopenai,fine,2\n'
    file = write(home, "mine.csv", wrong)
    output = shell.error("add", "--from", file, exit_code=2)
    assert output.startswith(f"Error: {file}: nothing was added: line 3: ")
    assert "line 5: context_window 'many' is not a whole number" in output
    assert output.endswith("line 6: openai fine is a duplicate of line 2")
    assert shell.json("models") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", "nowhere.csv"),
        ("--from", "."),
        (),
        ("openai",),
        ("openai", "x", "--from", "mine.csv"),
        ("--from", "mine.csv", "--input-price", "0"),
        ("--from", "mine.csv", "-c", "tools"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_with_a_file_or_without_is_wrong_usage(
    shell: Shell, home: Path, arguments: tuple[str, ...]
) -> None:
    write(home, "mine.csv", CSV)
    assert shell.error("add", *arguments, exit_code=2).startswith("Error: ")
    assert shell.json("models") == []


def test_a_file_of_several_pages_is_added_whole_or_not_at_all(
    shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "PAGE_SIZE", 2)
    rows = [{"provider_id": ("openai", "mistral")[number % 2], "model_id": f"m{number}"} for number in range(7)]
    added = shell.json("add", "--from", write(home, "mine.json", json.dumps(rows)))
    assert added["added"] == 7
    expected = sorted((row["provider_id"], row["model_id"]) for row in rows)
    assert [(one["provider_id"], one["model_id"]) for one in added["models"]] == expected
    path = Path(write(home, "mine.json", json.dumps([*rows[::-1], {"provider_id": "xai", "model_id": "new"}])))

    def change_then_check(additions: Iterable[Addition], at: datetime) -> set[str]:
        slugs = check_additions(additions, at)
        path.write_text(json.dumps([*rows[::-1], {"provider_id": "xai", "model_id": ""}]))
        return slugs

    monkeypatch.setattr(catalog, "check_additions", change_then_check)
    assert "nothing was added: item 8" in shell.error("add", "--from", str(path), exit_code=2)
    assert len(shell.json("models")) == 7
    assert {one["first_seen_at"] == one["last_seen_at"] for one in shell.json("models")} == {True}
