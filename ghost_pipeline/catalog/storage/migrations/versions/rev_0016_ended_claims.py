"""What references stated before."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SLUG = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
MODEL_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "ended_claims",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("provider_id", SLUG, nullable=False),
        sa.Column("model_id", MODEL_ID, nullable=False),
        sa.Column("fact", sa.String(32), nullable=False),
        sa.Column("value", JSON, nullable=False),
        sa.Column("first_stated_at", INSTANT, nullable=False),
        sa.Column("last_stated_at", INSTANT, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("ended_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ended_claims"),
    )
    op.create_index("ix_ended_claims_provider_id_model_id", "ended_claims", ["provider_id", "model_id"])
    op.create_index("ix_ended_claims_ended_at", "ended_claims", ["ended_at"])


def downgrade() -> None:
    op.drop_table("ended_claims")
