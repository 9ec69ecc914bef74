"""Retirements that operators announce, and an index of the models that retire."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SLUG = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
MODEL_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)

INDEX = "ix_models_expires_at"
HAS_DATE = sa.text("expires_at IS NOT NULL")
IS_CURRENT = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_index(INDEX, "models", ["expires_at"], sqlite_where=HAS_DATE, postgresql_where=HAS_DATE)
    op.create_table(
        "announcements",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("provider_id", SLUG, nullable=False),
        sa.Column("model_id", MODEL_ID, nullable=False),
        sa.Column("retires_at", INSTANT, nullable=False),
        sa.Column("replaced_by", sa.Text),
        sa.Column("source_url", sa.Text),
        sa.Column("announced_at", INSTANT, nullable=False),
        sa.Column("recorded_by", sa.Text),
        sa.Column("listed_expires_at", INSTANT),
        sa.Column("listed_replaced_by", sa.Text),
        sa.Column("superseded_at", INSTANT),
        sa.Column("superseding_listing_id", BIG_ID),
        sa.Column("ended_at", INSTANT),
        sa.Column("ended_by", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_announcements"),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.id"], name="fk_announcements_provider_id_providers"),
    )
    op.create_index(
        "ix_announcements_provider_id_model_id",
        "announcements",
        ["provider_id", "model_id"],
        unique=True,
        sqlite_where=IS_CURRENT,
        postgresql_where=IS_CURRENT,
    )


def downgrade() -> None:
    op.drop_table("announcements")
    op.drop_index(INDEX, "models")
