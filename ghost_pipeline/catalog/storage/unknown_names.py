"""The errors for names that the catalog does not have; their advice contains the nearest names that it has.

They read in the transaction that did not find the name, so that both see the same catalog.
"""

from collections.abc import Iterator
from itertools import chain, islice

import sqlalchemy as sa

from ghost_pipeline.catalog.storage.tables import model_events, models, providers
from ghost_pipeline.errors import UnknownModel, UnknownProvider
from ghost_pipeline.lifecycle.identity import advise_nearest, nearest_names
from ghost_pipeline.lifecycle.vocabulary import TOMBSTONE_KINDS

PAGE_SIZE = 1_000
"""Names that are in memory at a time."""

MAX_NAMES = 20_000
"""Names that are compared with an unknown one, so that an error comes within a second from a catalog of any size."""

_LIST_PROVIDERS = "list its providers with 'ghost-pipeline providers'"


def unknown_provider_error(connection: sa.Connection, provider_id: str) -> UnknownProvider:
    """Return the error for a provider that the catalog does not have."""
    return UnknownProvider(f"the catalog has no provider {provider_id!r}", _advise_on_provider(connection, provider_id))


def unknown_model_error(
    connection: sa.Connection, provider_id: str, model_id: str, *, is_past: bool = False
) -> UnknownModel:
    """Return the error for a model that the catalog does not have; if ``is_past``, that it never had.

    The provider may be unknown as well.
    """
    reason = f"the catalog {'never had a' if is_past else 'has no'} model {model_id!r} of {provider_id}"
    if connection.execute(sa.select(providers.c.id).where(providers.c.id == provider_id)).first() is None:
        return UnknownModel(f"{reason}, nor any other of it", _advise_on_provider(connection, provider_id))
    ids = _read_ids(connection, models, provider_id)
    if is_past:
        ids = chain(_read_ids(connection, model_events, provider_id), ids)
    nearest = nearest_names(model_id, dict.fromkeys(islice(ids, MAX_NAMES)))
    otherwise = f"list its models with 'ghost-pipeline models --provider {provider_id}'"
    return UnknownModel(reason, advise_nearest(nearest, otherwise))


def _advise_on_provider(connection: sa.Connection, provider_id: str) -> str:
    known = connection.execute(sa.select(providers.c.id).limit(MAX_NAMES)).scalars()
    return advise_nearest(nearest_names(provider_id, known), _LIST_PROVIDERS)


def _read_ids(connection: sa.Connection, table: sa.Table, provider_id: str) -> Iterator[str]:
    """Yield the ids of the provider's models in a table, of events only those of models that left the catalog."""
    query = sa.select(table.c.model_id).distinct().order_by(table.c.model_id).limit(PAGE_SIZE)
    if table is model_events:
        query = query.where(table.c.kind.in_([kind.value for kind in TOMBSTONE_KINDS]))
    after = ""
    while page := connection.execute(query.where(table.c.provider_id == provider_id, table.c.model_id > after)).all():
        yield from (row.model_id for row in page)
        after = page[-1].model_id
