"""``inference_reports_sensor``: what other programs report to Dagster reaches the catalog."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from ghost_pipeline.defs.intake import SECONDS_A_TICK, SECONDS_BETWEEN_TICKS, SIGHTINGS_A_PAGE, Intake
from ghost_pipeline.defs.reported_assets import inference_reports
from ghost_pipeline.defs.resource import GhostCatalog
from ghost_pipeline.lifecycle.instants import require_set_clock
from ghost_pipeline.reports import Rejected, Sighting, read_report

REPORTS_A_PAGE = 100

SETTLING_SECONDS = 2.0
"""How old a report is before it is taken in. A database with several writers numbers a report before it shows it, so
one with a lower number may appear a moment later; whoever went on to the higher one would never see it."""

_JSON = (
    dg.TextMetadataValue,
    dg.IntMetadataValue,
    dg.FloatMetadataValue,
    dg.BoolMetadataValue,
    dg.JsonMetadataValue,
    dg.NullMetadataValue,
)


@dg.sensor(
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes in every report on inference_reports, in the order in which they came.",
)
def inference_reports_sensor(
    context: dg.SensorEvaluationContext, ghost: GhostCatalog
) -> dg.SensorResult | dg.SkipReason:
    ends_at = time.monotonic() + SECONDS_A_TICK
    now = datetime.now(UTC)
    require_set_clock(now)
    after = read_cursor(context.cursor)
    reports = _settled_reports(context.instance, after, now)
    if not reports:
        return dg.SkipReason("no new report")
    intake = Intake(inference_reports.key.to_user_string())
    with ghost.opened() as catalog:
        while reports:
            sightings, rejected, after = _read_page(reports, now)
            intake.take(catalog, sightings, rejected)
            if time.monotonic() >= ends_at:
                break
            reports = _settled_reports(context.instance, after, now)
        stats = catalog.get_discovery_stats()
    return intake.told(context, str(after), stats)


def read_cursor(text: str | None) -> int:
    """The storage id of the last report that was taken in; 0 at the start, and for a text that a person put there."""
    return int(text) if text and text.isascii() and text.isdigit() else 0


def _settled_reports(instance: dg.DagsterInstance, after: int, now: datetime) -> list[dg.EventLogRecord]:
    wanted = dg.AssetRecordsFilter(inference_reports.key, after_storage_id=after)
    settled = []
    for record in instance.fetch_materializations(wanted, REPORTS_A_PAGE, ascending=True).records:
        if abs(now.timestamp() - record.timestamp) < SETTLING_SECONDS:
            break
        settled.append(record)
    return settled


def _read_page(reports: Sequence[dg.EventLogRecord], now: datetime) -> tuple[list[Sighting], list[Rejected], int]:
    """As many of the reports as fit, and the storage id of the last of them."""
    read: list[Sighting | Rejected] = []
    after = 0
    for record in reports:
        read += _read_record(record, now)
        after = record.storage_id
        if len(read) >= SIGHTINGS_A_PAGE:
            break
    sightings = [one for one in read if isinstance(one, Sighting)]
    return sightings, [one for one in read if isinstance(one, Rejected)], after


def _read_record(record: dg.EventLogRecord, now: datetime) -> list[Sighting | Rejected]:
    materialization = record.asset_materialization
    metadata = materialization.metadata if materialization else {}
    # Over HTTP come only these; a table or the like, which a Python program can report, is rejected for what it is.
    said = {key: value.value if isinstance(value, _JSON) else repr(value) for key, value in metadata.items()}
    told_at = datetime.fromtimestamp(record.timestamp, UTC)
    return read_report(said, {"report": record.storage_id}, told_at, now)
