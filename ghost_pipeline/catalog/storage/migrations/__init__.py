"""The history of the schema, as Alembic revisions, and the way through it."""
