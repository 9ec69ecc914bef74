"""Where models come from that other programs saw at work: assets that this pipeline only reads."""

import dagster as dg

inference_reports = dg.AssetSpec(
    "inference_reports",
    group_name="catalog",
    kinds={"json"},
    description=(
        "What other programs say worked: POST /report_asset_materialization/inference_reports with the metadata "
        "provider and model, optionally name, metadata, first_at, last_at and count; or sightings, a list of such "
        "objects. inference_reports_sensor takes them in."
    ),
)

inbox = dg.AssetSpec(
    "inbox",
    group_name="catalog",
    kinds={"json"},
    description=(
        "What other programs say worked: JSON Lines in GHOST_HOME/inbox/*.jsonl, each with provider and model, "
        "optionally name, metadata, first_at, last_at and count. inbox_sensor takes them in."
    ),
)
