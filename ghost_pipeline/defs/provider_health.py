"""Whether each provider can be heard: checks that turn red by the passing of time, and the schedule that looks."""

from datetime import UTC, datetime

import dagster as dg

from ghost_pipeline.defs.discovery_stats import discovery_stats, holds_have_time_left
from ghost_pipeline.defs.resource import GhostCatalog, failures_told
from ghost_pipeline.defs.unlisted_check import used_models_are_listed
from ghost_pipeline.lifecycle.health import ProviderHealth, complete_listing_missed_since, is_complete_listing_overdue


@dg.asset_check(
    asset=discovery_stats,
    description="No provider has been without a complete listing for too long (GHOST_COMPLETE_WITHIN_HOURS).",
)
def complete_listing_is_recent(ghost: GhostCatalog) -> dg.AssetCheckResult:
    with failures_told(), ghost.opened() as catalog:
        thresholds, now = catalog.settings.thresholds, datetime.now(UTC)
        health = catalog.list_provider_health()
    overdue = {one.provider.id: _told(one) for one in health if is_complete_listing_overdue(one, now, thresholds)}
    return dg.AssetCheckResult(
        passed=not overdue,
        severity=dg.AssetCheckSeverity.ERROR,
        description="Mend the feed of these providers, or release them." if overdue else None,
        metadata=overdue | {"health": _table(health)},
    )


check_health = dg.define_asset_job(
    "check_health",
    selection=dg.AssetSelection.checks(complete_listing_is_recent, holds_have_time_left, used_models_are_listed),
    description="Whether each provider can be heard, and lists what is used. Time alone can turn these checks red.",
)


@dg.schedule(
    job=check_health,
    cron_schedule="20 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every hour: the checks on the providers' health, once the catalog has any.",
)
def check_health_1h(ghost: GhostCatalog) -> dg.RunRequest | dg.SkipReason:
    with ghost.opened() as catalog:
        is_known = bool(catalog.list_providers())
    return dg.RunRequest() if is_known else dg.SkipReason("The catalog has no provider yet.")


def _told(health: ProviderHealth) -> str:
    since = complete_listing_missed_since(health)
    failures = f"; {health.consecutive_failures} attempts failed in a row" if health.consecutive_failures else ""
    why = f"; {health.provider.held_reason}" if health.provider.held_reason else ""
    return f"since {since:%Y-%m-%d %H:%M} UTC{failures}{why}"


def _table(health: list[ProviderHealth]) -> dg.TableMetadataValue:
    columns = {
        "provider": "string",
        "last_attempt_at": "string",
        "last_verdict": "string",
        "last_complete_at": "string",
        "consecutive_failures": "int",
        "seconds": "float",
        "held_since": "string",
        "held_reason": "string",
    }
    records = [
        dg.TableRecord(
            {
                "provider": one.provider.id,
                "last_attempt_at": _instant(one.provider.last_listing_at),
                "last_verdict": one.last_verdict.value if one.last_verdict else "",
                "last_complete_at": _instant(one.provider.last_complete_at),
                "consecutive_failures": one.consecutive_failures,
                "seconds": one.last_seconds,
                "held_since": _instant(one.provider.held_since),
                "held_reason": one.provider.held_reason or "",
            }
        )
        for one in health
    ]
    schema = dg.TableSchema(columns=[dg.TableColumn(name, type_) for name, type_ in columns.items()])
    return dg.MetadataValue.table(records, schema)


def _instant(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""
