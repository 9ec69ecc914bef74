"""Dagster's own storage is as this project expects it; fails when Dagster moves or renames what is not public."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.functions import FunctionElement

import ghost_pipeline
from ghost_pipeline.defs.local_runs import open_instance
from ghost_pipeline.defs.upkeep.dagster_storage import (
    RUNLESS,
    DagsterStorage,
    cheap_commits,
    enable_incremental_vacuum,
    free_bytes,
    page_bytes,
)
from ghost_pipeline.settings import Settings

TABLES = {
    "index.db": {
        "event_logs": {"id", "run_id", "event", "dagster_event_type", "timestamp", "asset_key", "partition"},
        "asset_event_tags": {"event_id"},
        "asset_check_executions": {
            *("id", "asset_key", "check_name", "partition", "run_id", "execution_status"),
            *("evaluation_event_timestamp", "evaluation_event_storage_id"),
        },
    },
    "runs.db": {"runs": {"run_id", "status", "update_timestamp"}, "run_tags": {"run_id"}},
}
"""File -> table -> columns that pruning reads or deletes by."""


def test_storage_is_in_the_files_tables_and_columns_that_pruning_uses(tmp_path: Path) -> None:
    with open_instance(Settings.from_environment({"GHOST_HOME": str(tmp_path)})) as instance:
        instance.report_runless_asset_event(dg.AssetObservation("model_catalog"))
        storage = DagsterStorage(instance)
        assert isinstance(instance.event_log_storage, SqliteEventLogStorage)
        assert Path(instance.event_log_storage.path_for_shard(RUNLESS)).exists()
        shared = {path.name: path for path in storage.shared_files()}
    assert set(shared) == {"index.db", ".db", "runs.db", "schedules.db"}
    on_disk = {path.name for path in (tmp_path / "dagster").rglob("*.db")}
    assert on_disk == set(shared)
    for name, tables in TABLES.items():
        with closing(sqlite3.connect(shared[name])) as connection:
            for table, columns in tables.items():
                found = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
                assert columns <= found, table


def test_a_new_instance_gives_back_free_pages_in_steps(tmp_path: Path) -> None:
    with open_instance(Settings.from_environment({"GHOST_HOME": str(tmp_path)})) as instance:
        modes = {path.name: free_bytes(path)[1] for path in DagsterStorage(instance).shared_files()}
    assert modes == {"index.db": True, "runs.db": True, "schedules.db": True}


def test_a_file_in_use_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "used.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("CREATE TABLE t (x)")
        writer.execute("BEGIN IMMEDIATE")
        assert not enable_incremental_vacuum(path)
    assert enable_incremental_vacuum(path)
    assert page_bytes(path) == 4096


def test_one_module_imports_private_modules_for_storage() -> None:
    folder = Path(ghost_pipeline.__file__).parent
    importers = {
        path.name
        for path in folder.rglob("*.py")
        if re.search(r"^from dagster\._core\.(storage|events)", path.read_text(), re.MULTILINE)
    }
    assert importers == {"dagster_storage.py"}


def test_commits_are_cheap_in_dagsters_files_only_and_only_in_the_block(tmp_path: Path) -> None:
    levels: dict[str, int] = {}

    def level(path: Path) -> int:
        engine = sa.create_engine(f"sqlite:///{path}", poolclass=NullPool)
        with engine.connect() as connection:
            return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())

    with open_instance(Settings.from_environment({"GHOST_HOME": str(tmp_path)})) as instance:
        index = tmp_path / "dagster" / "history" / "runs" / "index.db"
        paths = {"index": index, "run": index.with_name("a-run.db"), "catalog": tmp_path / "catalog.db"}
        with cheap_commits(instance):
            levels = {name: level(path) for name, path in paths.items()}
        after = {name: level(path) for name, path in paths.items()}
    assert levels == {"index": 1, "run": 0, "catalog": 2}
    assert after == dict.fromkeys(paths, 2)


def test_statements_are_compiled_once_for_all_engines_of_dagsters_files(tmp_path: Path) -> None:
    compiled = 0
    table = sa.table("sqlite_master", sa.column("name"))

    class Counted(FunctionElement[str]):
        name = "counted"
        inherit_cache = True
        type = sa.Text()

    @compiles(Counted)
    def _(element: Counted, compiler: object, **options: object) -> str:
        nonlocal compiled
        compiled += 1
        return "'x'"

    def read(path: Path) -> None:
        engine = sa.create_engine(f"sqlite:///{path}", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(sa.select(Counted(), table.c.name)).all()

    with open_instance(Settings.from_environment({"GHOST_HOME": str(tmp_path)})) as instance:
        index = tmp_path / "dagster" / "history" / "runs" / "index.db"
        with cheap_commits(instance):
            for path in (index, index, index.with_name("a-run.db"), tmp_path / "dagster" / "history" / "runs.db"):
                read(path)
            assert compiled == 1
            read(tmp_path / "catalog.db")
            assert compiled == 2
        read(index)
    assert compiled == 3
