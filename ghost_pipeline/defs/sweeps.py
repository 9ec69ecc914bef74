"""The sweeps: jobs that make ghosts and that purge them, and the schedules that ask whether any is due."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from pydantic import Field

from ghost_pipeline.catalog.results import SweepResult
from ghost_pipeline.defs import monitoring
from ghost_pipeline.defs.ingestion import parsed_instant
from ghost_pipeline.defs.resource import GhostCatalog, translate_errors


class SweepConfig(dg.Config):
    """As of when to sweep. The schedules set it, so that a retry sweeps what was due."""

    now: str | None = Field(default=None, description="ISO 8601 with a time zone; unless given, the present.")


@dg.op(description="Makes ghosts of the models that were not seen for too long.")
def deactivate_stale_models(context: dg.OpExecutionContext, config: SweepConfig, ghost: GhostCatalog) -> None:
    with translate_errors(), ghost.opened() as catalog:
        result = catalog.mark_stale_models_inactive(now=parsed_instant(config.now), run_id=context.run_id)
        stats = catalog.get_discovery_stats()
    _report(context, "deactivated", result, stats)


@dg.op(description="Deletes the models that were ghosts for too long; tombstones keep them.")
def delete_expired_ghosts(context: dg.OpExecutionContext, config: SweepConfig, ghost: GhostCatalog) -> None:
    with translate_errors(), ghost.opened() as catalog:
        result = catalog.delete_old_inactive_models(now=parsed_instant(config.now), run_id=context.run_id)
        stats = catalog.get_discovery_stats()
    _report(context, "purged", result, stats)


@dg.job(description="Soft delete: models unseen for 24 hours become ghosts.")
def stale_sweep() -> None:
    deactivate_stale_models()


@dg.job(description="Hard delete: ghosts of 30 days leave the catalog, each with a tombstone.")
def purge_sweep() -> None:
    delete_expired_ghosts()


@dg.schedule(
    job=stale_sweep,
    cron_schedule="0 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every hour: a stale sweep, if a model was not seen for 24 hours.",
)
def stale_sweep_24h(context: dg.ScheduleEvaluationContext, ghost: GhostCatalog) -> dg.RunRequest | dg.SkipReason:
    now = _scheduled_at(context)
    with ghost.opened() as catalog:
        due = catalog.mark_stale_models_inactive(now=now, is_dry_run=True)
        limit = catalog.settings.thresholds.stale_after
    return _swept(due, deactivate_stale_models.name, now, f"no model was unseen for more than {limit}")


@dg.schedule(
    job=purge_sweep,
    cron_schedule="30 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every day: a purge sweep, if a model was a ghost for 30 days.",
)
def purge_sweep_30d(context: dg.ScheduleEvaluationContext, ghost: GhostCatalog) -> dg.RunRequest | dg.SkipReason:
    now = _scheduled_at(context)
    with ghost.opened() as catalog:
        due = catalog.delete_old_inactive_models(now=now, is_dry_run=True)
        limit = catalog.settings.thresholds.purge_after
    return _swept(due, delete_expired_ghosts.name, now, f"no model was a ghost for more than {limit}")


def _scheduled_at(context: dg.ScheduleEvaluationContext) -> datetime:
    return context.scheduled_execution_time.astimezone(UTC)


def _swept(due: SweepResult, op: str, now: datetime, nothing: str) -> dg.RunRequest | dg.SkipReason:
    if not due.changed:
        held = f"; held: {', '.join(due.held)}" if due.held else ""
        return dg.SkipReason(f"Nothing is due: {nothing}{held}.")
    return dg.RunRequest(run_config={"ops": {op: {"config": {"now": now.isoformat()}}}})


def _report(context: dg.OpExecutionContext, what: str, result: SweepResult, stats: dict[str, Any]) -> None:
    """Tell the partitions whose models changed, and the statistics: an observation would not fire their automation."""
    by_provider = Counter(provider_id for provider_id, _ in result.models)
    for provider_id, count in sorted(by_provider.items()):
        context.log_event(dg.AssetObservation(asset_key="model_catalog", partition=provider_id, metadata={what: count}))
    context.log_event(
        dg.AssetMaterialization(
            asset_key=monitoring.STATISTICS_ASSET,
            metadata={**monitoring.stats_metadata(stats), what: result.changed},
        )
    )
    for provider_id, reason in result.held.items():
        context.log.warning(f"{provider_id} is held, its models were passed over: {reason}")
