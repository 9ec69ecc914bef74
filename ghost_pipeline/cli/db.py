"""``db``: the schema of the catalog, and taking in what another catalog knew."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.importing.export_file import read_export_rows
from ghost_pipeline.catalog.results import ImportResult
from ghost_pipeline.catalog.storage import schema
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.cli.options import json_option
from ghost_pipeline.cli.output import EXIT_REFUSED, print_json, warn
from ghost_pipeline.settings import Settings


@click.group(epilog="Example: ghost-pipeline db upgrade")
def db() -> None:
    """The schema of the catalog, and models from elsewhere.

    The embedded default upgrades itself when it is opened.
    """


@db.command(epilog="Example: ghost-pipeline db upgrade")
@json_option
def upgrade(is_json: bool) -> None:
    """Bring the schema to this program's version. Doing it again does nothing."""
    database = _database()
    database.make_folder()
    before = schema.current_revision(database)
    schema.upgrade(database)
    _print(database, before, is_json)


@db.command(epilog="Example: ghost-pipeline db current")
@json_option
def current(is_json: bool) -> None:
    """The version of the catalog's schema, and the one that this program needs."""
    database = _database()
    database.make_folder()
    _print(database, schema.current_revision(database), is_json)


@db.command(epilog="Example: ghost-pipeline db adopt old_models --model-column slug")
@click.argument("table")
@click.option("--provider-column", metavar="COLUMN", help="Who serves the model.  [usually: provider_id]")
@click.option("--model-column", metavar="COLUMN", help="The id that its API takes.  [usually: model_id]")
@click.option("--name-column", metavar="COLUMN", help="What people call it.  [usually: model_name]")
@click.option("--data-column", metavar="COLUMN", help="The provider's JSON of it.  [usually: provider_data]")
@json_option
def adopt(
    table: str,
    provider_column: str | None,
    model_column: str | None,
    name_column: str | None,
    data_column: str | None,
    is_json: bool,
) -> None:
    """Take in an old table of models that is in the catalog's database. The table stays as it is.

    TABLE may be SCHEMA.TABLE. Every model that is new here is INDEX, active, first and last seen now. What the
    catalog knows already stays, and what it lacks is filled in. Doing it again changes nothing.
    """
    with ModelCatalog.open() as catalog:
        result = catalog.adopt_table(
            table,
            provider_column=provider_column,
            model_column=model_column,
            name_column=name_column,
            data_column=data_column,
        )
    _print_intake(result, is_json)


@db.command("import", epilog="Example: ghost-pipeline db import catalog.json")
@click.argument("file", type=click.File("rb"))
@json_option
def import_(file: IO[bytes], is_json: bool) -> None:
    """Merge the JSON export of another catalog into this one, with its instants and sources.

    FILE (- for stdin) holds a list of objects with provider_id, model_id, source, is_active, first_seen_at and
    last_seen_at, and model_name and provider_data where they are known; what 'ghost-pipeline models --json' prints
    will do. All rows are checked before any is written. Doing it again changes nothing.
    """
    name = Path(getattr(file, "name", "<stdin>")).name
    rows = read_export_rows(name, file.read())
    with ModelCatalog.open() as catalog:
        result = catalog.import_models(rows, origin=name)
    _print_intake(result, is_json)


def _database() -> Database:
    return Database(Settings.from_environment().catalog_url)


def _print(database: Database, before: str | None, is_json: bool) -> None:
    now = schema.current_revision(database)
    database.close()
    if is_json:
        print_json({"catalog": database.shown_url, "current": now, "head": schema.HEAD, "before": before})
    else:
        was = f" (was: {before or 'none'})" if before != now else ""
        click.echo(f"{database.shown_url}: schema {now or 'none'}{was}, this program needs {schema.HEAD}")


def _print_intake(result: ImportResult, is_json: bool) -> None:
    if is_json:
        print_json(result)
    else:
        read = ", ".join(what if what == column else f"{what} ({column})" for what, column in result.columns.items())
        click.echo(f"{result.origin}: {result.rows:,} rows; read: {read}")
        counts = ("created", "updated", "unchanged", "repeated", "kept_out", "refused")
        click.echo(", ".join(f"{getattr(result, name):,} {name.replace('_', ' ')}" for name in counts))
    if result.left_out:
        warn(f"not taken in: {', '.join(result.left_out)}")
    if result.kept_out:
        warn(
            f"{result.kept_out:,} models have left this catalog and stay out of it; "
            "'ghost-pipeline restore PROVIDER MODEL_ID' takes one back"
        )
    for remark in _shown(result.remarks, result.remarked):
        warn(remark)
    for refusal in _shown(result.refusals, result.refused):
        click.echo(f"Refused: {refusal}", err=True)
    if result.refused:
        sys.exit(EXIT_REFUSED)


def _shown(first: Sequence[str], count: int) -> list[str]:
    return [*first, *([f"… ({count:,} in all)"] if count > len(first) else [])]
