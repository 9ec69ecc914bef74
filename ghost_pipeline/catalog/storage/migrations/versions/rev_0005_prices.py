"""All prices of a model, and its successor."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Stored listings fill the columns when they are read again: the versions of the formats are raised.
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.execute(f"ALTER TABLE models ADD COLUMN prices {'JSONB' if is_postgresql else 'JSON'}")
    op.execute("ALTER TABLE models ADD COLUMN replaced_by TEXT")


def downgrade() -> None:
    op.execute("ALTER TABLE models DROP COLUMN replaced_by")
    op.execute("ALTER TABLE models DROP COLUMN prices")
