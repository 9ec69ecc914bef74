"""The commands that record sightings and change the state of models."""

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ghost_pipeline_tests.cli.run_cli import Shell, list_models, listing_bytes


def test_track_creates_and_later_updates(shell: Shell) -> None:
    first = shell.json("track", "openai", "gpt-x", "--name", "X", "--metadata", '{"region": "eu"}')
    assert first == {"provider_id": "openai", "model_id": "gpt-x", "effect": "created"}
    assert shell.json("track", "openai", "gpt-x", "--metadata", '{"tier": 2}')["effect"] == "updated"
    [model] = shell.json("models")
    assert (model["source"], model["name"]) == ("INFERENCE", "X")
    assert model["inference_metadata"] == {"region": "eu", "tier": 2}
    assert shell.run("track", "openai", "gpt-x").stdout == "openai gpt-x: updated\n"


@pytest.mark.parametrize("metadata", ["{", "[1]", "5", '{"a": NaN}', "[" * 100_000])
def test_metadata_that_is_not_a_json_object_is_wrong_usage(shell: Shell, metadata: str) -> None:
    shell.error("track", "openai", "gpt-x", "--metadata", metadata, exit_code=2)
    assert shell.json("models") == []


def test_a_removed_model_stays_out_until_it_is_restored(shell: Shell) -> None:
    shell.run("track", "openai", "gpt-x")
    assert shell.json("remove", "openai", "gpt-x") == {"provider_id": "openai", "model_id": "gpt-x", "removed": 1}
    assert shell.json("track", "openai", "gpt-x", exit_code=1)["effect"] == "ignored"
    assert shell.error("track", "openai", "gpt-x", exit_code=1).startswith(
        "Refused: openai gpt-x was removed by an operator"
    )
    list_models("openai", listing_bytes(["gpt-x", "gpt-y"]))
    assert [model["model_id"] for model in shell.json("models")] == ["gpt-y"]
    assert shell.json("restore", "openai", "gpt-x")["is_active"] is False
    assert shell.json("reactivate", "openai", "gpt-x")["is_active"] is True
    assert shell.json("show", "openai", "gpt-x")["source"] == "INFERENCE"


def test_messages_are_singular_and_name_the_next_command(shell: Shell) -> None:
    shell.run("add", "openai", "gpt-x")
    assert shell.run("remove", "openai", "gpt-x").stdout == "openai: 1 model removed until added or restored\n"
    assert "ghost-pipeline reactivate openai gpt-x" in shell.run("restore", "openai", "gpt-x").stdout
    assert shell.run("reactivate", "openai", "gpt-x").stdout == "openai gpt-x: active\n"


def test_remove_without_a_model_takes_all_of_the_provider(shell: Shell) -> None:
    list_models("openai", listing_bytes(["a", "b"]))
    list_models("xai", listing_bytes(["c"]))
    assert shell.json("remove", "openai", "--dry-run")["removed"] == 2
    assert shell.run("remove", "openai", "a", "--dry-run").stdout == "openai: 1 model would be removed\n"
    assert len(shell.json("models")) == 3
    assert "add --yes" in shell.error("remove", "openai", exit_code=2)
    assert shell.json("remove", "openai", "--yes")["removed"] == 2
    assert [model["model_id"] for model in shell.json("models")] == ["c"]


def test_restore_of_a_provider_undoes_its_removal_with_the_state_of_each_model(shell: Shell) -> None:
    list_models("openai", listing_bytes(["active", "ghost", "again"]))
    shell.run("track", "openai", "gone")
    shell.run("remove", "openai", "gone")
    shell.run("sweep")
    shell.run("reactivate", "openai", "active")
    before = shell.json("models")
    shell.run("remove", "openai", "--yes")
    assert shell.json("models") == []
    assert shell.json("restore", "openai") == {"provider_id": "openai", "restored": 3}
    assert shell.json("models") == before
    assert {model["model_id"]: model["is_active"] for model in before} == {
        "active": True,
        "again": False,
        "ghost": False,
    }
    assert "nothing to restore" in shell.error("restore", "openai", exit_code=2)
    shell.run("remove", "openai", "--yes")
    shell.run("add", "openai", "again")
    shell.run("remove", "openai", "again")
    assert shell.run("restore", "openai").stdout == "openai: 2 models restored as before the removal\n"


@pytest.mark.parametrize(("answer", "left"), [("n\n", 2), ("y\n", 0)])
def test_remove_of_a_provider_asks_on_a_terminal(shell: Shell, home: Path, answer: str, left: int) -> None:
    list_models("openai", listing_bytes(["a", "b"]))
    controller, terminal = pty.openpty()
    os.write(controller, answer.encode())
    command = [sys.executable, "-m", "ghost_pipeline", "remove", "openai"]
    ended = subprocess.run(command, stdin=terminal, capture_output=True, text=True, timeout=60, check=False)
    for end in (controller, terminal):
        os.close(end)
    assert "Remove 2 models of openai? [y/N]:" in ended.stderr
    assert ended.returncode == (1 if left else 0)
    assert len(shell.json("models")) == left


def test_add_keeps_every_given_fact(shell: Shell) -> None:
    facts = ("--name", "Mine", "--context-window", "128000", "--max-output-tokens", "4000", "--input-price", "0")
    more = ("--output-price", "1.5", "-c", "tools", "-c", "text", "--expires-at", "2027-01-01")
    assert shell.json("add", "openai", "ft:mine", *facts, *more)["effect"] == "created"
    [model] = shell.json("models")
    assert (model["source"], model["name"], model["context_window"]) == ("MANUAL", "Mine", 128000)
    assert (model["max_output_tokens"], model["input_price"], model["output_price"]) == (4000, 0, 1.5)
    assert (model["capabilities"], model["is_free"]) == (["text", "tools"], False)
    assert model["expires_at"] == "2027-01-01T23:59:59Z", "a day without a time is its last second"


def test_withdraw_lets_the_listing_s_value_stand(shell: Shell) -> None:
    list_models("openrouter", b'{"data": [{"id": "a/b", "context_length": 8192}]}')
    shell.run("add", "openrouter", "a/b", "--name", "Mine", "--context-window", "1000")
    list_models("openrouter", b'{"data": [{"id": "a/b", "context_length": 4096}]}')
    shown = shell.run("show", "openrouter", "a/b").stdout
    assert "! context_window: an operator states 1,000 since " in shown
    assert ", the listing states 4,096 since " in shown
    assert "'ghost-pipeline withdraw openrouter a/b context_window' lets the listing's value stand" in shown
    facts = shell.json("show", "openrouter", "a/b")["facts"]
    assert (facts["context_window"]["source"], facts["name"]["source"]) == ("manual", "manual")
    assert [(one["source"], one["value"]) for one in facts["context_window"]["others"]] == [("listing", 4096)]
    [conflict] = shell.json("conflicts")
    assert (conflict["winner"]["value"], conflict["others"][0]["value"], conflict["factor"]) == (1000, 4096, 4.096)
    done = shell.json("withdraw", "openrouter", "a/b", "context_window")
    assert (done["withdrawn"], done["facts"]) == ({"context_window": 1000}, {"context_window": 4096})
    assert shell.run("withdraw", "openrouter", "a/b").stdout == "name: Mine withdrawn, now unknown\n"
    assert shell.json("conflicts") == []
    assert "there is nothing to withdraw" in shell.error("withdraw", "openrouter", "a/b", exit_code=2)


def test_release_lifts_a_hold_and_prints_its_reason(shell: Shell) -> None:
    list_models("openai", listing_bytes(["gpt-x"]))
    list_models("mistral", b"<html>")
    output = shell.json("release", "mistral")
    assert (output["provider_id"], output["was_held"]) == ("mistral", True)
    assert output["reason"].startswith("malformed: ")
    assert {one["held_since"] for one in shell.json("providers")} == {None}
    assert shell.run("release", "mistral").stdout == "mistral: was not held\n"


def without_evidence(planned: dict[str, Any]) -> dict[str, Any]:
    """Return the document of a dry run with the keys that the document of a sweep has."""
    assert planned["due_within_24h"] == 0
    models = [{key: model[key] for key in ("provider_id", "model_id")} for model in planned["models"]]
    return {**planned, "models": models, "due_within_24h": None}


def test_sweep_and_purge_report_what_they_changed(shell: Shell) -> None:
    list_models("openai", listing_bytes(["a", "b"]))
    changed = {
        "changed": 2,
        "held": {},
        "models": [{"provider_id": "openai", "model_id": "a"}, {"provider_id": "openai", "model_id": "b"}],
        "due_within_24h": None,
        "expired_refusals": [],
    }
    at = ("--now", "2025-12-07T08:00:00Z")
    planned = shell.json("sweep", *at, "--dry-run")
    assert without_evidence(planned) == changed
    assert planned["models"][0] == {
        "provider_id": "openai",
        "model_id": "a",
        "last_seen_at": "2025-12-06T07:00:00Z",
        "last_listed_at": "2025-12-06T07:00:00Z",
        "last_used_at": None,
        "due_at": "2025-12-07T07:00:00.000001Z",
    }
    header, line, *_ = shell.run("sweep", *at, "--dry-run").stdout.splitlines()
    assert header.split() == ["provider", "model", "last", "seen", "last", "listed", "last", "used", "due"]
    assert line.split() == ["openai", "a", *("2025-12-06", "07:00") * 2, "2025-12-07", "07:00"]
    earlier = shell.run("sweep", "--now", "2025-12-07T07:00:00Z", "--dry-run").stdout
    assert earlier == "0 models would be deactivated\n2 more models within 24 hours, unless seen before\n"
    assert shell.json("stats")["active"] == 2
    assert shell.json("sweep", *at) == changed
    assert shell.json("sweep", *at)["changed"] == 0
    assert shell.json("purge", "--now", "2026-01-06T07:00:00Z")["changed"] == 0, "30 days as a ghost are not over"
    assert without_evidence(shell.json("purge", "--now", "2026-01-06T09:00:00Z", "--dry-run")) == changed
    assert shell.run("purge", "--now", "2026-01-06T09:00:00Z").stdout.endswith("2 models purged\n")
    assert shell.json("stats")["total"] == 0


def test_sweep_takes_hours_and_purge_days(shell: Shell) -> None:
    list_models("openai", listing_bytes(["a"]))
    assert shell.json("sweep", "--now", "2025-12-06T10:00:00Z")["changed"] == 0
    assert shell.json("sweep", "--now", "2025-12-06T10:00:00Z", "--hours", "2.5")["changed"] == 1
    assert shell.json("purge", "--now", "2025-12-07T11:00:00Z", "--days", "1")["changed"] == 1


def test_sweep_names_the_held_providers_that_it_skipped(shell: Shell) -> None:
    list_models("mistral", listing_bytes(["m"]))
    list_models("mistral", listing_bytes([]))
    at = ("--now", "2025-12-08T07:00:00Z")
    swept = shell.json("sweep", *at)
    assert (swept["changed"], list(swept["held"])) == (0, ["mistral"])
    assert swept["held"]["mistral"].startswith("empty: ")
    result = shell.run("sweep", *at)
    assert result.stdout == "0 models deactivated\n"
    assert "mistral is held" in result.stderr


def test_db_upgrade_makes_the_catalog_and_does_nothing_again(shell: Shell) -> None:
    before = shell.json("db", "current")
    assert before["current"] is None
    made = shell.json("db", "upgrade")
    assert (made["before"], made["current"]) == (None, made["head"])
    again = shell.json("db", "upgrade")
    assert again["before"] == again["current"] == again["head"] == before["head"]
    assert f"schema {made['head']}, this program needs {made['head']}" in shell.run("db", "current").stdout
