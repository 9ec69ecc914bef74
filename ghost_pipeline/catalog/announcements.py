"""Record the retirements that operators announce, and take them back.

``models.expires_at`` and ``models.replaced_by`` carry what stands, so that filters, exports, changes and ``--at`` need
not know of announcements. A change of a model is written by ``apply``, with its event; an announcement of a model that
the catalog does not have is kept until the model comes.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa

from ghost_pipeline.catalog.apply import Change, Step, apply_batch
from ghost_pipeline.catalog.results import AnnouncementEffect, AnnouncementResult
from ghost_pipeline.catalog.sightings import check_columns, validate_rows
from ghost_pipeline.catalog.storage.operator_statements import find_statements
from ghost_pipeline.catalog.storage.repository import (
    Key,
    end_announcements,
    find_announcements,
    get_or_create_providers,
    get_provider,
    insert_announcements,
)
from ghost_pipeline.errors import InvalidAnnouncements, UnknownAnnouncement, UnknownProvider
from ghost_pipeline.lifecycle.claims.operator_facts import OperatorFact, withdraw_facts
from ghost_pipeline.lifecycle.events import Cause
from ghost_pipeline.lifecycle.records import Addition, ModelRecord, Tombstone
from ghost_pipeline.lifecycle.retirement import (
    ANNOUNCEMENT_COLUMNS,
    Announcement,
    apply_announcement,
    apply_withdrawal,
    validate_announcement,
)
from ghost_pipeline.lifecycle.vocabulary import Source


def validate_announcements(
    rows: Sequence[Addition], recorded_by: str | None, announced_at: datetime
) -> list[Announcement]:
    """Return the announcements if every row is valid. Raises InvalidAnnouncements with the place of each error."""

    def validate(values: Mapping[str, Any]) -> Announcement:
        check_columns(values, ANNOUNCEMENT_COLUMNS, "announcement")
        stated: dict[str, Any] = {name: values.get(name) for name in ANNOUNCEMENT_COLUMNS}
        return validate_announcement(**stated, recorded_by=recorded_by, announced_at=announced_at)

    stated, errors = validate_rows(rows, validate)
    if errors:
        raise InvalidAnnouncements(f"nothing was recorded: {errors}")
    return stated


def announce(
    connection: sa.Connection, stated: Sequence[Announcement], now: datetime, recorded_by: str | None
) -> list[AnnouncementResult]:
    """Record announcements, each in place of its model's earlier one, and return what each did, in their order.

    One that repeats what stands already is not recorded again.
    """
    get_or_create_providers(connection, {one.provider_id for one in stated})
    keys = [_key(one) for one in stated]
    earlier = find_announcements(connection, keys)
    dates = {
        key: found["expires_at"] for key, found in find_statements(connection, keys).items() if "expires_at" in found
    }
    changes = apply_batch(
        connection,
        [
            _step(
                one,
                partial(_announced_over, date=dates.get(_key(one)), earlier=earlier.get(_key(one))),
                now,
                recorded_by,
            )
            for one in stated
        ],
    )
    new = [
        _with_listed(one, earlier.get(_key(one)), _without_date(change.before, dates.get(_key(one))))
        for one, change in zip(stated, changes, strict=True)
        if not _repeats(one, earlier.get(_key(one)))
    ]
    end_announcements(connection, [_key(one) for one in new if _key(one) in earlier], now, recorded_by)
    insert_announcements(connection, new)
    return [_announced(one, earlier.get(_key(one)), change, now) for one, change in zip(stated, changes, strict=True)]


def withdraw(
    connection: sa.Connection, provider_id: str, model_id: str, now: datetime, ended_by: str | None
) -> AnnouncementResult:
    """Take an announcement back: the model has what its newest listing states. Raises UnknownAnnouncement."""
    key = (provider_id, model_id)
    announcement = None
    with suppress(UnknownProvider):
        get_provider(connection, provider_id, for_update=True)
        announcement = find_announcements(connection, [key]).get(key)
    if announcement is None:
        raise UnknownAnnouncement(
            f"no announcement of {provider_id} {model_id} stands",
            "'ghost-pipeline retiring --all' shows what was announced",
        )
    [change] = apply_batch(connection, [_step(announcement, apply_withdrawal, now, ended_by)])
    end_announcements(connection, [key], now, ended_by)
    before = _standing_date(change.before, announcement)
    after = None if change.after is None else change.after.expires_at
    successor = None if change.after is None else change.after.replaced_by
    return AnnouncementResult(*key, "withdrawn", after, before, successor, change.before is not None)


def _announced_over(
    current: ModelRecord, announcement: Announcement, date: OperatorFact | None, earlier: Announcement | None
) -> ModelRecord:
    """Return the model after it was announced: the announcement is newer than a ``date`` that an operator stated."""
    return apply_announcement(_without_date(current, date) or current, announcement, earlier)


def _without_date(model: ModelRecord | None, date: OperatorFact | None) -> ModelRecord | None:
    """Return the model without the date of its end that an operator stated."""
    return model if model is None or date is None else withdraw_facts(model, {date.fact: date}, [date.fact])


def _key(announcement: Announcement) -> Key:
    return announcement.provider_id, announcement.model_id


def _step(
    announcement: Announcement,
    change: Callable[[ModelRecord, Announcement], ModelRecord],
    now: datetime,
    operator: str | None,
) -> Step:
    def rule(current: ModelRecord | None, _: Tombstone | None) -> ModelRecord | None:
        return None if current is None else change(current, announcement)

    details = {"recorded_by": operator, "source_url": announcement.source_url}
    stated = {name: value for name, value in details.items() if value is not None}
    return Step(*_key(announcement), rule, Cause(now, Source.MANUAL, details=stated))


def _repeats(announcement: Announcement, earlier: Announcement | None) -> bool:
    return (
        earlier is not None
        and earlier.superseded_at is None
        and (earlier.retires_at, earlier.replaced_by, earlier.source_url)
        == (announcement.retires_at, announcement.replaced_by, announcement.source_url)
    )


def _with_listed(announcement: Announcement, earlier: Announcement | None, before: ModelRecord | None) -> Announcement:
    """Return the announcement with what the model has without it."""
    if earlier is not None:
        listed = earlier.listed
        return replace(announcement, listed_expires_at=listed.at, listed_replaced_by=listed.replaced_by)
    if before is None:
        return announcement
    return replace(announcement, listed_expires_at=before.expires_at, listed_replaced_by=before.replaced_by)


def _announced(
    announcement: Announcement, earlier: Announcement | None, change: Change, now: datetime
) -> AnnouncementResult:
    before = _standing_date(change.before, earlier)
    effect: AnnouncementEffect = "announced" if before in (None, announcement.retires_at) else "moved"
    if _repeats(announcement, earlier) and change.before == change.after:
        effect = "unchanged"
    return AnnouncementResult(
        announcement.provider_id,
        announcement.model_id,
        effect,
        announcement.retires_at,
        before,
        announcement.replaced_by if change.after is None else change.after.replaced_by,
        change.after is not None,
        tuple(_notes(announcement, change.before, now)),
    )


def _standing_date(model: ModelRecord | None, announcement: Announcement | None) -> datetime | None:
    if model is not None:
        return model.expires_at
    return None if announcement is None else announcement.standing.at


def _notes(announcement: Announcement, model: ModelRecord | None, now: datetime) -> list[str]:
    """Return what is unusual about an announcement, which is recorded all the same."""
    notes = []
    if announcement.retires_at < now:
        notes.append(f"the date is in the past: {_text(announcement.retires_at)}")
    if model is None:
        notes.append("the catalog does not have this model; the announcement is kept until it comes")
    elif announcement.retires_at < model.first_seen_at:
        notes.append(f"the model was first seen after that date, at {_text(model.first_seen_at)}")
    return notes


def _text(instant: datetime) -> str:
    return str(msgspec.to_builtins(instant.replace(microsecond=0)))
