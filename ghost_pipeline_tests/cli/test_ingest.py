"""``ingest``: the whole pipeline from the command line."""

import json
from pathlib import Path

import dagster as dg
import pytest

from ghost_pipeline.defs.local_runs import open_instance
from ghost_pipeline.defs.provider_health import NAME
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.command_line import Run

ROOT = Path(__file__).parent.parent.parent
REAL = ROOT.parent / "shared" / "real_listings"
COUNTS = {"models", "created", "updated", "confirmed", "reactivated", "missing"}


def write(folder: Path, name: str, *model_ids: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps({"data": [{"id": model_id} for model_id in model_ids]}))


def test_bad_listings_are_refused_and_the_rest_is_in(run: Run, tmp_path: Path) -> None:
    models = tmp_path / "models"
    for provider in ("openai", "mistral", "xai"):
        write(models, f"{provider}_models.json", "one", "two")
    assert run("ingest", "--json").code == 0
    write(models, "openai_models.json", "one", "two", "three")
    write(models, "mistral_models.json")
    (models / "xai_models.json").write_text("<html>busy</html>")
    ran = run("ingest", "--json")
    assert ran.code == 1
    listings = {listing["provider"]: listing for listing in ran.document["listings"]}
    assert {name: listing["verdict"] for name, listing in listings.items()} == {
        "openai": "complete",
        "mistral": "empty",
        "xai": "malformed",
    }
    assert (listings["openai"]["created"], listings["openai"]["confirmed"]) == (1, 2)
    assert COUNTS | {"provider", "file", "sha256", "verdict", "reason"} == set(listings["openai"])
    assert ran.document["stats"]["active"] == 7
    assert {one["id"] for one in run("providers", "--json").document if one["held_since"]} == {"mistral", "xai"}
    refused = run("ingest", "--provider", "mistral")
    assert refused.code == 1
    assert "ghost-pipeline release mistral" in refused.out
    # Once after all files of a command, not after each.
    bad = "2 of 3 providers: mistral (empty), xai (malformed)"
    assert evaluations() == [bad, bad, "all of 3 providers"]


def evaluations() -> list[str | None]:
    """Return what the check of all providers recorded at each evaluation, the newest first."""
    key = dg.AssetCheckKey(dg.AssetKey(NAME), "latest_listings_are_complete")
    with open_instance(Settings.from_environment()) as instance:
        history = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    found = [one.event.asset_check_evaluation for one in history if one.event]
    return [one.description for one in found if one]


def test_a_second_pass_confirms_and_creates_nothing(run: Run) -> None:
    samples = ("ingest", "--dir", str(ROOT / "latest_models"), "--json", "-p", "openai", "-p", "gemini")
    first, second = run(*samples).document, run(*samples).document
    assert [listing["provider"] for listing in first["listings"]] == ["google", "openai"]
    for before, after in zip(first["listings"], second["listings"], strict=True):
        assert before["created"] == before["models"] > 0
        assert (after["created"], after["confirmed"], after["updated"]) == (0, before["models"], 0)
    assert first["stats"] == second["stats"]


def test_a_table_and_the_next_command_are_shown(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "models", "openai_2020-01-01.json", "one")
    ran = run("ingest")
    assert ran.code == 0
    for part in ("openai_2020-01-01.json", "complete", "INFERENCE", "all providers", "Next: ghost-pipeline models"):
        assert part in ran.out
    assert " days old, but counts as observed now" in ran.err


def test_no_files_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    assert run("ingest").code == 2
    (tmp_path / "models").mkdir()
    assert "has no listing" in run("ingest").err
    write(tmp_path / "models", "openai.json", "one")
    assert "no listing of xai" in run("ingest", "-p", "xai").err


@pytest.mark.skipif(not REAL.is_dir(), reason="the real listings are not part of the project")
def test_real_listings_are_complete_and_kept_whole(run: Run) -> None:
    document = run("ingest", "--dir", str(REAL), "--json").document
    assert [listing["verdict"] for listing in document["listings"]] == ["complete"] * 6
    assert document["stats"]["total"] == document["stats"]["active"] == 707
    models = {(one["provider_id"], one["model_id"]): one for one in run("models", "--json").document}
    assert {one["source"] for one in models.values()} == {"INDEX"}
    seen = 0
    for path in REAL.glob("*.json"):
        provider = path.name.split("_")[0]
        answer = json.loads(path.read_text())
        for row in answer.get("data") or answer["models"]:
            model_id = row["id"] if "id" in row else row["name"].removeprefix("models/")
            assert models[provider, model_id]["provider_data"] == row
            seen += 1
    assert seen == 707
