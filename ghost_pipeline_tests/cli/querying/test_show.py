"""``show``: one model with its facts, its state and its events."""

import json
from datetime import timedelta

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline_tests.cli.querying.conftest import MODEL_KEYS
from ghost_pipeline_tests.cli.run_cli import DAY_1, Shell, list_models, listing_bytes

EXPLANATION_KEYS = [
    *("presence", "since", "reason", "rule", "limit_hours", "last_evidence_at", "missing_from", "hold", "ways_back"),
    *("stale_at", "purge_at", "refusal", "refusals"),
]


def test_show_prints_events_listing_and_run(stocked: Shell) -> None:
    shown = stocked.json("show", "openai", "gpt-a")
    assert shown.keys() >= MODEL_KEYS | {"events"}
    assert [event["kind"] for event in shown["events"]] == ["discovered", "deactivated"]
    assert shown["events"][0]["at"] == "2025-12-06T07:00:00Z"
    assert shown["events"][0]["run_id"] == "run-1"
    assert shown["listing"]["file_name"] == "openai_models.json"
    assert shown["listing"]["id"] == shown["listing_id"]


def test_show_for_people_names_the_listing_behind_a_model(stocked: Shell) -> None:
    output = stocked.run("show", "openai", "gpt-a").stdout
    assert output.startswith("openai gpt-a: ! ghost, last seen 2025-12-06 07:00\n")
    assert "confirmed last by: openai_models.json of 2025-12-06 07:00 (complete, run run-1)" in output
    assert "deactivated" in output


def test_show_still_knows_a_model_that_was_removed(stocked: Shell) -> None:
    stocked.run("remove", "openai", "gpt-a")
    assert [event["kind"] for event in stocked.json("show", "openai", "gpt-a")["events"]][-1] == "removed"
    assert "openai gpt-a: not in the catalog" in stocked.run("show", "openai", "gpt-a").stdout


def test_show_knows_google_s_models_by_either_spelling(shell: Shell) -> None:
    shell.run("track", "gemini", "models/gemini-x")
    for spelling in ("models/gemini-x", "gemini-x"):
        shown = shell.json("show", "gemini", spelling)
        assert (shown["provider_id"], shown["model_id"], shown["is_active"]) == ("google", "gemini-x", True)


def ghost(shell: Shell) -> None:
    """Make the model b of OpenRouter a ghost that the newest listing lacks; that listing changes the price of a."""
    for days, prices in ((0, {"a": "0.000001", "b": "0.000002"}), (2, {"a": "0.000003"})):
        rows = [{"id": one, "pricing": {"prompt": price}} for one, price in prices.items()]
        list_models("openrouter", json.dumps({"data": rows}).encode(), DAY_1 + timedelta(days=days))
    shell.run("sweep", "--provider", "openrouter", "--now", "2025-12-08T08:00")


def test_a_ghost_is_explained_by_its_evidence_the_listing_without_it_and_what_comes(shell: Shell) -> None:
    ghost(shell)
    explained = shell.json("show", "openrouter", "b")["explanation"]
    assert list(explained) == EXPLANATION_KEYS
    assert explained["presence"] == "ghost"
    assert (explained["rule"], explained["limit_hours"]) == ("stale", 24.0)
    assert (explained["since"], explained["last_evidence_at"]) == ("2025-12-08T08:00:00Z", "2025-12-06T07:00:00Z")
    assert explained["missing_from"]["file_name"] == "openrouter_models.json"
    assert explained["missing_from"]["observed_at"] == "2025-12-08T07:00:00Z"
    assert len(explained["missing_from"]["sha256"]) == 64
    assert (explained["hold"], explained["stale_at"]) == (None, None)
    assert explained["purge_at"] == "2026-01-07T08:00:00.000001Z"
    assert explained["ways_back"] == ["listing", "use", "add", "reactivate"]
    output = shell.run("show", "openrouter", "b").stdout
    assert (
        "  ghost since 2025-12-08 08:00: not seen for more than 24 hours, last evidence 2025-12-06 07:00\n"
        f"  missing from: openrouter_models.json of 2025-12-08 07:00 (sha256 {explained['missing_from']['sha256']})\n"
        "  comes back with: a new listing that contains it, a successful use, 'ghost-pipeline add openrouter b' or "
        "'ghost-pipeline reactivate openrouter b'\n"
        "  is purged: by the first sweep from 2026-01-07 08:00 on, unless it is seen before\n"
    ) in output


def test_models_that_left_are_explained_too(shell: Shell) -> None:
    ghost(shell)
    shell.run("purge", "--now", "2026-02-01")
    purged = shell.json("show", "openrouter", "b")["explanation"]
    assert (purged["presence"], purged["limit_hours"], purged["purge_at"]) == ("purged", 720.0, None)
    assert "purged since 2026-02-01 00:00: a ghost for more than 30 days" in shell.run("show", "openrouter", "b").stdout
    shell.run("remove", "openrouter", "a")
    output = shell.run("show", "openrouter", "a").stdout
    assert "removed by an operator, seen last at 2025-12-08 07:00" in output
    assert "comes back with: 'ghost-pipeline add openrouter a' or 'ghost-pipeline restore openrouter a'" in output
    shell.run("restore", "openrouter", "a")
    assert "restored by an operator" in shell.run("show", "openrouter", "a").stdout


def test_a_hold_is_shown_with_its_reason_and_its_end(shell: Shell) -> None:
    ghost(shell)
    list_models("openrouter", listing_bytes([]), DAY_1 + timedelta(days=3))
    held = shell.json("show", "openrouter", "a")["explanation"]
    assert held["hold"]["since"] == "2025-12-09T07:00:00Z"
    assert held["hold"]["reason"].startswith("empty: ")
    assert held["stale_at"] == held["hold"]["protects_until"].replace("Z", ".000001Z")
    output = shell.run("show", "openrouter", "a").stdout
    assert "  openrouter is held since 2025-12-09 07:00, because empty: " in output
    assert "becomes a ghost: by the first sweep from " in output
    assert "is purged: not while its provider is held" in shell.run("show", "openrouter", "b").stdout


def test_events_show_prices_before_and_after(shell: Shell) -> None:
    ghost(shell)
    [line] = [line for line in shell.run("show", "openrouter", "a").stdout.splitlines() if "changed" in line]
    assert "input_price 1 -> 3" in line
    assert "explanation" not in shell.json("show", "openrouter", "a", "--at", "2025-12-07")


HOSTILE = (
    "$(touch owned)",
    "`touch a`",
    "-rf",
    "a b",
    "a'b",
    "a;b",
    "{0}",
    "a\u202eb",
    "a\u2028b",
    "=cmd|'/C calc'!A0",
)


def test_names_that_a_provider_chose_forge_no_line_and_no_command(shell: Shell) -> None:
    content = listing_bytes([*HOSTILE, "plain"])
    with ModelCatalog.open() as catalog:
        named = SubmittedListing("groq", "models\n  is purged: never\x1b[31m\u202e.json", content, DAY_1, "run\n1")
        catalog.reconcile(catalog.admit(named).listing_id)
    shell.run("sweep", "--now", "2025-12-08T08:00")
    assert "'ghost-pipeline add groq plain' or" in shell.run("show", "groq", "plain").stdout
    for model_id in HOSTILE:
        output = shell.run("show", "groq", "--", model_id).stdout
        shown = [line for line in output.splitlines() if not line.startswith("In Dagster")]
        assert sum("is purged:" in line for line in shown) == 2, "the file's name is in the line of the listing"
        assert sum(line.startswith("  is purged:") for line in shown) == 1
        assert "'ghost-pipeline add groq MODEL_ID' or 'ghost-pipeline reactivate groq MODEL_ID'" in output
        assert output.replace("\n", "").isprintable()
        explanation = json.loads(shell.run("show", "groq", "--json", "--", model_id).stdout)["explanation"]
        assert (explanation["presence"], explanation["ways_back"][-1]) == ("ghost", "reactivate")


def test_errors_about_hostile_names_are_one_line_without_a_command_of_theirs(shell: Shell) -> None:
    for model_id in HOSTILE:
        shell.run("add", "groq", "--", model_id)
        shell.run("remove", "groq", "--", model_id)
        error = shell.error("reactivate", "groq", "--", model_id, exit_code=2)
        assert "restore it with 'ghost-pipeline restore groq MODEL_ID'" in error
        nearly = shell.run("show", "groq", "--", f"{model_id}xy"[1:], exit_code=2).stderr
        assert nearly.count("\n") == 1
        assert nearly.rstrip("\n").isprintable()
