"""Run by Alembic: migrates over the connection that the caller opened, in the caller's transaction."""

from alembic import context

from ghost_pipeline.catalog.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,  # SQLite alters a table by copying it
)
context.run_migrations()
