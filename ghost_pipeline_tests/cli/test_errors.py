"""Errors on the command line: one line that says what, where and what to do, and an exit code."""

from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from ghost_pipeline.cli import main
from ghost_pipeline_tests.cli.run_cli import Shell, list_models, listing_bytes

UNKNOWN_MODEL = [
    ("show", "openai", "nope"),
    ("reactivate", "openai", "nope"),
    ("remove", "openai", "nope"),
    ("restore", "openai", "nope"),
    ("withdraw", "openai", "nope"),
]
WRONG_USAGE = [
    ("show", "not a provider", "x"),
    ("release", "nobody"),
    ("remove", "nobody", "--yes"),
    ("restore", "nobody"),
    ("withdraw", "openai", "x", "prices"),
    ("sweep", "--provider", "nobody"),
    ("sweep", "--hours", "-1"),
    ("sweep", "--hours", "nan"),
    ("sweep", "--now", "yesterday"),
    ("purge", "--days", "many"),
    ("track", "openai", " "),
    ("track", "openai", "x" * 513),
    ("track", "openai"),
    ("add", "openai", "x", "--context-window", "-5"),
    ("add", "openai", "x", "--input-price", "nan"),
    ("add", "openai", "x", "--capability", "telepathy"),
    ("models", "--capability", "telepathy"),
    ("models", "--source", "RUMOUR"),
    ("ingest", "--observed-at", "soon"),
    ("ingest", "--dir", "no-such-folder"),
    ("ui", "--port", "0"),
    ("web", "--port", "0"),
    ("db", "adopt", "no-such-table"),
    ("db", "adopt", "models"),
    ("db", "import", "no-such-file.json"),
    ("db", "import", "."),
    ("retiring", "--within", "soon"),
    ("retiring", "--provider", "nobody"),
    ("retiring", "--format", "ics", "--json"),
    ("retiring", "--output", "dates.ics"),
    ("retiring", "--format", "ics", "--output", "/dev/null"),
    ("announce", "openai", "x"),
    ("announce", "openai"),
    ("announce", "openai", "x", "--retires", "soon"),
    ("announce", "openai", "x", "--retires", "2027-01-31", "--withdraw"),
    ("announce", "openai", "x", "--withdraw"),
    ("announce", "openai", "x", "--replaced-by", "y"),
    ("announce", "openai", "x", "--retires", "2027-01-31", "--replaced-by", "x"),
    ("announce", "openai", "x", "--retires", "2027-01-31", "--source", "javascript:alert(1)"),
    ("announce", "--from", "no-such-file.csv"),
    ("announce", "--from", ".", "--withdraw"),
    ("export",),
    ("export", "--to", "stone"),
    ("export", "--to", "json", "--capability", "telepathy"),
    ("export", "--to", "json", "--provider", "nobody"),
    ("export", "--to", "csv", "--json"),
    ("export", "--to", "csv", "--output", "."),
    ("export", "--to", "csv", "--output", "no-such-folder/models.csv"),
    ("export", "--to", "csv", "--output", "/dev/null"),
    ("notify",),
    ("notify", "--test", "chat"),
    ("references", "import", "--as", "models-dev"),
    ("references", "import", "no-such-file.json", "--as", "litellm"),
    ("references", "import", "/dev/null", "--as", "litellm"),
    ("references", "fetch"),
    ("references", "unmatched", "litellm"),
    ("references", "remove", "litellm"),
    ("conflicts", "--fact", "name"),
    ("conflicts", "--provider", "nobody"),
    ("no-such-command",),
]
NEED_A_CATALOG = [
    ("stats",),
    ("models",),
    ("show", "openai", "x"),
    ("providers",),
    ("export", "--to", "json"),
    ("track", "openai", "x"),
    ("add", "openai", "x"),
    ("retiring",),
    ("announce", "openai", "x", "--retires", "2027-01-31"),
    ("reactivate", "openai", "x"),
    ("release", "openai"),
    ("remove", "openai", "--yes"),
    ("restore", "openai", "x"),
    ("withdraw", "openai", "x"),
    ("sweep",),
    ("purge",),
    ("db", "upgrade"),
    ("db", "current"),
    ("db", "adopt", "old_models"),
    ("notifications",),
    ("references", "list"),
    ("conflicts",),
]


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found = []
    for name, command in group.commands.items():
        inner = leaves(command, (*path, name)) if isinstance(command, click.Group) else [((*path, name), command)]
        found.extend(inner)
    return found


COMMANDS = dict(leaves(main))


@pytest.mark.parametrize("command", UNKNOWN_MODEL, ids=" ".join)
def test_an_unknown_model_is_exit_code_2_and_named(shell: Shell, command: tuple[str, ...]) -> None:
    shell.run("add", "openai", "known")
    output = shell.error(*command, exit_code=2)
    assert output.startswith("Error: ")
    assert "'nope'" in output


MISSPELT = [
    *(("show", "openai", "gpt-4O-mini"), ("show", "openai", "gpt-4o-mni", "--at", "2026-01-01")),
    *(("prices", "openai", "gpt-4-o-mini"), ("reactivate", "openai", "pt-4o-mini"), ("remove", "openai", "gpt4o-mini")),
    *(("remove", "openai", "gpt4o-mini", "--dry-run"), ("restore", "openai", "gpt-4o-minni")),
    *(("show", "opnai", "gpt-4o-mini"), ("show", "opnai", "x", "--at", "2026-01-01"), ("prices", "opnai", "x")),
    *(("reactivate", "opnai", "x"), ("remove", "opnai", "x"), ("remove", "opnai", "--yes"), ("restore", "opnai", "x")),
    *(("withdraw", "opnai", "x"), ("withdraw", "openai", "gpt-4o-minni")),
    *(("restore", "opnai"), ("release", "opnai"), ("sweep", "--provider", "opnai"), ("purge", "--provider", "opnai")),
    *(("models", "--provider", "opnai"), ("models", "--provider", "opnai", "--at", "2026-01-01")),
    *(("changes", "--provider", "opnai"), ("diff", "2026-01-01", "--provider", "opnai"), ("fetch", "opnai")),
    *(("export", "--to", "json", "--provider", "opnai"), ("ingest", "--provider", "opnai")),
]
"""Every command that takes a provider or a model which the catalog must have."""


@pytest.mark.parametrize("command", MISSPELT, ids=" ".join)
def test_a_misspelt_name_is_exit_code_2_and_the_nearest_one_is_named(
    shell: Shell, command: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "latest_models").mkdir()
    (tmp_path / "latest_models" / "openai_models.json").write_bytes(listing_bytes(["gpt-4o-mini"]))
    list_models("openai", listing_bytes(["gpt-4o-mini", "o3"]))
    before = shell.json("models")
    nearest = "openai" if "opnai" in command else "gpt-4o-mini"
    assert f"; did you mean {nearest}? If not, " in shell.error(*command, exit_code=2)
    assert shell.json("models") == before


def test_a_new_name_is_accepted_where_a_model_is_added(shell: Shell) -> None:
    shell.run("add", "openai", "gpt-4o")
    shell.run("track", "opnai", "gpt-4o")
    shell.run("add", "openai", "gpt-4oo")
    assert shell.json("stats")["total"] == 3


@pytest.mark.parametrize("command", WRONG_USAGE, ids=lambda words: " ".join(words)[:40])
def test_wrong_usage_is_exit_code_2(shell: Shell, command: tuple[str, ...]) -> None:
    assert shell.error(*command, exit_code=2).startswith("Error: ")


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://root:hunter2@localhost/x",
        "postgresql://u:hunter2@h:port/x",
    ],
)
@pytest.mark.parametrize("command", [("stats",), ("db", "upgrade"), ("track", "openai", "x")], ids=" ".join)
def test_an_unusable_database_url_is_exit_code_2_without_its_password(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, url: str, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("GHOST_DATABASE_URL", url)
    output = shell.error(*command, exit_code=2)
    assert "GHOST_DATABASE_URL" in output
    assert "hunter2" not in output


EMPTY_NAMES = [
    ("remove", "openai", ""),
    ("remove", "openai", "  "),
    ("remove", ""),
    ("restore", "openai", ""),
    ("reactivate", "openai", ""),
    ("show", "openai", ""),
    ("track", "openai", ""),
    ("track", "", "gpt-x"),
    ("add", "openai", ""),
    ("add", "", "gpt-x"),
    ("release", ""),
    ("fetch", ""),
    ("sweep", "--provider", ""),
    ("purge", "--provider", ""),
    ("ingest", "--provider", ""),
    ("models", "--provider", ""),
    ("export", "--to", "json", "--provider", ""),
]


@pytest.mark.parametrize("command", EMPTY_NAMES, ids=repr)
def test_an_unset_shell_variable_is_wrong_usage_and_changes_nothing(shell: Shell, command: tuple[str, ...]) -> None:
    for provider_id in ("openai", "xai"):
        list_models(provider_id, listing_bytes(["a", "b"]), datetime.now(UTC))
    shell.error(*command, exit_code=2)
    assert shell.json("stats")["active"] == 4


def test_a_setting_that_is_not_a_number_is_exit_code_2(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GHOST_STALE_AFTER_HOURS", "a day")
    assert "GHOST_STALE_AFTER_HOURS='a day'" in shell.error("sweep", exit_code=2)


@pytest.mark.parametrize("command", NEED_A_CATALOG, ids=" ".join)
def test_a_file_that_is_not_a_database_is_exit_code_3_and_stays_as_it_was(
    shell: Shell, home: Path, command: tuple[str, ...]
) -> None:
    home.mkdir()
    garbage = b"these are somebody's notes, not a catalog\n" * 100
    (home / "catalog.db").write_bytes(garbage)
    output = shell.error(*command, exit_code=3)
    assert output.startswith("Error: ")
    assert str(home / "catalog.db") in output
    assert (home / "catalog.db").read_bytes() == garbage


def test_a_catalog_that_can_only_be_read_is_exit_code_3_for_a_writer(
    shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.run("add", "openai", "x")
    monkeypatch.setenv("GHOST_DATABASE_URL", f"sqlite:///file:{home / 'catalog.db'}?mode=ro&uri=true")
    assert "can't be written" in shell.error("add", "openai", "y", exit_code=3)
    assert shell.json("stats")["total"] == 1


def test_a_home_that_cannot_be_made_is_exit_code_3(shell: Shell, home: Path) -> None:
    home.write_text("a file in the way")
    assert "GHOST_HOME" in shell.error("stats", exit_code=3)


def test_a_restored_model_cannot_be_restored_again(shell: Shell) -> None:
    shell.run("add", "openai", "x")
    assert shell.error("restore", "openai", "x", exit_code=2).startswith("Error: ")


def test_debug_shows_the_traceback_before_the_line(shell: Shell) -> None:
    output = shell.run("--debug", "show", "openai", "nope", exit_code=2).stderr
    assert output.startswith("Traceback (most recent call last):")
    assert "UnknownModel" in output
    assert output.splitlines()[-1].startswith("Error: the catalog never had a model 'nope'")


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example_of_itself(shell: Shell, path: tuple[str, ...]) -> None:
    output = shell.run(*path, "--help").stdout
    shown = " ".join(output.split()).replace("Examples: ", "Example: ")
    assert f"Example: ghost-pipeline {' '.join(path)}" in shown
    assert "--json" in output
    assert COMMANDS[path].get_short_help_str()


def test_the_commands_are_those_that_are_promised() -> None:
    promised = "fetch ingest stats models show providers export track add reactivate release remove restore sweep purge"
    history = {"changes", "diff", "prices", "retiring", "announce", "notify", "notifications"}
    history |= {"references", "conflicts", "withdraw"}
    assert {path[0] for path in COMMANDS} == {*promised.split(), *history, "ui", "web", "db", "doctor"}
    upkeep = {"prune-runs", "prune-listings", "backfill-history"}
    assert {path[1] for path in COMMANDS if path[0] == "db"} == {"upgrade", "current", "adopt", "import", *upkeep}


def test_the_group_has_help_and_a_version(shell: Shell) -> None:
    assert "Start with:  ghost-pipeline ingest" in shell.run("--help").stdout
    assert "0." in shell.run("--version").stdout
