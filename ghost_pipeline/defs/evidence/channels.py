"""The channels by which models reach the catalog, as assets that this pipeline reads or follows, but does not make."""

from collections.abc import Iterator

import dagster as dg

from ghost_pipeline.defs.resource import providers

listing_files = dg.AssetSpec(
    "listing_files",
    deps=["provider_responses"],
    partitions_def=providers,
    skippable=True,
    group_name="ingestion",
    kinds={"json", "file"},
    tags={"channel": "index"},
    description=(
        "The listing files, one partition per provider. They are in the models folder (GHOST_MODELS_DIR); a file comes "
        "from a fetch (provider_responses) or is put there by hand. Materialized whenever raw_provider_models reads "
        "one."
    ),
)

inference_reports = dg.AssetSpec(
    "inference_reports",
    group_name="discovery",
    kinds={"json"},
    tags={"channel": "inference"},
    description=(
        "Inferences reported over HTTP. Other programs POST to "
        "/report_asset_materialization/inference_reports, with the metadata provider and model, optionally name, "
        "metadata, account, first_at, last_at and count, and refusal for a refused one; or sightings, a list of such "
        "objects. inference_reports_sensor records them and materializes this asset with a summary. A rejected report "
        "fails the check reports_are_accepted."
    ),
)

inbox = dg.AssetSpec(
    "inbox",
    group_name="discovery",
    kinds={"json", "file"},
    tags={"channel": "inference"},
    description=(
        "Inferences appended to the inbox. Other programs append them to "
        "GHOST_HOME/inbox/*.jsonl, one JSON object per line: provider and model, optionally name, metadata, account, "
        "first_at, last_at and count, and refusal for a refused one. inbox_sensor records them and materializes this "
        "asset whenever it has read lines, and every hour without any."
    ),
)

tracked_inferences = dg.AssetSpec(
    "tracked_inferences",
    partitions_def=providers,
    group_name="discovery",
    kinds={"python"},
    tags={"channel": "inference"},
    description=(
        "Successful inferences of gateways and commands. The Python client, the LiteLLM callback, the OpenTelemetry "
        "exporter and 'ghost-pipeline track' write them into the catalog. channels_sensor materializes a partition "
        "when a model was discovered or reactivated that way, and otherwise at most every 15 minutes. The number of "
        "used models includes those that came through inference_reports and inbox."
    ),
)

manual_additions = dg.AssetSpec(
    "manual_additions",
    partitions_def=providers,
    group_name="discovery",
    kinds={"python"},
    tags={"channel": "manual"},
    description=(
        "Models that people added or overrode. They were added, reactivated, removed or restored with 'ghost-pipeline "
        "add' and similar commands, or with ModelCatalog. channels_sensor materializes a partition when its provider's "
        "models changed that way."
    ),
)

ACCEPTED_CHECK = "reports_are_accepted"


@dg.multi_asset_check(
    name="reported_sightings_checks",
    specs=[
        dg.AssetCheckSpec(
            ACCEPTED_CHECK,
            asset=asset,
            description="None of the sightings that were read last was rejected. The sensor that reads them evaluates "
            "it; rejected ones are kept in the archive.",
        )
        for asset in ("inference_reports", "inbox")
    ],
    can_subset=True,
)
def reported_sightings_checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    for key in context.selected_asset_check_keys:
        record = context.instance.get_latest_asset_check_evaluation_record(key)
        evaluation = None if record is None or record.event is None else record.event.asset_check_evaluation
        yield dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=evaluation is None or evaluation.passed,
            severity=dg.AssetCheckSeverity.ERROR,
            description=evaluation.description if evaluation else "nothing was read yet",
        )
