"""The command line ``ghost-pipeline``. Thin: parses, calls, prints.

Exit codes: 0 done; 1 done, but something was refused; 2 wrong usage or settings; 3 the catalog or the folder of
listings could not be reached or changed. With ``--json`` a command prints one JSON document on stdout; everything else
goes to stderr.
"""

import click

from ghost_pipeline.cli.db import db
from ghost_pipeline.cli.export import export
from ghost_pipeline.cli.fetch import fetch
from ghost_pipeline.cli.ingest import ingest
from ghost_pipeline.cli.models import models, show, stats
from ghost_pipeline.cli.output import ErrorHandlingGroup
from ghost_pipeline.cli.overrides import purge, reactivate, release, remove, restore, sweep
from ghost_pipeline.cli.providers import providers
from ghost_pipeline.cli.sightings import add, track
from ghost_pipeline.cli.ui import ui


@click.group(
    cls=ErrorHandlingGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Settings: GHOST_DATABASE_URL (default SQLite under GHOST_HOME), GHOST_MODELS_DIR (default latest_models), "
    "GHOST_HOME (default .ghost).",
)
@click.version_option(package_name="ghost-pipeline")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """A catalog of LLM models that does not believe everything a provider's list leaves out.

    \b
    Begin with:  ghost-pipeline ingest
    """


for command in (
    *(fetch, ingest, stats, models, show, providers, export),
    *(track, add, reactivate, release, remove, restore),
    *(sweep, purge, db, ui),
):
    main.add_command(command)
