"""``raw_provider_models``: a provider's newest file, admitted."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from pydantic import Field

from ghost_pipeline.catalog.results import Response, Submission
from ghost_pipeline.defs.listing_checks import check_results, check_specs
from ghost_pipeline.defs.listing_metadata import listing_metadata
from ghost_pipeline.defs.partitions import providers
from ghost_pipeline.defs.provider_responses import provider_responses
from ghost_pipeline.defs.resource import GhostCatalog, failures_told
from ghost_pipeline.errors import NoListings, UsageError
from ghost_pipeline.fetching.folder import read_facts
from ghost_pipeline.listings import find_listings, format_version, newest_listings, parse_listing

NAME = "raw_provider_models"


class ListingConfig(dg.Config):
    """Which listing, and when it was seen. The sensor and ``ingest`` set both, so that a retry tells the same story."""

    file: str | None = Field(default=None, description="The file; unless given, the provider's newest one.")
    observed_at: str | None = Field(
        default=None, description="When it was seen, in ISO 8601 with a time zone; unless given, now."
    )


@dg.asset(
    name=NAME,
    partitions_def=providers,
    deps=[provider_responses],  # or a file that somebody put there: it needs no fetch
    check_specs=check_specs(NAME),
    output_required=False,  # a refused listing materializes nothing
    kinds={"json"},
    group_name="catalog",
    description="The provider's newest listing: judged, its bytes kept, the attempt recorded. No model changes here.",
)
def raw_provider_models(
    context: dg.AssetExecutionContext, config: ListingConfig, ghost: GhostCatalog
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    provider_id = context.partition_key
    with failures_told(), ghost.opened() as catalog:
        path = Path(config.file) if config.file else newest_file(ghost.settings().models_dir, provider_id)
        submission = Submission(
            provider_id=provider_id,
            file_name=path.name,
            content=read_file(path),
            observed_at=parsed_instant(config.observed_at),
            format_version=format_version(provider_id),
            run_id=context.run.run_id,
            response=response_of(path),
        )
        outcome = catalog.admit(submission, parse_listing)
    yield from check_results(outcome)
    if outcome.is_refused:
        context.log.error(f"{provider_id}: {path.name} is refused as {outcome.verdict.value}: {outcome.reason}")
        return
    metadata = {**listing_metadata(outcome), "bytes": len(submission.content), "path": dg.MetadataValue.path(str(path))}
    yield dg.MaterializeResult(metadata=metadata)


def newest_file(models_dir: Path, provider_id: str) -> Path:
    """The provider's newest file in the folder. Raises NoListings."""
    newest = newest_listings(find_listings(models_dir).files)
    if provider_id not in newest:
        raise NoListings(f"{models_dir} has no listing of {provider_id}: put {provider_id}_models.json there")
    return newest[provider_id].path


def read_file(path: Path) -> bytes:
    """The whole file. Raises NoListings if it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise NoListings(f"{path} can't be read: {error.strerror}; put it back or ask for another file") from error


def response_of(path: Path) -> Response:
    """How the answer in the file came about, if it was fetched here and has not been touched since."""
    facts = read_facts(path)
    return Response() if facts is None else Response(facts.duration_seconds, facts.pages, facts.status)


def parsed_instant(text: str | None) -> datetime:
    """An instant from a run's config, the present without one. Raises UsageError."""
    if text is None:
        return datetime.now(UTC)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"observed_at {text!r} is no ISO 8601 instant, such as 2025-12-06T07:15:05Z") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
