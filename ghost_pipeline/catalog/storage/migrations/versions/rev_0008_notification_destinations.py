"""How far each destination of notifications is."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "notification_destinations",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("cursor", sa.Text, nullable=False),
        sa.Column("prepared_at", INSTANT, nullable=False),
        sa.Column("last_success_at", INSTANT),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", INSTANT),
        sa.Column("last_error", sa.Text),
        sa.Column("pending", JSON),
        sa.Column("notices", JSON, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_notification_destinations"),
    )


def downgrade() -> None:
    op.drop_table("notification_destinations")
