"""Each setting is declared once; it is read strictly and documented from its declaration."""

import pickle
import re
from dataclasses import make_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ghost_pipeline.errors import CatalogUnavailable, GhostPipelineError, SettingsError, UsageError
from ghost_pipeline.settings import FetchLimits, Settings, document_settings, read_settings, setting

DOCUMENT = Path(__file__).parent.parent / "docs" / "settings.md"


def test_the_document_is_the_generated_one() -> None:
    assert DOCUMENT.read_text() == document_settings(), "run make docs-reference"


def test_one_declaration_is_enough_for_a_setting_to_be_read_and_documented() -> None:
    declared: Any = setting(3, "Tries before it stops.", "GHOST_FAKE_TRIES", "tries", minimum=1, maximum=9)
    limits = make_dataclass("Limits", [("tries", int, declared)], bases=(FetchLimits,), frozen=True)
    group = make_dataclass("Group", [("limits", limits, limits())], bases=(Settings,), frozen=True)
    assert read_settings(group, {}).limits.tries == 3
    assert read_settings(group, {"GHOST_FAKE_TRIES": "5"}).limits.tries == 5
    with pytest.raises(SettingsError, match="GHOST_FAKE_TRIES='10' is not a whole number from 1 to 9"):
        read_settings(group, {"GHOST_FAKE_TRIES": "10"})
    line = "| `GHOST_FAKE_TRIES` | whole number (tries), 1 to 9 | 3 | Tries before it stops. |"
    assert line in document_settings(group)


@pytest.mark.parametrize("text", ["2.9", "nan", "0", "257", "-1", "two", "0x10", "1_0", "true"])
def test_a_value_that_is_not_a_whole_number_within_bounds_is_an_error(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"GHOST_FETCH_CONCURRENCY": text})
    assert str(caught.value) == (
        f"GHOST_FETCH_CONCURRENCY={text!r} is not a whole number from 1 to 256; correct or unset it"
    )


@pytest.mark.parametrize("text", ["nan", "inf", "-0.1", "1e9", "soon"])
def test_a_time_that_is_not_a_number_within_bounds_is_an_error(text: str) -> None:
    with pytest.raises(SettingsError, match="is not a number from 0 to 1,000,000"):
        Settings.from_environment({"GHOST_STALE_AFTER_HOURS": text})


def test_values_are_read_in_their_units_and_empty_ones_mean_the_default() -> None:
    settings = Settings.from_environment(
        {
            "GHOST_STALE_AFTER_HOURS": "1.5",
            "GHOST_PURGE_AFTER_DAYS": "",
            "GHOST_FETCH_CONCURRENCY": " 7 ",
            "GHOST_FETCH_FINISH_SECONDS": "90",
            "GHOST_MODELS_DIR": "~/models",
            "GHOST_HOME": "elsewhere",
        }
    )
    assert settings.thresholds.stale_after == timedelta(minutes=90)
    assert settings.thresholds.purge_after == timedelta(days=30)
    assert (settings.fetch_limits.concurrency, settings.fetch_limits.total_timeout) == (7, 90.0)
    assert (settings.models_dir, settings.home) == (Path.home() / "models", Path("elsewhere"))
    assert Settings.from_environment({}) == Settings()


def test_dagster_home_is_taken_from_the_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/from/the/process")
    assert Settings.from_environment({"DAGSTER_HOME": "/from/the/mapping"}).dagster_home == Path("/from/the/mapping")
    assert Settings.from_environment({"GHOST_HOME": "/home"}).dagster_home == Path("/home/dagster")
    assert Settings.from_environment().dagster_home == Path("/from/the/process")
    shared = {"GHOST_HOME": "s3://bucket/ghost"}
    with pytest.raises(SettingsError, match="set DAGSTER_HOME to a folder"):
        assert Settings.from_environment(shared).dagster_home
    assert Settings.from_environment({**shared, "DAGSTER_HOME": "/own"}).dagster_home == Path("/own")


def test_an_error_carries_its_reason_and_its_advice() -> None:
    error = CatalogUnavailable("the catalog is locked", "try again")
    assert (error.reason, error.advice, str(error)) == ("the catalog is locked", "try again", f"{error}")
    assert str(error) == "the catalog is locked; try again"
    assert str(GhostPipelineError("the catalog is locked")) == "the catalog is locked"
    copied = pickle.loads(pickle.dumps(UsageError("it is wrong", advice="correct it")))
    assert (str(copied), copied.advice) == ("it is wrong; correct it", "correct it")


def test_the_environment_is_read_in_one_module() -> None:
    package = DOCUMENT.parent.parent / "ghost_pipeline"
    readers = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if re.search(r"\bos\.(environ\b(?!/)|getenv\b)", path.read_text())
    }
    # One sets DAGSTER_HOME for Dagster, the other one reads the line that a shell completes.
    assert readers == {"settings.py", "defs/local_runs.py", "cli/options.py"}
