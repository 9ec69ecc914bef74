"""``ui``: Dagster's own UI and daemon."""

import sys
from collections.abc import Sequence

import click

from ghost_pipeline.cli.options import json_option
from ghost_pipeline.cli.output import print_json
from ghost_pipeline.settings import Settings


@click.command(epilog="Example: ghost-pipeline ui --port 3333")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@click.option(
    "--allow-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="A host name that requests may use besides localhost, such as that of a reverse proxy; can be repeated.",
)
@json_option
def ui_command(port: int, allowed_hosts: Sequence[str], is_json: bool) -> None:
    """Serve the Dagster UI on 127.0.0.1 and run its daemon, sensors and schedules included, until Ctrl-C or SIGTERM."""
    from ghost_pipeline.defs.local_runs import open_instance  # noqa: PLC0415 - loads Dagster
    from ghost_pipeline.web.serving import HOST, serve_ui  # noqa: PLC0415

    settings = Settings.from_environment()

    def announce() -> None:
        url, models_dir = f"http://{HOST}:{port}", str(settings.models_dir.absolute())
        if is_json:
            print_json({"url": url, "models_dir": models_dir})
        else:
            click.echo(f"{url} watches {models_dir}; Ctrl-C stops it")
        sys.stdout.flush()

    serve_ui(lambda: open_instance(settings), port, allowed_hosts, announce)
