"""Sightings that other programs report over HTTP or in the inbox: their sensors."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.defs import monitoring
from ghost_pipeline.defs.channels import inbox, inference_reports
from ghost_pipeline.defs.resource import GhostCatalog, providers
from ghost_pipeline.errors import NoInbox, SettingsError
from ghost_pipeline.lifecycle.validation import require_valid_clock
from ghost_pipeline.reported_sightings import (
    DeadLetter,
    InboxCursor,
    InboxPage,
    Sighting,
    dead_letter_files,
    read_inbox,
    read_report,
)

TICK_BUDGET_SECONDS = 20
"""After so long a tick begins no further page: Dagster gives up on a tick after 60."""

TICK_INTERVAL_SECONDS = 14
"""A tick that took something in writes a few events. More often, they would fill the event log; a model that worked
can wait so long. The daemon looks every 5 seconds, so this is 15."""

SIGHTINGS_PER_PAGE = 500
"""In one transaction, so that no other writer waits long."""

_NEWS = ("created", "restored", "reactivated")
_SHOWN_REASONS = 5


@dataclass(slots=True)
class SightingBatch:
    """Takes pages in, and counts."""

    asset: str
    sightings: int = 0
    inferences: int = 0
    clamped: int = 0
    rejected: int = 0
    reasons: list[str] = field(default_factory=list)
    """Of what was rejected, the first."""
    effects: dict[str, Counter[str]] = field(default_factory=dict)
    """Provider -> effect -> sightings."""

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing."""
        return not self.sightings and not self.rejected

    def take(self, catalog: ModelCatalog, sightings: Sequence[Sighting], rejected: Sequence[DeadLetter]) -> None:
        """Set aside what was rejected and record the rest, in one transaction. Again the same: nothing changes."""
        self._set_aside(catalog, rejected)
        results, unholdable = catalog.record_reported([sighting.inference for sighting in sightings])
        why = {id(inference): reason for inference, reason in unholdable}
        self._set_aside(
            catalog, [one.rejected(why[id(one.inference)]) for one in sightings if id(one.inference) in why]
        )
        for result in results:
            self.effects.setdefault(result.provider_id, Counter())[result.effect] += 1
        recorded = [one for one in sightings if id(one.inference) not in why]
        self.sightings += len(recorded)
        self.inferences += sum(one.count for one in recorded)
        self.clamped += sum(one.is_clamped for one in recorded)

    def told(self, context: dg.SensorEvaluationContext, cursor: str, stats: Mapping[str, Any]) -> dg.SensorResult:
        """What Dagster shall know of it: who was seen, what that changed, the statistics, providers not met before."""
        if self.rejected:
            context.log.warning(f"{self.rejected:,} rejected, kept in the archive: {'; '.join(self.reasons)}")
        known = set(context.instance.get_dynamic_partitions(str(providers.name)))
        new = [one for one, effects in self.effects.items() if one not in known and set(effects) != {"ignored"}]
        return dg.SensorResult(
            skip_reason=dg.SkipReason(
                f"{self.sightings:,} sightings taken in, {self.rejected:,} rejected; no run needed"
            ),
            cursor=cursor,
            dynamic_partitions_requests=[providers.build_add_request(sorted(new))] if new else None,
            asset_events=[
                dg.AssetObservation(self.asset, metadata=self._counts()),
                *self._news(),
                dg.AssetMaterialization(
                    monitoring.STATISTICS_ASSET,
                    metadata={**monitoring.stats_metadata(stats), "sightings": self.sightings},
                ),
            ],
        )

    def _set_aside(self, catalog: ModelCatalog, rejected: Sequence[DeadLetter]) -> None:
        catalog.set_aside(dead_letter_files(self.asset, rejected))
        self.rejected += len(rejected)
        for one in rejected[: _SHOWN_REASONS - len(self.reasons)]:
            self.reasons.append(f"{' '.join(f'{what} {value}' for what, value in one.where.items())} {one.reason}")

    def _counts(self) -> dict[str, Any]:
        total: Counter[str] = sum(self.effects.values(), Counter())
        return {
            "sightings": self.sightings,
            "inferences": self.inferences,
            "providers": ", ".join(sorted(self.effects)),
            **{effect: total[effect] for effect in (*_NEWS, "ignored")},
            "clamped": self.clamped,
            "rejected": self.rejected,
            "reasons": "\n".join(self.reasons),
        }

    def _news(self) -> list[dg.AssetObservation]:
        """Told of the catalog is what changed in it: a model that works as before writes no event there either."""
        return [
            dg.AssetObservation(
                "model_catalog",
                partition=provider_id,
                metadata={"from": dg.MetadataValue.asset(dg.AssetKey(self.asset)), **news},
            )
            for provider_id, effects in sorted(self.effects.items())
            if (news := {effect: effects[effect] for effect in _NEWS if effects[effect]})
        ]


@dg.sensor(
    minimum_interval_seconds=TICK_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes in the lines that were appended to GHOST_HOME/inbox/*.jsonl, each once.",
)
def inbox_sensor(context: dg.SensorEvaluationContext, ghost: GhostCatalog) -> dg.SensorResult | dg.SkipReason:
    ends_at = time.monotonic() + TICK_BUDGET_SECONDS
    now = datetime.now(UTC)
    require_valid_clock(now)
    try:
        folder = ghost.settings().inbox_dir
        page = read_inbox(folder, InboxCursor.from_json(context.cursor), SIGHTINGS_PER_PAGE, now)
    except (NoInbox, SettingsError) as error:
        return dg.SkipReason(str(error))
    for problem in page.unreadable:
        context.log.warning(f"can't be read now: {problem}")
    if page.is_empty:
        return dg.SensorResult(skip_reason=dg.SkipReason(_idle_reason(page)), cursor=page.cursor.to_json())
    intake = SightingBatch(inbox.key.to_user_string())
    with ghost.opened() as catalog:
        while not page.is_empty:
            intake.take(catalog, page.sightings, page.rejected)
            cursor = page.cursor
            if time.monotonic() >= ends_at:
                break
            page = read_inbox(folder, cursor, SIGHTINGS_PER_PAGE, now)
        stats = catalog.get_discovery_stats()
    return intake.told(context, cursor.to_json(), stats)


def _idle_reason(page: InboxPage) -> str:
    waiting = ", ".join(page.unfinished)
    return f"nothing new; the last line has no end yet in: {waiting}" if waiting else "nothing new"


REPORTS_PER_PAGE = 100

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
    minimum_interval_seconds=TICK_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes in every report on inference_reports, in the order in which they came.",
)
def inference_reports_sensor(
    context: dg.SensorEvaluationContext, ghost: GhostCatalog
) -> dg.SensorResult | dg.SkipReason:
    ends_at = time.monotonic() + TICK_BUDGET_SECONDS
    now = datetime.now(UTC)
    require_valid_clock(now)
    after = read_event_cursor(context.cursor)
    reports = _settled_reports(context.instance, after, now)
    if not reports:
        return dg.SkipReason("no new report")
    intake = SightingBatch(inference_reports.key.to_user_string())
    with ghost.opened() as catalog:
        while reports:
            sightings, rejected, after = _read_page(reports, now)
            intake.take(catalog, sightings, rejected)
            if time.monotonic() >= ends_at:
                break
            reports = _settled_reports(context.instance, after, now)
        stats = catalog.get_discovery_stats()
    return intake.told(context, str(after), stats)


def read_event_cursor(text: str | None) -> int:
    """The storage id of the last report that was taken in; 0 at the start, and for a text that a person put there."""
    return int(text) if text and text.isascii() and text.isdigit() else 0


def _settled_reports(instance: dg.DagsterInstance, after: int, now: datetime) -> list[dg.EventLogRecord]:
    wanted = dg.AssetRecordsFilter(inference_reports.key, after_storage_id=after)
    settled = []
    for record in instance.fetch_materializations(wanted, REPORTS_PER_PAGE, ascending=True).records:
        if abs(now.timestamp() - record.timestamp) < SETTLING_SECONDS:
            break
        settled.append(record)
    return settled


def _read_page(reports: Sequence[dg.EventLogRecord], now: datetime) -> tuple[list[Sighting], list[DeadLetter], int]:
    """As many of the reports as fit, and the storage id of the last of them."""
    read: list[Sighting | DeadLetter] = []
    after = 0
    for record in reports:
        read += _read_record(record, now)
        after = record.storage_id
        if len(read) >= SIGHTINGS_PER_PAGE:
            break
    sightings = [one for one in read if isinstance(one, Sighting)]
    return sightings, [one for one in read if isinstance(one, DeadLetter)], after


def _read_record(record: dg.EventLogRecord, now: datetime) -> list[Sighting | DeadLetter]:
    materialization = record.asset_materialization
    metadata = materialization.metadata if materialization else {}
    # Over HTTP come only these; a table or the like, which a Python program can report, is rejected for what it is.
    said = {key: value.value if isinstance(value, _JSON) else repr(value) for key, value in metadata.items()}
    told_at = datetime.fromtimestamp(record.timestamp, UTC)
    return read_report(said, {"report": record.storage_id}, told_at, now)
