"""``db``: upgrade the catalog's schema, and import models from another table or catalog."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ImportResult, SchemaVersion
from ghost_pipeline.cli.options import AGE, json_option, provider_option
from ghost_pipeline.cli.output import EXIT_REFUSED, count, format_value, print_json, warn
from ghost_pipeline.cli.progress import show_progress
from ghost_pipeline.settings import Settings


@click.group(epilog="Example: ghost-pipeline db upgrade")
def db_group() -> None:
    """Upgrade the catalog's schema, or import models.

    A SQLite catalog is upgraded automatically when it is opened.
    """


@db_group.command(epilog="Example: ghost-pipeline db upgrade")
@json_option
def upgrade_command(is_json: bool) -> None:
    """Upgrade the schema to this program's version. Repeating it changes nothing."""
    _print_version(ModelCatalog.upgrade_schema(), is_json)


@db_group.command(epilog="Example: ghost-pipeline db current")
@json_option
def current_command(is_json: bool) -> None:
    """Show the version of the catalog's schema.

    Also shows the version that this program needs.
    """
    _print_version(ModelCatalog.get_schema_version(), is_json)


@db_group.command(epilog="Example: ghost-pipeline db adopt old_models --model-column slug")
@click.argument("table")
@click.option("--provider-column", metavar="COLUMN", help="The provider.  [default: provider_id]")
@click.option("--model-column", metavar="COLUMN", help="The model id that its API takes.  [default: model_id]")
@click.option("--name-column", metavar="COLUMN", help="The display name.  [default: model_name]")
@click.option("--data-column", metavar="COLUMN", help="The provider's JSON.  [default: provider_data]")
@json_option
def adopt_command(
    table: str,
    provider_column: str | None,
    model_column: str | None,
    name_column: str | None,
    data_column: str | None,
    is_json: bool,
) -> None:
    """Import an existing table of models.

    TABLE is in the catalog's database and is not changed. It may be SCHEMA.TABLE. A new model has the source INDEX,
    is active, and is first and last seen now. Known values stay, missing ones are filled in. Repeating it changes
    nothing.
    """
    with ModelCatalog.open() as catalog, show_progress(f"adopting {table}", is_json=is_json) as progress:
        result = catalog.adopt_table(
            table,
            provider_column=provider_column,
            model_column=model_column,
            name_column=name_column,
            data_column=data_column,
            report=progress.update,
        )
    _print_import(result, is_json)


@db_group.command("import", epilog="Example: ghost-pipeline db import catalog.json")
@click.argument("file", type=click.File("rb"))
@json_option
def import_command(file: IO[bytes], is_json: bool) -> None:
    """Merge the JSON export of another catalog into this one.

    Instants and sources are kept.

    FILE (- for stdin) is a list of objects with provider_id, model_id, source, is_active, first_seen_at and
    last_seen_at, optionally model_name and provider_data, such as the output of 'ghost-pipeline models --json'. All
    rows are checked before any is written. Repeating it changes nothing.
    """
    name = Path(getattr(file, "name", "<stdin>")).name
    content = file.read()
    with ModelCatalog.open() as catalog, show_progress(f"importing {name}", is_json=is_json) as progress:
        result = catalog.import_export_file(name, content, report=progress.update)
    _print_import(result, is_json)


@db_group.command("prune-runs", epilog="Example: ghost-pipeline db prune-runs --older-than 30d --dry-run")
@click.option(
    "--older-than", "older_than", type=AGE, metavar="AGE", help="Such as 30d or 12h.  [default: GHOST_KEEP_RUNS_DAYS]"
)
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Report what would be deleted, delete nothing.")
@json_option
def prune_runs_command(older_than: timedelta | None, is_dry_run: bool, is_json: bool) -> None:
    """Delete old finished runs of Dagster.

    Their files and old events without a run are deleted as well. A run that holds the newest event of an asset's
    partition or of a check stays. The job prune_runs does the same every day.
    """
    settings = Settings.from_environment()
    age = settings.keep_runs_for if older_than is None else older_than
    if not age:
        raise click.UsageError("GHOST_KEEP_RUNS_DAYS is 0, which keeps all runs; give --older-than, such as 30d")
    from ghost_pipeline.defs.local_runs import open_instance  # noqa: PLC0415 - loads Dagster
    from ghost_pipeline.defs.upkeep.pruning import describe_pruning, prune_old_runs  # noqa: PLC0415

    with open_instance(settings) as instance, show_progress("looking for old runs", is_json=is_json) as progress:
        result = prune_old_runs(instance, age, datetime.now(UTC), is_dry_run=is_dry_run, report=progress.phase)
    if is_json:
        print_json(result)
        return
    click.echo(describe_pruning(result))
    if result.unreclaimed_bytes:
        warn(f"{result.unreclaimed_bytes / 1e6:,.1f} MB of free pages stay in SQLite's files; new runs fill them")


@db_group.command("prune-listings", epilog="Example: ghost-pipeline db prune-listings --older-than 180d --dry-run")
@click.option(
    "--older-than",
    "older_than",
    type=AGE,
    metavar="AGE",
    help="Such as 180d.  [default: GHOST_KEEP_LISTINGS_DAYS]",
)
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Report what would be deleted, delete nothing.")
@json_option
def prune_listings_command(older_than: timedelta | None, is_dry_run: bool, is_json: bool) -> None:
    """Delete raw bytes of old listings from the archive that nothing needs any more.

    Needed are the bytes behind a model, a tombstone or an event, of each provider's newest listings, and of a listing
    that is not reconciled yet. Rows of listings stay. The job prune_runs does the same every day if
    GHOST_KEEP_LISTINGS_DAYS is set.
    """
    settings = Settings.from_environment()
    age = settings.keep_listings_for if older_than is None else older_than
    if age is None:
        raise click.UsageError("GHOST_KEEP_LISTINGS_DAYS is not set, which keeps all listings; give --older-than")
    with ModelCatalog.open(settings) as catalog, show_progress("deleting listings", is_json=is_json) as progress:
        result = catalog.prune_listings(age / timedelta(days=1), is_dry_run=is_dry_run, report=progress.update)
    if is_json:
        print_json(result)
    else:
        click.echo(result.describe())


@db_group.command("backfill-history", epilog="Example: ghost-pipeline db backfill-history --dry-run")
@provider_option
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Report what would be added, add nothing.")
@json_option
def backfill_history_command(provider: str | None, is_dry_run: bool, is_json: bool) -> None:
    """Add the history before the first recorded event, from archived listings.

    For a catalog whose listings are older than its events. The listings are read again, the oldest first, and give the
    events that they would have had. Nothing that is recorded changes. Each provider is one transaction, so it can be
    interrupted and repeated. Where events exist from the start there is nothing to do.
    """
    with ModelCatalog.open() as catalog, show_progress("reading listings", is_json=is_json) as progress:
        results = catalog.backfill_history(
            () if provider is None else (provider,), is_dry_run=is_dry_run, report=progress.phase
        )
    if is_json:
        print_json({"is_dry_run": is_dry_run, "providers": results})
        return
    for one in results:
        if one.events:
            verb = "would be added" if is_dry_run else "added"
            read = count(one.listings, "listing")
            begins = format_value(one.begins_at)
            click.echo(f"{one.provider_id}: {count(one.events, 'event')} {verb} from {read}; history begins {begins}")
        if one.unreadable_listings:
            unreadable = count(one.unreadable_listings, "listing")
            warn(f"{one.provider_id}: {unreadable} can't be read from the archive, so they count as unchanged")
    if not any(one.events for one in results):
        click.echo("nothing to do: events exist from the start")


def _print_version(version: SchemaVersion, is_json: bool) -> None:
    if is_json:
        print_json(
            {"catalog": version.catalog, "current": version.current, "head": version.head, "before": version.before}
        )
        return
    before = f" (before: {version.before or 'none'})" if version.before != version.current else ""
    click.echo(f"{version.catalog}: schema {version.current or 'none'}{before}, this program needs {version.head}")


def _print_import(result: ImportResult, is_json: bool) -> None:
    if is_json:
        print_json(result)
    else:
        read = ", ".join(what if what == column else f"{what} ({column})" for what, column in result.columns.items())
        click.echo(f"{result.origin}: {count(result.rows, 'row')}; columns: {read}")
        counts = {
            "created": result.created,
            "updated": result.updated,
            "unchanged": result.unchanged,
            "duplicate": result.repeated,
            "suppressed": result.kept_out,
            "rejected": result.refused,
        }
        click.echo(", ".join(f"{number:,} {what}" for what, number in counts.items()))
    if result.left_out:
        warn(f"ignored columns: {', '.join(result.left_out)}")
    if result.kept_out:
        warn(
            f"skipped {count(result.kept_out, 'model')} removed or purged here; "
            "'ghost-pipeline restore PROVIDER MODEL_ID' restores one"
        )
    for remark in _with_total(result.remarks, result.remarked):
        warn(remark)
    for refusal in _with_total(result.refusals, result.refused):
        click.echo(f"Rejected: {refusal}", err=True)
    if result.refused:
        sys.exit(EXIT_REFUSED)


def _with_total(first: Sequence[str], total: int) -> list[str]:
    return [*first, *([f"… ({total:,} in total)"] if total > len(first) else [])]
