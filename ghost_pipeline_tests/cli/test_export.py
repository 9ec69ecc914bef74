"""``export``: what a gateway reads."""

import io
import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from ghost_pipeline_tests.cli.run_cli import Shell, list_models, listing_bytes


@pytest.fixture
def stocked(shell: Shell) -> Shell:
    """Two ghosts and an active model of openai, a free one of groq."""
    list_models("openai", listing_bytes(["ghost-a", "ghost-b"]))
    shell.run("sweep")
    shell.run("track", "openai", "gpt-x")
    shell.run("add", "groq", "free", "--input-price", "0", "--output-price", "0", "-c", "tools")
    return shell


def names(shell: Shell, *flags: str) -> list[str]:
    document = yaml.safe_load(shell.run("export", "--to", "litellm", *flags).stdout)
    return [entry["model_name"] for entry in document["model_list"]]


def test_active_models_are_exported_and_ghosts_only_on_request(stocked: Shell) -> None:
    assert names(stocked) == ["groq/free", "openai/gpt-x"]
    assert names(stocked, "--ghosts") == ["groq/free", "openai/ghost-a", "openai/ghost-b", "openai/gpt-x"]


def test_filters_narrow_what_is_exported(stocked: Shell) -> None:
    assert names(stocked, "--free") == ["groq/free"]
    assert names(stocked, "--capability", "tools") == ["groq/free"]
    assert names(stocked, "--provider", "openai") == ["openai/gpt-x"]
    assert names(stocked, "-p", "openai", "-p", "groq") == ["groq/free", "openai/gpt-x"]


def test_an_id_that_litellm_would_read_as_a_wildcard_is_left_out_with_a_warning(stocked: Shell) -> None:
    stocked.run("add", "openai", "*")
    ended = stocked.run("export", "--to", "litellm")
    assert [one["model_name"] for one in yaml.safe_load(ended.stdout)["model_list"]] == ["groq/free", "openai/gpt-x"]
    assert ended.stderr == "Warning: openai/* is left out: litellm reads * as a wildcard\n"
    assert len(stocked.json("export", "--to", "openai")["data"]) == 3


def test_each_format_reaches_stdout_and_the_file_with_the_same_bytes(stocked: Shell, home: Path) -> None:
    for to in ("litellm", "openai", "json", "csv", "parquet"):
        path = home.parent / f"models.{to}"
        output = stocked.json("export", "--to", to, "--output", str(path))
        assert output == {
            "to": to,
            "output": str(path),
            "models": 2,
            "ghosts": 0,
            "refused": 0,
            "bytes": path.stat().st_size,
        }
        assert stocked.run("export", "--to", to).stdout_bytes == path.read_bytes()
    assert len(pd.read_parquet(io.BytesIO(path.read_bytes()))) == 2


def test_json_is_what_models_prints(stocked: Shell) -> None:
    assert stocked.json("export", "--to", "json") == stocked.json("models", "--active")
    assert stocked.json("export", "--to", "json", "--ghosts") == stocked.json("models")


def test_a_written_file_is_reported(stocked: Shell, home: Path) -> None:
    path = home.parent / "models.csv"
    output = stocked.run("export", "--to", "csv", "--ghosts", "--output", str(path)).stdout
    assert output == f"{path}: 4 models, including 2 ghosts\n"


def test_an_export_of_nothing_is_well_formed_and_warns(stocked: Shell) -> None:
    result = stocked.run("export", "--to", "openai", "--capability", "rerank")
    assert json.loads(result.stdout) == {"object": "list", "data": []}
    assert result.stderr == "Warning: no model matches; the export is empty\n"


def test_an_unknown_provider_leaves_the_file_as_it_was(stocked: Shell, home: Path) -> None:
    path = home.parent / "models.yaml"
    path.write_text("old")
    output = stocked.error("export", "--to", "litellm", "-p", "opnai", "--output", str(path), exit_code=2)
    assert "the catalog has no provider 'opnai'" in output
    assert path.read_text() == "old"
