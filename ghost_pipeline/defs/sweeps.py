"""The sweeps: what they changed as assets, their jobs, and the schedules that request them when models are due."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SweepResult
from ghost_pipeline.defs.ingestion import parsed_instant
from ghost_pipeline.defs.listing_checks import as_text, format_instant
from ghost_pipeline.defs.provider_health import HealthEvent, health_events, log_health
from ghost_pipeline.defs.resource import GhostCatalog, translate_errors

# External, although a job reports them: an executable asset between the catalog and the statistics would be out of sync
# after every listing until the next sweep, and the statistics with it.
STALE_ASSET = dg.AssetSpec(
    "stale_sweep",
    deps=["model_catalog"],
    group_name="catalog",
    kinds={"sql"},
    description="The models that the stale sweep deactivated. Each with its last evidence and the listing that lacked "
    "it. The job stale_sweep materializes it, every hour if a model is due.",
)
PURGE_ASSET = dg.AssetSpec(
    "purge_sweep",
    deps=["model_catalog"],
    group_name="catalog",
    kinds={"sql"},
    description="The models that the purge sweep deleted. Each with its last evidence; tombstones keep the rows. The "
    "job purge_sweep materializes it, every day if a model is due.",
)


class SweepConfig(dg.Config):
    """As of when to sweep. The schedules set it, so that a retry sweeps what was due."""

    now: str | None = Field(default=None, description="ISO 8601 with a time zone; unless given, the present.")


@dg.op(description="Deactivates the models that were not seen for too long.")
def deactivate_stale_models(context: dg.OpExecutionContext, config: SweepConfig, ghost: GhostCatalog) -> None:
    with translate_errors(), ghost.opened() as catalog:
        result = catalog.mark_stale_models_inactive(now=parsed_instant(config.now), run_id=context.run_id)
        rule = f"not seen for more than {_duration(catalog.settings.thresholds.stale_after)}"
        table, health = _changes_table(catalog, result, rule), health_events(catalog)
    _report(context, STALE_ASSET, "deactivated", result, table, health)


@dg.op(description="Deletes the models that were inactive for too long; tombstones keep them.")
def delete_expired_ghosts(context: dg.OpExecutionContext, config: SweepConfig, ghost: GhostCatalog) -> None:
    with translate_errors(), ghost.opened() as catalog:
        result = catalog.delete_old_inactive_models(now=parsed_instant(config.now), run_id=context.run_id)
        rule = f"inactive for more than {_duration(catalog.settings.thresholds.purge_after)}"
        table, health = _changes_table(catalog, result, rule), health_events(catalog)
    _report(context, PURGE_ASSET, "purged", result, table, health)


@dg.job(description="Soft delete: deactivates the models that were not seen for 24 hours.")
def stale_sweep() -> None:
    deactivate_stale_models()


@dg.job(description="Hard delete: models that were inactive for 30 days leave the catalog, each with a tombstone.")
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
    return _swept(due, deactivate_stale_models.name, now, f"no model was unseen for more than {_duration(limit)}")


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
    return _swept(due, delete_expired_ghosts.name, now, f"no model was a ghost for more than {_duration(limit)}")


def _scheduled_at(context: dg.ScheduleEvaluationContext) -> datetime:
    return context.scheduled_execution_time.astimezone(UTC)


def _duration(limit: timedelta) -> str:
    hours = limit / timedelta(hours=1)
    return f"{hours:g} hours" if hours < 72 else f"{hours / 24:g} days"


def _swept(due: SweepResult, op: str, now: datetime, nothing: str) -> dg.RunRequest | dg.SkipReason:
    if not (due.changed or due.expired_refusals):
        held = f"; held: {', '.join(due.held)}" if due.held else ""
        return dg.SkipReason(f"Nothing is due: {nothing}{held}.")
    return dg.RunRequest(run_config={"ops": {op: {"config": {"now": now.isoformat()}}}})


def _report(
    context: dg.OpExecutionContext,
    asset: dg.AssetSpec,
    effect: str,
    result: SweepResult,
    table: dg.TableMetadataValue,
    health: Sequence[HealthEvent],
) -> None:
    by_provider = Counter(provider_id for provider_id, _ in result.models)
    for provider_id, count in sorted(by_provider.items()):
        context.log_event(
            dg.AssetObservation(
                "model_catalog",
                partition=provider_id,
                metadata={**as_text({effect: count}), "by": dg.MetadataValue.asset(asset.key)},
            )
        )
    shown = {"models": table} if result.models else {}  # without rows the UI shows an empty box
    held = {f"held: {provider_id}": reason for provider_id, reason in result.held.items()}
    expired = {"expired refusals": len(result.expired_refusals)} if result.expired_refusals else {}
    context.log_event(dg.AssetMaterialization(asset.key, metadata={effect: result.changed, **expired, **shown, **held}))
    log_health(context, health)
    for provider_id, reason in result.held.items():
        context.log.warning(f"{provider_id} is held, so its models were kept: {reason}")


SHOWN_MODELS = 100
"""How many models the table of a sweep shows; the audit trail has all."""


def _changes_table(catalog: ModelCatalog, result: SweepResult, rule: str) -> dg.TableMetadataValue:
    lacking = {provider_id: _newest_listing(catalog, provider_id) for provider_id, _ in result.models[:SHOWN_MODELS]}
    records = [
        dg.TableRecord(
            {
                "model": f"{provider_id}/{model_id}",
                "rule": rule,
                "last_evidence": _last_evidence(catalog, provider_id, model_id),
                "not_in": lacking[provider_id],
            }
        )
        for provider_id, model_id in result.models[:SHOWN_MODELS]
    ]
    columns = [
        dg.TableColumn("model"),
        dg.TableColumn("rule", description="Why the sweep changed the model."),
        dg.TableColumn("last_evidence", description="The last listing or use of the model, UTC."),
        dg.TableColumn("not_in", description="The provider's newest listing, which lacks the model."),
    ]
    return dg.MetadataValue.table(records, dg.TableSchema(columns=columns))


def _last_evidence(catalog: ModelCatalog, provider_id: str, model_id: str) -> str:
    history = catalog.get_model_history(provider_id, model_id)
    if history.model is not None:
        return format_instant(history.model.last_seen_at)
    row = (history.events[-1].details or {}).get("row", {})
    return str(row.get("last_seen_at", ""))[:16].replace("T", " ")


def _newest_listing(catalog: ModelCatalog, provider_id: str) -> str:
    listing_id = catalog.find_listing(provider_id)
    if listing_id is None:
        return "no listing"
    listing = catalog.get_listing(listing_id)
    return f"{listing.attempt.file_name} of {format_instant(listing.attempt.observed_at)} ({listing.verdict.value})"
