"""``dagster.yaml`` of homes that an earlier version made."""

from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from ghost_pipeline.defs import local_runs
from ghost_pipeline.defs.local_runs import DAGSTER_YAML, FORMER_DAGSTER_YAML, open_instance
from ghost_pipeline.defs.run_processes.launcher import PreparedRunLauncher
from ghost_pipeline.settings import Settings

DIGEST = "6ab8ea510d69a2c57ab1b9082a5a2fb8511de068fe626ef2ffac0c1330d1942c"


def test_a_file_that_nobody_has_changed_is_replaced_and_any_other_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = b"# of an earlier version\ntelemetry: {enabled: false}\n"
    monkeypatch.setattr(local_runs, "FORMER_DAGSTER_YAML", frozenset({sha256(former).hexdigest()}))
    settings = Settings.from_environment({"GHOST_HOME": str(tmp_path)})
    monkeypatch.setenv("DAGSTER_HOME", str(settings.dagster_home))
    settings.dagster_home.mkdir(parents=True)
    config = settings.dagster_home / "dagster.yaml"
    config.write_bytes(own := former + b"nux: {enabled: false}\n")
    with open_instance(settings) as instance:
        assert not isinstance(instance.run_launcher, PreparedRunLauncher)
    assert config.read_bytes() == own
    config.write_bytes(former)
    with open_instance(settings) as instance:
        assert isinstance(instance.run_launcher, PreparedRunLauncher)
    assert config.read_text() == DAGSTER_YAML


def test_the_text_of_the_last_version_is_known_when_it_changes() -> None:
    assert sha256(DAGSTER_YAML.encode()).hexdigest() == DIGEST, "add DIGEST to FORMER_DAGSTER_YAML"
    assert DIGEST not in FORMER_DAGSTER_YAML
    assert yaml.safe_load(DAGSTER_YAML)["run_monitoring"]["enabled"]
