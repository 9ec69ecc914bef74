"""``discovery_stats``: how much of what the catalog holds, and whether a hold is about to stop protecting."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from ghost_pipeline.defs.model_catalog import model_catalog
from ghost_pipeline.defs.resource import GhostCatalog, failures_told
from ghost_pipeline.lifecycle.absence import is_protection_ending, protection_ends_at
from ghost_pipeline.lifecycle.vocabulary import Source

NAME = "discovery_stats"


@dg.asset(
    name=NAME,
    deps=[model_catalog],
    kinds={"sql"},
    group_name="catalog",
    description="Models by source, state and provider, and how many work though no list shows them.",
    automation_condition=dg.AutomationCondition.any_deps_updated() & ~dg.AutomationCondition.in_progress(),
)
def discovery_stats(ghost: GhostCatalog) -> dg.MaterializeResult[None]:
    with failures_told(), ghost.opened() as catalog:
        stats = catalog.get_discovery_stats()
    return dg.MaterializeResult(metadata=stats_metadata(stats))


@dg.asset_check(asset=discovery_stats, description="No held provider's models are about to go stale all the same.")
def holds_have_time_left(ghost: GhostCatalog) -> dg.AssetCheckResult:
    with failures_told(), ghost.opened() as catalog:
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
