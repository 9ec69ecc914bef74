"""PostgreSQL sorts and compares ids by code point, as SQLite does, whatever the database's locale is."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SLUGS = (("providers", "id"), ("listings", "provider_id"), ("models", "provider_id"), ("model_events", "provider_id"))
MODEL_IDS = (("models", "model_id"), ("model_events", "model_id"))


def upgrade() -> None:
    _collate("C")


def downgrade() -> None:
    _collate("default")


def _collate(collation: str) -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, column in SLUGS:
        op.alter_column(table, column, type_=sa.String(64, collation=collation))
    for table, column in MODEL_IDS:
        op.alter_column(table, column, type_=sa.Text(collation=collation))
