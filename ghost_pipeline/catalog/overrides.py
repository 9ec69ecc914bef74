"""What an operator decides: reactivate or remove a model, restore what was removed, release a held provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from ghost_pipeline.catalog.apply import Change, Rule, Step, apply_batch, apply_step
from ghost_pipeline.catalog.ingestion.attempts import latest_readable_at
from ghost_pipeline.catalog.ingestion.future_instants import correct_future_instants, correct_restored_model
from ghost_pipeline.catalog.ingestion.withholding import accept_doubts
from ghost_pipeline.catalog.refusals.recording import record_reactivation
from ghost_pipeline.catalog.refusals.settling import settle_provider
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.operator_statements import find_statements
from ghost_pipeline.catalog.storage.repository import MODEL_COLUMNS, find_announcements, model_record, write_events
from ghost_pipeline.catalog.storage.tables import model_events, models, withheld_facts
from ghost_pipeline.catalog.storage.unknown_names import unknown_model_error
from ghost_pipeline.errors import ModelExists, UnknownModel, UnknownProvider, UnknownStatement
from ghost_pipeline.lifecycle.claims import operator_facts
from ghost_pipeline.lifecycle.claims.operator_facts import OPERATOR_FACTS
from ghost_pipeline.lifecycle.events import WITHDRAWN, Cause, departure_event, events_between
from ghost_pipeline.lifecycle.identity import format_command
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord, ProviderRecord, Tombstone
from ghost_pipeline.lifecycle.transitions import reactivate, restore
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source
from ghost_pipeline.settings import Thresholds


@dataclass(frozen=True, slots=True)
class WithdrawnFacts:
    """A model after facts of operators were withdrawn."""

    model: ModelRecord
    withdrawn: Mapping[str, Any]
    """Fact -> what the operator had stated."""


def reactivate_model(
    connection: sa.Connection, provider_id: str, model_id: str, at: datetime, now: datetime, thresholds: Thresholds
) -> ModelRecord:
    """Mark the model as active and seen ``at`` that instant, and not refused up to then. Raises UnknownModel."""

    def rule(current: ModelRecord | None, tombstone: Tombstone | None) -> ModelRecord:
        if current is None:
            raise _absent_model_error(connection, provider_id, model_id, tombstone)
        return reactivate(current, at)

    record = _override(connection, provider_id, model_id, rule, at)
    record_reactivation(connection, provider_id, model_id, at, now, thresholds)
    return repository.read_model(connection, provider_id, model_id) or record


def remove_model(connection: sa.Connection, provider_id: str, model_id: str, now: datetime) -> int:
    """Remove the model so that no sighting brings it back. Return the number of rows removed. Raises UnknownModel.

    A model that was purged can be removed as well: then it stays out too.
    """

    def rule(current: ModelRecord | None, tombstone: Tombstone | None) -> None:
        if current is None and tombstone is None:
            raise unknown_model_error(connection, provider_id, model_id)

    cause = Cause(now, Source.MANUAL)
    change = _apply(connection, Step(provider_id, model_id, rule, cause))
    if change.tombstone is not None and change.tombstone.kind is EventKind.PURGED:
        record = change.tombstone.record
        write_events(connection, [departure_event(record, EventKind.REMOVED, cause, was_in_catalog=False)])
    return int(change.before is not None)


def remove_provider(connection: sa.Connection, provider_id: str, now: datetime, *, is_dry_run: bool = False) -> int:
    """Remove every model of the provider, as remove_model; a dry run only counts them. Raises UnknownProvider."""
    repository.get_provider(connection, provider_id, for_update=not is_dry_run)
    of_provider = models.c.provider_id == provider_id
    if is_dry_run:
        return connection.execute(sa.select(sa.func.count()).select_from(models).where(of_provider)).scalar_one()
    rows = connection.execute(sa.delete(models).where(of_provider).returning(*MODEL_COLUMNS)).all()
    connection.execute(sa.delete(withheld_facts).where(withheld_facts.c.provider_id == provider_id))
    records = sorted((model_record(row) for row in rows), key=lambda record: record.model_id)
    cause = Cause(now, Source.MANUAL, details={_REMOVED_TOGETHER: True})
    write_events(connection, (event for record in records for event in events_between(record, None, cause)))
    return len(records)


_REMOVED_TOGETHER = "removed_with_provider"


def restore_provider(connection: sa.Connection, provider_id: str, now: datetime) -> int:
    """Undo the provider's last ``remove_provider``: each model returns in the state that it had.

    A model that came back meanwhile, or that was removed again by itself, stays as it is. Return the number of models
    restored. Raises UnknownProvider, ModelExists.
    """
    repository.get_provider(connection, provider_id, for_update=True)
    events = _removed_together(connection, provider_id)
    removed = {event.model_id: repository.tombstone_of(event).record for event in events}
    newest = repository.newest_tombstones(connection, [(provider_id, model_id) for model_id in removed])
    undone = [key for key, tombstone in newest.items() if tombstone.record == removed[key[1]]]

    def rule(current: ModelRecord | None, tombstone: Tombstone | None) -> ModelRecord | None:
        return tombstone.record if current is None and tombstone is not None else current

    cause = Cause(now, Source.MANUAL)
    changes = apply_batch(connection, [Step(*key, rule, cause) for key in sorted(undone)])
    restored = sum(change.before is None for change in changes)
    if not restored:
        raise ModelExists(
            f"nothing to restore: the catalog has every model that 'ghost-pipeline remove {provider_id}' removed last"
        )
    return restored


def _removed_together(connection: sa.Connection, provider_id: str) -> list[ModelEvent]:
    """Return the events of the provider's last ``remove_provider``."""
    query = (
        sa.select(*repository.EVENT_COLUMNS)
        .where(model_events.c.provider_id == provider_id, model_events.c.kind == EventKind.REMOVED.value)
        .order_by(model_events.c.id.desc())
    )
    events = (repository.model_event(row) for row in connection.execute(query))
    together = [event for event in events if (event.details or {}).get(_REMOVED_TOGETHER)]
    return [event for event in together if event.at == together[0].at]


def withdraw_statements(
    connection: sa.Connection, provider_id: str, model_id: str, facts: Sequence[str], now: datetime
) -> WithdrawnFacts:
    """Take back what operators stated of a model, or everything if ``facts`` is empty: the listing's values stand.

    Raises UnknownModel, UnknownStatement.
    """
    key = (provider_id, model_id)
    _lock_provider(connection, provider_id, model_id)
    stated = find_statements(connection, [key]).get(key, {})
    announced = find_announcements(connection, [key]).get(key)
    date = None if announced is None else announced.standing.at
    if date is not None and "expires_at" in stated and stated["expires_at"].listed_value is None:
        stated["expires_at"] = replace(stated["expires_at"], listed_value=date)
    withdrawn = tuple(fact for fact in OPERATOR_FACTS if fact in stated and (fact in facts or not facts))

    def rule(current: ModelRecord | None, tombstone: Tombstone | None) -> ModelRecord:
        if current is None:
            raise _absent_model_error(connection, provider_id, model_id, tombstone)
        unknown = [fact for fact in facts if fact not in withdrawn]
        if unknown or not withdrawn:
            known = ", ".join(fact for fact in OPERATOR_FACTS if fact in stated)
            raise UnknownStatement(
                f"no operator stated {unknown[0] if unknown else 'a fact'} of {provider_id} {model_id}",
                f"they stated: {known}" if known else "there is nothing to withdraw",
            )
        return operator_facts.withdraw_facts(current, stated, withdrawn)

    is_priced = any(fact in stated and fact not in withdrawn for fact in operator_facts.STATED_PRICES)
    freed = withdrawn if is_priced or "prices" not in stated else (*withdrawn, "prices")
    details = {WITHDRAWN: {fact: msgspec.to_builtins(stated[fact].listed_since) for fact in freed}}
    change = apply_step(connection, Step(*key, rule, Cause(now, Source.MANUAL, details=details)))
    assert change.after is not None  # noqa: S101 - the rule raises where there is no model
    return WithdrawnFacts(change.after, {fact: stated[fact].value for fact in withdrawn})


def restore_model(connection: sa.Connection, provider_id: str, model_id: str, now: datetime) -> ModelRecord:
    """Bring the model back as a ghost, as it was when it left. Raises ModelExists, UnknownModel.

    It is a ghost no earlier than since the provider's last listing: the clock that shows ``now`` may be behind.
    """
    last_listing_at = _lock_provider(connection, provider_id, model_id).last_listing_at

    def rule(current: ModelRecord | None, tombstone: Tombstone | None) -> ModelRecord:
        if current is not None:
            raise ModelExists(
                f"{provider_id} {model_id} is in the catalog, there is nothing to restore",
                "'reactivate' makes a ghost active",
            )
        if tombstone is None:
            raise unknown_model_error(connection, provider_id, model_id, is_past=True)
        return restore(tombstone, max(now, last_listing_at or now))

    return correct_restored_model(connection, _override(connection, provider_id, model_id, rule, now), now)


def release_provider(
    connection: sa.Connection, provider_id: str, now: datetime, thresholds: Thresholds
) -> ProviderRecord:
    """Lift the provider's hold, accept its latest readable listing as complete, and the values that are doubted.

    An error page that came after that listing lists no models, so it does not count. Return the provider's state before
    the change. Instants in the future are corrected. Raises UnknownProvider.
    """
    provider = repository.get_provider(connection, provider_id, for_update=True)
    corrected = correct_future_instants(connection, provider, now, now)
    repository.lift_hold(connection, corrected, latest_readable_at(connection, provider_id))
    accept_doubts(connection, provider_id, now)
    settle_provider(connection, provider_id, Cause(now, Source.MANUAL), now, thresholds)
    return provider


def _override(connection: sa.Connection, provider_id: str, model_id: str, rule: Rule, now: datetime) -> ModelRecord:
    record = _apply(connection, Step(provider_id, model_id, rule, Cause(now, Source.MANUAL))).after
    assert record is not None  # noqa: S101 - the rules raise where there is no model
    return record


def _apply(connection: sa.Connection, step: Step) -> Change:
    _lock_provider(connection, step.provider_id, step.model_id)
    return apply_step(connection, step)


def _lock_provider(connection: sa.Connection, provider_id: str, model_id: str) -> ProviderRecord:
    try:
        return repository.get_provider(connection, provider_id, for_update=True)
    except UnknownProvider:
        raise unknown_model_error(connection, provider_id, model_id) from None


def _absent_model_error(
    connection: sa.Connection, provider_id: str, model_id: str, tombstone: Tombstone | None
) -> UnknownModel:
    if tombstone is None:
        return unknown_model_error(connection, provider_id, model_id)
    return UnknownModel(
        f"{provider_id} {model_id} was removed or purged",
        f"restore it with '{format_command('restore', provider_id, model_id)}'",
    )
