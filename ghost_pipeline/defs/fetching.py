"""Fetch provider responses: asset and schedule."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from ghost_pipeline.defs.listing_checks import as_text
from ghost_pipeline.defs.provider_health import health_events, log_health
from ghost_pipeline.defs.resource import GhostCatalog, providers, translate_errors
from ghost_pipeline.errors import NotConfigured
from ghost_pipeline.fetching.configuration import select_endpoints
from ghost_pipeline.fetching.outcome import FetchOutcome, FetchResult

provider_responses = dg.AssetSpec(
    "provider_responses",
    partitions_def=providers,
    skippable=True,  # a provider that lacks a key materializes nothing
    kinds={"json"},
    group_name="ingestion",
    description="The provider's response with all pages. It is written to a file in the models folder. A failed fetch "
    "writes no file and holds the provider. A provider that can't be asked, such as one without a key, is skipped with "
    "the reason and not held. Either way its newest file is admitted where the same run does both.",
)


def fetch_response(
    context: dg.AssetExecutionContext, ghost: GhostCatalog
) -> Iterator[dg.MaterializeResult[None] | dg.AssetObservation]:
    """Fetch the provider of the partition and report ``provider_responses``.

    Raises:
        dg.Failure: The fetch failed. The attempt is recorded, and what was yielded before shows the reason.
    """
    from ghost_pipeline.fetching.fetch import fetch_listings  # noqa: PLC0415 - HTTP takes a while to load

    settings = ghost.settings()
    with translate_errors():
        try:
            endpoints = select_endpoints(settings, [context.partition_key]).endpoints
        except NotConfigured as error:
            context.log.warning(f"skipped: {error}")
            yield _observation(context, {"skipped": str(error)})
            return
        [outcome] = fetch_listings(endpoints, settings.models_dir, settings.fetch_limits, datetime.now(UTC))
        if outcome.result is FetchResult.FAILED:
            with ghost.opened() as catalog:
                catalog.record_failed_attempt(
                    outcome.provider_id,
                    outcome.failure_reason,
                    outcome.attempted_at,
                    context.run.run_id,
                    outcome.response,
                )
                log_health(context, health_events(catalog))
            # Recorded with what was logged before it: what is logged after the last yield is lost with the failure.
            yield _observation(context, _metadata(outcome))
    if outcome.result is FetchResult.FAILED:
        raise dg.Failure(f"{outcome.provider_id}: {outcome.reason}", metadata=_metadata(outcome), allow_retries=False)
    if outcome.reason:
        context.log.warning(f"{outcome.provider_id}: {outcome.reason}")
    yield dg.MaterializeResult(asset_key=provider_responses.key, metadata=_metadata(outcome))


def _observation(context: dg.AssetExecutionContext, metadata: dict[str, Any]) -> dg.AssetObservation:
    return dg.AssetObservation(provider_responses.key, partition=context.partition_key, metadata=metadata)


fetch_provider = dg.define_asset_job(
    "fetch_listings",
    selection=dg.AssetSelection.assets(provider_responses.key),
    description="Fetches one provider's models. The directory sensor notices the file.",
)


@dg.schedule(
    job=fetch_provider,
    cron_schedule="0 */6 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every 6 hours: one run for each provider that has a key or stands in the providers file. Without any "
    "it does nothing.",
)
def fetch_every_6h(context: dg.ScheduleEvaluationContext, ghost: GhostCatalog) -> list[dg.RunRequest] | dg.SkipReason:
    try:
        chosen = select_endpoints(ghost.settings(), ())
    except NotConfigured as error:
        return dg.SkipReason(str(error))
    for provider_id, why in chosen.skipped:
        context.log.warning(f"{provider_id} is skipped: {why}")
    provider_ids = [endpoint.provider_id for endpoint in chosen.endpoints]
    if not provider_ids:
        return dg.SkipReason("; ".join(f"{provider_id}: {why}" for provider_id, why in chosen.skipped))
    context.instance.add_dynamic_partitions(str(providers.name), provider_ids)
    at = context.scheduled_execution_time.astimezone(UTC).isoformat()
    return [dg.RunRequest(run_key=f"{provider_id}:{at}", partition_key=provider_id) for provider_id in provider_ids]


def _metadata(outcome: FetchOutcome) -> dict[str, Any]:
    """Return what the asset shows of the response."""
    known: dict[str, Any] = {
        "result": outcome.result.value,
        "reason": outcome.reason or None,
        "attempted_at": dg.MetadataValue.timestamp(outcome.attempted_at),
        "request_id": outcome.request_id,
        "file": outcome.path.name if outcome.path else None,
        "path": dg.MetadataValue.path(str(outcome.path)) if outcome.path else None,
        "sha256": outcome.sha256,
        "etag": outcome.info.etag if outcome.info else None,
    }
    numbers = {
        "seconds": outcome.duration_seconds,
        "pages": outcome.response.pages,
        "status": outcome.response.status,
        "models": outcome.models,
        "bytes": outcome.info.bytes if outcome.info else None,
    }
    return {
        **{name: value for name, value in known.items() if value is not None},
        **as_text({name: number for name, number in numbers.items() if number is not None}),
    }
