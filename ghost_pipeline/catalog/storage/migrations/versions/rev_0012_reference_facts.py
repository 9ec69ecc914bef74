"""What references state of each model in one row, so that filters and orders can join it."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SLUG = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
MODEL_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

FACTS = ("name", "context_window", "max_output_tokens", "input_price", "output_price", "capabilities")
PRICES = ("input_price", "output_price")


def upgrade() -> None:
    table = op.create_table(
        "reference_facts",
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("provider_id", SLUG, nullable=False),
        sa.Column("model_id", MODEL_ID, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("context_window", sa.BigInteger),
        sa.Column("max_output_tokens", sa.BigInteger),
        sa.Column("input_price", sa.Double),
        sa.Column("output_price", sa.Double),
        sa.Column("capabilities", JSON),
        sa.PrimaryKeyConstraint("reference", "provider_id", "model_id", name="pk_reference_facts"),
    )
    rows = _stated_facts()
    if rows and table is not None:
        op.bulk_insert(table, rows)


def _stated_facts() -> list[dict[str, Any]]:
    """Return a row for each reference and model of which it states a fact; its prices of 0 are unknown."""
    keys = ("reference", "provider_id", "model_id")
    claims = sa.table("reference_claims", *(sa.column(name) for name in (*keys, "fact")), sa.column("value", JSON))
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for *key, fact, value in op.get_bind().execute(sa.select(claims)):
        if fact in PRICES and value == 0:
            continue
        empty = dict(zip(keys, key, strict=True)) | dict.fromkeys(FACTS)
        found.setdefault(tuple(key), empty)[fact] = value
    return list(found.values())


def downgrade() -> None:
    op.drop_table("reference_facts")
