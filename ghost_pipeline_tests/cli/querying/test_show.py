"""``show``: one model with its facts, its state and its events."""

from ghost_pipeline_tests.cli.querying.conftest import MODEL_KEYS
from ghost_pipeline_tests.cli.run_cli import Shell


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
