"""What references state of models: asset, checks and schedule. A reference is never evidence of a model."""

import warnings
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import dagster as dg

from ghost_pipeline.catalog.claims.references import ImportOutcome
from ghost_pipeline.defs.listing_checks import as_text
from ghost_pipeline.defs.resource import GhostCatalog, translate_errors
from ghost_pipeline.errors import NotConfigured
from ghost_pipeline.fetching.configuration import DEFAULT_NAME, read_reference_endpoints
from ghost_pipeline.references import REFERENCE_FORMATS
from ghost_pipeline.references.installed import read_installed_reference
from ghost_pipeline.settings import Settings

references = dg.StaticPartitionsDefinition(list(REFERENCE_FORMATS))

REFERENCE_ASSET = "reference_facts"
IS_COMPLETE = "reference_is_complete"
IS_PLAUSIBLE = "reference_changes_are_plausible"


def _check_specs() -> list[dg.AssetCheckSpec]:
    descriptions = {
        IS_COMPLETE: "The file can be read and lacks few of the models that it stated before. While this fails, what "
        "it stated before stands.",
        IS_PLAUSIBLE: "No price and no context window changes implausibly. One that does stands when a later import "
        "repeats it.",
    }
    with warnings.catch_warnings():
        # partitions_def is marked preview; without it an evaluation does not record which reference it is about.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(name, asset=REFERENCE_ASSET, description=description, partitions_def=references)
            for name, description in descriptions.items()
        ]


@dg.multi_asset(
    name=REFERENCE_ASSET,
    specs=[
        dg.AssetSpec(
            REFERENCE_ASSET,
            partitions_def=references,
            skippable=True,  # a reference that can't be had materializes nothing
            kinds={"json"},
            group_name="ingestion",
            description="What a reference, such as LiteLLM's map, states of models where providers state nothing. "
            "It is fetched from the url in [references.NAME] of providers.toml; without one, what an installed package "
            "carries is imported. 'ghost-pipeline references import' imports a file. It never creates, confirms or "
            "changes a model.",
        )
    ],
    check_specs=_check_specs(),
    partitions_def=references,
    can_subset=True,
)
def reference_facts(
    context: dg.AssetExecutionContext, ghost: GhostCatalog
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult | dg.AssetObservation]:
    name, settings = context.partition_key, ghost.settings()
    with translate_errors():
        try:
            file_name, content = _read(name, settings)
        except NotConfigured as error:
            context.log.warning(f"skipped: {error}")
            yield dg.AssetObservation(REFERENCE_ASSET, partition=name, metadata={"skipped": str(error)})
            return
        with ghost.opened() as catalog:
            outcome = catalog.references.import_content(name, file_name, content)
    for warning in outcome.warnings:
        context.log.warning(f"{name}: {warning}")
    metadata = _metadata(outcome)
    if outcome.imported.is_applied and context.selected_asset_keys:
        yield dg.MaterializeResult(asset_key=REFERENCE_ASSET, metadata=metadata)
    wanted = {key.name for key in context.selected_asset_check_keys}
    yield from (result for result in _check_results(outcome) if result.check_name in wanted)
    if not outcome.imported.is_applied:
        raise dg.Failure(f"{name}: {_describe(outcome)}", metadata=metadata, allow_retries=False)


def _read(name: str, settings: Settings) -> tuple[str, bytes]:
    """Return name and content of the reference's file. Raises NotConfigured, dg.Failure if it can't be fetched."""
    from ghost_pipeline.fetching.reference_files import fetch_reference  # noqa: PLC0415 - HTTP takes a while to load

    endpoint = read_reference_endpoints(settings.providers_file, REFERENCE_FORMATS).get(name)
    if endpoint is None:
        return read_installed_reference(name)
    fetched = fetch_reference(endpoint, settings.fetch_limits)
    if fetched.content is None:
        raise dg.Failure(f"{name}: {fetched.reason}", allow_retries=False)
    return fetched.file_name, fetched.content


def _check_results(outcome: ImportOutcome) -> Iterator[dg.AssetCheckResult]:
    is_complete = outcome.imported.verdict.is_readable and outcome.imported.reason is None
    doubts = [
        f"{one.provider_id} {one.model_id}: {one.fact} {one.value:g} -> {one.doubted_value:g}, {one.reason}"
        for one in outcome.doubts[:PREVIEW_LENGTH]
    ]
    for name, is_passed, description in (
        (IS_COMPLETE, is_complete, _describe(outcome)),
        (IS_PLAUSIBLE, not doubts, "; ".join(doubts) or "no implausible change"),
    ):
        yield dg.AssetCheckResult(
            asset_key=REFERENCE_ASSET,
            check_name=name,
            passed=is_passed,
            severity=dg.AssetCheckSeverity.WARN,
            description=description,
            metadata={"doubted": len(outcome.doubts)},
        )


PREVIEW_LENGTH = 10
"""How many doubts a check names; ``references list`` counts all."""


def _describe(outcome: ImportOutcome) -> str:
    one = outcome.imported
    return f"{one.verdict.value}: {one.reason}" if one.reason else one.verdict.value


def _metadata(outcome: ImportOutcome) -> dict[str, Any]:
    one = outcome.imported
    counts = {
        "models": one.model_count,
        "added": one.added_count,
        "changed": one.changed_count,
        "ended": one.ended_count,
        "doubted": one.doubted_count,
        "bytes": one.bytes,
    }
    return {"file": one.file_name, "sha256": one.sha256, "verdict": _describe(outcome), **as_text(counts)}


import_reference = dg.define_asset_job(
    "import_reference",
    selection=dg.AssetSelection.assets(REFERENCE_ASSET),
    description="Fetches one reference and imports it.",
)


@dg.schedule(
    job=import_reference,
    cron_schedule="30 5 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every day: one run for each reference that has a table in the providers file. Without any it does "
    "nothing.",
)
def fetch_references_1d(
    context: dg.ScheduleEvaluationContext, ghost: GhostCatalog
) -> list[dg.RunRequest] | dg.SkipReason:
    settings = ghost.settings()
    configured = read_reference_endpoints(settings.providers_file, REFERENCE_FORMATS)
    if not configured:
        return dg.SkipReason(f"no reference has a url in {settings.providers_file or DEFAULT_NAME}")
    at = context.scheduled_execution_time.astimezone(UTC).isoformat()
    return [dg.RunRequest(run_key=f"{name}:{at}", partition_key=name) for name in configured]
