"""Statistics and the health of all providers: asset, checks and the hourly job."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from ghost_pipeline.defs.ingestion import model_catalog
from ghost_pipeline.defs.resource import GhostCatalog, translate_errors
from ghost_pipeline.lifecycle.absence import (
    ProviderHealth,
    incomplete_since,
    is_complete_listing_overdue,
    is_protection_ending,
    protection_ends_at,
)
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import Source

STATISTICS_ASSET = "discovery_stats"

_CATALOG_CHANGED = dg.AutomationCondition.any_deps_updated()

CATALOG_CHANGED_SINCE_REQUEST = (
    _CATALOG_CHANGED.since(dg.AutomationCondition.newly_requested() & ~_CATALOG_CHANGED)
    & ~dg.AutomationCondition.in_progress()
).with_label("the catalog changed since the last request")
"""True until a run is requested after the last change of the catalog.

An update is visible at one evaluation only, so a plain ``& ~in_progress()`` would lose one that arrives during a run:
that run may have read the catalog before. ``since`` remembers it. A request counts as seen one evaluation later, and an
update that arrives in between must outlive it: therefore the reset excludes evaluations that see an update.
"""


@dg.asset(
    name=STATISTICS_ASSET,
    deps=[model_catalog],
    kinds={"sql"},
    group_name="catalog",
    description="Models by source, state and provider, and how many work though no list shows them.",
    automation_condition=CATALOG_CHANGED_SINCE_REQUEST,
)
def discovery_stats(ghost: GhostCatalog) -> dg.MaterializeResult[None]:
    with translate_errors(), ghost.opened() as catalog:
        stats = catalog.get_discovery_stats()
    return dg.MaterializeResult(metadata=stats_metadata(stats))


@dg.asset_check(asset=discovery_stats, description="No held provider's models are about to go stale all the same.")
def holds_are_not_expiring(ghost: GhostCatalog) -> dg.AssetCheckResult:
    with translate_errors(), ghost.opened() as catalog:
        thresholds, now = catalog.settings.thresholds, datetime.now(UTC)
        ending = {
            provider.id: f"until {protection_ends_at(provider, thresholds):%Y-%m-%d %H:%M} UTC; {provider.held_reason}"
            for provider in catalog.list_providers()
            if is_protection_ending(provider, now, thresholds)
        }
    return dg.AssetCheckResult(
        passed=not ending,
        severity=dg.AssetCheckSeverity.WARN,
        description="Mend the feed of these providers, or release them." if ending else None,
        metadata=ending,
    )


def stats_metadata(stats: Mapping[str, Any]) -> dict[str, Any]:
    """The statistics for Dagster: numbers that it plots, and a table by provider."""
    numbers = ("total", "active", "inactive", "unlisted", *(source.value for source in Source))
    records = [
        dg.TableRecord({"provider": provider_id, **{name: {**one, **one["by_source"]}[name] for name in numbers}})
        for provider_id, one in stats["by_provider"].items()
    ]
    columns = [dg.TableColumn("provider"), *(dg.TableColumn(name, "int") for name in numbers)]
    return {
        "total": stats["total"],
        "active": stats["active"],
        "inactive": stats["inactive"],
        "unlisted": stats["unlisted"],
        **{f"source_{source.lower()}": count for source, count in stats["by_source"].items()},
        "by_provider": dg.MetadataValue.table(records, dg.TableSchema(columns=columns)),
        "dagster/row_count": stats["total"],
    }


PREVIEW_LENGTH = 100
"""How many models the check's table shows; ``ghost-pipeline models --unlisted`` shows all."""

_COLUMNS = ("provider_id", "model_id", "last_used_at", "last_listed_at")


@dg.asset_check(
    asset=discovery_stats, description="No model that was listed once is used without being listed any more."
)
def used_models_are_listed(ghost: GhostCatalog) -> dg.AssetCheckResult:
    with translate_errors(), ghost.opened() as catalog:
        left = [
            model
            for provider in catalog.list_providers()
            for model in catalog.find_models_that_left_the_list(provider.id)
        ]
    if not left:
        return dg.AssetCheckResult(passed=True)
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{len(left):,} models are used, but their provider's list does not show them any more: they may be "
            "withdrawn soon. 'ghost-pipeline add PROVIDER MODEL_ID' keeps one whatever happens."
        ),
        metadata={"models": _table(left[:PREVIEW_LENGTH]), "count": len(left)},
    )


def _table(models: Sequence[ModelRecord]) -> dg.TableMetadataValue:
    records = [dg.TableRecord({column: _shown(model, column) for column in _COLUMNS}) for model in models]
    schema = dg.TableSchema(columns=[dg.TableColumn(column) for column in _COLUMNS])
    return dg.MetadataValue.table(records, schema)


def _shown(model: ModelRecord, column: str) -> str:
    value = getattr(model, column)
    return value if isinstance(value, str) else f"{value:%Y-%m-%d %H:%M} UTC"


@dg.asset_check(
    asset=discovery_stats,
    description="No provider has been without a complete listing for too long (GHOST_COMPLETE_WITHIN_HOURS).",
)
def complete_listing_is_recent(ghost: GhostCatalog) -> dg.AssetCheckResult:
    with translate_errors(), ghost.opened() as catalog:
        thresholds, now = catalog.settings.thresholds, datetime.now(UTC)
        health = catalog.list_provider_health()
    overdue = {
        one.provider.id: _describe_providers(one) for one in health if is_complete_listing_overdue(one, now, thresholds)
    }
    return dg.AssetCheckResult(
        passed=not overdue,
        severity=dg.AssetCheckSeverity.ERROR,
        description="Mend the feed of these providers, or release them." if overdue else None,
        metadata=overdue | {"health": _health_table(health)},
    )


check_health = dg.define_asset_job(
    "check_health",
    selection=dg.AssetSelection.checks(complete_listing_is_recent, holds_are_not_expiring, used_models_are_listed),
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


def _describe_providers(health: ProviderHealth) -> str:
    since = incomplete_since(health)
    failures = f"; {health.consecutive_failures} attempts failed in a row" if health.consecutive_failures else ""
    why = f"; {health.provider.held_reason}" if health.provider.held_reason else ""
    return f"since {since:%Y-%m-%d %H:%M} UTC{failures}{why}"


def _health_table(health: list[ProviderHealth]) -> dg.TableMetadataValue:
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
