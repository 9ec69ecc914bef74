"""What operators state of models, which listings do not change."""

import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SLUG = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
MODEL_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

FACTS = ("context_window", "max_output_tokens", "input_price", "output_price", "capabilities")


def upgrade() -> None:
    table = op.create_table(
        "stated_by_operators",
        sa.Column("provider_id", SLUG, nullable=False),
        sa.Column("model_id", MODEL_ID, nullable=False),
        sa.Column("fact", sa.String(32), nullable=False),
        sa.Column("value", JSON),
        sa.Column("stated_at", INSTANT, nullable=False),
        sa.Column("listed_value", JSON),
        sa.Column("listed_since", INSTANT),
        sa.PrimaryKeyConstraint("provider_id", "model_id", "fact", name="pk_stated_by_operators"),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.id"], name="fk_stated_by_operators_provider_id_providers"),
    )
    op.execute("ALTER TABLE models ADD COLUMN manual_facts TEXT")
    _record_known(table)


def _record_known(table: sa.Table) -> None:
    """Record the names that operators gave, and the facts of models that no listing has contained.

    Which facts of a listed model are an operator's is not recorded before this version.
    """
    connection = op.get_bind()
    columns = ("id", "provider_id", "model_id", "is_name_manual", "last_listed_at", "first_seen_at", "name", *FACTS)
    models = sa.table(
        "models",
        *(sa.column(name) for name in columns if name not in ("first_seen_at", "capabilities")),
        sa.column("first_seen_at", INSTANT if connection.dialect.name != "sqlite" else sa.Text),
        sa.column("capabilities", JSON),
        sa.column("source"),
        sa.column("manual_facts"),
    )
    added = sa.or_(models.c.is_name_manual, sa.and_(models.c.source == "MANUAL", models.c.last_listed_at.is_(None)))
    for row in connection.execute(sa.select(*(models.c[name] for name in columns)).where(added)).all():
        facts = [fact for fact in FACTS if row.last_listed_at is None and getattr(row, fact) is not None]
        names = (["name"] if row.is_name_manual and row.name is not None else []) + facts
        if any(fact in facts for fact in ("input_price", "output_price")):
            names.append("prices")
        for fact in names:
            value = None if fact == "prices" else json.dumps(getattr(row, fact))
            # As text, because SQLite's instants are texts of which SQLAlchemy would make others.
            cast = "CAST(:value AS JSONB)" if connection.dialect.name == "postgresql" else ":value"
            connection.execute(
                sa.text(
                    f"INSERT INTO {table.name} (provider_id, model_id, fact, value, stated_at) "  # noqa: S608
                    f"VALUES (:provider_id, :model_id, :fact, {cast}, :stated_at)"
                ),
                {
                    "provider_id": row.provider_id,
                    "model_id": row.model_id,
                    "fact": fact,
                    "value": value,
                    "stated_at": row.first_seen_at,
                },
            )
        if facts:
            of_row = sa.update(models).where(models.c.id == row.id)
            connection.execute(of_row.values(manual_facts=" ".join(facts)))


def downgrade() -> None:
    op.execute("ALTER TABLE models DROP COLUMN manual_facts")
    op.drop_table("stated_by_operators")
