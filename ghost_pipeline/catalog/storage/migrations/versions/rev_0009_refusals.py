"""What providers refuse: refusals, what speaks against them, and the models that are refused."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SLUG = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)

INDEX = "ix_models_provider_id_last_refused_at"
IS_REFUSED = sa.text("refused_since IS NOT NULL")
KNOWN = "ck_model_events_kind_is_known"
KINDS = "'discovered', 'reactivated', 'deactivated', 'purged', 'removed', 'restored', 'added', 'changed'"
NEW_KINDS = "'refused', 'answers_again', 'refusal_ended', 'answered_by_another'"


def upgrade() -> None:
    for name, kind in (("refused_since", INSTANT), ("last_refused_at", INSTANT), ("refusal_reason", sa.Text())):
        op.add_column("models", sa.Column(name, kind))
    op.create_index(
        INDEX, "models", ["provider_id", "last_refused_at"], sqlite_where=IS_REFUSED, postgresql_where=IS_REFUSED
    )
    op.create_table(
        "refusals",
        sa.Column("provider_id", SLUG, nullable=False),
        sa.Column("model_id", TEXT, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("refusal_class", sa.String(16), nullable=False),
        sa.Column("rule_id", TEXT, nullable=False),
        sa.Column("hour", INSTANT, nullable=False),
        sa.Column("first_at", INSTANT, nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.Column("minutes", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("words", TEXT, nullable=False),
        sa.Column("replaced_by", TEXT, nullable=False),
        sa.PrimaryKeyConstraint(
            "provider_id", "model_id", "account", "refusal_class", "rule_id", "hour", name="pk_refusals"
        ),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.id"], name="fk_refusals_provider_id_providers"),
    )
    op.create_index("ix_refusals_last_at", "refusals", ["last_at"])
    op.create_table(
        "refusal_clearances",
        sa.Column("provider_id", SLUG, nullable=False),
        sa.Column("model_id", TEXT, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("provider_id", "model_id", "kind", "account", name="pk_refusal_clearances"),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.id"], name="fk_refusal_clearances_provider_id_providers"),
    )
    op.create_index("ix_refusal_clearances_at", "refusal_clearances", ["at"])
    _allow_kinds(f"{KINDS}, {NEW_KINDS}", 16, 32)


def downgrade() -> None:
    op.drop_table("refusal_clearances")
    op.drop_table("refusals")
    op.execute(f"DELETE FROM model_events WHERE kind IN ({NEW_KINDS})")  # noqa: S608
    _allow_kinds(KINDS, 32, 16)
    op.drop_index(INDEX, "models")
    for name in ("refusal_reason", "last_refused_at", "refused_since"):
        op.execute(f"ALTER TABLE models DROP COLUMN {name}")


def _allow_kinds(kinds: str, before: int, after: int) -> None:
    # On SQLite the table is made anew, and its checks are not among what is copied.
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f(KNOWN), "model_events", type_="check")
    with op.batch_alter_table("model_events") as events:
        events.alter_column("kind", existing_type=sa.String(before), type_=sa.String(after), existing_nullable=False)
        events.create_check_constraint(op.f(KNOWN), f"kind IN ({kinds})")
