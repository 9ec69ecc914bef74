"""What a fetch that brought no listing tells the catalog. Knows no Dagster, so the command line can call it too."""

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import Response
from ghost_pipeline.fetching.outcome import FetchOutcome, FetchResult


def record_if_failed(catalog: ModelCatalog, outcome: FetchOutcome, run_id: str | None = None) -> None:
    """Set down a failed fetch, which holds its provider; what left a file is admission's to judge."""
    if outcome.result is FetchResult.FAILED:
        catalog.record_failed_attempt(
            outcome.provider_id,
            outcome.reason or "the fetch gave no reason",
            outcome.attempted_at,
            run_id,
            Response(round(outcome.duration, 3), outcome.pages, outcome.status),
        )
