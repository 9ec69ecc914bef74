"""What references stated before: claims about models of the catalog that an import ended or gave another value.

They fill nothing and conflict with nothing. They are kept as long as the bytes of listings, and a reference that is
removed takes its own with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.claims.reference_rows import find_last_import, from_json_value
from ghost_pipeline.catalog.storage.repository import Key, is_one_of
from ghost_pipeline.catalog.storage.tables import ended_claims, models
from ghost_pipeline.lifecycle.claims.plausibility import ClaimKey, ReferenceChanges, StatedClaim
from ghost_pipeline.lifecycle.claims.resolution import reference_source


@dataclass(frozen=True, slots=True)
class EndedClaim:
    """What a reference stated of a fact of a model, and does not state any more."""

    fact: str
    value: Any
    """As ``Claim`` has it."""
    source: str
    first_stated_at: datetime
    last_stated_at: datetime
    sha256: str
    """Digest of the file that stated it first."""
    ended_at: datetime
    """When an import stated another value, or none."""


def write_ended_claims(
    connection: sa.Connection,
    reference: str,
    known: Mapping[ClaimKey, StatedClaim],
    changes: ReferenceChanges,
    now: datetime,
) -> None:
    """Keep the claims that an import ``now`` ends, of models that the catalog has.

    Args:
        connection: Within the transaction of the import.
        reference: The name of the reference.
        known: Its claims before the import.
        changes: What the import changes.
        now: When it is imported.
    """
    replaced = [key for key, claim in changes.updated.items() if claim.value != known[key].value]
    ended = [*changes.ended, *replaced]
    if not ended:
        return
    which = is_one_of(connection, models, sorted({key[:2] for key in ended}))
    query = sa.select(models.c.provider_id, models.c.model_id).where(which)
    in_catalog = {(slug, model_id) for slug, model_id in connection.execute(query)}
    # A value that was doubted was not stated any more since the doubt began.
    instants = {known[key].doubted_at or now for key in ended}
    last_stated = {at: find_last_import(connection, reference, at) for at in instants}
    rows = [
        {
            "reference": reference,
            "provider_id": key[0],
            "model_id": key[1],
            "fact": key[2],
            "value": known[key].value,
            "first_stated_at": known[key].first_stated_at,
            "last_stated_at": last_stated[known[key].doubted_at or now] or known[key].first_stated_at,
            "sha256": known[key].sha256,
            "ended_at": now,
        }
        for key in sorted(ended)
        if key[:2] in in_catalog
    ]
    if rows:
        connection.execute(sa.insert(ended_claims), rows)


def prune_ended_claims(connection: sa.Connection, kept_for: timedelta | None, now: datetime) -> None:
    """Delete the claims that ended longer ago than ``kept_for``; None keeps all."""
    if kept_for is not None:
        connection.execute(sa.delete(ended_claims).where(ended_claims.c.ended_at < now - kept_for))


def read_ended_claims(connection: sa.Connection, key: Key) -> list[EndedClaim]:
    """Return the claims about a model that ended, the newest first."""
    names = ("fact", "value", "reference", "first_stated_at", "last_stated_at", "sha256", "ended_at")
    query = (
        sa.select(*(ended_claims.c[name] for name in names))
        .where(ended_claims.c.provider_id == key[0], ended_claims.c.model_id == key[1])
        .order_by(ended_claims.c.ended_at.desc(), ended_claims.c.id)
    )
    return [
        EndedClaim(fact, from_json_value(fact, value), reference_source(reference), *rest)
        for fact, value, reference, *rest in connection.execute(query)
    ]


def delete_ended_claims(connection: sa.Connection, reference: str) -> None:
    """Delete all ended claims of a reference."""
    connection.execute(sa.delete(ended_claims).where(ended_claims.c.reference == reference))
