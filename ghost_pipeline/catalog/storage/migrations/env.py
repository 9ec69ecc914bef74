"""Run by Alembic: migrates over the connection that the caller opened, in the caller's transaction."""

from alembic import context

from ghost_pipeline.catalog.storage.schema import VERSION_TABLE
from ghost_pipeline.catalog.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
    render_as_batch=True,  # SQLite alters a table by copying it
)
context.run_migrations()
