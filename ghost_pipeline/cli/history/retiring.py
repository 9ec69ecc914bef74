"""``retiring`` and ``announce``: which models their providers withdraw, and what an operator knows of it."""

import getpass
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from ghost_pipeline.additions import read_announcements
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline.catalog.results import AnnouncementResult
from ghost_pipeline.cli.options import AGE, END, MODEL_ID, PROVIDER, json_option
from ghost_pipeline.cli.output import count, format_value, print_json, print_table, warn
from ghost_pipeline.errors import InvalidAnnouncements
from ghost_pipeline.exports import open_export
from ghost_pipeline.exports.icalendar_file import retirement_calendar
from ghost_pipeline.lifecycle.retirement import RetiringModel


@click.command(epilog="Example: ghost-pipeline retiring --within 90d")
@click.option("--within", type=AGE, metavar="AGE", help="Only models that retire within this time, such as 90d.")
@click.option(
    "--provider", "-p", "providers", type=PROVIDER, multiple=True, help="Only this provider; can be repeated."
)
@click.option("--all", "is_with_gone", is_flag=True, help="Also models that are gone, as it was announced.")
@click.option(
    "--format", "to", type=click.Choice(("table", "ics")), default="table", help="ics is a file for calendars."
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="The calendar to write; default: stdout."
)
@json_option
def retiring_command(
    within: timedelta | None, providers: Sequence[str], is_with_gone: bool, to: str, output: Path | None, is_json: bool
) -> None:
    """List the models whose end was announced, the next one first.

    Dates come from listings and from 'ghost-pipeline announce'. A model past its date is shown as long as it is active,
    listed or was used in the last 30 days.
    """
    if to == "ics" and is_json:
        raise click.UsageError("--format ics is not JSON: leave out one of them.")
    if output is not None and to != "ics":
        raise click.UsageError("--output is for calendars: add --format ics.")
    now = utc_now()
    with ModelCatalog.open() as catalog:
        models = catalog.list_retiring(within, providers, is_with_gone=is_with_gone, now=now)
    if to == "ics":
        _print_calendar(retirement_calendar(models, now), output, len(models))
    elif is_json:
        print_json(models)
    else:
        columns = ("retires", "in", "provider", "model", "state", "used", "replaced by", "stated by")
        print_table(columns, (_row(model, now) for model in models), optional=("stated by", "replaced by", "in"))
        past = sum(model.is_past for model in models)
        click.echo(count(len(models), "model") + (f", {past:,} past the date" if past else ""), err=True)


def _print_calendar(content: bytes, output: Path | None, models: int) -> None:
    if output is not None:
        with open_export(output) as file:
            file.write(content)
        click.echo(f"{output}: {count(models, 'model')}", err=True)
    elif sys.stdout.isatty():
        click.echo(content.decode().replace("\r\n", "\n"), nl=False)  # control characters are escaped on the way
    else:
        sys.stdout.buffer.write(content)


def _row(model: RetiringModel, now: datetime) -> list[Any]:
    used = "24 h" if model.was_used_within_24h else "30 d" if model.was_used_within_30d else None
    return [
        model.expires_at,
        _distance(model.expires_at, now),
        model.provider_id,
        model.model_id,
        _state(model),
        used,
        model.replaced_by,
        _origin(model),
    ]


def _distance(at: datetime, now: datetime) -> str:
    days = (at.date() - now.date()).days
    if days == 0:
        return "today"
    return count(days, "day") if days > 0 else f"{count(-days, 'day')} ago"


def _state(model: RetiringModel) -> str:
    if model.is_active is None:
        return "not in the catalog"
    if not model.is_past:
        return "active" if model.is_active else "ghost"
    if model.is_listed:
        return "! past its date, still listed"
    if model.was_used_within_30d:
        return "! past its date, still used"
    return "! past its date, still active" if model.is_active else "ghost"


def _origin(model: RetiringModel) -> str:
    """Return who stated the date and when, what it was before, and what an operator announced instead."""
    who = model.recorded_by or model.announced_by or "unknown"
    if model.announced_by == "listing":
        who = f"listing {model.listing_id}"
    parts = [who if model.announced_at is None else f"{who}, {format_value(model.announced_at)}"]
    if model.moved_from is not None:
        parts.append(f"before: {format_value(model.moved_from)}")
    announced = model.announcement
    if announced is not None and announced.superseded_at is not None:
        parts.append(f"{announced.recorded_by or 'an operator'} announced {format_value(announced.retires_at)}")
    return "; ".join(parts)


@click.command(epilog="Example: ghost-pipeline announce openai gpt-4-0613 --retires 2027-06-06 --replaced-by gpt-4.1")
@click.argument("provider", type=PROVIDER, required=False)
@click.argument("model_id", type=MODEL_ID, required=False)
@click.option("--retires", type=END, metavar="DATE", help="The date, such as 2027-01-31, or an instant.")
@click.option("--replaced-by", type=MODEL_ID, metavar="MODEL", help="The provider's id of the successor.")
@click.option("--source", "source_url", metavar="URL", help="The page or e-mail: https://... or mailto:...")
@click.option("--by", "operator", metavar="NAME", help="Who records it; default: your login name.")
@click.option("--withdraw", "is_withdrawal", is_flag=True, help="Take the announcement back.")
@click.option(
    "--from",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Record every announcement of this .csv, .yaml or .json file, or none.",
)
@json_option
def announce_command(
    provider: str | None,
    model_id: str | None,
    retires: datetime | None,
    replaced_by: str | None,
    source_url: str | None,
    operator: str | None,
    is_withdrawal: bool,
    file: Path | None,
    is_json: bool,
) -> None:
    """Record that a provider announced the end of a model, in an e-mail or on a page.

    The date stands until a listing states another one, or until it is taken back with --withdraw. A day without a time
    counts until its last second, in UTC. The model need not be in the catalog: the announcement is kept until it comes.

    A file for --from has the columns provider_id, model_id and retires_at, and any of replaced_by and source_url. It is
    checked whole before anything is recorded.
    """
    stated = (retires, replaced_by, source_url)
    recorded_by = operator or _login_name()
    if file is not None:
        if provider is not None or is_withdrawal or any(stated):
            raise click.UsageError("--from takes everything from the file: leave out the model and its options.")
        _announce_all(file, recorded_by, is_json=is_json)
        return
    if provider is None or model_id is None:
        raise click.UsageError("PROVIDER and MODEL_ID are missing: name a model, or a file with --from.")
    if is_withdrawal is any(stated) or (retires is None and not is_withdrawal):
        raise click.UsageError("give the date with --retires, or --withdraw alone.")
    with ModelCatalog.open() as catalog:
        if retires is None:
            result = catalog.withdraw_retirement(provider, model_id, withdrawn_by=recorded_by)
        else:
            result = catalog.announce_retirement(
                provider, model_id, retires, replaced_by, source_url, recorded_by=recorded_by
            )
    if is_json:
        print_json(result)
    else:
        _print_results([result])


def _login_name() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container without an account for its user
        return None


def _announce_all(file: Path, recorded_by: str | None, *, is_json: bool) -> None:
    rows = read_announcements(file)
    with ModelCatalog.open() as catalog:
        try:
            results = catalog.announce_retirements(rows, recorded_by=recorded_by)
        except InvalidAnnouncements as error:
            raise InvalidAnnouncements(f"{file}: {error.reason}", error.advice) from error
    if is_json:
        print_json({"recorded": len(results), "announcements": results})
        return
    _print_results(results)
    click.echo(f"{count(len(results), 'announcement')} recorded", err=True)


def _print_results(results: Iterable[AnnouncementResult]) -> None:
    for result in results:
        names = f"{result.provider_id} {result.model_id}"
        until = "no date" if result.expires_at is None else f"retires {format_value(result.expires_at)}"
        before = result.previous_expires_at
        was = "" if before in (None, result.expires_at) else f" (before: {format_value(before)})"
        click.echo(f"{names}: {result.effect}; {until}{was}")
        for note in result.notes:
            warn(f"{names}: {note}")
