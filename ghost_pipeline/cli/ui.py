"""``ui``: Dagster's own UI and daemon."""

import os
import sys

import click

from ghost_pipeline.cli.options import json_option
from ghost_pipeline.cli.output import print_json
from ghost_pipeline.settings import Settings

HOST = "127.0.0.1"


@click.command(epilog="Example: ghost-pipeline ui --port 3333")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@json_option
def ui(port: int, is_json: bool) -> None:
    """The Dagster UI and daemon on this machine, sensor and schedules running, until it is stopped (Ctrl-C)."""
    from ghost_pipeline.defs.local_runs import prepare_dagster_home  # noqa: PLC0415 - loads Dagster

    settings = Settings.from_environment()
    prepare_dagster_home(settings)
    url = f"http://{HOST}:{port}"
    if is_json:
        print_json({"url": url, "models_dir": str(settings.models_dir.absolute())})
    else:
        click.echo(f"{url} watches {settings.models_dir.absolute()}; Ctrl-C stops it")
    sys.stdout.flush()
    arguments = ["dev", "--module-name", "ghost_pipeline.definitions", "--host", HOST, "--port", str(port)]
    # In this process's place, so that whoever started it stops it by its id.
    os.execv(sys.executable, [sys.executable, "-m", "dagster", *arguments])  # noqa: S606
