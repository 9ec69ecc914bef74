"""The statistics of the whole catalog: the asset, its automation and its job."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ghost_pipeline.defs.ingestion import model_catalog
from ghost_pipeline.defs.resource import GhostCatalog, translate_errors
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
    deps=[model_catalog, "stale_sweep", "purge_sweep"],
    kinds={"sql"},
    group_name="monitoring",
    description="Models by source, state and provider. Also how many work though no list shows them.",
    automation_condition=CATALOG_CHANGED_SINCE_REQUEST,
)
def discovery_stats(ghost: GhostCatalog) -> dg.MaterializeResult[None]:
    with translate_errors(), ghost.opened() as catalog:
        stats = catalog.get_discovery_stats()
    return dg.MaterializeResult(metadata=stats_metadata(stats))


def stats_metadata(stats: Mapping[str, Any]) -> dict[str, Any]:
    """Return the statistics for Dagster: numbers that it plots, and a table by provider."""
    numbers = ("total", "active", "inactive", "unlisted", "refused", *(source.value for source in Source))
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
        "refused": stats["refused"],
        **{f"source_{source.lower()}": count for source, count in stats["by_source"].items()},
        "by_provider": dg.MetadataValue.table(records, dg.TableSchema(columns=columns)),
        "dagster/row_count": stats["total"],
    }


refresh_statistics = dg.define_asset_job(
    "refresh_statistics",
    selection=dg.AssetSelection.assets(discovery_stats),
    description="Materializes discovery_stats.",
)
