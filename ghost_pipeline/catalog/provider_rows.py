"""Reading and writing rows of ``providers``."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ghost_pipeline.catalog.rows import PROVIDER_COLUMNS, provider_record
from ghost_pipeline.catalog.tables import providers
from ghost_pipeline.errors import UnknownProvider
from ghost_pipeline.lifecycle.identity import provider_label
from ghost_pipeline.lifecycle.records import ProviderRecord
from ghost_pipeline.lifecycle.transitions import latest


def lock_provider(connection: sa.Connection, provider_id: str) -> ProviderRecord:
    """The provider, made if it is new, locked until the transaction ends: one writer a provider."""
    make_provider(connection, provider_id)
    row = connection.execute(sa.select(*PROVIDER_COLUMNS).where(providers.c.id == provider_id).with_for_update()).one()
    return provider_record(row)


def make_provider(connection: sa.Connection, provider_id: str) -> None:
    """Make the provider's row unless there is one."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {"id": provider_id, "label": provider_label(provider_id)}
    connection.execute(insert(providers).values(values).on_conflict_do_nothing())


def require_provider(connection: sa.Connection, provider_id: str) -> ProviderRecord:
    """The provider, locked. Raises UnknownProvider."""
    query = sa.select(*PROVIDER_COLUMNS).where(providers.c.id == provider_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise unknown_provider(provider_id)
    return provider_record(row)


def read_provider(connection: sa.Connection, provider_id: str) -> ProviderRecord:
    """The provider, not locked, so that readers can ask too. Raises UnknownProvider."""
    row = connection.execute(sa.select(*PROVIDER_COLUMNS).where(providers.c.id == provider_id)).one_or_none()
    if row is None:
        raise unknown_provider(provider_id)
    return provider_record(row)


def lock_if_known(connection: sa.Connection, provider_id: str) -> None:
    """Lock the provider's row, if there is one: writers of its models take turns."""
    connection.execute(sa.select(providers.c.id).where(providers.c.id == provider_id).with_for_update())


def list_providers(connection: sa.Connection) -> list[ProviderRecord]:
    """Every provider, by slug."""
    return [provider_record(row) for row in connection.execute(sa.select(*PROVIDER_COLUMNS).order_by(providers.c.id))]


def note_listing(connection: sa.Connection, provider: ProviderRecord, observed_at: datetime) -> None:
    """Advance the instant of the provider's last listing."""
    _update(connection, provider.id, last_listing_at=latest(provider.last_listing_at, observed_at))


def set_hold(connection: sa.Connection, provider: ProviderRecord, since: datetime, reason: str) -> None:
    """Hold the provider; a hold that is there already stays as it is."""
    if provider.held_since is None:
        _update(connection, provider.id, held_since=since, held_reason=reason)


def lift_hold(connection: sa.Connection, provider: ProviderRecord, last_complete_at: datetime | None) -> None:
    """Let the provider's absences count again, from its last complete listing on."""
    _update(
        connection,
        provider.id,
        held_since=None,
        held_reason=None,
        last_complete_at=latest(provider.last_complete_at, last_complete_at),
    )


def _update(connection: sa.Connection, provider_id: str, **values: object) -> None:
    connection.execute(sa.update(providers).where(providers.c.id == provider_id).values(values))


def unknown_provider(provider_id: str) -> UnknownProvider:
    """The error that says so."""
    return UnknownProvider(
        f"the catalog has no provider {provider_id!r}: 'ghost-pipeline providers' lists those that it has"
    )
