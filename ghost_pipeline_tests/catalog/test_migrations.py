"""The schema: from nothing to head, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from ghost_pipeline.catalog import schema
from ghost_pipeline.catalog.database import Database
from ghost_pipeline.catalog.tables import metadata
from ghost_pipeline.errors import CatalogSchemaError


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """An empty database."""
    return Database(f"sqlite:///{tmp_path / 'catalog.db'}")


def test_the_migrations_build_exactly_the_tables(database: Database) -> None:
    assert schema.current_revision(database) is None
    schema.upgrade(database)
    schema.upgrade(database)
    assert schema.current_revision(database) == schema.HEAD
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        built = sa.inspect(connection)
        for table in metadata.sorted_tables:
            named = {index.name for index in table.indexes}
            assert {index["name"] for index in built.get_indexes(table.name)} == named
            checks = {one.name for one in table.constraints if isinstance(one, sa.CheckConstraint)}
            assert {one["name"] for one in built.get_check_constraints(table.name)} == checks


def test_head_is_what_alembic_calls_head() -> None:
    assert ScriptDirectory.from_config(schema.alembic_config()).get_current_head() == schema.HEAD


def test_the_last_step_can_be_taken_back(database: Database) -> None:
    schema.upgrade(database)
    with database.writing() as connection:
        command.downgrade(schema.alembic_config(connection), "-1")
    with database.reading() as connection:
        assert set(sa.inspect(connection).get_table_names()) == {"alembic_version"}


def test_a_newer_catalog_is_refused_and_left_alone(database: Database) -> None:
    schema.upgrade(database)
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CatalogSchemaError, match="newer than this program"):
        schema.upgrade(database)
    assert schema.current_revision(database) == "9999"


def test_ten_programs_that_start_at_once_all_find_a_catalog(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ghost_pipeline import ModelCatalog;"
        "from ghost_pipeline.settings import Settings;"
        "ModelCatalog.open(Settings(home=Path(sys.argv[1]))).track_successful_inference('openai', sys.argv[2])"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), f"m{number}"], stderr=subprocess.PIPE)
        for number in range(10)
    ]
    ended = [(process.communicate()[1], process.returncode) for process in started]
    assert [(error, code) for error, code in ended if code] == []
    database = Database(f"sqlite:///{tmp_path / 'catalog.db'}")
    with database.reading() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM models")).scalar() == 10
