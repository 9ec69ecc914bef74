"""The command line ``ghost-pipeline``. Commands parse, call the library and print; they hold no rules.

Functions are named ``*_command``, which click drops from the command's name. Exit codes: 0 done; 1 done, but something
was refused; 2 wrong usage or settings; 3 the catalog or the folder of listings could not be reached or changed.

With ``--json`` a command prints one JSON document on stdout; everything else goes to stderr.
"""

import click

from ghost_pipeline.cli.db import db_group
from ghost_pipeline.cli.deployment import doctor_command, ui_command, web_command
from ghost_pipeline.cli.export import export_command
from ghost_pipeline.cli.fetch import fetch_command
from ghost_pipeline.cli.history.changes import changes_command
from ghost_pipeline.cli.history.past import diff_command, prices_command
from ghost_pipeline.cli.history.retiring import announce_command, retiring_command
from ghost_pipeline.cli.ingest import ingest_command
from ghost_pipeline.cli.notifications import notifications_command, notify_command
from ghost_pipeline.cli.output import ErrorHandlingGroup
from ghost_pipeline.cli.overrides import (
    purge_command,
    reactivate_command,
    release_command,
    remove_command,
    restore_command,
    sweep_command,
    withdraw_command,
)
from ghost_pipeline.cli.providers import providers_command
from ghost_pipeline.cli.querying.models import models_command, stats_command
from ghost_pipeline.cli.querying.references import conflicts_command, references_group
from ghost_pipeline.cli.querying.show import show_command
from ghost_pipeline.cli.sightings import add_command, track_command


@click.group(
    cls=ErrorHandlingGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Settings: GHOST_DATABASE_URL (default SQLite under GHOST_HOME), GHOST_MODELS_DIR (default latest_models), "
    "GHOST_HOME (default .ghost).",
)
@click.version_option(package_name="ghost-pipeline")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Keep a catalog of LLM models, in which working models stay when a provider's list is wrong.

    \b
    Start with:  ghost-pipeline ingest
    """


for command in (
    *(fetch_command, ingest_command, stats_command, models_command, show_command, providers_command, export_command),
    *(track_command, add_command, reactivate_command, release_command, remove_command, restore_command),
    withdraw_command,
    *(changes_command, diff_command, prices_command, retiring_command, announce_command),
    *(notify_command, notifications_command, references_group, conflicts_command),
    *(sweep_command, purge_command, db_group, ui_command, web_command, doctor_command),
):
    main.add_command(command)
