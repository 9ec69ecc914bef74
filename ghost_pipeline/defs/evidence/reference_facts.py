"""What references state of models: asset, checks, job and schedule. A reference is never evidence of a model.

The asset is reported by an operation and not computed by Dagster: a second kind of partitions among the assets that are
would leave the runs of checks alone without one.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC

import dagster as dg

from ghost_pipeline.catalog.claims.references import ImportOutcome, ReferenceState
from ghost_pipeline.defs.listing_checks import as_text
from ghost_pipeline.defs.resource import GhostCatalog, translate_errors
from ghost_pipeline.errors import NotConfigured
from ghost_pipeline.fetching.configuration import DEFAULT_NAME, read_reference_endpoints
from ghost_pipeline.references import REFERENCE_FORMATS
from ghost_pipeline.references.installed import read_installed_reference
from ghost_pipeline.settings import Settings

references = dg.StaticPartitionsDefinition(list(REFERENCE_FORMATS))

REFERENCE_ASSET = "reference_facts"
IS_COMPLETE = "references_are_complete"
IS_PLAUSIBLE = "reference_changes_are_plausible"

reference_facts = dg.AssetSpec(
    REFERENCE_ASSET,
    partitions_def=references,
    kinds={"json"},
    group_name="ingestion",
    description="What references state of models. They fill gaps where a model is shown, and never create, confirm or "
    "change one. The job import_reference fetches one from the url in [references.NAME] of providers.toml; without "
    "one, it imports what an installed package carries. 'ghost-pipeline references import' imports a file.",
)


@dg.op(description="Fetches the reference of the partition and imports it.", out={})
def import_one_reference(
    context: dg.OpExecutionContext, ghost: GhostCatalog
) -> Iterator[dg.AssetMaterialization | dg.AssetObservation]:
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
            states = catalog.references.list_states()
    for warning in outcome.warnings:
        context.log.warning(f"{name}: {warning}")
    metadata = _metadata(outcome)
    for result in _check_results(states):
        # The annotation of log_event lacks the evaluations that it takes.
        context.log_event(
            dg.AssetCheckEvaluation(  # type: ignore[arg-type]
                asset_key=dg.AssetKey(REFERENCE_ASSET),
                check_name=str(result.check_name),
                passed=result.passed,
                severity=result.severity,
                description=result.description,
                metadata=result.metadata,
            )
        )
    # Dagster records what was logged at the next yield; what is logged after the last one is lost with a failure.
    if outcome.imported.is_applied:
        yield dg.AssetMaterialization(REFERENCE_ASSET, partition=name, metadata=metadata)
    else:
        yield dg.AssetObservation(REFERENCE_ASSET, partition=name, metadata=metadata)
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


_CHECKS = {
    IS_COMPLETE: "The newest file of each reference can be read and lacks few of the models that it stated before. "
    "While this fails, what it stated before stands.",
    IS_PLAUSIBLE: "No price and no context window changes implausibly. One that does stands when a later import "
    "repeats it.",
}


@dg.multi_asset_check(
    name="check_references",
    specs=[dg.AssetCheckSpec(name, asset=REFERENCE_ASSET, description=what) for name, what in _CHECKS.items()],
    can_subset=True,
)
def check_reference_facts(context: dg.AssetCheckExecutionContext, ghost: GhostCatalog) -> Iterator[dg.AssetCheckResult]:
    with translate_errors(), ghost.opened() as catalog:
        states = catalog.references.list_states()
    wanted = {key.name for key in context.selected_asset_check_keys}
    yield from (result for result in _check_results(states) if result.check_name in wanted)


def _check_results(states: Sequence[ReferenceState]) -> Iterator[dg.AssetCheckResult]:
    refused = [f"{one.name}: {one.newest.verdict.value}: {one.newest.reason}" for one in _refused(states)]
    doubted = [f"{one.name}: {one.doubted_count:,}" for one in states if one.doubted_count]
    for name, problems, passed in (
        (IS_COMPLETE, refused, "the newest file of each reference was taken over"),
        (IS_PLAUSIBLE, doubted, "no value is doubted"),
    ):
        yield dg.AssetCheckResult(
            asset_key=REFERENCE_ASSET,
            check_name=name,
            passed=not problems,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(problems) or passed,
        )


def _refused(states: Sequence[ReferenceState]) -> list[ReferenceState]:
    return [one for one in states if not one.newest.is_applied]


def _describe(outcome: ImportOutcome) -> str:
    one = outcome.imported
    return f"{one.verdict.value}: {one.reason}" if one.reason else one.verdict.value


def _metadata(outcome: ImportOutcome) -> dict[str, str]:
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


@dg.job(partitions_def=references, description="Fetches one reference and imports it.")
def import_reference() -> None:
    import_one_reference()


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
