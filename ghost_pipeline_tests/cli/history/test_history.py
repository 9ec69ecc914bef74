"""``changes``, ``diff``, ``prices`` and ``--at``, as a user types them."""

import json
import re
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline_tests.cli.run_cli import DAY_1, Shell, list_models
from ghost_pipeline_tests.providers.samples import REAL_LISTINGS

KEYS = ["id", "at", "kind", "provider_id", "model_id", "name", "reason", "old", "new", "listing_id", "sha256", "run_id"]
DAY = timedelta(days=1)


def priced(**prices: str) -> bytes:
    """Return a listing in OpenRouter's shape: model id -> price per token."""
    rows = [
        {"id": one, "name": one, "pricing": {"prompt": price, "completion": price}} for one, price in prices.items()
    ]
    return json.dumps({"data": rows}).encode()


@pytest.fixture
def shell(home: Path) -> Shell:
    """Three listings of OpenRouter on three days: one model changes its price, one leaves, one comes."""
    list_models("openrouter", priced(a="0.000001", b="0.000002"), DAY_1)
    list_models("openrouter", priced(a="0.000003", b="0.000002"), DAY_1 + DAY)
    list_models("openrouter", priced(a="0.000003", c="0.000005"), DAY_1 + 2 * DAY)
    return Shell()


def at(days: float) -> str:
    return (DAY_1 + days * DAY).isoformat()


def test_changes_are_the_newest_last_and_the_cursor_gives_what_is_new(shell: Shell) -> None:
    answer = shell.json("changes", "--since", at(-1))
    assert list(answer) == ["changes", "cursor"]
    assert [list(one) for one in answer["changes"]] == [[*KEYS, "was_used_within_24h"]] * 3
    assert [(one["kind"], one["model_id"]) for one in answer["changes"]] == [
        ("discovered", "a"),
        ("discovered", "b"),
        ("discovered", "c"),
    ]
    with_facts = shell.json("changes", "--since", at(0.5), "--facts")["changes"]
    assert [(one["kind"], one["model_id"]) for one in with_facts] == [("changed", "a"), ("discovered", "c")]
    assert (with_facts[0]["old"]["input_price"], with_facts[0]["new"]["input_price"]) == (1.0, 3.0)
    assert shell.json("changes", "--since", answer["cursor"]) == {"changes": [], "cursor": answer["cursor"]}
    shell.run("track", "openai", "new")
    assert [one["model_id"] for one in shell.json("changes", "--since", answer["cursor"])["changes"]] == ["new"]
    assert [one["model_id"] for one in shell.json("changes")["changes"]] == ["new"], "24 hours by default"


def test_changes_can_be_read_in_parts_and_by_kind(shell: Shell) -> None:
    first = shell.json("changes", "--since", at(-1), "--limit", "2", "--facts")
    rest = shell.json("changes", "--since", first["cursor"], "--facts")
    whole = shell.json("changes", "--since", at(-1), "--facts")
    assert first["changes"] + rest["changes"] == whole["changes"]
    assert (len(first["changes"]), rest["cursor"]) == (2, whole["cursor"])
    changed = shell.json("changes", "--since", at(-1), "--until", at(1.5), "--kind", "changed")["changes"]
    assert [one["model_id"] for one in changed] == ["a"]


def test_a_held_provider_is_one_line(shell: Shell) -> None:
    list_models("openrouter", priced(), DAY_1 + 3 * DAY)
    ran = shell.run("changes", "--since", at(2.5))
    [line] = [line for line in ran.stdout.splitlines() if "absences" in line]
    assert line.startswith("openrouter: absences don't count since 2025-12-09 07:00, because empty: ")
    assert "openrouter: absences" in shell.run("changes", "--since", at(2.5), "--json").stderr


def test_models_show_and_stats_are_as_they_were(shell: Shell) -> None:
    models = shell.json("models", "--at", at(0.5))
    assert [(one["model_id"], one["input_price"], one["is_active"]) for one in models] == [
        ("a", 1.0, True),
        ("b", 2.0, True),
    ]
    assert [one["is_last_seen_exact"] for one in models] == [False, False]
    assert [one["last_listed_at"] for one in models] == [None, None]
    assert [one["model_id"] for one in shell.json("models", "--at", at(2))] == ["a", "b", "c"]
    shown = shell.json("show", "openrouter", "a", "--at", at(0.5))
    assert (shown["input_price"], [one["kind"] for one in shown["events"]]) == (1.0, ["discovered"])
    assert shell.json("stats", "--at", at(0.5))["total"] == 2
    assert "openrouter" in shell.run("models", "--at", at(1)).stdout
    assert "openrouter a: active" in shell.run("show", "openrouter", "a", "--at", at(1)).stdout


def test_a_difference_has_what_came_what_left_and_what_changed(shell: Shell) -> None:
    shell.run("remove", "openrouter", "b")
    found = shell.json("diff", at(0.5))
    assert [(one["difference"], one["model_id"]) for one in found] == [
        ("changed", "a"),
        ("vanished", "b"),
        ("appeared", "c"),
    ]
    assert (found[0]["old"]["input_price"], found[0]["new"]["input_price"]) == (1.0, 3.0)
    assert [one["model_id"] for one in shell.json("diff", at(0.5), at(1.5))] == ["a"]
    assert "1 appeared, 1 vanished, 1 changed" in shell.run("diff", at(0.5)).stderr


def test_prices_have_their_times_and_the_digest_of_their_listing(shell: Shell) -> None:
    periods = shell.json("prices", "openrouter", "a")
    assert [list(one) for one in periods] == [
        ["input_price", "output_price", "prices", "first_listed_at", "last_listed_at", "sha256"]
    ] * 2
    assert [(one["input_price"], one["first_listed_at"], one["last_listed_at"]) for one in periods] == [
        (1.0, "2025-12-06T07:00:00Z", "2025-12-06T07:00:00Z"),
        (3.0, "2025-12-07T07:00:00Z", "2025-12-08T07:00:00Z"),
    ]
    assert len({one["sha256"] for one in periods}) == 2
    assert shell.json("prices", "openrouter", "a", "--at", at(0.5)) == periods[:1]
    assert shell.json("prices", "openrouter", "a", "--at", at(-1)) == []
    assert "####" in shell.run("prices", "openrouter", "a").stdout


def test_a_history_is_backfilled_once(shell: Shell) -> None:
    assert "nothing to do: events exist from the start" in shell.run("db", "backfill-history").stdout
    whole = [shell.json("models", "--at", at(0.5)), shell.json("prices", "openrouter", "a")]
    with ModelCatalog.open() as catalog, catalog._database.writing() as connection:
        for table in ("model_events", "event_batches"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    planned = shell.json("db", "backfill-history", "--dry-run")
    assert planned["providers"] == [
        {
            "provider_id": "openrouter",
            "events": 4,
            "listings": 3,
            "unreadable_listings": 0,
            "begins_at": "2025-12-06T07:00:00Z",
        }
    ]
    ran = shell.run("db", "backfill-history", "--provider", "openrouter")
    assert ran.stdout == "openrouter: 4 events added from 3 listings; history begins 2025-12-06 07:00\n"
    assert [shell.json("models", "--at", at(0.5)), shell.json("prices", "openrouter", "a")] == whole
    assert "nothing to do" in shell.run("db", "backfill-history").stdout
    assert "no provider" in shell.error("db", "backfill-history", "-p", "groq", exit_code=2)


def test_an_instant_without_an_answer_is_refused_or_shown_as_empty(shell: Shell) -> None:
    ahead = (utc_now() + DAY).isoformat()
    for command in (("models",), ("stats",), ("show", "openrouter", "a")):
        assert "is in the future" in shell.error(*command, "--at", ahead, exit_code=2)
    early = shell.run("models", "--at", "2020-01-01", "--json")
    assert json.loads(early.stdout) == []
    assert "the catalog was empty at 2020-01-01" in early.stderr
    assert "had no model" in shell.error("show", "openrouter", "a", "--at", "2020-01-01", exit_code=2)
    other = f"c1-{'0' * 32}-1-1"
    assert "of another catalog" in shell.error("changes", "--since", other, exit_code=2)
    assert "is not a cursor" in shell.error("changes", "--since", "c1-x", exit_code=2)
    assert "is not an ISO 8601" in shell.error("changes", "--since", "yesterday", exit_code=2)
    assert "is not one of" in shell.error("changes", "--kind", "vanished", exit_code=2)
    assert "is not before" in shell.error("diff", at(2), at(1), exit_code=2)
    assert "never had a model" in shell.error("prices", "openrouter", "none", exit_code=2)


def follow(cursor: str, *options: str) -> "subprocess.Popen[str]":
    """Start a program that follows the changes after a cursor."""
    program = (sys.executable, "-m", "ghost_pipeline", "changes", "--follow", "--since", cursor, *options)
    # A shell without job control starts its background jobs, and so these tests, with SIGINT ignored.
    command = ("env", "--default-signal=INT", *program)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_follower_gets_each_change_as_a_line(shell: Shell) -> None:
    cursor = shell.json("changes", "--since", at(-1))["cursor"]
    with follow(cursor, "--json", "--limit", "3") as follower:
        assert follower.stdout is not None
        with ModelCatalog.open() as catalog:
            for model_id in ("one", "two", "three"):
                catalog.track_successful_inference("openai", model_id)
                line = json.loads(follower.stdout.readline())
                assert (line["model_id"], line["kind"]) == (model_id, "discovered")
        assert follower.wait(timeout=30) == 0
    assert shell.json("changes", "--since", line["cursor"])["changes"] == []


def test_a_follower_ends_cleanly_when_it_is_interrupted_and_when_its_reader_is_gone(shell: Shell) -> None:
    cursor = shell.json("changes", "--since", at(-1))["cursor"]
    with follow(cursor) as interrupted, follow(cursor, "--json") as abandoned, ModelCatalog.open() as catalog:
        assert interrupted.stdout is not None
        assert abandoned.stdout is not None
        catalog.track_successful_inference("openai", "one")
        assert "one" in interrupted.stdout.readline()
        assert "one" in abandoned.stdout.readline()
        interrupted.send_signal(signal.SIGINT)
        abandoned.stdout.close()
        catalog.track_successful_inference("openai", "two")
        assert (interrupted.wait(timeout=30), abandoned.wait(timeout=30)) == (0, 1)
        assert interrupted.stderr is not None
        assert abandoned.stderr is not None
        shown = interrupted.stderr.read()
        assert re.fullmatch(r"[12] changes?; cursor: c1-[0-9a-f]{32}-[0-9]+-[0-9]+\n", shown), shown
        assert abandoned.stderr.read() == ""


def test_real_listings_in_sequence_are_as_an_independent_reading_of_their_rows(home: Path) -> None:
    paths = sorted(REAL_LISTINGS.glob("openrouter_*.json"))
    if not paths:
        pytest.skip("no real listings here")
    rows = json.loads(paths[0].read_bytes())["data"]
    days: list[dict[str, str]] = []
    for day in range(4):
        listed = [dict(row) for number, row in enumerate(rows) if (number + day) % 25]
        for number, row in enumerate(listed):
            if (number + day) % 10 == 0 and float(row["pricing"]["prompt"]) > 0:
                price = float(row["pricing"]["prompt"]) * (1 + (day + 1) / 10)  # plausible, so that it stands at once
                row["pricing"] = {**row["pricing"], "prompt": f"{price:.12f}"}
        list_models("openrouter", json.dumps({"data": listed}).encode(), DAY_1 + day * DAY)
        days.append({row["id"]: row["pricing"]["prompt"] for row in listed})
    shell = Shell()
    known: dict[str, str] = {}
    for day, listed_prices in enumerate(days):
        came = listed_prices.keys() - known.keys()
        known |= listed_prices
        models = {one["model_id"]: one for one in shell.json("models", "--at", at(day + 0.5))}
        assert models.keys() == known.keys()
        for model_id, stated in known.items():
            if models[model_id]["input_price"] is not None and float(stated) > 0:
                assert models[model_id]["input_price"] == pytest.approx(float(stated) * 1e6)
        found = shell.json("changes", "--since", at(day), "--until", at(day + 0.5), "--kind", "discovered")["changes"]
        assert {one["model_id"] for one in found} == came
