"""``stats``, ``models``, ``providers``."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ghost_pipeline.lifecycle.validation import parse_instant
from ghost_pipeline_tests.cli.querying.conftest import MODEL_KEYS, PRICED
from ghost_pipeline_tests.cli.run_cli import DAY_1, Shell, list_models, listing_bytes


def ids(shell: Shell, *flags: str) -> list[str]:
    return [model["model_id"] for model in shell.json("models", *flags)]


def test_stats_count_by_source_state_and_provider(stocked: Shell) -> None:
    assert stocked.json("stats") == {
        "total": 7,
        "by_source": {"INDEX": 5, "INFERENCE": 1, "MANUAL": 1},
        "active": 5,
        "inactive": 2,
        "unlisted": 1,
        "refused": 0,
        "by_provider": {
            "openai": {
                "total": 4,
                "by_source": {"INDEX": 2, "INFERENCE": 1, "MANUAL": 1},
                "active": 2,
                "inactive": 2,
                "unlisted": 1,
                "refused": 0,
            },
            "openrouter": {
                "total": 3,
                "by_source": {"INDEX": 3, "INFERENCE": 0, "MANUAL": 0},
                "active": 3,
                "inactive": 0,
                "unlisted": 0,
                "refused": 0,
            },
        },
    }


def test_stats_of_an_empty_catalog_are_zeros(shell: Shell) -> None:
    none = {"INDEX": 0, "INFERENCE": 0, "MANUAL": 0}
    zeros = {"total": 0, "active": 0, "inactive": 0, "unlisted": 0, "refused": 0}
    assert shell.json("stats") == {**zeros, "by_source": none, "by_provider": {}}


def test_stats_for_people_have_a_line_a_provider_and_one_for_all(stocked: Shell) -> None:
    lines = stocked.run("stats").stdout.splitlines()
    assert lines[0].split() == [
        "provider",
        "total",
        "active",
        "inactive",
        "INDEX",
        "INFERENCE",
        "MANUAL",
        "unlisted",
        "refused",
    ]
    assert [line.split() for line in lines[1:]] == [
        ["openai", "4", "2", "2", "2", "1", "1", "1", "0"],
        ["openrouter", "3", "3", "0", "3", "0", "0", "0", "0"],
        ["all", "providers", "7", "5", "2", "5", "1", "1", "1", "0"],
    ]


def test_models_as_json_have_the_columns_of_the_catalog(stocked: Shell) -> None:
    models = stocked.json("models", "--provider", "openrouter")
    assert all(model.keys() >= MODEL_KEYS for model in models)
    [free] = [model for model in models if model["model_id"] == "acme/free"]
    assert free["provider_data"] == PRICED["data"][0]
    assert (free["is_active"], free["is_free"], free["context_window"]) == (True, True, 8192)
    assert free["first_seen_at"] == "2025-12-06T07:00:00Z"
    assert free["deactivated_at"] is None
    assert "tools" in free["capabilities"]


def test_models_prints_ghosts_too_unless_a_flag_excludes_them(stocked: Shell) -> None:
    assert ids(stocked, "--provider", "openai") == ["gpt-a", "gpt-b", "gpt-secret", "gpt-tuned"]
    assert ids(stocked, "--provider", "openai", "--active") == ["gpt-secret", "gpt-tuned"]
    assert ids(stocked, "--provider", "openai", "--inactive") == ["gpt-a", "gpt-b"]


def test_free_takes_only_what_is_known_to_be_free(stocked: Shell) -> None:
    assert ids(stocked, "--free") == ["acme/free"]


def test_filters_narrow_each_other(stocked: Shell) -> None:
    assert ids(stocked, "--capability", "tools") == ["acme/free"]
    assert ids(stocked, "-c", "tools", "-c", "vision") == ["acme/free"]
    assert ids(stocked, "-c", "tools", "-c", "embedding") == []
    assert ids(stocked, "--source", "manual") == ["gpt-tuned"]
    assert ids(stocked, "--source", "INFERENCE", "--provider", "openrouter") == []


def test_unlisted_are_the_models_that_work_though_no_list_shows_them(stocked: Shell) -> None:
    stocked.run("track", "openai", "gpt-a")
    assert ids(stocked, "--unlisted") == ["gpt-secret"], "gpt-a is listed, and gpt-tuned was never used"
    list_models("openai", listing_bytes(["gpt-b"]), DAY_1 + timedelta(hours=1))
    assert ids(stocked, "--unlisted", "--provider", "openai") == ["gpt-a", "gpt-secret"]
    assert ids(stocked, "--unlisted", "--provider", "openrouter") == []
    assert ids(stocked, "--unlisted", "--source", "inference") == ["gpt-secret"]


def test_unlisted_models_are_shown_with_their_last_use_and_listing(stocked: Shell) -> None:
    stocked.run("track", "openai", "gpt-a")
    list_models("openai", listing_bytes(["gpt-b"]), DAY_1 + timedelta(hours=1))
    header, listed_once, never_listed = stocked.run("models", "--unlisted").stdout.splitlines()
    assert header.split() == ["provider", "model", "name", "source", "last", "used", "last", "listed", "state"]
    assert "2025-12-06 07:00" in listed_once
    assert listed_once.startswith("openai")
    assert "gpt-a" in listed_once
    assert "never" in never_listed
    used_at = stocked.json("models", "--unlisted")[1]["last_used_at"]
    assert f"{parse_instant(used_at):%Y-%m-%d %H:%M}" in never_listed


def test_a_provider_goes_by_any_of_its_names(stocked: Shell) -> None:
    assert ids(stocked, "--provider", "Open-Router") == ["acme/free", "acme/paid", "acme/unpriced"]


def test_ghosts_carry_a_warning_with_their_last_sighting(stocked: Shell) -> None:
    result = stocked.run("models", "--provider", "openai")
    [line] = [line for line in result.stdout.splitlines() if "gpt-a" in line]
    assert "! ghost, last seen 2025-12-06 07:00" in line
    [line] = [line for line in result.stdout.splitlines() if "gpt-tuned" in line]
    assert "ghost" not in line
    assert result.stderr == "4 models\n"


def test_search_limits_and_order_reach_the_catalog(stocked: Shell) -> None:
    both = ("-p", "openai", "-p", "openrouter")
    assert ids(stocked, "--search", "GPT-", *both, "--active") == [
        "gpt-secret",
        "gpt-tuned",
    ]
    assert ids(stocked, "--search", "%") == ids(stocked, "--search", "_") == []
    assert ids(stocked, "--max-input-price", "0.5") == ["acme/free"]
    assert ids(stocked, "--min-context", "8192") == ["acme/free"]
    assert ids(stocked, "--sort", "-input_price", "--limit", "3") == ["acme/paid", "acme/free", "gpt-a"]
    left_out = stocked.run("models", "-p", "openrouter", "--max-input-price", "0.5").stderr
    assert left_out == "1 model\n1 more model left out only because a fact is unknown\n"
    for wrong in (("--sort", "price"), ("--search", "x" * 10_000), ("--search", ""), ("--limit", "0")):
        assert stocked.error("models", *wrong, exit_code=2).startswith("Error: ")
    assert "context_window" in stocked.error("models", "--sort", "price", exit_code=2)


def test_columns_are_those_that_are_named_in_their_order(stocked: Shell) -> None:
    models = stocked.json("models", "-p", "openrouter", "--columns", "model_id,input_price, capabilities")
    assert [list(model) for model in models] == [["model_id", "input_price", "capabilities"]] * 3
    whole = stocked.json("models", "-p", "openrouter")
    assert models == [{name: model[name] for name in models[0]} for model in whole]
    printed = stocked.run("models", "-p", "openrouter", "--columns", "input_price,model_id", "--max-input-price", "2")
    assert [line.split() for line in printed.stdout.splitlines()] == [
        ["input_price", "model_id"],
        ["0", "acme/free"],
        ["1", "acme/paid"],
    ]
    assert "1 more model left out" in printed.stderr
    assert stocked.json("models", "--columns", "model_id,model_id", "--limit", "1") == [{"model_id": "gpt-a"}]
    at = ("--at", "2025-12-06T08:00", "--columns", "model_id,is_active", "--search", "gpt")
    assert stocked.json("models", *at) == [{"model_id": one, "is_active": True} for one in ("gpt-a", "gpt-b")]
    assert stocked.run("models", *at).stdout.splitlines()[0].split() == ["model_id", "is_active"]


@pytest.mark.parametrize("columns", ["model_id,input_prize", "", "model_id,", "*", "model_id;name", "x" * 10_000])
def test_an_unknown_column_is_wrong_usage_and_the_known_ones_are_listed(stocked: Shell, columns: str) -> None:
    message = stocked.error("models", "--columns", columns, exit_code=2)
    assert "replaced_by" in message
    assert len(message) < 700
    if "prize" in columns:
        assert "no column 'input_prize'; did you mean input_price" in message
        assert "did you mean input_price" in stocked.error("models", "--sort", "-input_prize", exit_code=2)


def test_filters_order_and_counts_of_the_past_are_those_of_today(stocked: Shell) -> None:
    now = datetime.now(UTC).isoformat()
    for flags in (
        ("--sort", "-input_price"),
        ("--sort", "name", "--limit", "2"),
        ("--search", "ACME/", "--free"),
        ("--max-input-price", "0.5", "--limit", "1"),
        ("-p", "openai", "-p", "openrouter", "--active", "--min-context", "1", "--sort", "model_id"),
        ("--capability", "tools", "--source", "index"),
    ):
        at = stocked.run("models", *flags, "--at", now)
        today = stocked.run("models", *flags)
        assert at.stdout == today.stdout
        assert at.stderr.splitlines()[1:] == today.stderr.splitlines()[1:]
        assert ids(stocked, *flags, "--at", now) == ids(stocked, *flags)


def test_a_name_that_looks_like_markup_is_printed_as_it_is(stocked: Shell) -> None:
    assert "[bold]free[/bold]" in stocked.run("models", "--free").stdout


def provider(shell: Shell, provider_id: str) -> dict[str, Any]:
    [one] = [one for one in shell.json("providers") if one["id"] == provider_id]
    return dict(one)


def test_providers_shows_holds_and_their_reasons(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-shown-4711")
    list_models("openai", listing_bytes(["gpt-a"]))
    list_models("mistral", listing_bytes([]))
    at = DAY_1.isoformat().replace("+00:00", "Z")
    mistral = provider(shell, "mistral")
    assert provider(shell, "openai") == {
        "id": "openai",
        "label": "OpenAI",
        "held_since": None,
        "held_reason": None,
        "last_listing_at": at,
        "last_complete_at": at,
        "last_verdict": "complete",
        "last_reason": None,
        "last_seconds": None,
        "consecutive_failures": 0,
        "is_overdue": True,
        "refusals_unknown": 0,
        "is_configured": True,
        "is_fetched": True,
        "is_key_present": True,
        "is_key_required": True,
        "key_variables": ["OPENAI_API_KEY"],
        "url": "https://api.openai.com/v1/models",
        "obstacle": None,
    }
    assert (mistral["id"], mistral["held_since"], mistral["last_complete_at"]) == ("mistral", at, None)
    assert mistral["held_reason"].startswith("empty: ")
    result = shell.run("providers")
    assert "empty: " in result.stdout
    assert "mistral is held" in result.stderr, "its protection ended long ago, and that is a warning"
    assert "openai had no complete listing since 2025-12-06 07:00" in result.stderr
    assert "mistral had no complete listing ever" in result.stderr
    assert "sk-never-shown-4711" not in result.output + shell.run("providers", "--json").output


def test_providers_shows_what_an_unknown_provider_lacks(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "providers.toml").write_text('[providers.my-gateway]\nbase_url = "http://localhost:1/v1"\n')
    shell.run("track", "unheard", "of")
    cohere, cloudflare, gateway = (provider(shell, name) for name in ("cohere", "cloudflare", "my-gateway"))
    assert (cohere["is_configured"], cohere["is_fetched"], cohere["is_key_present"]) == (True, False, False)
    assert "account_id" in cloudflare["obstacle"]
    assert (gateway["is_fetched"], gateway["is_key_required"], gateway["last_verdict"]) == (True, False, None)
    assert (provider(shell, "unheard")["is_configured"], provider(shell, "unheard")["is_overdue"]) == (False, False)
    lines = {line.split()[0]: line for line in shell.run("providers").stdout.splitlines()}
    assert lines["cohere"].split()[1] == "set"
    assert "not needed" in lines["my-gateway"]
