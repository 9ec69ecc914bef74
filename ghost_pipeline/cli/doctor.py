"""``doctor``: the health of the deployment itself, on one page."""

import sys
from datetime import UTC, datetime

import click

from ghost_pipeline.cli.options import json_option
from ghost_pipeline.cli.output import EXIT_REFUSED, count, print_json
from ghost_pipeline.settings import Settings

_MARKS = {"ok": "ok", "warning": "warn", "wrong": "WRONG"}


@click.command(epilog="Example: ghost-pipeline doctor --json")
@json_option
def doctor_command(is_json: bool) -> None:
    """Check this deployment and print what is wrong and what to do. Nothing is changed.

    Checks the home, the database and its schema, the disk, the clock, the inbox, the keys, the provider files, the
    daemon, and the last tick of each sensor and schedule. Exits with 1 if something is wrong, with 0 at warnings alone.
    """
    from ghost_pipeline.definitions import build_definitions  # noqa: PLC0415 - loads Dagster
    from ghost_pipeline.defs.upkeep.diagnosis import Status, diagnose  # noqa: PLC0415

    now = datetime.now(UTC)
    findings = diagnose(Settings.from_environment(), build_definitions(), now)
    wrong = [one for one in findings if one.status is Status.WRONG]
    if is_json:
        print_json({"is_ok": not wrong, "checked_at": now, "findings": findings})
    else:
        for one in findings:
            click.echo(f"{_MARKS[one.status.value]:<6}{one.check:<10}{one.detail}")
            if one.advice:
                click.echo(f"{'':<16}-> {one.advice}")
        click.echo(f"{count(len(wrong), 'problem')}" if wrong else "no problems")
    if wrong:
        sys.exit(EXIT_REFUSED)
