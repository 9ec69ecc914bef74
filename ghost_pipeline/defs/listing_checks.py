"""The checks and the metadata of a listing."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ListingOutcome
from ghost_pipeline.defs.resource import providers
from ghost_pipeline.lifecycle.identity import model_page_path
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline.listings.files import instant_in_name
from ghost_pipeline.web.links import absolute_url, listing_page, provider_page

RAW_ASSET = "raw_provider_models"

COLUMN_SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn(
            column.name,
            type=column.type,
            description=column.description,
            constraints=dg.TableColumnConstraints(nullable=column.is_nullable),
        )
        for column in ModelCatalog.list_columns()
    ]
)


def as_text(counts: Mapping[str, int | float]) -> dict[str, str]:
    """Return the numbers as texts, for an asset that has partitions.

    Dagster plots each number of an asset over time, with the values of all partitions in one line.
    """
    return {name: str(count) for name, count in counts.items()}


def listing_metadata(outcome: ListingOutcome, web_url: str = "") -> dict[str, Any]:
    """Return where the listing came from and its verdict; with links if it is known where the web page is."""
    in_name = instant_in_name(outcome.attempt.file_name or "")
    return {
        "file": outcome.attempt.file_name,
        "sha256": outcome.attempt.sha256,
        "observed_at": dg.MetadataValue.timestamp(outcome.attempt.observed_at),
        **({"instant_in_file_name": dg.MetadataValue.timestamp(in_name)} if in_name else {}),
        "verdict": outcome.verdict.value,
        **({"reason": outcome.reason} if outcome.reason else {}),
        **({"late": _LATE} if outcome.assessment.is_late else {}),
        "listing": str(outcome.listing_id),
        **page_links(web_url, provider_page(outcome.provider_id), listing_page(outcome.listing_id)),
    }


def page_links(web_url: str, *paths: str) -> dict[str, dg.UrlMetadataValue]:
    """Return links to pages of the catalog, by the kind of each page; none if it is not known where they are."""
    addresses = {path.split("/")[1].removesuffix("s"): absolute_url(web_url, path) for path in paths}
    return {f"{kind}_page": dg.MetadataValue.url(address) for kind, address in addresses.items() if address}


_LATE = "yes: a newer listing was observed before, so this one only adds models and changes none"


def reconcile_metadata(outcome: ListingOutcome, run_id: str, web_url: str = "") -> Mapping[str, Any]:
    """Return what the listing did to the catalog, with the first of the models that it created and that it lacks."""
    counts = outcome.counts
    numbers = {name: getattr(counts, name) for name in counts.__dataclass_fields__} if counts else {}
    changes = [(model_id, "created") for model_id in outcome.created_ids]
    changes += [(model_id, "missing") for model_id in outcome.missing_ids]
    return {
        **listing_metadata(outcome, web_url),
        **as_text(numbers),
        **({"changes": _changes_table(changes)} if changes else {}),
        **({"where_from": _where_from(outcome.provider_id, [model_id for model_id, _ in changes])} if changes else {}),
        "run": dg.MetadataValue.dagster_run(run_id),
        "dagster/partition_row_count": numbers.get("models", 0),
    }


def _changes_table(changes: Sequence[tuple[str, str]]) -> dg.TableMetadataValue:
    records = [dg.TableRecord({"model": model_id, "change": change}) for model_id, change in changes]
    schema = dg.TableSchema(columns=[dg.TableColumn("model"), dg.TableColumn("change")])
    return dg.MetadataValue.table(records, schema)


_INLINE_MARKDOWN = 1000
"""Characters. Dagster's UI shows a longer text only after a click."""


def _where_from(provider_id: str, model_ids: Sequence[str]) -> dg.MarkdownMetadataValue:
    call = f"`ModelCatalog.open().get_model_history({provider_id!r}, {model_ids[0]!r})`"
    text = f"In Python: {call}. Here: "
    for model_id in model_ids:
        link = f"[{model_id}]({model_page_path(provider_id, model_id)}) "
        if len(text) + len(link) > _INLINE_MARKDOWN:
            break
        text += link
    return dg.MetadataValue.md(text.rstrip())


def format_instant(at: datetime | None) -> str:
    """Return a short UTC text for tables; an empty one for None."""
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


LISTING_HAS_MODELS = "listing_has_models"
LISTING_IS_COMPLETE = "listing_is_complete"


def check_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Return the declarations of the two checks, for the asset that admits listings."""
    return [
        _check_spec(
            LISTING_HAS_MODELS,
            asset,
            "The file can be read, is not an error response, and lists at least one model. While this fails, the "
            "listing changes nothing in the catalog.",
            is_blocking=True,
        ),
        _check_spec(
            LISTING_IS_COMPLETE,
            asset,
            "No page, no row and not suspiciously many of the expected models are missing. While this fails, no model "
            "counts as absent.",
            is_blocking=False,
        ),
    ]


def _check_spec(name: str, asset: str, description: str, *, is_blocking: bool) -> dg.AssetCheckSpec:
    with warnings.catch_warnings():
        # partitions_def is marked preview; without it an evaluation does not record which provider it is about.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name, asset=asset, description=description, blocking=is_blocking, partitions_def=providers
        )


def check_results(outcome: ListingOutcome) -> Iterator[dg.AssetCheckResult]:
    """Return a result of each check. Both are true or false of every listing, so none passes undecided.

    Yield them after the materialization: Dagster drops the evaluations of a partition that is materialized later.
    """
    decided = {
        LISTING_HAS_MODELS: (outcome.verdict.lists_models, outcome.is_refused),
        LISTING_IS_COMPLETE: (outcome.verdict is Verdict.COMPLETE or outcome.assessment.is_accepted_empty, False),
    }
    for name, (is_passed, is_error) in decided.items():
        yield dg.AssetCheckResult(
            asset_key=RAW_ASSET,
            check_name=name,
            passed=is_passed,
            severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
            description=describe_verdict(outcome),
            metadata=listing_metadata(outcome),
        )


def describe_verdict(outcome: ListingOutcome) -> str:
    """Return the verdict and its reason on one line."""
    return f"{outcome.verdict.value}: {outcome.reason}" if outcome.reason else outcome.verdict.value


def describe_refusal(outcome: ListingOutcome) -> str:
    """Return the sentence with which the run of a refused listing fails."""
    return f"{outcome.provider_id}: {outcome.attempt.file_name} is refused as {describe_verdict(outcome)}"
