"""The retirements of models as an iCalendar file, which calendars import or subscribe to.

Each model is an event of a whole day. Its UID does not depend on the date, so that a calendar moves the event when the
date moves; the newer DTSTAMP wins.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from ghost_pipeline.lifecycle.identity import model_key
from ghost_pipeline.lifecycle.retirement import RetiringModel
from ghost_pipeline.redaction import printable

if TYPE_CHECKING:
    from icalendar import Event


def retirement_calendar(models: Sequence[RetiringModel], now: datetime) -> bytes:
    """Return the calendar as UTF-8. The library escapes what providers and operators state.

    ``now`` is the DTSTAMP of events for which it is not known when their date was announced.
    """
    # Imported here: every other command would wait for it.
    from icalendar import Calendar  # noqa: PLC0415

    calendar = Calendar()
    calendar.add("prodid", "-//ghost-pipeline//retirements//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", "Model retirements")
    for model in models:
        calendar.add_component(_event(model, now))
    content: bytes = calendar.to_ical()
    return content


def _event(model: RetiringModel, now: datetime) -> "Event":
    from icalendar import Event  # noqa: PLC0415

    key = model_key(model.provider_id, model.model_id)
    day = model.expires_at.astimezone(UTC).date()
    event = Event()
    event.add("uid", f"{sha256(key.encode()).hexdigest()[:32]}@ghost-pipeline")
    event.add("dtstamp", (model.announced_at or now).astimezone(UTC).replace(microsecond=0))
    event.add("dtstart", day)
    event.add("dtend", day + timedelta(days=1))
    event.add("summary", printable(f"{key} retires"))
    event.add("description", "\n".join(map(printable, _lines(model))))
    event.add("categories", [printable(model.provider_id)])
    event.add("transp", "TRANSPARENT")  # nobody is busy on that day
    if model.source_url is not None:
        event.add("url", printable(model.source_url))
    return event


def _lines(model: RetiringModel) -> list[str]:
    """Return what an operator wants to know of the model, one sentence a line."""
    lines = []
    if model.name is not None:
        lines.append(f"Name: {model.name}")
    if model.replaced_by is not None:
        lines.append(f"Replaced by: {model.replaced_by}")
    if model.was_used_within_30d:
        lines.append(f"Used within the last {'24 hours' if model.was_used_within_24h else '30 days'}.")
    if model.is_active is None:
        lines.append("The catalog does not have this model.")
    if model.moved_from is not None:
        lines.append(f"The date was {model.moved_from:%Y-%m-%d} before.")
    if model.announced_by is not None:
        by = f"{model.announced_by} ({model.recorded_by})" if model.recorded_by else model.announced_by
        lines.append(f"Stated by: {by}")
    return lines
