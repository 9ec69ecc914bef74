"""What lets pages of large catalogs be quick: the index of ids and names, and one of models by their rare sources.

The former is for SQLite with FTS5. It is created at the end of every upgrade, because recreating a table drops its
triggers.
"""

import sqlalchemy as sa
from alembic import op

from ghost_pipeline.catalog.storage import text_index

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INDEX = "ix_models_provider_id_source"
IS_OF_OTHER_SOURCE = sa.text("source <> 'INDEX'")


def upgrade() -> None:
    op.create_index(
        INDEX,
        "models",
        ["provider_id", "source"],
        sqlite_where=IS_OF_OTHER_SOURCE,
        postgresql_where=IS_OF_OTHER_SOURCE,
    )


def downgrade() -> None:
    op.drop_index(INDEX, "models")
    text_index.drop(op.get_bind())
