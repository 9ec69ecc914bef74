"""The version of the schema: read it, require it, upgrade it."""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ghost_pipeline.catalog.storage import text_index
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.tables import metadata
from ghost_pipeline.errors import CatalogSchemaError

if TYPE_CHECKING:
    from alembic.config import Config


HEAD = "0016"
"""The revision that this program needs. A constant, so that opening a catalog need not load Alembic."""


VERSION_TABLE = "catalog_version"
"""Not Alembic's default name, which Dagster uses for its own tables, perhaps in the same database."""
ADVISORY_LOCK = 0x67686F7374  # "ghost" in ASCII: a number that no other program is likely to lock
LOCK_SECONDS = 30
"""How long an upgrade waits for a table that is in use."""
STATEMENT_SECONDS = 600
"""How long one statement of an upgrade may take, such as rewriting millions of rows or waiting for another upgrade."""


def current_revision(database: Database) -> str | None:
    """Return the revision of the catalog's schema; None for a database without one. Raises CatalogError."""
    with database.reading() as connection:
        return _revision(connection)


def require_head(database: Database) -> None:
    """Raise CatalogSchemaError unless the schema has the revision that this program needs."""
    revision = current_revision(database)
    if revision == HEAD:
        return
    if revision is None:
        raise CatalogSchemaError(f"catalog {database.shown_url} has no schema yet", "run 'ghost-pipeline db upgrade'")
    _refuse_newer(revision, database)
    raise CatalogSchemaError(
        f"catalog {database.shown_url} has schema {revision}, this program needs {HEAD}",
        "run 'ghost-pipeline db upgrade'",
    )


def upgrade(database: Database) -> None:
    """Upgrade the schema to HEAD in one transaction; a second upgrader waits and then has nothing to do.

    Raises CatalogSchemaError if the catalog is newer than the program, CatalogError otherwise.
    """
    from alembic import command  # noqa: PLC0415 - needed only when there is something to migrate

    with database.writing(has_foreign_keys=False) as connection:
        _acquire_migration_lock(connection)
        _rename_first_version_table(connection)
        revision = _revision(connection)
        if revision != HEAD:
            if revision is not None:
                _refuse_newer(revision, database)
            command.upgrade(alembic_config(connection), HEAD)
        text_index.ensure(connection)
        _comment_columns(connection)


def allow_writing_without_text_index(database: Database) -> None:
    """Let this program write models if its SQLite lacks what the index of texts needs. Raises CatalogError."""
    if not text_index.is_supported():
        with database.writing() as connection:
            text_index.disable(connection)


def _comment_columns(connection: sa.Connection) -> None:
    """Describe every column in PostgreSQL with the comment that ``tables`` declares.

    Part of every upgrade rather than of a revision, so that a description is written once and never out of date.
    """
    if connection.dialect.name == "postgresql":
        for table in metadata.sorted_tables:
            for column in table.columns:
                connection.execute(sa.schema.SetColumnComment(column))


def _acquire_migration_lock(connection: sa.Connection) -> None:
    """Admit one upgrader at a time on PostgreSQL, with time-outs. SQLite's write lock does this by itself."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")


def _rename_first_version_table(connection: sa.Connection) -> None:
    """Rename the version table of the first catalogs, which have it under Alembic's default name."""
    inspector = sa.inspect(connection)
    if inspector.has_table(VERSION_TABLE) or not inspector.has_table("alembic_version"):
        return
    if _version_in(connection, "alembic_version") == "0001" and inspector.has_table("model_events"):
        connection.execute(sa.text(f"ALTER TABLE alembic_version RENAME TO {VERSION_TABLE}"))


def alembic_config(connection: sa.Connection | None = None) -> "Config":
    """Return Alembic's configuration for the revisions in this package."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return _version_in(connection, VERSION_TABLE)


def _version_in(connection: sa.Connection, table: str) -> str | None:
    return connection.execute(sa.select(sa.column("version_num")).select_from(sa.table(table))).scalar()


def _refuse_newer(revision: str, database: Database) -> None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    if revision not in known:
        raise CatalogSchemaError(
            f"catalog {database.shown_url} has schema {revision}, newer than this program ({HEAD})",
            "install the version of ghost-pipeline that created it",
        )
