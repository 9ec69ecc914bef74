"""``db``: the schema of the catalog."""

import click

from ghost_pipeline.catalog import schema
from ghost_pipeline.catalog.database import Database
from ghost_pipeline.cli.options import json_option
from ghost_pipeline.cli.output import print_json
from ghost_pipeline.settings import Settings


@click.group(epilog="Example: ghost-pipeline db upgrade")
def db() -> None:
    """The schema of the catalog. The embedded default upgrades itself when it is opened."""


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
