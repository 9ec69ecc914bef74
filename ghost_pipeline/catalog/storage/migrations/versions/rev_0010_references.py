"""What references state of models, and the imports that stated it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SLUG = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
MODEL_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

VERDICTS = "'failed', 'malformed', 'empty', 'partial', 'shrunken', 'complete'"


def upgrade() -> None:
    op.create_table(
        "reference_imports",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("format_version", sa.Text, nullable=False),
        sa.Column("imported_at", INSTANT, nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("is_applied", sa.Boolean, nullable=False),
        sa.Column("entry_count", sa.Integer, nullable=False),
        sa.Column("model_count", sa.Integer, nullable=False),
        sa.Column("added_count", sa.Integer, nullable=False),
        sa.Column("changed_count", sa.Integer, nullable=False),
        sa.Column("ended_count", sa.Integer, nullable=False),
        sa.Column("doubted_count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reference_imports"),
        sa.CheckConstraint(f"verdict IN ({VERDICTS})", name=op.f("ck_reference_imports_verdict_is_known")),
    )
    op.create_index("ix_reference_imports_reference_id", "reference_imports", ["reference", "id"])
    op.create_table(
        "reference_claims",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("provider_id", SLUG, nullable=False),
        sa.Column("model_id", MODEL_ID, nullable=False),
        sa.Column("fact", sa.String(32), nullable=False),
        sa.Column("value", JSON, nullable=False),
        sa.Column("first_stated_at", INSTANT, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("doubted_value", JSON),
        sa.Column("doubted_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_reference_claims"),
        sa.UniqueConstraint(
            "provider_id",
            "model_id",
            "fact",
            "reference",
            name="uq_reference_claims_provider_id_model_id_fact_reference",
        ),
        sa.CheckConstraint(
            "(doubted_at IS NULL) = (doubted_value IS NULL)", name=op.f("ck_reference_claims_doubts_have_a_value")
        ),
    )
    op.create_index("ix_reference_claims_reference", "reference_claims", ["reference"])


def downgrade() -> None:
    op.drop_table("reference_claims")
    op.drop_table("reference_imports")
