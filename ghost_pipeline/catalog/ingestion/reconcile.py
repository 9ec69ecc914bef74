"""Reconcile an admitted listing with the models, in one transaction and a fixed number of statements.

SQL equivalent of ``lifecycle.transitions.apply_listing`` and ``lifecycle.events.events_between`` for any number of
models; ``test_side_by_side.py`` and ``test_events_agree_with_rule.py`` prove that both agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.ingestion import attempts
from ghost_pipeline.catalog.ingestion.admission import format_hold_reason
from ghost_pipeline.catalog.ingestion.bulk import (
    analyze,
    apply_announcements,
    insert_listing_events,
    mark_as_listed,
    mark_listed,
    matched,
    select_ghosts,
    stage,
    staged,
    unstage,
    widen_seen_span,
    widen_span,
    write_listing_events,
    write_reactivations,
)
from ghost_pipeline.catalog.ingestion.overriding import find_listed_values, keep_stated, record_listed_values
from ghost_pipeline.catalog.ingestion.unchanged import reconcile_unchanged
from ghost_pipeline.catalog.ingestion.withholding import ListedChange, may_be_doubted, withhold_implausible
from ghost_pipeline.catalog.refusals.recording import record_listed_again, record_returns, select_absent
from ghost_pipeline.catalog.refusals.settling import settle_provider
from ghost_pipeline.catalog.results import PREVIEW_LENGTH, ListingAttempt, ListingCounts, ListingOutcome
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.archive import Archive
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.repository import (
    EVENT_COLUMNS,
    MODEL_COLUMNS,
    model_event,
    model_record,
    model_values,
    tombstone_of,
    write_events,
)
from ghost_pipeline.catalog.storage.tables import model_events, models, text_literal
from ghost_pipeline.lifecycle.claims.withheld_facts import FactChange, FactKey
from ghost_pipeline.lifecycle.events import Cause, changed_facts
from ghost_pipeline.lifecycle.facts import LISTED_COLUMNS
from ghost_pipeline.lifecycle.records import Listing, ModelEvent, ProviderRecord
from ghost_pipeline.lifecycle.transitions import apply_listing
from ghost_pipeline.lifecycle.verdicts import Assessment, assess
from ghost_pipeline.lifecycle.vocabulary import TOMBSTONE_KINDS, EventKind, Source, Verdict
from ghost_pipeline.listings.parsing import ListingReader
from ghost_pipeline.settings import Thresholds

_KNOWN = models.c.id.in_(sa.select(matched.c.known_id).where(matched.c.known_id.is_not(None)))
_KNOWN_GHOSTS = select_ghosts(_KNOWN)
_KNOWN_ABSENT = select_absent(_KNOWN)
_MARK_KNOWN = mark_as_listed(_KNOWN)
_WIDEN_KNOWN = widen_span(_KNOWN)
_NEW = matched.c.known_id.is_(None)
_PREVIEW = sa.select(matched.c.model_id).where(_NEW).order_by(matched.c.model_id).limit(PREVIEW_LENGTH)
_STAGED = staged.join(matched, matched.c.model_id == staged.c.model_id)


def reconcile(
    database: Database,
    archive: Archive,
    thresholds: Thresholds,
    reader: ListingReader,
    listing_id: int,
    now: datetime,
    admitted: tuple[ListingAttempt, Listing | None] | None = None,
) -> ListingOutcome:
    """Reconcile the admitted listing ``listing_id`` as of its own instant.

    ``admitted`` is what its admission returned, if the caller has it; otherwise the attempt is read and its archived
    bytes are parsed. The listing is assessed again, with the catalog as it is now; a refused listing and a failed
    attempt change nothing. A second call is harmless. Raises CatalogError, ArchiveError.
    """
    if admitted is None:
        with database.reading() as connection:
            stored = attempts.read_outcome(connection, listing_id)
        if stored.attempt.sha256 is None:
            return stored
        admitted = stored.attempt, None
    attempt, listing = admitted
    if listing is None:
        outcome = database.write(lambda connection: reconcile_unchanged(connection, attempt, now, thresholds))
        if outcome is not None:
            return outcome
        listing = reader.parse(attempt.provider_id, archive.load(str(attempt.sha256)))
    parsed = listing
    return database.write(lambda connection: _reconcile_parsed(connection, attempt, parsed, thresholds, now))


def _reconcile_parsed(
    connection: sa.Connection, attempt: ListingAttempt, listing: Listing, thresholds: Thresholds, now: datetime
) -> ListingOutcome:
    provider = repository.get_or_create_provider(connection, attempt.provider_id)
    admitted = attempts.read_outcome(connection, attempt.id)
    attempt = admitted.attempt  # as it is now: its instant may have been corrected
    assessment = assess(listing, attempt.observed_at, attempts.read_expectation(connection, provider), thresholds)
    if not assessment.verdict.lists_models:
        return admitted  # admission finished it, and whether it was accepted stays as it was recorded
    counts, created_ids = _apply(connection, attempt, provider, listing, assessment, thresholds)
    assessment = _with_suppressed_count(assessment, len(listing.models) - counts.models)
    attempts.complete_attempt(connection, attempt, assessment, counts)
    if assessment.sets_hold and not admitted.is_finished and admitted.verdict is Verdict.COMPLETE:
        # Where admission set the hold, an operator may have released the provider since.
        repository.set_hold(connection, provider, attempt.observed_at, format_hold_reason(assessment))
    if assessment.lifts_hold:
        repository.lift_hold(connection, provider, attempt.observed_at)
    if not assessment.is_late:
        cause = Cause(attempt.observed_at, Source.INDEX, attempt.id, attempt.run_id)
        settle_provider(connection, provider.id, cause, now, thresholds)
    return ListingOutcome(attempt, assessment, counts, created_ids)


def _with_suppressed_count(assessment: Assessment, suppressed: int) -> Assessment:
    if not suppressed:
        return assessment
    models = "listed model stays" if suppressed == 1 else "listed models stay"
    note = f"{suppressed} {models} outside the catalog, removed by an operator"
    return replace(assessment, reason="; ".join(part for part in (assessment.reason, note) if part))


def _apply(
    connection: sa.Connection,
    attempt: ListingAttempt,
    provider: ProviderRecord,
    listing: Listing,
    assessment: Assessment,
    thresholds: Thresholds,
) -> tuple[ListingCounts, tuple[str, ...]]:
    stage(connection, listing.models)
    listed = find_listed_values(connection, attempt, is_late=assessment.is_late)
    apply_announcements(connection, attempt, is_late=assessment.is_late)
    if listed is not None:
        keep_stated(connection, attempt.provider_id)
    found = _match(connection, attempt)
    created_ids = _preview_of_new(connection) if found.new else ()
    updated = reactivated = 0
    if found.new:
        _create(connection, attempt)
    if found.tombstoned:
        _restore_from_tombstones(connection, attempt, is_late=assessment.is_late)
    if not assessment.is_late:
        record_returns(connection, provider, attempt.observed_at, _KNOWN_ABSENT)
    if found.existing and assessment.is_late:
        widen_seen_span(connection, _WIDEN_KNOWN, attempt)
    elif found.existing:
        updated = _refresh_facts(connection, attempt, thresholds, {} if listed is None else listed)
        reactivated = write_reactivations(connection, _KNOWN_GHOSTS, attempt, {})
        mark_listed(connection, _MARK_KNOWN, attempt, {})
    if listed:
        values = ((key, value, attempt.observed_at) for key, value in listed.items())
        record_listed_values(connection, attempt.provider_id, values)
    unstage(connection)
    counts = ListingCounts(
        models=found.existing + found.new,
        created=found.new,
        updated=updated,
        confirmed=found.existing - updated,
        reactivated=reactivated,
        missing=len(assessment.missing_ids),
    )
    return counts, created_ids


@dataclass(frozen=True, slots=True)
class _MatchCounts:
    """How many staged models exist, are new, and among the new ones have a tombstone; without suppressed ones."""

    existing: int
    new: int
    tombstoned: int


def _match(connection: sa.Connection, attempt: ListingAttempt) -> _MatchCounts:
    """Find the row or the tombstone of every staged model, without those that an operator removed."""
    connection.execute(_MATCH, {"provider_id": attempt.provider_id})
    analyze(connection, matched, "known_id")
    total, existing, tombstoned = connection.execute(_COUNT_MATCHED).one()
    if tombstoned:
        connection.execute(_SUPPRESS)
        total, existing, tombstoned = connection.execute(_COUNT_MATCHED).one()
    return _MatchCounts(existing=existing, new=total - existing, tombstoned=tombstoned)


def _statement_that_matches() -> sa.Insert:
    # One look-up per row by the unique index: the plan of a join would depend on the statistics of the tables.
    provider_id: sa.BindParameter[str] = sa.bindparam("provider_id")
    known = sa.select(models.c.id).where(models.c.provider_id == provider_id, models.c.model_id == staged.c.model_id)
    looked_up = sa.select(staged.c.model_id, known.scalar_subquery().label("known_id")).subquery()
    tombstone = sa.select(sa.func.max(model_events.c.id)).where(
        model_events.c.provider_id == provider_id,
        model_events.c.model_id == looked_up.c.model_id,
        sa.or_(*(model_events.c.kind == text_literal(kind) for kind in TOMBSTONE_KINDS)),
    )
    found = sa.select(
        looked_up.c.model_id,
        looked_up.c.known_id,
        sa.case((looked_up.c.known_id.is_(None), tombstone.scalar_subquery())),
    )
    return sa.insert(matched).from_select(["model_id", "known_id", "tombstone_id"], found)


_MATCH = _statement_that_matches()
_SUPPRESS = sa.delete(matched).where(
    matched.c.tombstone_id.is_not(None),
    sa.select(model_events.c.id)
    .where(model_events.c.id == matched.c.tombstone_id, model_events.c.kind == text_literal(EventKind.REMOVED))
    .exists(),
)
_COUNT_MATCHED = sa.select(
    sa.func.count(), sa.func.count(matched.c.known_id), sa.func.count(matched.c.tombstone_id)
).select_from(matched)


def _preview_of_new(connection: sa.Connection) -> tuple[str, ...]:
    return tuple(connection.execute(_PREVIEW).scalars())


def _create(connection: sa.Connection, attempt: ListingAttempt) -> None:
    parameters = {"provider_id": attempt.provider_id, "observed_at": attempt.observed_at, "attempt_id": attempt.id}
    connection.execute(_CREATE, parameters)
    for kind, insert in _INSERT_CREATED.items():
        write_listing_events(connection, insert, kind, attempt, {"provider_id": attempt.provider_id})


_OF_PROVIDER = sa.bindparam("provider_id", type_=models.c.provider_id.type)


def _statement_that_creates() -> sa.Insert:
    at = sa.bindparam("observed_at", type_=models.c.last_seen_at.type)
    columns: dict[sa.Column[Any], sa.ColumnElement[Any]] = {
        models.c.provider_id: _OF_PROVIDER,
        models.c.model_id: staged.c.model_id,
        models.c.is_name_manual: sa.false(),
        models.c.source: text_literal(Source.INDEX),
        models.c.is_active: sa.true(),
        models.c.first_seen_at: at,
        models.c.last_seen_at: at,
        models.c.last_listed_at: at,
        models.c.listing_id: sa.bindparam("attempt_id", type_=models.c.listing_id.type),
        **{models.c[name]: staged.c[name] for name in LISTED_COLUMNS},
    }
    new = sa.select(*columns.values()).select_from(_STAGED).where(_NEW)
    return sa.insert(models).from_select(list(columns), new)


def _insert_created(which: sa.ColumnElement[bool]) -> sa.Insert:
    created = sa.select(_OF_PROVIDER, matched.c.model_id).where(_NEW, which)
    # In this order, because that of a table is another on each database.
    return insert_listing_events(created.order_by(matched.c.model_id))


_CREATE = _statement_that_creates()
_INSERT_CREATED = {
    EventKind.DISCOVERED: _insert_created(matched.c.tombstone_id.is_(None)),
    EventKind.RESTORED: _insert_created(matched.c.tombstone_id.is_not(None)),
}


def _restore_from_tombstones(connection: sa.Connection, attempt: ListingAttempt, *, is_late: bool) -> None:
    """Restore what tombstones keep to the models that were purged once and are created again."""
    restored: list[dict[str, Any]] = []
    restored_ids: list[str] = []
    for row in connection.execute(_CREATED_WITH_TOMBSTONES, {"provider_id": attempt.provider_id}):
        listed = model_record(row)
        tombstone = tombstone_of(model_event(row))
        record = apply_listing(None, listed, attempt.observed_at, is_late=is_late, tombstone=tombstone)
        restored.append({"row_id": row.id, **model_values(record)})
        restored_ids.append(record.model_id)
    connection.execute(_RESTORE, restored)
    if not is_late:
        record_listed_again(connection, attempt.provider_id, restored_ids, attempt.observed_at)


_CREATED_WITH_TOMBSTONES = (
    sa.select(*(column.label(f"model_{column.name}") for column in MODEL_COLUMNS), models.c.id, *EVENT_COLUMNS)
    .select_from(matched)
    .join(model_events, model_events.c.id == matched.c.tombstone_id)
    .join(models, (models.c.provider_id == _OF_PROVIDER) & (models.c.model_id == matched.c.model_id))
)
_RESTORE = (
    sa.update(models)
    .where(models.c.id == sa.bindparam("row_id"))
    .values({column.name: sa.bindparam(column.name) for column in MODEL_COLUMNS})
)


def _refresh_facts(
    connection: sa.Connection, attempt: ListingAttempt, thresholds: Thresholds, listed: dict[FactKey, Any]
) -> int:
    """Write the facts of the listing, and an event for each model with a changed fact. Return the number of those.

    Implausible values are withheld, with events of their own, and taken out of ``listed``.
    """
    changes = [_listed_change(row) for row in connection.execute(_FIND_CHANGED)]
    held, doubts = withhold_implausible(connection, attempt, changes, thresholds, listed)
    if not changes:
        return 0
    events = [event for one in changes if (event := _changed(one.change, held, attempt)).details]
    # PostgreSQL returns rows in whatever order they are stored.
    write_events(connection, sorted([*doubts, *events], key=attrgetter("model_id")))
    connection.execute(_WRITE_CHANGED)
    return len(events)  # texts may differ where values do not, such as 1 and 1.0


def _statements_of_changes() -> tuple[sa.Select[Any], sa.Update]:
    """Return the query of the known models with a changed fact, and the statement that writes the new facts."""
    stated: dict[str, sa.ColumnElement[Any]] = {name: staged.c[name] for name in LISTED_COLUMNS}
    stated["name"] = sa.case(
        (sa.or_(models.c.is_name_manual == sa.true(), staged.c.name.is_(None)), models.c.name), else_=staged.c.name
    )
    differs = sa.or_(*(models.c[name].is_distinct_from(value) for name, value in stated.items()))
    both = _STAGED.join(models, models.c.id == matched.c.known_id)
    query = sa.select(
        models.c.model_id,
        may_be_doubted(),
        *(_if_changed(name, stated[name], models.c[name]).label(f"old_{name}") for name in LISTED_COLUMNS),
        *(_if_changed(name, stated[name], stated[name]).label(f"new_{name}") for name in LISTED_COLUMNS),
    ).select_from(both)
    same = sa.and_(models.c.id == matched.c.known_id, matched.c.model_id == staged.c.model_id)
    return query.where(differs), sa.update(models).where(same, differs).values(stated)


def _if_changed(name: str, stated: sa.ColumnElement[Any], value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return a value of a model; of a small document NULL if the listing states the same, so that it is not read."""
    column = models.c[name]
    if name in _SMALL_DOCUMENTS:
        value = sa.case((column.is_distinct_from(stated), value), else_=sa.null())
    return sa.type_coerce(value, column.type)


_SMALL_DOCUMENTS = ("capabilities", "prices")
"""Columns of JSON that seldom change."""


_FIND_CHANGED, _WRITE_CHANGED = _statements_of_changes()


def _listed_change(row: sa.Row[Any]) -> ListedChange:
    model_id, read_by, *values = row
    old, new = values[: len(LISTED_COLUMNS)], values[len(LISTED_COLUMNS) :]
    change = FactChange(
        model_id, dict(zip(LISTED_COLUMNS, old, strict=True)), dict(zip(LISTED_COLUMNS, new, strict=True))
    )
    return ListedChange(change, read_by)


def _changed(change: FactChange, held: Mapping[str, tuple[str, ...]], attempt: ListingAttempt) -> ModelEvent:
    kept = {name: change.old[name] for name in held.get(change.model_id, ())}
    return ModelEvent(
        provider_id=attempt.provider_id,
        model_id=change.model_id,
        kind=EventKind.CHANGED,
        at=attempt.observed_at,
        source=Source.INDEX,
        listing_id=attempt.id,
        run_id=attempt.run_id,
        details=changed_facts(change.old, {**change.new, **kept}),
    )
