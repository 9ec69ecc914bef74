"""``fetch``: download the providers' listings."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.cli.options import PROVIDER, json_option
from ghost_pipeline.cli.output import EXIT_REFUSED, print_json, print_table, warn
from ghost_pipeline.cli.progress import show_progress
from ghost_pipeline.errors import FolderError
from ghost_pipeline.fetching.configuration import select_endpoints
from ghost_pipeline.fetching.outcome import FetchOutcome, FetchResult
from ghost_pipeline.settings import Settings


@click.command(epilog="Example: ghost-pipeline fetch openai anthropic --dir latest_models")
@click.argument("requested", metavar="[PROVIDER]...", type=PROVIDER, nargs=-1)
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="The folder; default: GHOST_MODELS_DIR.")
@json_option
def fetch_command(requested: Sequence[str], directory: Path | None, is_json: bool) -> None:
    """Download the model listings of providers.

    The files go to the folder that 'ingest' reads.

    Without a PROVIDER: every provider whose API key is set or that providers.toml lists. An error or an incomplete
    response leaves no file; the catalog records the failed attempt and holds the provider. A provider whose key can't
    be used is skipped: the others are fetched, and the exit code is 1.
    """
    from ghost_pipeline.fetching.fetch import fetch_listings  # noqa: PLC0415 - HTTP takes a while to load

    settings = Settings.from_environment()
    chosen = select_endpoints(settings, requested)
    for provider_id, why in chosen.skipped:
        warn(f"{provider_id} is skipped: {why}")
    finished: list[FetchOutcome] = []
    total = len(chosen.endpoints)
    with show_progress("fetching", is_json=is_json) as progress:

        def on_outcome(outcome: FetchOutcome) -> None:
            finished.append(outcome)
            shown = f"{outcome.provider_id}: {outcome.result}"
            progress.update(len(finished), total, f"fetching, {shown}")
            if not progress.is_shown:
                click.echo(f"[{len(finished)}/{total}] {shown}", err=True)

        progress.update(0, total)

        folder = directory or settings.models_dir
        try:
            outcomes = fetch_listings(chosen.endpoints, folder, settings.fetch_limits, datetime.now(UTC), on_outcome)
        except FolderError:
            _record(settings, finished)
            raise
    if is_json:
        print_json({"fetched": [_to_json(one) for one in outcomes]})
    else:
        _print(outcomes)
    if _record(settings, outcomes) or chosen.has_unusable_key:
        sys.exit(EXIT_REFUSED)


def _record(settings: Settings, outcomes: Sequence[FetchOutcome]) -> bool:
    """Record the failed attempts; return True if there are any, or an empty listing that will be refused.

    The catalog is opened only if there are such outcomes: files can be fetched without it.
    """
    failed = [one for one in outcomes if one.result is FetchResult.FAILED]
    empty = [one for one in outcomes if one.result is FetchResult.EMPTY]
    if not failed and not empty:
        return False
    with ModelCatalog.open(settings) as catalog:
        for one in failed:
            catalog.record_failed_attempt(one.provider_id, one.failure_reason, one.attempted_at, response=one.response)
        return bool(failed) or not all(catalog.accepts_empty_listing(one.provider_id) for one in empty)


def _to_json(outcome: FetchOutcome) -> dict[str, Any]:
    return {
        "provider_id": outcome.provider_id,
        "result": outcome.result,
        "attempted_at": outcome.attempted_at,
        "duration": outcome.duration_seconds,
        "reason": outcome.reason,
        "status": outcome.response.status,
        "pages": outcome.response.pages,
        "models": outcome.models,
        "path": str(outcome.path) if outcome.path else None,
        "sha256": outcome.sha256,
        "request_id": outcome.request_id,
    }


def _print(outcomes: Sequence[FetchOutcome]) -> None:
    rows = [
        [
            *(
                one.provider_id,
                one.result.value,
                one.models,
                one.response.pages or None,
                round(one.duration_seconds, 1),
            ),
            one.path.name if one.path else None,
        ]
        for one in outcomes
    ]
    print_table(
        ("provider", "result", "models", "pages", "seconds", "file"),
        rows,
        ("models", "pages", "seconds"),
        ("seconds", "pages", "file"),
    )
    for one in outcomes:
        if one.reason:
            click.echo(f"  {one.provider_id}: {one.reason}")
    if any(one.path for one in outcomes):
        click.echo("\nNext: ghost-pipeline ingest")
