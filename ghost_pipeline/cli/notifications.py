"""``notify`` sends what is due, ``notifications`` shows how far each destination is."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline.cli.options import json_option
from ghost_pipeline.cli.output import EXIT_REFUSED, count, print_json, print_table, warn
from ghost_pipeline.errors import NotConfigured, UsageError
from ghost_pipeline.lifecycle.records import NotificationState
from ghost_pipeline.notifications.destinations import NOTIFICATIONS_FILE, Destination, find_file, read_destinations
from ghost_pipeline.settings import Settings


@click.command(epilog="Example: ghost-pipeline notify --dry-run")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Print what would be sent now; send and change nothing.")
@click.option("--test", "tested", metavar="NAME", help="Send a marked test message to this destination, and no other.")
@click.option(
    "--skip", "skipped", metavar="NAME", help="Drop what waits for this destination; it continues with what follows."
)
@json_option
def notify_command(is_dry_run: bool, tested: str | None, skipped: str | None, is_json: bool) -> None:
    """Send what is due to the destinations of notifications.toml.

    Run it every few minutes from cron; Dagster's daemon does it by itself. At its first use a destination gets
    nothing: messages begin with what happens from then on. Exit code 1 if a destination could not be reached; its
    message is kept and sent again later.
    """
    if sum((is_dry_run, tested is not None, skipped is not None)) > 1:
        raise UsageError("--dry-run, --test and --skip exclude each other", "give one of them")
    settings = Settings.from_environment()
    destinations = read_destinations(settings)
    if not destinations:
        file = find_file(settings) or NOTIFICATIONS_FILE
        raise NotConfigured(f"{file} has no destinations", "add one, such as [destinations.chat]")
    with ModelCatalog.open(settings) as catalog:
        if is_dry_run:
            _preview(catalog, destinations, is_json=is_json)
        elif tested is not None:
            _test(catalog, _find(destinations, tested), is_json=is_json)
        elif skipped is not None:
            _skip(catalog, _find(destinations, skipped), is_json=is_json)
        else:
            _deliver(catalog, destinations, is_json=is_json)


def _find(destinations: Sequence[Destination], name: str) -> Destination:
    for one in destinations:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in destinations)
    raise UsageError(f"there is no destination {name[:64]!r}", f"there are: {names}")


def _deliver(catalog: ModelCatalog, destinations: Sequence[Destination], *, is_json: bool) -> None:
    from ghost_pipeline.notifications.delivery import Result, deliver_all  # noqa: PLC0415

    outcomes = deliver_all(catalog, destinations, utc_now)
    if is_json:
        print_json({"destinations": [asdict(one) for one in outcomes]})
    else:
        rows = [[one.name, one.result.value, one.sent or None, one.next_attempt_at] for one in outcomes]
        print_table(("destination", "result", "messages", "next attempt"), rows, numbers=("messages",))
        for one in outcomes:
            if one.error:
                click.echo(f"  {one.name}: {one.error}")
    if any(one.result is Result.FAILED for one in outcomes):
        sys.exit(EXIT_REFUSED)


def _preview(catalog: ModelCatalog, destinations: Sequence[Destination], *, is_json: bool) -> None:
    from ghost_pipeline.notifications.delivery import preview  # noqa: PLC0415
    from ghost_pipeline.notifications.rendering import to_text  # noqa: PLC0415

    now = utc_now()
    found = [(one, preview(catalog, one, now)) for one in destinations]
    if is_json:
        documents = [
            {"name": one.name, "note": note, "message": None if message is None else message.to_json()}
            for one, (message, note) in found
        ]
        print_json({"destinations": documents})
        return
    for number, (one, (message, note)) in enumerate(found):
        click.echo(f"{chr(10) if number else ''}{one.name} ({note})")
        if message is not None:
            click.echo(f"{message.title}\n\n{to_text(message)}", nl=False)


def _test(catalog: ModelCatalog, destination: Destination, *, is_json: bool) -> None:
    from ghost_pipeline.notifications.delivery import send_test  # noqa: PLC0415

    error = send_test(catalog, destination, utc_now)
    if is_json:
        print_json({"name": destination.name, "is_delivered": error is None, "error": error and str(error)})
    if error is None:
        click.echo(f"{destination.name}: the test message is delivered", err=is_json)
        return
    if error.is_local:
        raise UsageError(f"{destination.name}: {error.reason}", error.advice)
    click.echo(f"Error: {destination.name}: {error}", err=True)
    sys.exit(EXIT_REFUSED)


def _skip(catalog: ModelCatalog, destination: Destination, *, is_json: bool) -> None:
    from ghost_pipeline.notifications.delivery import skip_waiting  # noqa: PLC0415

    had_message = skip_waiting(catalog, destination, utc_now())
    if is_json:
        print_json({"name": destination.name, "was_message_dropped": had_message})
    else:
        dropped = "its message is dropped and it" if had_message else "it"
        click.echo(f"{destination.name}: {dropped} continues with what happens from now on")


@click.command(epilog="Example: ghost-pipeline notifications")
@json_option
def notifications_command(is_json: bool) -> None:
    """Show how far each destination of notifications is.

    That is its last delivery, what waits for it, and why the last attempt failed. Never its secrets.
    """
    settings = Settings.from_environment()
    destinations = {one.name: one for one in read_destinations(settings)}
    with ModelCatalog.open(settings) as catalog:
        states = {one.name: one for one in catalog.notifications.read_all()}
    names = [*destinations, *sorted(states.keys() - destinations.keys())]
    if is_json:
        print_json([_to_json(name, destinations.get(name), states.get(name)) for name in names])
        return
    now = utc_now()
    rows = [_row(name, destinations.get(name), states.get(name), now) for name in names]
    columns = ("destination", "kind", "cadence", "state", "last delivery", "failures", "next attempt")
    print_table(columns, rows, numbers=("failures",), optional=("cadence", "kind"))
    for name in names:
        state = states.get(name)
        if state is not None and state.last_error and name in destinations:
            warn(f"{name}: {state.last_error}")
    click.echo(f"{count(len(destinations), 'destination')} in {find_file(settings) or NOTIFICATIONS_FILE}", err=True)


def _row(name: str, destination: Destination | None, state: NotificationState | None, now: datetime) -> list[Any]:
    kind, cadence = (destination.kind, destination.cadence) if destination else (None, None)
    if state is None:
        return [name, kind, cadence, "starts with the next 'notify'", None, None, None]
    next_attempt_at = state.next_attempt_at if state.is_blocked(now) else None
    shown = _describe(state) if destination else "not in the file"
    return [name, kind, cadence, shown, state.last_success_at, state.failures or None, next_attempt_at]


def _describe(state: NotificationState) -> str:
    if state.failures:
        return "failing"
    return "a message waits" if state.pending is not None else "up to date"


def _to_json(name: str, destination: Destination | None, state: NotificationState | None) -> dict[str, Any]:
    return {
        "name": name,
        "kind": destination and destination.kind,
        "cadence": destination and destination.cadence,
        "is_configured": destination is not None,
        "is_started": state is not None,
        "is_message_waiting": state is not None and state.pending is not None,
        "last_success_at": state and state.last_success_at,
        "failures": state.failures if state else 0,
        "next_attempt_at": state and state.next_attempt_at,
        "last_error": state and state.last_error,
        "cursor": state and state.cursor,
    }
