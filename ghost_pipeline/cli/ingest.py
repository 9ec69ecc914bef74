"""``ingest``: run the pipeline once over the folder of listings."""

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ListingCounts, ListingOutcome
from ghost_pipeline.cli.options import INSTANT, PROVIDER, json_option
from ghost_pipeline.cli.output import EXIT_CATALOG, EXIT_REFUSED, count, format_value, print_json, print_table, warn
from ghost_pipeline.cli.progress import ProgressReport, show_progress
from ghost_pipeline.cli.querying.models import print_stats
from ghost_pipeline.errors import NoListings
from ghost_pipeline.lifecycle.identity import advise_nearest, nearest_names
from ghost_pipeline.lifecycle.validation import require_past
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline.listings.files import ListingFile, find_listings, newest_listings, read_response_info
from ghost_pipeline.settings import Settings

OLD_LISTING_AFTER = timedelta(hours=24)
"""How old a file may be before a warning states that it counts as observed now all the same."""


@dataclass(frozen=True, slots=True)
class IngestResult:
    """The result of one file: its listing's row, or the error that prevented one."""

    file: ListingFile
    is_success: bool
    outcome: ListingOutcome | None
    error: str | None

    @property
    def is_refused(self) -> bool:
        """True if the listing was refused."""
        return self.outcome is not None and self.outcome.is_refused

    @property
    def is_failed(self) -> bool:
        """True if the file was not processed, for a reason other than its content."""
        return not self.is_success and not self.is_refused


@click.command(epilog="Example: ghost-pipeline ingest --dir latest_models --provider openai")
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="The folder; default: GHOST_MODELS_DIR.")
@click.option(
    "--provider", "-p", "requested", type=PROVIDER, multiple=True, help="Only this provider; can be repeated."
)
@click.option("--observed-at", type=INSTANT, help="When the listings were observed; default: now.")
@json_option
def ingest_command(
    directory: Path | None, requested: Sequence[str], observed_at: datetime | None, is_json: bool
) -> None:
    """Ingest the newest listing of each provider.

    Dagster runs in this process. Every run counts as fresh evidence for the listed models, whether or not the files
    have changed.
    """
    settings = Settings.from_environment()
    now = datetime.now(UTC)
    observed_at = observed_at and require_past(observed_at, now)
    files = _files(directory or settings.models_dir, requested)
    with show_progress("loading Dagster", is_json=is_json) as progress:
        ingested = _run(settings, files, observed_at, now, progress)
    with ModelCatalog.open(settings) as catalog:
        stats = catalog.get_discovery_stats()
    if is_json:
        print_json({"listings": [_listing_json(one) for one in ingested], "stats": stats})
    else:
        _print(ingested, stats, now)
    if any(one.is_failed for one in ingested):
        sys.exit(EXIT_CATALOG)
    if any(one.is_refused for one in ingested):
        sys.exit(EXIT_REFUSED)


def _files(directory: Path, requested: Sequence[str]) -> list[ListingFile]:
    scan = find_listings(directory)
    for name, why in scan.skipped:
        warn(f"{directory / name} is skipped: {why}")
    for file in scan.files:
        if file.warning:
            warn(f"{file.path}: {file.warning}")
    newest = newest_listings(scan.files)
    lacking = [provider_id for provider_id in requested if provider_id not in newest]
    if lacking or not newest:
        of_whom = f" of {', '.join(lacking)}" if lacking else ""
        nearest = nearest_names(lacking[0], newest) if lacking else []
        advice = advise_nearest(nearest, "put files such as openai_models.json there")
        raise NoListings(f"{directory} has no listing{of_whom}", advice)
    return [file for provider_id, file in sorted(newest.items()) if not requested or provider_id in requested]


def _observed_at(file: ListingFile, now: datetime, failed_at: datetime | None) -> datetime:
    """Return when the listing was observed, without --observed-at: now, so that every run is fresh evidence.

    If a fetch failed after the file was written, the file is not the current listing: then its mtime.
    """
    name = file.path.name
    if failed_at is None or file.modified_at >= failed_at:
        age = _age_of(file, now)
        if age > OLD_LISTING_AFTER:
            old = _shown_age(age)
            warn(f"{name} is {old} old, but counts as observed now; fetch it again or set --observed-at")
        return now
    warn(
        f"{name} is older than the last attempt to fetch it, which failed: it counts as observed "
        f"{format_value(file.modified_at)}, and lifts no hold"
    )
    return file.modified_at


def _last_failure(catalog: ModelCatalog) -> dict[str, datetime | None]:
    """Return provider -> instant of its last attempt, for providers whose last attempt failed."""
    return {
        one.provider.id: one.provider.last_listing_at
        for one in catalog.list_provider_health()
        if one.last_verdict is Verdict.FAILED
    }


def _run(
    settings: Settings,
    files: Sequence[ListingFile],
    observed_at: datetime | None,
    now: datetime,
    progress: ProgressReport,
) -> list[IngestResult]:
    # Imported here: Dagster takes a second to load, and only this command and the UI need it. What it loads stays
    # until the end, and to look through it for garbage again and again costs a tenth of the whole command.
    gc.disable()
    from ghost_pipeline.definitions import build_definitions  # noqa: PLC0415
    from ghost_pipeline.defs.local_runs import Assignment, Ingestion, open_instance  # noqa: PLC0415
    from ghost_pipeline.defs.parallel_runs import Workers, count_processes  # noqa: PLC0415
    from ghost_pipeline.defs.upkeep.dagster_storage import cheap_commits  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    with ModelCatalog.open(settings) as catalog:
        failed_at = _last_failure(catalog)
    ingested: dict[str, IngestResult] = {}

    def assignments() -> Iterator[Assignment]:
        for number, file in enumerate(files, 1):
            progress.update(len(ingested), len(files), f"ingesting {file.path.name}")
            if not progress.is_shown:
                click.echo(f"[{number}/{len(files)}] {file.path.name}", err=True)
            yield Assignment(file, observed_at or _observed_at(file, now, failed_at.get(file.provider_id)))

    definitions = build_definitions()
    with ExitStack() as stack:
        instance = stack.enter_context(open_instance(settings))
        with progress.without_threads():
            processes = count_processes(len(files))
            workers = Workers(processes, definitions, settings, instance) if processes > 1 else None
        if workers is not None:
            stack.enter_context(workers)
        stack.enter_context(cheap_commits(instance))
        catalog = stack.enter_context(ModelCatalog.open(settings))
        ingestion = Ingestion(definitions, instance)
        by_provider = {file.provider_id: file for file in files}
        for report in workers.ingest(assignments()) if workers else map(ingestion.ingest, assignments()):
            listing_id = catalog.find_listing(report.provider_id, report.run_id)
            outcome = None if listing_id is None else catalog.get_listing(listing_id)
            file = by_provider[report.provider_id]
            ingested[report.provider_id] = IngestResult(file, report.is_success, outcome, report.error)
        progress.update(len(files), len(files), "refreshing the statistics")
        ingestion.finish(catalog)
    return [ingested[provider_id] for provider_id in by_provider]


def _listing_json(one: IngestResult) -> dict[str, Any]:
    outcome = one.outcome
    counts = (outcome.counts if outcome else None) or ListingCounts()
    return {
        "provider": one.file.provider_id,
        "file": one.file.path.name,
        "sha256": outcome.attempt.sha256 if outcome else None,
        "verdict": outcome.verdict if outcome else None,
        "reason": one.error if one.is_failed else outcome and outcome.reason,
        **asdict(counts),
    }


def _print(ingested: Sequence[IngestResult], stats: dict[str, Any], now: datetime) -> None:
    counts = ("models", "created", "updated", "confirmed", "reactivated", "missing")
    rows = []
    for one in ingested:
        listing = _listing_json(one)
        verdict = "failed" if one.is_failed else listing["verdict"]
        age = _shown_age(_age_of(one.file, now))
        rows.append([listing["provider"], listing["file"], age, verdict, *(listing[name] for name in counts)])
    print_table(
        ("provider", "file", "age", "verdict", *counts),
        rows,
        numbers=counts,
        optional=("age", "confirmed", "updated", "reactivated", "file"),
    )
    for one in ingested:
        reason = _listing_json(one)["reason"]
        if reason:
            click.echo(f"  {one.file.provider_id}: {reason}")
    click.echo()
    print_stats(stats)
    click.echo("\nNext: ghost-pipeline models --free   or, in the browser: ghost-pipeline ui")


def _age_of(file: ListingFile, now: datetime) -> timedelta:
    """Return the time since the provider returned this listing; a later identical response is in the sidecar only."""
    age = max(now - file.stated_at, timedelta(0))
    facts = read_response_info(file.path) if age > OLD_LISTING_AFTER else None
    return age if facts is None else min(age, max(now - facts.attempted_at, timedelta(0)))


def _shown_age(age: timedelta) -> str:
    hours = int(age.total_seconds() // 3600)
    if hours < 1:
        return "< 1 hour"
    return count(hours, "hour") if hours < 72 else count(hours // 24, "day")
