"""Every command but ``ingest`` and ``ui``: what it prints, its JSON, its exit codes."""

import json
import sqlite3
from pathlib import Path

import click
import pytest

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.storage.schema import HEAD
from ghost_pipeline.cli import main
from ghost_pipeline.lifecycle.records import MODEL_FIELDS
from ghost_pipeline_tests.command_line import Run


def commands() -> list[tuple[str, click.Command]]:
    """Every command with its full name."""
    found: list[tuple[str, click.Command]] = []
    for name, command in main.commands.items():
        if isinstance(command, click.Group):
            found += [(f"{name} {inner}", one) for inner, one in command.commands.items()]
        found.append((name, command))
    return found


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_has_help_an_example_and_json(run: Run, name: str, command: click.Command) -> None:
    shown = run(*name.split(), "--help")
    assert shown.code == 0
    assert f"Example: ghost-pipeline {name}" in shown.out.replace("Examples: ", "Example: ")
    if not isinstance(command, click.Group):
        assert "--json" in shown.out


def test_a_tracked_model_is_in_the_catalog_as_inference(run: Run) -> None:
    ran = run("track", "gemini", "models/gemini-x", "--name", "X", "--metadata", '{"region": "eu"}')
    assert (ran.code, ran.out) == (0, "google gemini-x: created\n")
    (model,) = run("models", "--json").document
    assert (model["provider_id"], model["model_id"], model["source"]) == ("google", "gemini-x", "INFERENCE")
    assert model["inference_metadata"] == {"region": "eu"}
    assert model["is_active"] is True
    assert model["last_seen_at"].endswith("Z")
    assert set(model) == set(MODEL_FIELDS)


def test_an_added_model_is_manual_and_is_never_swept(run: Run) -> None:
    assert run("add", "openai", "ft:x", "--context-window", "1000", "-c", "tools", "--input-price", "0").code == 0
    swept = run("sweep", "--hours", "0", "--json").document
    assert swept == {"changed": 0, "held": {}, "models": [], "due_within_24h": None, "expired_refusals": []}
    (model,) = run("models", "--source", "manual", "--capability", "tools", "--json").document
    assert (model["context_window"], model["is_free"]) == (1000, None)


def test_sweep_and_purge_by_hand_and_back_again(run: Run) -> None:
    run("track", "openai", "beta")
    names = [{"provider_id": "openai", "model_id": "beta"}]
    found = run("sweep", "--hours", "0", "--dry-run", "--json").document["models"]
    assert [{key: one[key] for key in ("provider_id", "model_id")} for one in found] == names
    assert run("stats", "--json").document["active"] == 1
    assert run("sweep", "--hours", "0", "--json").document["models"] == names
    assert "! ghost, last seen" in run("models", "--inactive").out
    assert run("purge", "--days", "0", "--json").document["models"] == names
    assert run("models", "--json").document == []
    assert run("restore", "openai", "beta").code == 0
    assert run("restore", "openai", "beta").code == 2
    assert run("reactivate", "openai", "beta", "--json").document["is_active"] is True
    kinds = [event["kind"] for event in run("show", "openai", "beta", "--json").document["events"]]
    assert kinds == ["discovered", "deactivated", "purged", "restored", "reactivated"]


def test_a_removed_model_stays_out_until_it_is_added(run: Run) -> None:
    run("track", "openai", "beta")
    assert run("remove", "openai", "beta", "--json").document["removed"] == 1
    tracked = run("track", "openai", "beta")
    assert tracked.code == 1
    assert "openai beta was removed by an operator" in tracked.err
    assert run("add", "openai", "beta").code == 0
    assert len(run("models", "--json").document) == 1


def test_stats_and_providers_have_the_documented_shape(run: Run) -> None:
    run("track", "openai", "beta")
    stats = run("stats", "--json").document
    assert set(stats) == {"total", "by_source", "active", "inactive", "unlisted", "refused", "by_provider"}
    assert stats["by_source"] == {"INDEX": 0, "INFERENCE": 1, "MANUAL": 0}
    providers = run("providers", "--json").document
    assert "openai" in [provider["id"] for provider in providers]
    for provider in providers:
        assert set(provider) == {
            *("id", "label", "held_since", "held_reason", "last_listing_at", "last_complete_at"),
            *("last_verdict", "last_reason", "last_seconds", "consecutive_failures", "is_overdue"),
            "refusals_unknown",
            *("is_configured", "is_fetched", "is_key_present", "is_key_required", "key_variables", "url", "obstacle"),
        }
    assert "openai" in run("providers").out
    assert "all providers" in run("stats").out


def test_db_current_and_upgrade_name_the_schema(run: Run) -> None:
    assert run("db", "current", "--json").document["current"] is None
    assert run("db", "upgrade", "--json").document["current"] == HEAD
    assert f"schema {HEAD}" in run("db", "current").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "openai", "unknown"),
        ("reactivate", "openai", "unknown"),
        ("remove", "unknown"),
        ("release", "unknown"),
        ("sweep", "--provider", "unknown"),
        ("track", "not a provider!", "x"),
        ("track", "openai", " "),
        ("track", "openai", "x", "--metadata", "{"),
        ("track", "openai", "x", "--metadata", "[1]"),
        ("track", "openai", "x", "--metadata", '{"x": NaN}'),
        ("models", "--capability", "telepathy"),
        ("sweep", "--now", "yesterday"),
        ("sweep", "--now", "2100-01-01T00:00:00Z"),
        ("sweep", "--hours", "-1"),
        ("add", "openai", "x", "--context-window", "0"),
        ("no-such-command",),
    ],
)
def test_wrong_usage_ends_with_2_and_one_line_and_changes_nothing(run: Run, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    assert "Error: " in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert run("models", "--json").document == []


def test_settings_that_make_no_sense_end_with_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GHOST_STALE_AFTER_HOURS", "soon")
    assert "GHOST_STALE_AFTER_HOURS='soon'" in run("stats").err
    monkeypatch.delenv("GHOST_STALE_AFTER_HOURS")
    monkeypatch.setenv("GHOST_DATABASE_URL", "mysql://user:secret@host/db")
    ran = run("stats")
    assert ran.code == 2
    assert "secret" not in ran.err


def test_an_unusable_catalog_is_exit_code_3(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "catalog.db").write_bytes(b"this is no database, whatever its name says" * 100)
    ran = run("stats")
    assert ran.code == 3
    assert "the file is not a SQLite database" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_catalog_that_is_newer_than_the_program_is_refused(run: Run, tmp_path: Path) -> None:
    run("stats")
    with sqlite3.connect(tmp_path / "home" / "catalog.db") as connection:
        connection.execute("UPDATE catalog_version SET version_num = '9999'")
    connection.close()
    ran = run("stats")
    assert ran.code == 3
    assert "newer than this program" in ran.err


def test_debug_shows_where_an_error_came_from(run: Run) -> None:
    assert "Traceback" in run("--debug", "show", "openai", "x").err


def test_json_is_the_only_thing_on_stdout(run: Run) -> None:
    run("track", "openai", "beta")
    for command in ("stats", "models", "providers", "sweep", "purge"):
        assert json.loads(run(command, "--json").out) is not None


def test_what_clients_state_of_one_model_is_bounded_in_total_and_the_newest_stays(run: Run) -> None:
    with ModelCatalog.open() as catalog:
        for number in range(20):
            metadata = {f"key-{number}": "x" * 10_000, "common": number}
            catalog.track_successful_inference("openai", "gpt-x", metadata=metadata)
    kept = run("show", "openai", "gpt-x", "--json").document["inference_metadata"]
    assert len(json.dumps(kept)) <= 64 * 1024
    assert kept["common"] == 19
    assert len(kept["key-19"]) == 10_000
    assert len(kept) == 7
