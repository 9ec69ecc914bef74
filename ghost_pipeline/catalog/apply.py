"""The write path of everything but listings: read a batch of models, apply a rule to each, write rows and events.

The number of statements does not depend on the size of the batch (PostgreSQL: up to 1,000 rows). The caller holds the
locks of the providers.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec
import sqlalchemy as sa

from ghost_pipeline.catalog.storage.operator_statements import StatedChange, find_statements, write_statements
from ghost_pipeline.catalog.storage.repository import (
    Key,
    delete_models,
    find_announcements,
    insert_models,
    newest_tombstones,
    read_models,
    update_models,
    write_events,
)
from ghost_pipeline.lifecycle.events import Cause, events_between
from ghost_pipeline.lifecycle.records import ModelRecord, Tombstone
from ghost_pipeline.lifecycle.retirement import apply_earlier_announcement

Rule = Callable[[ModelRecord | None, Tombstone | None], ModelRecord | None]
"""(current model, tombstone of a model that is outside the catalog) -> the model afterwards; None leaves it outside."""


class Step(msgspec.Struct, frozen=True):
    """One piece of evidence about one model.

    A struct and not a dataclass, like Change, because there is one of each for every sighting.
    """

    provider_id: str
    model_id: str
    rule: Rule
    cause: Cause
    stated_facts: tuple[str, ...] = ()
    """Facts that an operator states with it."""

    @property
    def key(self) -> Key:
        """The model that the evidence is about."""
        return self.provider_id, self.model_id


class Change(msgspec.Struct, frozen=True):
    """What one step did. None is a model outside the catalog; ``tombstone`` is how it left, if it ever was inside."""

    before: ModelRecord | None
    after: ModelRecord | None
    tombstone: Tombstone | None


def apply_step(connection: sa.Connection, step: Step) -> Change:
    """Apply one step. Raises what its rule raises."""
    return apply_batch(connection, [step])[0]


def apply_batch(connection: sa.Connection, steps: Iterable[Step]) -> list[Change]:
    """Apply the steps one after the other, also several of one model, and return what each did, in their order.

    A model that enters the catalog retires when an operator announced it.
    Raises what the rules raise, and nothing is written then.
    """
    steps = list(steps)
    keys = list({step.key: None for step in steps})
    known = read_models(connection, keys)
    outside = [key for key in keys if key not in known]
    tombstones = newest_tombstones(connection, outside)
    announced = find_announcements(connection, outside)
    stated = find_statements(connection, list(announced))
    current: dict[Key, ModelRecord | None] = {key: known.get(key) for key in keys}
    changes = []
    for step in steps:
        before = current[step.key]
        tombstone = tombstones.get(step.key) if before is None else None
        after = step.rule(before, tombstone)
        if before is None and after is not None and step.key in announced:
            date = stated.get(step.key, {}).get("expires_at")
            stated_at = None if date is None else date.stated_at
            stated_at = step.cause.at if "expires_at" in step.stated_facts else stated_at
            after = apply_earlier_announcement(after, announced[step.key], stated_at)
        current[step.key] = after
        changes.append(Change(before, after, tombstone))
    _write(connection, known, current, {step.key: step.cause.at for step in steps})
    write_events(
        connection,
        (
            event
            for step, change in zip(steps, changes, strict=True)
            for event in events_between(change.before, change.after, step.cause, change.tombstone)
        ),
    )
    return changes


def _write(
    connection: sa.Connection,
    known: dict[Key, ModelRecord],
    current: dict[Key, ModelRecord | None],
    instants: dict[Key, datetime],
) -> None:
    final = [(known.get(key), record) for key, record in current.items() if record is not None]
    insert_models(connection, [after for before, after in final if before is None])
    update_models(connection, [(before, after) for before, after in final if before is not None and before != after])
    write_statements(
        connection,
        (StatedChange(known.get(key), after, instants[key]) for key, after in current.items() if after is not None),
    )
    delete_models(connection, [key for key, record in current.items() if record is None and key in known])
