"""The catalog: providers, listings, models and their events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Spelled out rather than imported: a revision keeps meaning what it meant when it was written.
INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_providers()
    _create_listings()
    _create_models()
    _create_model_events()


def downgrade() -> None:
    op.drop_table("model_events")
    op.drop_table("models")
    op.drop_table("listings")
    op.drop_table("providers")


def _create_providers() -> None:
    op.create_table(
        "providers",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("held_since", INSTANT),
        sa.Column("held_reason", sa.Text()),
        sa.Column("last_listing_at", INSTANT),
        sa.Column("last_complete_at", INSTANT),
        sa.CheckConstraint("(held_since IS NULL) = (held_reason IS NULL)", name=op.f("ck_providers_hold_has_a_reason")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_providers")),
    )


def _create_listings() -> None:
    op.create_table(
        "listings",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("provider_id", sa.String(64), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("format_version", sa.Text(), nullable=False),
        sa.Column("observed_at", INSTANT, nullable=False),
        sa.Column("is_late", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("model_count", sa.Integer()),
        sa.Column("created_count", sa.Integer()),
        sa.Column("updated_count", sa.Integer()),
        sa.Column("confirmed_count", sa.Integer()),
        sa.Column("reactivated_count", sa.Integer()),
        sa.Column("missing_count", sa.Integer()),
        sa.Column("inactive", JSON, nullable=False),
        sa.Column("missing_ids", JSON),
        sa.Column("run_id", sa.Text()),
        sa.CheckConstraint(
            "verdict IN ('malformed', 'empty', 'partial', 'shrunken', 'complete')",
            name=op.f("ck_listings_verdict_is_known"),
        ),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.id"], name=op.f("fk_listings_provider_id_providers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listings")),
    )
    op.create_index(op.f("ix_listings_provider_id_observed_at"), "listings", ["provider_id", "observed_at"])
    op.create_index(op.f("ix_listings_run_id"), "listings", ["run_id"])


def _create_models() -> None:
    op.create_table(
        "models",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("provider_id", sa.String(64), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("is_name_manual", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", INSTANT, nullable=False),
        sa.Column("last_seen_at", INSTANT, nullable=False),
        sa.Column("last_listed_at", INSTANT),
        sa.Column("last_used_at", INSTANT),
        sa.Column("deactivated_at", INSTANT),
        sa.Column("is_free", sa.Boolean()),
        sa.Column("context_window", sa.BigInteger()),
        sa.Column("max_output_tokens", sa.BigInteger()),
        sa.Column("input_price", sa.Double()),
        sa.Column("output_price", sa.Double()),
        sa.Column("capabilities", JSON),
        sa.Column("expires_at", INSTANT),
        sa.Column("provider_data", JSON),
        sa.Column("inference_metadata", JSON),
        sa.Column("listing_id", BIG_ID),
        sa.CheckConstraint("source IN ('INDEX', 'INFERENCE', 'MANUAL')", name=op.f("ck_models_source_is_known")),
        sa.CheckConstraint("(deactivated_at IS NULL) = is_active", name=op.f("ck_models_ghosts_have_deactivated_at")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_models_listing_id_listings")),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.id"], name=op.f("fk_models_provider_id_providers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint("provider_id", "model_id", name=op.f("uq_models_provider_id_model_id")),
    )
    op.create_index(
        op.f("ix_models_provider_id_deactivated_at"),
        "models",
        ["provider_id", "deactivated_at"],
        sqlite_where=sa.text("is_active = 0"),
        postgresql_where=sa.text("NOT is_active"),
    )
    op.create_index(op.f("ix_models_provider_id_last_listed_at"), "models", ["provider_id", "last_listed_at"])
    op.create_index(
        op.f("ix_models_provider_id_last_seen_at"),
        "models",
        ["provider_id", "last_seen_at"],
        sqlite_where=sa.text("is_active = 1"),
        postgresql_where=sa.text("is_active"),
    )


def _create_model_events() -> None:
    op.create_table(
        "model_events",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("provider_id", sa.String(64), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("source", sa.String(16)),
        sa.Column("listing_id", BIG_ID),
        sa.Column("run_id", sa.Text()),
        sa.Column("details", JSON),
        sa.CheckConstraint(
            "kind IN ('discovered', 'reactivated', 'deactivated', 'purged', 'removed', 'restored', 'added', 'changed')",
            name=op.f("ck_model_events_kind_is_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_events")),
    )
    op.create_index(op.f("ix_model_events_provider_id_model_id"), "model_events", ["provider_id", "model_id"])
    op.create_index(
        "ix_model_events_tombstones",
        "model_events",
        ["provider_id", "model_id", "id"],
        sqlite_where=sa.text("kind IN ('purged', 'removed')"),
        postgresql_where=sa.text("kind IN ('purged', 'removed')"),
    )
