"""Implausible values of listings, which do not stand yet, and the kind of event that records a doubt."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SLUG = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
MODEL_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

KNOWN = "ck_model_events_kind_is_known"
KINDS = (
    "'discovered', 'reactivated', 'deactivated', 'purged', 'removed', 'restored', 'added', 'changed', "
    "'refused', 'answers_again', 'refusal_ended', 'answered_by_another'"
)


def upgrade() -> None:
    op.create_table(
        "withheld_facts",
        sa.Column("provider_id", SLUG, nullable=False),
        sa.Column("model_id", MODEL_ID, nullable=False),
        sa.Column("fact", sa.String(32), nullable=False),
        sa.Column("value", JSON),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("listing_id", BIG_ID, nullable=False),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("provider_id", "model_id", "fact", name="pk_withheld_facts"),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.id"], name="fk_withheld_facts_provider_id_providers"),
    )
    _allow_kinds(f"{KINDS}, 'doubted'")


def downgrade() -> None:
    op.drop_table("withheld_facts")
    op.execute("DELETE FROM model_events WHERE kind = 'doubted'")
    _allow_kinds(KINDS)


def _allow_kinds(kinds: str) -> None:
    # On SQLite the table is made anew, and its checks are not among what is copied.
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f(KNOWN), "model_events", type_="check")
    with op.batch_alter_table("model_events") as events:
        events.create_check_constraint(op.f(KNOWN), f"kind IN ({kinds})")
