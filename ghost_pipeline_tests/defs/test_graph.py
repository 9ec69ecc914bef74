"""What the graph shows before anything runs: groups, descriptions, columns, owners, sources, stored snapshot."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from ghost_pipeline.catalog.storage.tables import metadata
from ghost_pipeline.definitions import build_definitions, definitions
from ghost_pipeline_tests.catalog.backends import BACKENDS, new_place

REPOSITORY = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).parent / "definitions.json"
UPDATE = "GHOST_UPDATE_SNAPSHOT"


def test_the_definitions_are_those_of_the_kept_snapshot() -> None:
    dg_command = Path(sys.executable).with_name("dg")
    listed = subprocess.run(
        [dg_command, "list", "defs", "--json"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    shown = _ordered(json.loads(listed.stdout[listed.stdout.index("{") :]))
    if os.environ.get(UPDATE) == "1":
        SNAPSHOT.write_text(json.dumps(shown, indent=1, sort_keys=True) + "\n")
    assert shown == json.loads(SNAPSHOT.read_text()), f"if that is meant, run this test with {UPDATE}=1"


def _ordered(value: Any) -> Any:
    """Sort all lists: dg lists checks in the order of a set."""
    if isinstance(value, dict):
        return {name: _ordered(one) for name, one in value.items()}
    return sorted(map(_ordered, value), key=json.dumps) if isinstance(value, list) else value


def test_dg_and_the_workspace_name_the_code_location_as_ui_does() -> None:
    assert 'code_location_name = "ghost_pipeline.definitions"' in (REPOSITORY / "pyproject.toml").read_text()
    assert "location_name: ghost_pipeline.definitions" in (REPOSITORY / "workspace.yaml").read_text()


def test_every_asset_has_a_group_a_kind_and_a_description() -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.group_name in {"ingestion", "discovery", "catalog", "monitoring"}, key
        assert node.kinds, key
        assert node.description, key


def test_the_list_of_assets_does_not_cut_the_first_sentence_of_a_description() -> None:
    graph = definitions.resolve_asset_graph()
    first = {key: str(graph.get(key).description).split(". ")[0] for key in graph.get_all_asset_keys()}
    assert {key: text for key, text in first.items() if len(text) > 50} == {}


def test_every_column_of_the_models_is_described_in_the_ui() -> None:
    schema = definitions.resolve_asset_graph().get(dg.AssetKey("model_catalog")).metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert [column.name for column in schema.columns if not column.description] == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_migrated_tables_have_the_columns_that_are_described(backend: str, tmp_path: Path) -> None:
    place = new_place(backend, tmp_path)
    place.opened().close()
    database = place.database()
    try:
        inspector = sa.inspect(database.engine)
        for table in metadata.sorted_tables:
            live = {column["name"]: column.get("comment") for column in inspector.get_columns(table.name)}
            assert set(live) == {column.name for column in table.columns}
            assert all(column.comment for column in table.columns)
            if backend == "postgresql":
                assert live == {column.name: column.comment for column in table.columns}
    finally:
        database.close()
        place.remove()


def test_owners_and_sources_are_shown_when_they_are_given() -> None:
    built = build_definitions(owners=["team:gateway"], repository_url="https://github.com/acme/ghost")
    graph = built.resolve_asset_graph()
    assert all(list(graph.get(key).owners) == ["team:gateway"] for key in graph.get_all_asset_keys())
    references = graph.get(dg.AssetKey("model_catalog")).metadata["dagster/code_references"]
    assert "https://github.com/acme/ghost/tree/main/ghost_pipeline/defs/ingestion.py" in str(references)
    plain = build_definitions().resolve_asset_graph().get(dg.AssetKey("model_catalog"))
    assert "dagster/code_references" not in plain.metadata
    assert list(plain.owners) == []
