"""The sensors that record sightings and refusals of other programs: from reports over HTTP and from the inbox."""

import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.defs.evidence.channels import ACCEPTED_CHECK, inbox, inference_reports
from ghost_pipeline.defs.listing_checks import as_text
from ghost_pipeline.defs.resource import GhostCatalog, providers
from ghost_pipeline.errors import NoInbox, SettingsError
from ghost_pipeline.lifecycle.validation import require_valid_clock
from ghost_pipeline.reported_sightings import (
    DeadLetter,
    InboxCursor,
    InboxPage,
    RefusedSighting,
    Sighting,
    dead_letter_files,
    read_inbox,
    read_report,
)

TICK_BUDGET_SECONDS = 20
"""A tick starts no further page after this time: Dagster gives up on a tick after 60."""

TICK_INTERVAL_SECONDS = 14
"""A tick that records something writes a few events; more often, they would fill the event log, and a new model can
wait that long. The daemon evaluates sensors every 5 seconds, so this is 15."""

SIGHTINGS_PER_PAGE = 500
"""In one transaction, so that no other writer waits long."""

SUMMARY_TAG = "ghost-pipeline/summary"
"""On the materializations with which the sensors summarize what they read."""

IDLE_INTERVAL = timedelta(hours=1)
"""At most this long between two events of the inbox, so that its page shows when it was read last."""

_REPORTED_EFFECTS = ("created", "restored", "reactivated")
_MAX_REPORTED_REASONS = 5


@dataclass(slots=True)
class SightingBatch:
    """Records pages of sightings and counts their effects."""

    asset: str
    sightings: int = 0
    inferences: int = 0
    clamped: int = 0
    rejected: int = 0
    vanished_bytes: int = 0
    """Bytes of the inbox that were deleted before they were read."""
    reasons: list[str] = field(default_factory=list)
    """Of the first rejections."""
    effects: dict[str, Counter[str]] = field(default_factory=dict)
    """Provider -> effect -> sightings."""
    refusals: Counter[str] = field(default_factory=Counter)
    """Effect -> refused requests that were reported."""

    def record(
        self,
        catalog: ModelCatalog,
        sightings: Sequence[Sighting],
        refused: Sequence[RefusedSighting],
        rejected: Sequence[DeadLetter],
    ) -> None:
        """Quarantine what was rejected and record the rest: the sightings in one transaction, then the refusals.

        Repeating it changes nothing but counts of refusals.
        """
        self._quarantine(catalog, rejected)
        self._record_sightings(catalog, sightings)
        self._record_refusals(catalog, refused)

    def _record_refusals(self, catalog: ModelCatalog, refused: Sequence[RefusedSighting]) -> None:
        evidence = [one.refusal for one in refused if one.refusal is not None]
        for result in catalog.record_refusals(evidence) if evidence else ():
            self.refusals[result.effect] += 1
        self.refusals["not_evidence"] += len(refused) - len(evidence)
        self.clamped += sum(one.is_clamped for one in refused)

    def _record_sightings(self, catalog: ModelCatalog, sightings: Sequence[Sighting]) -> None:
        results, unstorable = catalog.record_reported([sighting.inference for sighting in sightings])
        refusals = deque(unstorable)  # in the order of the sightings
        recorded: list[Sighting] = []
        refused: list[DeadLetter] = []
        for sighting in sightings:
            if refusals and sighting.inference == refusals[0][0]:
                refused.append(sighting.rejected(refusals.popleft()[1]))
            else:
                recorded.append(sighting)
        self._quarantine(catalog, refused)
        for result in results:
            self.effects.setdefault(result.provider_id, Counter())[result.effect] += 1
        self.sightings += len(recorded)
        self.inferences += sum(one.count for one in recorded)
        self.clamped += sum(one.is_clamped for one in recorded)

    def to_sensor_result(self, context: dg.SensorEvaluationContext, cursor: str) -> dg.SensorResult:
        """Return the events of the tick: counts, changes by provider, and partitions of new providers."""
        if self.rejected:
            context.log.warning(f"{self.rejected:,} rejected, kept in the archive: {'; '.join(self.reasons)}")
        if self.vanished_bytes:
            context.log.warning(
                f"{self.vanished_bytes:,} bytes of the inbox were deleted or truncated before they were read; rotate "
                "files by renaming them within the folder"
            )
        known = set(context.instance.get_dynamic_partitions(str(providers.name)))
        new = [one for one, effects in self.effects.items() if one not in known and set(effects) != {"ignored"}]
        return dg.SensorResult(
            skip_reason=dg.SkipReason(
                f"{self.sightings:,} sightings and {self.refusals.total():,} refusals recorded, "
                f"{self.rejected:,} rejected; no run needed"
            ),
            cursor=cursor,
            dynamic_partitions_requests=[providers.build_add_request(sorted(new))] if new else None,
            asset_events=[self._summary(), self._evaluation(), *self._change_events()],
        )

    def _summary(self) -> dg.AssetMaterialization:
        # The asset's page shows its newest materialization. Without this one, that would be the last report, accepted
        # or not. The tag keeps the sensor from reading it as a report; reports over HTTP have no tags.
        return dg.AssetMaterialization(self.asset, metadata=self._counts(), tags={SUMMARY_TAG: "true"})

    def _evaluation(self) -> dg.AssetCheckEvaluation:
        total = self.sightings + self.refusals.total() + self.rejected
        return dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(self.asset),
            check_name=ACCEPTED_CHECK,
            passed=not self.rejected,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"{self.rejected:,} of {total:,} rejected: {'; '.join(self.reasons)}"
            if self.rejected
            else f"all {total:,} accepted",
        )

    def _quarantine(self, catalog: ModelCatalog, rejected: Sequence[DeadLetter]) -> None:
        catalog.quarantine(dead_letter_files(self.asset, rejected))
        self.rejected += len(rejected)
        for letter in rejected[: _MAX_REPORTED_REASONS - len(self.reasons)]:
            location = " ".join(f"{key} {value}" for key, value in letter.location.items())
            self.reasons.append(f"{location} {letter.reason[:_MAX_REASON_LENGTH]}")

    def _counts(self) -> dict[str, Any]:
        total: Counter[str] = sum(self.effects.values(), Counter())
        counts: dict[str, Any] = {
            "sightings": self.sightings,
            "inferences": self.inferences,
            "providers": ", ".join(sorted(self.effects)),
            **{effect: total[effect] for effect in (*_REPORTED_EFFECTS, "ignored")},
            "refusals": self.refusals.total(),
            **{f"refusals_{effect}": number for effect, number in sorted(self.refusals.items())},
            "clamped": self.clamped,
            "rejected": self.rejected,
            "vanished_bytes": self.vanished_bytes,
        }
        return {
            "read_at": dg.MetadataValue.timestamp(datetime.now(UTC)),
            **{name: value for name, value in counts.items() if value},
            **({"reasons": "\n".join(self.reasons)} if self.reasons else {}),
        }

    def _change_events(self) -> list[dg.AssetObservation]:
        """Return an observation for each provider that has a changed model."""
        return [
            dg.AssetObservation(
                "model_catalog",
                partition=provider_id,
                metadata={"from": dg.MetadataValue.asset(dg.AssetKey(self.asset)), **as_text(changes)},
            )
            for provider_id, effects in sorted(self.effects.items())
            if (changes := {effect: effects[effect] for effect in _REPORTED_EFFECTS if effects[effect]})
        ]


_MAX_REASON_LENGTH = 200


@dg.sensor(
    minimum_interval_seconds=TICK_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Records the lines that were appended to GHOST_HOME/inbox/*.jsonl, each once.",
)
def inbox_sensor(context: dg.SensorEvaluationContext, ghost: GhostCatalog) -> dg.SensorResult | dg.SkipReason:
    ends_at = time.monotonic() + TICK_BUDGET_SECONDS
    now = datetime.now(UTC)
    require_valid_clock(now)
    try:
        folder = ghost.settings().inbox_dir
        page = _read_on(folder, InboxCursor.from_json(context.cursor), now, ends_at)
    except (NoInbox, SettingsError) as error:
        return dg.SkipReason(str(error))
    for problem in page.unreadable:
        context.log.warning(f"can't be read now: {problem}")
    if page.is_empty:
        return dg.SensorResult(
            skip_reason=dg.SkipReason(_idle_reason(page)),
            cursor=page.cursor.to_json(),
            asset_events=_idle_events(context.instance, now),
        )
    batch = SightingBatch(inbox.key.to_user_string())
    with ghost.opened() as catalog:
        while True:
            batch.vanished_bytes += page.vanished_bytes
            if page.sightings or page.refused or page.rejected:
                batch.record(catalog, page.sightings, page.refused, page.rejected)
            if not page.has_more or time.monotonic() >= ends_at:
                break
            page = _read_on(folder, page.cursor, now, ends_at)
    return batch.to_sensor_result(context, page.cursor.to_json())


def _read_on(folder: Path, cursor: InboxCursor, now: datetime, ends_at: float) -> InboxPage:
    """Return the next page with something to record, or the last page that there is time for."""
    page = read_inbox(folder, cursor, SIGHTINGS_PER_PAGE, now)
    while page.is_empty and page.has_more and time.monotonic() < ends_at:
        page = read_inbox(folder, page.cursor, SIGHTINGS_PER_PAGE, now)
    return page


def _idle_events(instance: dg.DagsterInstance, now: datetime) -> list[dg.AssetMaterialization]:
    """Return the event that shows that the inbox was read without any new line, if the last one is old."""
    last = instance.get_latest_materialization_event(inbox.key)
    if last is not None and now.timestamp() - last.timestamp < IDLE_INTERVAL.total_seconds():
        return []
    metadata: dict[str, Any] = {"read_at": dg.MetadataValue.timestamp(now), "read": "no new line"}
    return [dg.AssetMaterialization(inbox.key, metadata=metadata)]


def _idle_reason(page: InboxPage) -> str:
    if page.has_more:
        return "skipped blank lines or a line that is too long; the next tick continues"
    waiting = ", ".join(page.unfinished)
    return f"nothing new; the last line has no end yet in: {waiting}" if waiting else "nothing new"


REPORTS_PER_PAGE = 100

SETTLING_SECONDS = 2.0
"""The age from which a report is read. A database with several writers assigns a report's id before the report becomes
visible, so one with a lower id may appear a moment later; a cursor that had passed it would never return to it."""

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
    description="Records every report on inference_reports, in the order of arrival.",
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
    batch = SightingBatch(inference_reports.key.to_user_string())
    with ghost.opened() as catalog:
        while reports:
            read, after = _read_page(reports, now)
            batch.record(
                catalog,
                [one for one in read if isinstance(one, Sighting)],
                [one for one in read if isinstance(one, RefusedSighting)],
                [one for one in read if isinstance(one, DeadLetter)],
            )
            if time.monotonic() >= ends_at:
                break
            reports = _settled_reports(context.instance, after, now)
    if not (batch.sightings or batch.refusals.total() or batch.rejected):  # only its own summaries
        return dg.SensorResult(skip_reason=dg.SkipReason("no new report"), cursor=str(after))
    return batch.to_sensor_result(context, str(after))


def read_event_cursor(text: str | None) -> int:
    """Return the storage id of the last recorded report; 0 at the start and for an unparseable text."""
    return int(text) if text and text.isascii() and text.isdigit() else 0


def _settled_reports(instance: dg.DagsterInstance, after: int, now: datetime) -> list[dg.EventLogRecord]:
    records = dg.AssetRecordsFilter(inference_reports.key, after_storage_id=after)
    settled = []
    for record in instance.fetch_materializations(records, REPORTS_PER_PAGE, ascending=True).records:
        if abs(now.timestamp() - record.timestamp) < SETTLING_SECONDS:
            break
        settled.append(record)
    return settled


_Read = list[Sighting | RefusedSighting | DeadLetter]


def _read_page(reports: Sequence[dg.EventLogRecord], now: datetime) -> tuple[_Read, int]:
    """Return what as many reports contain as fit, and the storage id of the last of them."""
    read: _Read = []
    after = 0
    for record in reports:
        read += _read_record(record, now)
        after = record.storage_id
        if len(read) >= SIGHTINGS_PER_PAGE:
            break
    return read, after


def _read_record(record: dg.EventLogRecord, now: datetime) -> _Read:
    materialization = record.asset_materialization
    if materialization is not None and SUMMARY_TAG in (materialization.tags or {}):
        return []
    metadata = materialization.metadata if materialization else {}
    # Reports over HTTP have only these types. A Python program can report a table; that is rejected, with its repr.
    report = {key: value.value if isinstance(value, _JSON) else repr(value) for key, value in metadata.items()}
    default_at = datetime.fromtimestamp(record.timestamp, UTC)
    return read_report(report, {"report": record.storage_id}, default_at, now)
