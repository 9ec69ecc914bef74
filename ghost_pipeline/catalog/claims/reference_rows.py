"""Reads and writes of the imports of references and of their claims.

Nothing is written for a claim that an import states again, so that repeating an import costs one row. When a claim was
stated last follows from the newest import that was applied.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.claims.filling import write_reference_facts
from ghost_pipeline.catalog.storage.repository import Key, is_one_of
from ghost_pipeline.catalog.storage.tables import models, reference_claims, reference_facts, reference_imports
from ghost_pipeline.lifecycle.claims.plausibility import ClaimKey, ReferenceChanges, StatedClaim
from ghost_pipeline.lifecycle.claims.resolution import Claim, reference_source
from ghost_pipeline.lifecycle.facts import FACTS, FactKind
from ghost_pipeline.lifecycle.validation import parse_instant
from ghost_pipeline.lifecycle.vocabulary import Verdict


@dataclass(frozen=True, slots=True)
class ReferenceImport:
    """One import of a reference, as its row records it."""

    reference: str
    file_name: str
    sha256: str
    bytes: int
    format_version: str
    imported_at: datetime
    verdict: Verdict
    reason: str | None
    is_applied: bool
    """Its claims replaced those of the imports before it."""
    entry_count: int
    model_count: int
    added_count: int = 0
    changed_count: int = 0
    ended_count: int = 0
    doubted_count: int = 0


_IMPORT_COLUMNS = tuple(reference_imports.c[one.name] for one in fields(ReferenceImport))
_STATED_COLUMNS = tuple(reference_claims.c[one.name] for one in fields(StatedClaim))
_KEY = (reference_claims.c.provider_id, reference_claims.c.model_id, reference_claims.c.fact)


def lock_references(connection: sa.Connection) -> None:
    """Wait until no other transaction imports a reference. On SQLite a transaction that writes is alone already."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE reference_claims IN SHARE ROW EXCLUSIVE MODE"))


def to_json_value(value: Any) -> Any:
    """Return the value of a fact as the column of claims has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def from_json_value(fact: str, value: Any) -> Any:
    """Return the value of a fact of that column, as ``Facts`` has it."""
    if fact in _INSTANTS:
        return parse_instant(value, fact)
    return tuple(value) if isinstance(value, list) else value


_INSTANTS = frozenset(fact.name for fact in FACTS if fact.kind is FactKind.INSTANT)


def read_stated_claims(connection: sa.Connection, reference: str) -> dict[ClaimKey, StatedClaim]:
    """Return what a reference states now."""
    query = sa.select(*_KEY, *_STATED_COLUMNS).where(reference_claims.c.reference == reference)
    return {(slug, model_id, fact): StatedClaim(*rest) for slug, model_id, fact, *rest in connection.execute(query)}


def write_changes(connection: sa.Connection, reference: str, changes: ReferenceChanges) -> None:
    """Store what an import changes."""
    if changes.added:
        rows = [_claim_values(reference, key, claim) for key, claim in changes.added.items()]
        connection.execute(sa.insert(reference_claims), rows)
    which = [column == sa.bindparam(f"known_{column.name}") for column in (reference_claims.c.reference, *_KEY)]
    if changes.updated:
        stated: dict[str, Any] = {one.name: sa.bindparam(one.name) for one in fields(StatedClaim)}
        update = sa.update(reference_claims).where(*which).values(stated)
        rows = [_known(_claim_values(reference, key, claim)) for key, claim in changes.updated.items()]
        connection.execute(update, rows)
    if changes.ended:
        rows = [_known(dict(zip(_KEY_NAMES, (reference, *key), strict=True))) for key in changes.ended]
        connection.execute(sa.delete(reference_claims).where(*which), rows)
    changed = {key[:2] for keys in (changes.added, changes.updated, changes.ended) for key in keys}
    write_reference_facts(connection, reference, changed)


_KEY_NAMES = ("reference", "provider_id", "model_id", "fact")


def _claim_values(reference: str, key: ClaimKey, claim: StatedClaim) -> dict[str, Any]:
    stated = {one.name: getattr(claim, one.name) for one in fields(StatedClaim)}
    return dict(zip(_KEY_NAMES, (reference, *key), strict=True)) | stated


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"known_{name}" if name in _KEY_NAMES else name: value for name, value in values.items()}


def insert_import(connection: sa.Connection, imported: ReferenceImport) -> None:
    """Store the row of an import."""
    values = {one.name: getattr(imported, one.name) for one in fields(ReferenceImport)}
    connection.execute(sa.insert(reference_imports).values(values | {"verdict": imported.verdict.value}))


def read_newest_imports(connection: sa.Connection, *, is_applied: bool) -> dict[str, ReferenceImport]:
    """Return the newest import of each reference; with ``is_applied``, the newest one that was applied."""
    newest = sa.select(sa.func.max(reference_imports.c.id)).group_by(reference_imports.c.reference)
    if is_applied:
        newest = newest.where(reference_imports.c.is_applied == sa.true())
    query = (
        sa.select(*_IMPORT_COLUMNS).where(reference_imports.c.id.in_(newest)).order_by(reference_imports.c.reference)
    )
    found = (
        ReferenceImport(**dict(row._mapping) | {"verdict": Verdict(row.verdict)}) for row in connection.execute(query)
    )
    return {one.reference: one for one in found}


def find_last_import(connection: sa.Connection, reference: str, before: datetime) -> datetime | None:
    """Return when a reference was imported last before an instant, of the imports that were applied."""
    instant = sa.select(sa.func.max(reference_imports.c.imported_at)).where(
        reference_imports.c.reference == reference,
        reference_imports.c.is_applied == sa.true(),
        reference_imports.c.imported_at < before,
    )
    found: datetime | None = connection.execute(instant).scalar_one()
    return found


def count_claims(connection: sa.Connection) -> dict[str, tuple[int, int, int]]:
    """Return each reference with claims: how many, how many are of models of the catalog, and how many are doubted."""
    query = (
        sa.select(
            reference_claims.c.reference,
            sa.func.count(),
            sa.func.count(models.c.id),
            sa.func.count(reference_claims.c.doubted_at),
        )
        .outerjoin(models, _IS_SAME_MODEL)
        .group_by(reference_claims.c.reference)
    )
    return {reference: (claims, known, doubted) for reference, claims, known, doubted in connection.execute(query)}


_IS_SAME_MODEL = sa.and_(
    models.c.provider_id == reference_claims.c.provider_id, models.c.model_id == reference_claims.c.model_id
)


def find_unmatched(connection: sa.Connection, reference: str, provider_ids: Sequence[str]) -> list[Key]:
    """Return the models of a reference that the catalog lacks, of providers of which the catalog has a model."""
    own = sa.select(models.c.provider_id).distinct()
    query = (
        sa.select(reference_claims.c.provider_id, reference_claims.c.model_id)
        .distinct()
        .outerjoin(models, _IS_SAME_MODEL)
        .where(reference_claims.c.reference == reference, models.c.id.is_(None))
        .where(reference_claims.c.provider_id.in_(provider_ids or own))
        .order_by(reference_claims.c.provider_id, reference_claims.c.model_id)
    )
    return [(slug, model_id) for slug, model_id in connection.execute(query)]


def count_lacking(connection: sa.Connection, reference: str) -> dict[str, int]:
    """Return each provider of a reference of which the catalog has no model -> how many models are stated of it."""
    own = sa.select(models.c.provider_id).distinct()
    query = (
        sa.select(reference_claims.c.provider_id, sa.func.count(reference_claims.c.model_id.distinct()))
        .where(reference_claims.c.reference == reference, reference_claims.c.provider_id.not_in(own))
        .group_by(reference_claims.c.provider_id)
        .order_by(reference_claims.c.provider_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def delete_reference(connection: sa.Connection, reference: str) -> int:
    """Delete the claims and imports of a reference. Return the number of claims."""
    for table in (reference_imports, reference_facts):
        connection.execute(sa.delete(table).where(table.c.reference == reference))
    return connection.execute(sa.delete(reference_claims).where(reference_claims.c.reference == reference)).rowcount


def read_reference_claims(connection: sa.Connection, keys: Sequence[Key]) -> dict[Key, list[Claim]]:
    """Return the claims of references about the models among ``keys`` that have any."""
    return _claims(connection, is_one_of(connection, reference_claims, keys)) if keys else {}


def find_claimed_models(
    connection: sa.Connection, facts: Sequence[str], provider_ids: Sequence[str], used_since: datetime | None
) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Yield key and stated facts of each model of the catalog of which a reference states one of the facts.

    ``used_since`` selects models that were used since then.
    """
    if connection.execute(sa.select(reference_claims.c.id).limit(1)).one_or_none() is None:
        return  # nearly every catalog: no model needs to be read
    is_claimed = sa.exists().where(_IS_SAME_MODEL, reference_claims.c.fact.in_(facts))
    columns = (models.c.provider_id, models.c.model_id, *(models.c[fact] for fact in facts))
    query = sa.select(*columns).where(is_claimed).order_by(models.c.provider_id, models.c.model_id)
    if provider_ids:
        query = query.where(models.c.provider_id.in_(provider_ids))
    if used_since is not None:
        query = query.where(models.c.last_used_at >= used_since)
    for slug, model_id, *values in connection.execute(query):
        yield (slug, model_id), dict(zip(facts, values, strict=True))


def _claims(connection: sa.Connection, which: sa.ColumnElement[bool]) -> dict[Key, list[Claim]]:
    stated_at = {name: one.imported_at for name, one in read_newest_imports(connection, is_applied=True).items()}
    # The imports since a doubt began stated the doubted value.
    last_before_doubt = (
        sa.select(sa.func.max(reference_imports.c.imported_at))
        .where(
            reference_imports.c.reference == reference_claims.c.reference,
            reference_imports.c.is_applied == sa.true(),
            reference_imports.c.imported_at < reference_claims.c.doubted_at,
        )
        .scalar_subquery()
    )
    columns = (*_KEY, reference_claims.c.reference, *_STATED_COLUMNS[:3], last_before_doubt)
    found: dict[Key, list[Claim]] = {}
    for slug, model_id, fact, reference, value, first_at, sha256, before_doubt in connection.execute(
        sa.select(*columns).where(which).order_by(reference_claims.c.id)
    ):
        claim = Claim(
            fact,
            from_json_value(fact, value),
            reference_source(reference),
            first_at,
            before_doubt or stated_at.get(reference, first_at),
            sha256 or None,  # that of responses is empty
        )
        found.setdefault((slug, model_id), []).append(claim)
    return found
