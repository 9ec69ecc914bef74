"""The check on models that a provider's list drops while they are still used."""

from collections.abc import Sequence

import dagster as dg

from ghost_pipeline.defs.discovery_stats import discovery_stats
from ghost_pipeline.defs.resource import GhostCatalog, failures_told
from ghost_pipeline.lifecycle.records import ModelRecord

PREVIEW_LENGTH = 100
"""How many models the check's table shows; ``ghost-pipeline models --unlisted`` shows all."""

_COLUMNS = ("provider_id", "model_id", "last_used_at", "last_listed_at")


@dg.asset_check(
    asset=discovery_stats, description="No model that was listed once is used without being listed any more."
)
def used_models_are_listed(ghost: GhostCatalog) -> dg.AssetCheckResult:
    with failures_told(), ghost.opened() as catalog:
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
