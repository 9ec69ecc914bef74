"""Other ids of models, and their families."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

HAS_ALIASES = sa.text("aliases IS NOT NULL")


def upgrade() -> None:
    # Listings fill the columns when they are read again: the versions of the formats are raised.
    for table in ("models", "reference_facts"):
        for column in ("aliases", "family"):
            op.execute(f"ALTER TABLE {table} ADD COLUMN {column} TEXT")
    op.create_index("ix_models_aliases", "models", ["aliases"], sqlite_where=HAS_ALIASES, postgresql_where=HAS_ALIASES)


def downgrade() -> None:
    op.drop_index("ix_models_aliases", "models")
    for table in ("models", "reference_facts"):
        for column in ("aliases", "family"):
            op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
