"""Column types that mean the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

_encoder = msgspec.json.Encoder(order="sorted")


def canonical_json(value: Any) -> str:
    """Compact JSON with sorted keys, so that equal values are equal texts. Raises what msgspec raises."""
    return _encoder.encode(value).decode()


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware instant in UTC; on SQLite a text of fixed width, so that it sorts and compares as time does."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse naive instants, give UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; instants are aware")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Give aware instants in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def instant_text(value: datetime) -> str:
    """An instant as SQLite keeps it, for rows that bypass SQLAlchemy's types."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


Json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows by itself in INTEGER keys only

# Collated by code point on both, so that order does not depend on the server's locale.
Slug = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
ModelId = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
