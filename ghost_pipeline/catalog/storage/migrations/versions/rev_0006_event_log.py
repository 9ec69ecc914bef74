"""When each event was recorded, the order in which events were committed, and the name of the catalog."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SLUG = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)

OUTSIDE_BEFORE = """
SELECT id FROM (
    SELECT id, kind, lag(kind) OVER (PARTITION BY provider_id, model_id ORDER BY id) AS previous FROM model_events
) AS followed
WHERE kind IN ('added', 'removed') AND previous IN ('purged', 'removed')
"""
"""Events of models that were outside the catalog already, which their own rows did not record."""


def upgrade() -> None:
    _add_recorded_at()
    _mark_models_that_were_outside()
    op.create_table(
        "event_batches",
        sa.Column("position", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("provider_id", SLUG, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("first_id", sa.BigInteger, nullable=False),
        sa.Column("last_id", sa.BigInteger, nullable=False),
        sa.Column("event_count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_event_batches"),
    )
    # Every event is committed already, so any order of the batches will do.
    op.execute(
        "INSERT INTO event_batches (position, provider_id, recorded_at, first_id, last_id, event_count) "
        "SELECT row_number() OVER (ORDER BY min(id)), provider_id, recorded_at, min(id), max(id), count(*) "
        "FROM model_events GROUP BY provider_id, recorded_at"
    )
    for columns in (["provider_id", "recorded_at", "position"], ["provider_id", "position"]):
        op.create_index("_".join(["ix_event_batches", *columns]), "event_batches", columns)
    identity = op.create_table(
        "catalog_identity",
        sa.Column("id", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_identity"),
    )
    op.bulk_insert(identity, [{"id": uuid4().hex}])


def _add_recorded_at() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    if is_postgresql:
        op.execute("ALTER TABLE model_events ADD COLUMN recorded_at TIMESTAMP WITH TIME ZONE")
    else:
        # SQLite adds a column that is NOT NULL only with a default; otherwise the whole table would be copied.
        op.execute(
            "ALTER TABLE model_events ADD COLUMN recorded_at DATETIME NOT NULL DEFAULT '0001-01-01 00:00:00.000000'"
        )
    op.execute(
        "UPDATE model_events SET recorded_at = latest.at FROM ("
        "SELECT id, max(at) OVER (PARTITION BY provider_id ORDER BY id) AS at FROM model_events"
        ") AS latest WHERE latest.id = model_events.id"
    )
    if is_postgresql:
        op.execute("ALTER TABLE model_events ALTER COLUMN recorded_at SET NOT NULL")


def _mark_models_that_were_outside() -> None:
    if op.get_bind().dialect.name == "postgresql":
        marked = """coalesce(details, '{}') || '{"was_in_catalog": false}'"""
    else:
        marked = "json_set(coalesce(details, '{}'), '$.was_in_catalog', json('false'))"
    op.execute(f"UPDATE model_events SET details = {marked} WHERE id IN ({OUTSIDE_BEFORE})")  # noqa: S608


def downgrade() -> None:
    op.drop_table("catalog_identity")
    op.drop_table("event_batches")
    op.execute("ALTER TABLE model_events DROP COLUMN recorded_at")
