"""``References``: the interface of the catalog for third parties' data about models.

A reference is never a sighting. Nothing here creates, confirms, reactivates or lists a model, and no column of
``models`` changes: what a reference states is kept beside it and fills the gaps when a model is shown.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.claims import reference_rows
from ghost_pipeline.catalog.claims.ended_claims import (
    EndedClaim,
    delete_ended_claims,
    prune_ended_claims,
    read_ended_claims,
    write_ended_claims,
)
from ghost_pipeline.catalog.claims.filling import read_filling
from ghost_pipeline.catalog.claims.reference_rows import ReferenceImport
from ghost_pipeline.catalog.claims.stated_facts import read_stated_facts
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.operator_statements import find_contested
from ghost_pipeline.catalog.storage.repository import Key
from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.claims.plausibility import (
    ClaimKey,
    Doubt,
    ReferenceChanges,
    StatedClaim,
    assess_reference,
    compare_claims,
)
from ghost_pipeline.lifecycle.claims.resolution import (
    CLAIMED_FACTS,
    COMPARED_FACTS,
    Claim,
    Conflict,
    find_conflicts,
    resolve,
)
from ghost_pipeline.lifecycle.events import Cause, doubt_event, reference_change_event
from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline.references import REFERENCE_FORMATS, parse_reference
from ghost_pipeline.references.reading import OTHER_NAMES
from ghost_pipeline.settings import Settings

BATCH = 500
"""Models whose claims are in memory at a time."""


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """The result of an import."""

    imported: ReferenceImport
    warnings: tuple[str, ...]
    """What was not understood of the file, in one line each."""
    doubts: tuple[Doubt, ...]
    """Implausible changes that were not made."""


@dataclass(frozen=True, slots=True)
class ReferenceState:
    """One reference, and how much it states."""

    name: str
    newest: ReferenceImport
    applied: ReferenceImport | None
    """The newest import whose claims count; None if there is none."""
    claim_count: int
    matched_count: int
    """Claims about models of the catalog."""
    doubted_count: int


class References:
    """What references state. Every method raises UsageError for invalid input, and CatalogError."""

    def __init__(self, database: Database, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    def import_content(self, name: str, file_name: str, content: bytes, *, is_accepted: bool = False) -> ImportOutcome:
        """Import a file of a reference: its claims replace those that the reference stated before.

        A malformed, empty or shrunken file replaces nothing, and an implausible change is not made until it is repeated
        later; with ``is_accepted`` an operator accepts both, except what can't be read. Every import is recorded.
        """
        reference, now = _require_name(name), self._clock()
        parsed = parse_reference(reference, content, now)
        stated = _claims_by_key(parsed.facts)
        digest = sha256(content).hexdigest()
        thresholds = self._settings.thresholds

        def apply(connection: sa.Connection) -> ImportOutcome:
            reference_rows.lock_references(connection)
            known = reference_rows.read_stated_claims(connection, reference)
            verdict, reason = assess_reference(known, stated, parsed.malformed_reason, thresholds)
            is_applied = verdict is Verdict.COMPLETE or (is_accepted and verdict is Verdict.SHRUNKEN)
            imported = ReferenceImport(
                reference=reference,
                file_name=file_name,
                sha256=digest,
                bytes=len(content),
                format_version=parsed.format_version,
                imported_at=now,
                verdict=verdict,
                reason=reason,
                is_applied=is_applied,
                entry_count=parsed.entry_count,
                model_count=len(parsed.facts),
            )
            changes = ReferenceChanges()
            if is_applied:
                changes = compare_claims(known, stated, digest, now, thresholds, is_accepted=is_accepted)
                reference_rows.write_changes(connection, reference, changes)
                write_ended_claims(connection, reference, known, changes, now)
                prune_ended_claims(connection, self._settings.keep_listings_for, now)
                _write_events(connection, reference, known, changes, now)
                changed = sum(claim.value != known[key].value for key, claim in changes.updated.items())
                imported = replace(
                    imported,
                    added_count=len(changes.added),
                    changed_count=changed,
                    ended_count=len(changes.ended),
                    doubted_count=len(changes.doubts),
                )
            reference_rows.insert_import(connection, imported)
            return ImportOutcome(imported, parsed.warnings, tuple(changes.doubts))

        return self._database.write(apply)

    def remove(self, name: str) -> int:
        """Remove a reference with everything that it stated. Return the number of claims.

        Every fact is then what it was without it. Raises UsageError if it was never imported.
        """
        reference = _require_name(name)

        def delete(connection: sa.Connection) -> int:
            reference_rows.lock_references(connection)
            _require_import(connection, reference)
            delete_ended_claims(connection, reference)
            return reference_rows.delete_reference(connection, reference)

        return self._database.write(delete)

    def fill_gaps(self) -> bool:
        """Return True if a reference states a fact of any model, known here or not."""
        with self._database.reading() as connection:
            everything = ModelFilter(is_stated_only=False)
            return bool(read_filling(connection, everything, self._settings.reference_order).references)

    def list_states(self) -> list[ReferenceState]:
        """Return the references that were imported, by name."""
        with self._database.reading() as connection:
            newest = reference_rows.read_newest_imports(connection, is_applied=False)
            applied = reference_rows.read_newest_imports(connection, is_applied=True)
            counts = reference_rows.count_claims(connection)
        return [
            ReferenceState(name, one, applied.get(name), *counts.get(name, (0, 0, 0))) for name, one in newest.items()
        ]

    def find_unmatched(self, name: str, provider_ids: Sequence[str] = ()) -> list[Key]:
        """Return provider and id of the models that a reference states and the catalog lacks.

        Without ``provider_ids``, of the providers of which the catalog has a model. Raises UsageError if the reference
        was never imported, UnknownProvider for one that neither the catalog nor the reference has.
        """
        reference = _require_name(name)
        slugs = [provider_slug(one) for one in provider_ids]
        with self._database.reading() as connection:
            _require_import(connection, reference)
            lacking = reference_rows.count_lacking(connection, reference) if slugs else {}
            repository.require_providers(connection, [slug for slug in slugs if slug not in lacking])
            return reference_rows.find_unmatched(connection, reference, slugs)

    def count_lacking(self, name: str) -> dict[str, int]:
        """Return each provider of a reference of which the catalog has no model -> how many models are stated of it.

        Of two names of one provider, one is enough. Raises UsageError if the reference was never imported.
        """
        reference = _require_name(name)
        with self._database.reading() as connection:
            _require_import(connection, reference)
            lacking = reference_rows.count_lacking(connection, reference)
        # The catalog has the provider by its other name, or both are lacking and the first one stands for it.
        return {
            slug: count
            for slug, count in lacking.items()
            if (other := OTHER_NAMES.get(slug)) is None or (other in lacking and slug < other)
        }

    def list_claims(self, provider_id: str, model_id: str) -> list[Claim]:
        """Return what every source states of a model; empty for one that nobody knows. See ``resolution.resolve``."""
        slug = provider_slug(provider_id)
        key = (slug, canonical_model_id(slug, model_id))
        with self._database.reading() as connection:
            stated = read_stated_facts(connection, [key]).get(key, [])
            return stated + reference_rows.read_reference_claims(connection, [key]).get(key, [])

    def list_ended_claims(self, provider_id: str, model_id: str) -> list[EndedClaim]:
        """Return what references stated of a model and do not state any more, the newest first.

        Of the catalog's own evidence its events are the history.
        """
        slug = provider_slug(provider_id)
        with self._database.reading() as connection:
            return read_ended_claims(connection, (slug, canonical_model_id(slug, model_id)))

    def resolve_model(self, provider_id: str, model_id: str) -> Mapping[str, Claim]:
        """Return fact -> the claim that counts, of the facts of a model that any source states."""
        return resolve(self.list_claims(provider_id, model_id), self._settings.reference_order)

    def list_conflicts(
        self, fact: str | None = None, provider_ids: Sequence[str] = (), used_since: datetime | None = None
    ) -> list[Conflict]:
        """Return the facts of the catalog's models on which sources contradict each other, by provider and id.

        ``used_since`` selects models that were used since then. Raises UsageError for a fact that is not compared,
        UnknownProvider.
        """
        if fact is not None and fact not in COMPARED_FACTS:
            raise UsageError(f"{fact[:40]!r} is not compared", f"the facts are: {', '.join(COMPARED_FACTS)}")
        slugs = [provider_slug(one) for one in provider_ids]
        order = self._settings.reference_order
        with self._database.reading() as connection:
            repository.require_providers(connection, slugs)
            found = [
                conflict
                for slug, model_id, claims in _compared_claims(connection, slugs, used_since, order)
                for conflict in find_conflicts(slug, model_id, claims, order)
                if fact in (None, conflict.fact)
            ]
        return sorted(found, key=lambda one: (one.provider_id, one.model_id))


def _compared_claims(
    connection: sa.Connection, provider_ids: Sequence[str], used_since: datetime | None, order: Sequence[str]
) -> Iterator[tuple[str, str, list[Claim]]]:
    """Yield each model with a possible conflict, with all claims about it.

    Who stated the catalog's own values is read of these models only: it takes their events.
    """
    models = iter(list(reference_rows.find_claimed_models(connection, COMPARED_FACTS, provider_ids, used_since)))
    seen: set[Key] = set()
    while batch := list(islice(models, BATCH)):
        claims = reference_rows.read_reference_claims(connection, [key for key, _ in batch])
        candidates = []
        for key, values in batch:
            own = [Claim(name, value, "listing") for name, value in values.items()]
            if find_conflicts(*key, own + claims[key], order):
                candidates.append(key)
        seen.update(candidates)
        stated = read_stated_facts(connection, candidates)
        for slug, model_id in candidates:
            yield slug, model_id, stated[slug, model_id] + claims[slug, model_id]
    # Models of which operators and listings state different values, and references nothing.
    contested = find_contested(connection, COMPARED_FACTS, provider_ids, used_since)
    stated = read_stated_facts(connection, [key for key in contested if key not in seen])
    for (slug, model_id), own in sorted(stated.items()):
        yield slug, model_id, own


def _write_events(
    connection: sa.Connection,
    reference: str,
    before: Mapping[ClaimKey, StatedClaim],
    changes: ReferenceChanges,
    now: datetime,
) -> None:
    """Write events of models of the catalog: of values that the import begins to doubt, and of other aliases.

    A model has at most one event of each, and no column changes.
    """
    doubts, aliases = _new_doubts(changes, now), _other_aliases(before, changes)
    keys = sorted(doubts.keys() | aliases.keys())
    if not keys:
        return
    repository.lock_known_providers(connection, {slug for slug, _ in keys})
    known = sorted(repository.read_models(connection, keys))
    cause = Cause(now, details={"reference": reference})
    events = [doubt_event(*key, cause, doubts[key]) for key in known if key in doubts]
    events += [reference_change_event(*key, cause, {"aliases": aliases[key]}) for key in known if key in aliases]
    repository.write_events(connection, events)


def _other_aliases(before: Mapping[ClaimKey, StatedClaim], changes: ReferenceChanges) -> dict[Key, tuple[Any, Any]]:
    """Return the aliases before and after of each model of which the reference states others than before."""
    return {
        key[:2]: (before[key].value, claim.value)
        for key, claim in changes.updated.items()
        if key[2] == "aliases" and claim.value != before[key].value
    }


def _new_doubts(changes: ReferenceChanges, now: datetime) -> dict[Key, dict[str, tuple[Any, Any, str | None]]]:
    """Return what ``doubt_event`` needs of each model of which the import begins to doubt a value."""
    begun = {key for key, claim in changes.updated.items() if claim.doubted_at == now}
    doubts: dict[Key, dict[str, tuple[Any, Any, str | None]]] = {}
    for one in changes.doubts:
        if (one.provider_id, one.model_id, one.fact) in begun:
            of_model = doubts.setdefault((one.provider_id, one.model_id), {})
            of_model[one.fact] = (one.value, one.doubted_value, one.reason)
    return doubts


def _claims_by_key(facts: Mapping[Key, Facts]) -> dict[ClaimKey, object]:
    found: dict[ClaimKey, object] = {}
    for (slug, model_id), stated in facts.items():
        for name in CLAIMED_FACTS:
            value = getattr(stated, name)
            if value is not None:
                found[slug, model_id, name] = reference_rows.to_json_value(value)
    return found


def _require_name(name: str) -> str:
    reference = name.strip().lower()
    if reference not in REFERENCE_FORMATS:
        raise UsageError(f"there is no reference {name[:40]!r}", f"there are: {', '.join(REFERENCE_FORMATS)}")
    return reference


def _require_import(connection: sa.Connection, reference: str) -> None:
    if reference not in reference_rows.read_newest_imports(connection, is_applied=False):
        raise UsageError(
            f"the reference {reference} was never imported",
            f"import it with 'ghost-pipeline references import FILE --as {reference}'",
        )
