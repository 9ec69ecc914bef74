"""``ingest``: one pass of the whole pipeline."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ListingCounts, ListingOutcome
from ghost_pipeline.cli.errors import EXIT_CATALOG, EXIT_REFUSED
from ghost_pipeline.cli.look import print_stats
from ghost_pipeline.cli.options import INSTANT, PROVIDER, json_option
from ghost_pipeline.cli.output import print_json, print_table, shown, warn
from ghost_pipeline.errors import NoListings
from ghost_pipeline.listings import ListingFile, find_listings, newest_listings
from ghost_pipeline.settings import Settings

OLD = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of one file: its listing's row, or the error that kept it from having one."""

    file: ListingFile
    is_success: bool
    outcome: ListingOutcome | None
    error: str | None

    @property
    def is_refused(self) -> bool:
        """Whether the listing was judged and refused; a tolerated empty one is not."""
        return not self.is_success and self.outcome is not None and self.outcome.is_refused

    @property
    def is_failed(self) -> bool:
        """Whether the file did not get as far as it should, and not for what it holds."""
        return not self.is_success and not self.is_refused


@click.command(epilog="Example: ghost-pipeline ingest --dir latest_models --provider openai")
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="The folder; default GHOST_MODELS_DIR.")
@click.option("--provider", "-p", "wanted", type=PROVIDER, multiple=True, help="Only this provider; can be repeated.")
@click.option("--observed-at", type=INSTANT, help="When the listings were seen; default now.")
@json_option
def ingest(directory: Path | None, wanted: Sequence[str], observed_at: datetime | None, is_json: bool) -> None:
    """Fold the newest listing of each provider into the catalog, through Dagster, in this process.

    Every pass counts as fresh evidence for the models that it finds, whether or not the files have changed.
    """
    settings = Settings.from_environment()
    now = datetime.now(UTC)
    files = _files(directory or settings.models_dir, wanted)
    _warn_of_old(files, now)
    ingested = _run(settings, files, observed_at or now)
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


def _files(directory: Path, wanted: Sequence[str]) -> list[ListingFile]:
    scan = find_listings(directory)
    for name, why in scan.passed_over:
        warn(f"{directory / name} is passed over: {why}")
    newest = newest_listings(scan.files)
    lacking = [provider_id for provider_id in wanted if provider_id not in newest]
    if lacking or not newest:
        of_whom = f" of {', '.join(lacking)}" if lacking else ""
        raise NoListings(f"{directory} has no listing{of_whom}: put files such as openai_models.json there")
    return [file for provider_id, file in sorted(newest.items()) if not wanted or provider_id in wanted]


def _warn_of_old(files: Sequence[ListingFile], now: datetime) -> None:
    for file in files:
        if now - file.stated_at > OLD:
            age = _age(now - file.stated_at)
            warn(f"{file.path.name} is {age} old, yet it counts as seen now; fetch it anew or say --observed-at")


def _run(settings: Settings, files: Sequence[ListingFile], observed_at: datetime) -> list[Ingested]:
    # Imported here: Dagster takes a second to load, and only this command and the UI need it.
    from ghost_pipeline.definitions import build_definitions  # noqa: PLC0415
    from ghost_pipeline.defs.ingest import Ingestion  # noqa: PLC0415
    from ghost_pipeline.defs.instance import open_instance  # noqa: PLC0415

    ingested = []
    with open_instance(settings) as instance, ModelCatalog.open(settings) as catalog:
        ingestion = Ingestion(build_definitions(), instance)
        for number, file in enumerate(files, 1):
            click.echo(f"[{number}/{len(files)}] {file.path.name}", err=True)
            report = ingestion.ingest(file, observed_at)
            listing_id = catalog.find_listing(file.provider_id, report.run_id)
            outcome = None if listing_id is None else catalog.get_listing(listing_id)
            ingested.append(Ingested(file, report.is_success, outcome, report.error))
        ingestion.refresh_statistics()
    return ingested


def _listing_json(one: Ingested) -> dict[str, Any]:
    outcome = one.outcome
    counts = (outcome.counts if outcome else None) or ListingCounts()
    return {
        "provider": one.file.provider_id,
        "file": one.file.path.name,
        "sha256": outcome.sha256 if outcome else None,
        "verdict": outcome.verdict if outcome else None,
        "reason": one.error if one.is_failed else outcome and outcome.reason,
        **asdict(counts),
    }


def _print(ingested: Sequence[Ingested], stats: dict[str, Any], now: datetime) -> None:
    counts = ("models", "created", "updated", "confirmed", "reactivated", "missing")
    rows = []
    for one in ingested:
        listing = _listing_json(one)
        verdict = "failed" if one.is_failed else listing["verdict"]
        age = _age(max(now - one.file.stated_at, timedelta(0)))
        rows.append([listing["provider"], listing["file"], age, verdict, *(listing[name] for name in counts)])
    print_table(("provider", "file", "age", "verdict", *counts), rows, numbers=counts)
    for one in ingested:
        reason = _listing_json(one)["reason"]
        if reason:
            click.echo(f"  {one.file.provider_id}: {reason}")
    click.echo()
    print_stats(stats)
    click.echo("\nNext: ghost-pipeline models --free   or, in the browser: ghost-pipeline ui")


def _age(age: timedelta) -> str:
    hours = int(age.total_seconds() // 3600)
    if hours < 1:
        return "< 1 h"
    return f"{shown(hours)} h" if hours < 72 else f"{shown(hours // 24)} d"
