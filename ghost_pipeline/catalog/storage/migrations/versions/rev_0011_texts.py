"""The index of ids and names for searches: on SQLite, where it has FTS5."""

from alembic import op

from ghost_pipeline.catalog.storage import text_index

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing: the index is created at the end of every upgrade, because recreating a table drops its triggers."""


def downgrade() -> None:
    text_index.drop(op.get_bind())
