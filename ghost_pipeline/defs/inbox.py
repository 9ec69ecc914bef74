"""``inbox_sensor``: what other programs append to the inbox reaches the catalog."""

import time
from datetime import UTC, datetime

import dagster as dg

from ghost_pipeline.defs.intake import SECONDS_A_TICK, SECONDS_BETWEEN_TICKS, SIGHTINGS_A_PAGE, Intake
from ghost_pipeline.defs.reported_assets import inbox
from ghost_pipeline.defs.resource import GhostCatalog
from ghost_pipeline.errors import NoInbox, SettingsError
from ghost_pipeline.lifecycle.instants import require_set_clock
from ghost_pipeline.reports import InboxCursor, InboxPage, read_inbox


@dg.sensor(
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes in the lines that were appended to GHOST_HOME/inbox/*.jsonl, each once.",
)
def inbox_sensor(context: dg.SensorEvaluationContext, ghost: GhostCatalog) -> dg.SensorResult | dg.SkipReason:
    ends_at = time.monotonic() + SECONDS_A_TICK
    now = datetime.now(UTC)
    require_set_clock(now)
    try:
        folder = ghost.settings().inbox_dir
        page = read_inbox(folder, InboxCursor.from_json(context.cursor), SIGHTINGS_A_PAGE, now)
    except (NoInbox, SettingsError) as error:
        return dg.SkipReason(str(error))
    for problem in page.unreadable:
        context.log.warning(f"can't be read now: {problem}")
    if page.is_empty:
        return dg.SensorResult(skip_reason=dg.SkipReason(_nothing(page)), cursor=page.cursor.to_json())
    intake = Intake(inbox.key.to_user_string())
    with ghost.opened() as catalog:
        while not page.is_empty:
            intake.take(catalog, page.sightings, page.rejected)
            cursor = page.cursor
            if time.monotonic() >= ends_at:
                break
            page = read_inbox(folder, cursor, SIGHTINGS_A_PAGE, now)
        stats = catalog.get_discovery_stats()
    return intake.told(context, cursor.to_json(), stats)


def _nothing(page: InboxPage) -> str:
    waiting = ", ".join(page.unfinished)
    return f"nothing new; the last line has no end yet in: {waiting}" if waiting else "nothing new"
