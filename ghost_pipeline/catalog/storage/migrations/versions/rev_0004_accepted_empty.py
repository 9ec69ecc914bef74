"""Whether an empty listing was accepted is stored with its attempt."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # One statement for both databases: with the check in the column, SQLite need not copy the table.
    op.execute(
        "ALTER TABLE listings ADD COLUMN is_accepted_empty BOOLEAN DEFAULT false NOT NULL "
        "CONSTRAINT ck_listings_only_empty_listings_are_accepted_empty "
        "CHECK (NOT is_accepted_empty OR verdict = 'empty')"
    )
    # Until now only the reason recorded it.
    op.execute(
        "UPDATE listings SET is_accepted_empty = true "
        "WHERE verdict = 'empty' AND reason LIKE '%; nothing is expected of this local server, so it may be true'"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE listings DROP COLUMN is_accepted_empty")
