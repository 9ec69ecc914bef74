"""The sensor that shows in Dagster what programs and people wrote into the catalog without Dagster.

It materializes ``tracked_inferences`` and ``manual_additions``, evaluates the checks of ``provider_health`` when their
result changed and every hour, adds partitions of new providers, and requests the runs that bring the other assets up
to date.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import msgspec

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.defs.evidence.channels import manual_additions, tracked_inferences
from ghost_pipeline.defs.ingestion import ingest_listing, model_catalog
from ghost_pipeline.defs.listing_checks import as_text
from ghost_pipeline.defs.monitoring import refresh_statistics
from ghost_pipeline.defs.provider_health import HealthEvent, health_events
from ghost_pipeline.defs.resource import GhostCatalog, providers
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source

USAGE_INTERVAL = timedelta(minutes=15)
"""At least this long between two events that only report further use of known models."""

HEALTH_INTERVAL = timedelta(hours=1)
"""At most this long between two evaluations of ``provider_health``, so that their age shows that somebody looks."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ChannelsCursor(msgspec.Struct, frozen=True):
    """How far the catalog's events and its use were reported."""

    changes: str = ""
    """The cursor of the catalog's changes after the last event that was reported."""
    after: int = 0
    """In a cursor of a version that counted ids: the last event that was reported."""
    used_at: datetime = _EPOCH
    """The latest use that was reported."""
    usage_reported_at: datetime = _EPOCH
    health: str = ""
    """A digest of the last evaluations of ``provider_health``."""
    health_at: datetime = _EPOCH
    """When they were logged."""

    def to_json(self) -> str:
        """Return the cursor as the text that Dagster stores."""
        return msgspec.json.encode(self).decode()


def read_channels_cursor(text: str | None) -> ChannelsCursor:
    """Return the cursor that Dagster stored; the start for an unparseable text: then everything is reported again."""
    try:
        return msgspec.json.decode(text or "{}", type=ChannelsCursor)
    except msgspec.DecodeError:
        return ChannelsCursor()


@dg.sensor(
    jobs=[ingest_listing, refresh_statistics],
    minimum_interval_seconds=4,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Shows what the Python client, the integrations and the command line wrote into the catalog: "
    "materializes tracked_inferences and manual_additions, evaluates the checks of provider_health, and requests "
    "discovery_stats.",
)
def channels_sensor(context: dg.SensorEvaluationContext, ghost: GhostCatalog) -> dg.SensorResult:
    cursor, now = read_channels_cursor(context.cursor), datetime.now(UTC)
    with ghost.opened() as catalog:
        changes = _read_changes(catalog, cursor, now)
        health, catalog_providers = health_events(catalog, now), catalog.list_providers()
    digest = _digest(health)
    is_overdue = now - cursor.health_at >= HEALTH_INTERVAL and bool(catalog_providers)
    is_health_due = digest != cursor.health or changes.is_change or is_overdue
    known = set(context.instance.get_dynamic_partitions(str(providers.name)))
    new = sorted(changes.providers - known)
    requests = [
        dg.RunRequest(job_name=ingest_listing.name, partition_key=provider_id, asset_selection=[model_catalog.key])
        for provider_id in sorted(changes.unlisted)
    ]
    if changes.is_change:
        requests.append(dg.RunRequest(job_name=refresh_statistics.name))
    following = ChannelsCursor(
        changes=changes.cursor,
        used_at=max([cursor.used_at, *(used_at for _, used_at in changes.used.values())]),
        usage_reported_at=now if changes.used else cursor.usage_reported_at,
        health=digest,
        health_at=now if is_health_due else cursor.health_at,
    )
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else dg.SkipReason(changes.summary),
        cursor=following.to_json(),
        dynamic_partitions_requests=[providers.build_add_request(new)] if new else None,
        asset_events=[*_channel_events(changes), *(health if is_health_due else ())],
    )


@dataclass(frozen=True, slots=True)
class _Changes:
    """What happened outside of runs since the last tick, by provider."""

    tracked: dict[str, Counter[str]]
    manual: dict[str, Counter[str]]
    used: dict[str, tuple[int, datetime]]
    """How many models were used, and the latest use."""
    unlisted: frozenset[str]
    """Providers without any listing."""
    cursor: str
    """Of the catalog's changes, after the last one that is in here."""

    @property
    def providers(self) -> set[str]:
        """The providers with changed models."""
        return {*self.tracked, *self.manual}

    @property
    def is_change(self) -> bool:
        """Whether a model changed, not only its last use."""
        return bool(self.tracked or self.manual)

    @property
    def summary(self) -> str:
        """The skip reason."""
        return f"{len(self.used)} providers with used models; no run needed" if self.used else "nothing new"


def _read_changes(catalog: ModelCatalog, cursor: ChannelsCursor, now: datetime) -> _Changes:
    tracked: dict[str, Counter[str]] = {}
    manual: dict[str, Counter[str]] = {}
    counts, following = catalog.count_recent_events(cursor.changes, cursor.after)
    for change in counts:
        if change.is_of_run or change.source is Source.INDEX or change.kind in _OF_FACTS:
            continue
        by_provider = tracked if change.source is Source.INFERENCE else manual
        by_provider.setdefault(change.provider_id, Counter())[change.kind.value] += change.count
    is_due = bool(tracked) or now - cursor.usage_reported_at >= USAGE_INTERVAL
    used = catalog.count_used_models(cursor.used_at) if is_due else []
    unlisted = frozenset(one for one in {*tracked, *manual} if catalog.find_listing(one) is None)
    return _Changes(tracked, manual, {one: (count, used_at) for one, count, used_at in used}, unlisted, following)


_OF_FACTS = (EventKind.CHANGED, EventKind.DOUBTED)
"""Kinds of events that show no sighting and no operator's decision."""


def _channel_events(changes: _Changes) -> Iterator[dg.AssetMaterialization]:
    for provider_id in sorted({*changes.tracked, *changes.used}):
        count, used_at = changes.used.get(provider_id, (0, None))
        yield dg.AssetMaterialization(
            tracked_inferences.key,
            partition=provider_id,
            metadata={
                **as_text(changes.tracked.get(provider_id, {})),
                **({"used_models": str(count), "last_used_at": dg.MetadataValue.timestamp(used_at)} if used_at else {}),
            },
        )
    for provider_id, counts in sorted(changes.manual.items()):
        yield dg.AssetMaterialization(manual_additions.key, partition=provider_id, metadata=as_text(counts))


def _digest(events: Sequence[HealthEvent]) -> str:
    shown = [
        (one.check_name, one.passed, one.description) for one in events if isinstance(one, dg.AssetCheckEvaluation)
    ]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]
