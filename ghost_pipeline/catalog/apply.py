"""The write path of everything but listings: read a batch of models, apply a rule to each, write rows and events.

The number of statements does not depend on the size of the batch (PostgreSQL: up to 1,000 rows). The caller holds the
locks of the providers.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from ghost_pipeline.catalog.storage.repository import (
    Key,
    delete_models,
    insert_models,
    newest_tombstones,
    read_models,
    update_models,
    write_events,
)
from ghost_pipeline.lifecycle.events import Cause, events_between
from ghost_pipeline.lifecycle.records import ModelRecord, Tombstone

Rule = Callable[[ModelRecord | None, Tombstone | None], ModelRecord | None]
"""(current model, tombstone of a model that is outside the catalog) -> the model afterwards; None leaves it outside."""


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of evidence about one model."""

    provider_id: str
    model_id: str
    rule: Rule
    cause: Cause

    @property
    def key(self) -> Key:
        """The model that the evidence is about."""
        return self.provider_id, self.model_id


@dataclass(frozen=True, slots=True)
class Change:
    """What one step did. None is a model outside the catalog; ``tombstone`` is how it left, if it ever was inside."""

    before: ModelRecord | None
    after: ModelRecord | None
    tombstone: Tombstone | None


def apply_step(connection: sa.Connection, step: Step) -> Change:
    """Apply one step. Raises what its rule raises."""
    return apply_batch(connection, [step])[0]


def apply_batch(connection: sa.Connection, steps: Iterable[Step]) -> list[Change]:
    """Apply the steps one after the other, also several of one model, and return what each did, in their order.

    Raises what the rules raise, and nothing is written then.
    """
    steps = list(steps)
    keys = list({step.key: None for step in steps})
    known = read_models(connection, keys)
    tombstones = newest_tombstones(connection, [key for key in keys if key not in known])
    current: dict[Key, ModelRecord | None] = {key: known.get(key) for key in keys}
    changes = []
    for step in steps:
        before = current[step.key]
        tombstone = tombstones.get(step.key) if before is None else None
        current[step.key] = step.rule(before, tombstone)
        changes.append(Change(before, current[step.key], tombstone))
    _write(connection, known, current)
    write_events(
        connection,
        (
            event
            for step, change in zip(steps, changes, strict=True)
            for event in events_between(change.before, change.after, step.cause, change.tombstone)
        ),
    )
    return changes


def _write(connection: sa.Connection, known: dict[Key, ModelRecord], current: dict[Key, ModelRecord | None]) -> None:
    final = [(known.get(key), record) for key, record in current.items() if record is not None]
    insert_models(connection, [after for before, after in final if before is None])
    update_models(connection, [after for before, after in final if before not in (None, after)])
    delete_models(connection, [key for key, record in current.items() if record is None and key in known])
