"""An attempt that brought no listing has a row too, and every row can say how the answer came about."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OF_BYTES: tuple[tuple[str, sa.types.TypeEngine[Any]], ...] = (
    ("file_name", sa.Text()),
    ("sha256", sa.String(64)),
    ("bytes", sa.BigInteger()),
    ("format_version", sa.Text()),
)
OF_ANSWERS: tuple[tuple[str, sa.types.TypeEngine[Any]], ...] = (
    ("seconds", sa.Double()),
    ("pages", sa.Integer()),
    ("status", sa.Integer()),
)
KNOWN = "ck_listings_verdict_is_known"
NO_BYTES = "ck_listings_failed_attempts_have_no_bytes"


def upgrade() -> None:
    _drop_check(KNOWN)
    with op.batch_alter_table("listings") as listings:
        for name, type_ in OF_BYTES:
            listings.alter_column(name, existing_type=type_, nullable=True)
        for name, type_ in OF_ANSWERS:
            listings.add_column(sa.Column(name, type_))
        listings.create_check_constraint(
            op.f(KNOWN), "verdict IN ('failed', 'malformed', 'empty', 'partial', 'shrunken', 'complete')"
        )
        listings.create_check_constraint(op.f(NO_BYTES), "(verdict = 'failed') = (sha256 IS NULL)")


def downgrade() -> None:
    op.execute("DELETE FROM listings WHERE verdict = 'failed'")
    _drop_check(KNOWN)
    _drop_check(NO_BYTES)
    with op.batch_alter_table("listings") as listings:
        for name, type_ in OF_BYTES:
            listings.alter_column(name, existing_type=type_, nullable=False)
        for name, _ in OF_ANSWERS:
            listings.drop_column(name)
        listings.create_check_constraint(
            op.f(KNOWN), "verdict IN ('malformed', 'empty', 'partial', 'shrunken', 'complete')"
        )


def _drop_check(name: str) -> None:
    # On SQLite the table is made anew, and its checks are not among what is copied.
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f(name), "listings", type_="check")
