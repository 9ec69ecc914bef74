"""Commands for the deployment itself: ``web`` and ``ui`` serve pages, ``doctor`` checks everything around them."""

import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.cli.options import json_option
from ghost_pipeline.cli.output import EXIT_REFUSED, count, print_json
from ghost_pipeline.errors import SettingsError
from ghost_pipeline.settings import Settings, read_secret

if TYPE_CHECKING:
    from ghost_pipeline.defs.upkeep.diagnosis import Finding

_allow_host_option = click.option(
    "--allow-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="A host name that requests may use besides localhost, such as that of a reverse proxy; can be repeated.",
)


@click.command(epilog="Example: ghost-pipeline web --port 3001")
@click.option("--port", type=click.IntRange(1, 65535), default=3001, show_default=True, help="The port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen on.")
@click.option(
    "--token-variable",
    metavar="NAME",
    help="The environment variable with the token that every request must carry; needed for other addresses.",
)
@_allow_host_option
@json_option
def web_command(port: int, host: str, token_variable: str | None, allowed_hosts: Sequence[str], is_json: bool) -> None:
    """Serve the catalog as web pages and as a JSON API on 127.0.0.1, until Ctrl-C or SIGTERM.

    Nothing is changed: the database itself refuses it. 'ghost-pipeline ui' serves the same below /ghost/.

    Programs send the token as a bearer, browsers ask for it as the password of any user.
    """
    from ghost_pipeline.web.application import create_application  # noqa: PLC0415 - loads FastAPI
    from ghost_pipeline.web.security import SHORTEST_TOKEN  # noqa: PLC0415
    from ghost_pipeline.web.serving import serve_pages  # noqa: PLC0415

    def announce() -> None:
        shown = f"[{host}]" if ":" in host else host
        _announce({"url": f"http://{shown}:{port}/"}, "{url} shows the catalog; Ctrl-C stops it", is_json=is_json)

    token = None if token_variable is None else _read_token(token_variable, SHORTEST_TOKEN)
    settings = Settings.from_environment()
    stopping = threading.Event()
    with ModelCatalog.open_read_only(settings) as catalog:
        pages = create_application(catalog, is_stopping=stopping.is_set)
        serve_pages(pages, host, port, allowed_hosts, announce, stopping, token)


def _read_token(variable: str, shortest: int) -> str:
    token = (read_secret(variable) or "").strip()
    if len(token) < shortest:
        state = "has a token of fewer characters" if token else "is not set"
        raise SettingsError(f"{variable} {state}", f"set it to a random text of at least {shortest} characters")
    return token


def _announce(document: dict[str, str], line: str, *, is_json: bool) -> None:
    if is_json:
        print_json(document)
    else:
        click.echo(line.format(**document))
    sys.stdout.flush()


@click.command(epilog="Example: ghost-pipeline ui --port 3333")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="The port to listen on.")
@_allow_host_option
@json_option
def ui_command(port: int, allowed_hosts: Sequence[str], is_json: bool) -> None:
    """Serve the Dagster UI on 127.0.0.1, and the catalog's own pages below /ghost/.

    Runs the daemon with its sensors and schedules, too, until Ctrl-C or SIGTERM.
    """
    from ghost_pipeline.defs.local_runs import open_instance  # noqa: PLC0415 - loads Dagster
    from ghost_pipeline.defs.run_processes.run_files import interrupt_runs  # noqa: PLC0415
    from ghost_pipeline.web.application import create_application  # noqa: PLC0415
    from ghost_pipeline.web.dagster_ui import serve_ui  # noqa: PLC0415
    from ghost_pipeline.web.links import PREFIX  # noqa: PLC0415
    from ghost_pipeline.web.serving import LOOPBACK  # noqa: PLC0415

    settings = Settings.from_environment()

    def announce() -> None:
        url, models_dir = f"http://{LOOPBACK}:{port}", str(settings.models_dir.absolute())
        document = {"url": url, "web_url": f"{url}{PREFIX}/", "models_dir": models_dir}
        _announce(document, "{url} watches {models_dir}, {web_url} shows the catalog; Ctrl-C stops it", is_json=is_json)

    stopping = threading.Event()
    with ModelCatalog.open_read_only(settings) as catalog:
        pages = create_application(
            catalog,
            dagster_url=settings.dagster_url or "/",
            is_stopping=stopping.is_set,
            check=lambda: _diagnose(settings),
        )
        serve_ui(
            lambda: open_instance(settings),
            port,
            allowed_hosts,
            announce,
            pages,
            stopping,
            lambda: interrupt_runs(settings.dagster_home),
        )


def _diagnose(settings: Settings) -> "Sequence[Finding]":
    """Return what is found in this deployment. The definitions are loaded here, and not when the UI starts."""
    from ghost_pipeline.definitions import build_definitions  # noqa: PLC0415
    from ghost_pipeline.defs.upkeep.diagnosis import diagnose  # noqa: PLC0415

    return diagnose(settings, build_definitions(), datetime.now(UTC))


_MARKS = {"ok": "ok", "warning": "warn", "wrong": "WRONG"}


@click.command(epilog="Example: ghost-pipeline doctor --json")
@json_option
def doctor_command(is_json: bool) -> None:
    """Check this deployment and print what is wrong and what to do. Nothing is changed.

    Checks the home, the database and its schema, the disk, the clock, the inbox, the keys, the provider files, the
    daemon, and the last tick of each sensor and schedule. Exits with 1 if something is wrong, with 0 at warnings alone.
    """
    from ghost_pipeline.defs.upkeep.diagnosis import Status  # noqa: PLC0415 - loads Dagster

    now = datetime.now(UTC)
    findings = _diagnose(Settings.from_environment())
    wrong = [one for one in findings if one.status is Status.WRONG]
    if is_json:
        print_json({"is_ok": not wrong, "checked_at": now, "findings": findings})
    else:
        for one in findings:
            click.echo(f"{_MARKS[one.status.value]:<6}{one.check:<10}{' '.join(one.detail.split())}")
            if one.advice:
                click.echo(f"{'':<16}-> {' '.join(one.advice.split())}")
        click.echo(f"{count(len(wrong), 'problem')}" if wrong else "no problems")
    if wrong:
        sys.exit(EXIT_REFUSED)
