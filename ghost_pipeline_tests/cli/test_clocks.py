"""Clocks that were ahead or never set: their instants hide nothing and are corrected."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.cli.run_cli import Shell, listing_bytes

AHEAD = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def models_dir(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = home.parent / "models"
    folder.mkdir()
    monkeypatch.setenv("GHOST_MODELS_DIR", str(folder))
    return folder


def submit(catalog: ModelCatalog, content: bytes, observed_at: datetime) -> None:
    submission = SubmittedListing("openai", "openai_models.json", content, observed_at)
    catalog.reconcile(catalog.admit(submission).listing_id)


def catalog_at(clock: datetime) -> ModelCatalog:
    ModelCatalog.upgrade_schema()
    return ModelCatalog(Settings.from_environment(), clock=lambda: clock)


def test_a_file_named_for_the_future_shadows_no_later_one(shell: Shell, models_dir: Path) -> None:
    old = models_dir / "openai_models_2099-01-01.json"
    old.write_bytes(listing_bytes(["old"]))
    hour_ago = (datetime.now(UTC) - timedelta(hours=1)).timestamp()
    os.utime(old, (hour_ago, hour_ago))
    (models_dir / "openai_models.json").write_bytes(listing_bytes(["new"]))
    ended = shell.run("ingest")
    assert [model["model_id"] for model in shell.json("models")] == ["new"]
    assert f"{old}: the instant in its name is in the future, so its modification time counts" in ended.stderr


def test_a_file_modified_in_the_future_shadows_no_later_one(shell: Shell, models_dir: Path) -> None:
    for name, model_id in (("openai_a.json", "old"), ("openai_b.json", "new")):
        (models_dir / name).write_bytes(listing_bytes([model_id]))
    os.utime(models_dir / "openai_a.json", (AHEAD.timestamp(), AHEAD.timestamp()))
    shell.run("ingest")
    assert [model["model_id"] for model in shell.json("models")] == ["new"]


def test_a_name_up_to_five_minutes_ahead_is_trusted(shell: Shell, models_dir: Path) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=4)
    (models_dir / f"openai_models_{soon:%Y-%m-%dT%H-%M-%S}.json").write_bytes(listing_bytes(["new"]))
    (models_dir / "openai_models.json").write_bytes(listing_bytes(["old"]))
    assert "Warning" not in shell.run("ingest").stderr
    assert [model["model_id"] for model in shell.json("models")] == ["new"]


@pytest.mark.parametrize(
    "command",
    [
        ("ingest", "--observed-at", "2099-01-01"),
        ("sweep", "--now", "2099-01-01"),
        ("purge", "--now", "2099-01-01"),
    ],
    ids=" ".join,
)
def test_an_instant_in_the_future_is_wrong_usage(shell: Shell, models_dir: Path, command: tuple[str, ...]) -> None:
    (models_dir / "openai_models.json").write_bytes(listing_bytes(["a"]))
    shell.run("ingest")
    assert "in the future" in shell.run(*command, exit_code=2).stderr
    assert shell.json("stats")["active"] == 1


def test_stored_instants_from_the_future_are_corrected_by_the_next_listing(shell: Shell, models_dir: Path) -> None:
    with catalog_at(AHEAD) as catalog:
        submit(catalog, listing_bytes([f"m{number}" for number in range(9)]), AHEAD)
        catalog.track_successful_inference("openai", "m0")
    (models_dir / "openai_models.json").write_bytes(listing_bytes([f"m{number}" for number in range(8)] + ["new"]))
    [listing] = shell.json("ingest")["listings"]
    assert (listing["verdict"], listing["created"], listing["missing"]) == ("complete", 1, 1)
    now = datetime.now(UTC).isoformat()
    for model in shell.json("models"):
        instants = [model[name] for name in ("first_seen_at", "last_seen_at", "last_listed_at", "last_used_at")]
        assert all(instant is None or instant < now for instant in instants), model
    [provider] = [one for one in shell.json("providers") if one["id"] == "openai"]
    assert max(provider["last_listing_at"], provider["last_complete_at"]) < now
    [corrected] = [event for event in shell.json("show", "openai", "m0")["events"] if event["kind"] == "changed"]
    assert corrected["details"]["last_seen_at"]["old"] == "2099-01-01T00:00:00Z"
    [listing] = shell.json("ingest")["listings"]
    assert (listing["verdict"], listing["missing"]) == ("complete", 0)


def test_stored_instants_from_the_future_are_corrected_by_an_inference_an_addition_and_a_release(shell: Shell) -> None:
    for command in (("track", "openai", "a"), ("add", "openai", "c"), ("release", "openai")):
        with catalog_at(AHEAD) as catalog:
            submit(catalog, listing_bytes(["a", "b"]), AHEAD)
        shell.run(*command)
        assert {model["last_seen_at"] < "2099" for model in shell.json("models")} == {True}
        [provider] = [one for one in shell.json("providers") if one["id"] == "openai"]
        assert provider["last_listing_at"] < "2099"


def test_a_clock_that_was_never_set_moves_no_first_sighting_back(shell: Shell) -> None:
    began = datetime.now(UTC)
    with ModelCatalog.open() as catalog:
        submit(catalog, listing_bytes(["a"]), began)
        submit(catalog, listing_bytes(["a"]), datetime(1970, 1, 1, tzinfo=UTC))
        catalog.add_manual_model("openai", "b", observed_at=datetime(2019, 12, 31, tzinfo=UTC))
    assert {datetime.fromisoformat(model["first_seen_at"]) >= began for model in shell.json("models")} == {True}
    assert json.loads(shell.run("stats", "--json").stdout)["total"] == 2
