"""``changes``: print changes by pages, or as they come."""

import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import click
import msgspec

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline.catalog.history.changes import MAX_PAGE, Change
from ghost_pipeline.cli.options import AGE, INSTANT, json_option, provider_option
from ghost_pipeline.cli.output import count, format_value, print_json_list, print_table
from ghost_pipeline.lifecycle.vocabulary import EventKind, choose_kinds

POLL_SECONDS = 1.0
"""How often ``changes --follow`` looks for new changes."""

DEFAULT_SINCE = timedelta(hours=24)


class SinceType(click.ParamType[str | datetime]):
    """A cursor, an instant in ISO 8601, or a length of time before now: ``24h``, ``7d``."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | datetime:
        """Return the cursor as it is, or the instant."""
        text = str(value).strip()
        if text.startswith("c1-"):
            return text
        if text[-1:] in ("h", "d"):
            return utc_now() - AGE.convert(text, param, ctx)
        return INSTANT.convert(text, param, ctx)


@click.command(epilog="Example: ghost-pipeline changes --since 24h --facts")
@click.option(
    "--since",
    type=SinceType(),
    metavar="CURSOR|INSTANT|AGE",
    help="After the cursor of an earlier answer, or since an instant or an age such as 7d.  [default: 24h]",
)
@click.option("--until", type=INSTANT, help="Before this instant.")
@provider_option
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in EventKind]),
    help="Only this kind of change; can be repeated.",
)
@click.option("--facts", "has_facts", is_flag=True, help="Also changes of prices and other facts.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many; the cursor continues after the last one.")
@click.option("--follow", "is_following", is_flag=True, help="Wait for more, until interrupted.")
@json_option
def changes_command(
    since: str | datetime | None,
    until: datetime | None,
    provider: str | None,
    kinds: Sequence[str],
    has_facts: bool,
    limit: int | None,
    is_following: bool,
    is_json: bool,
) -> None:
    """Show what appeared, vanished and came back, the newest last.

    Pass the cursor of the answer as --since, with the same options, to get exactly what is new. With --follow and
    --json each change is one line, with its own cursor.
    """
    with ModelCatalog.open() as catalog:
        reader = _Changes(catalog, since, until, provider, choose_kinds(kinds, has_facts=has_facts), limit)
        if is_following:
            _follow(reader, is_json=is_json)
        elif is_json:
            _print_changes_json(reader)
        else:
            rows = map(_change_row, reader.read())
            print_table(("at", "event", "provider", "model", "name", "why"), rows, optional=("name", "why"))
        lines = [
            f"{one.id}: absences don't count since {format_value(one.held_since)}, because {one.held_reason}"
            for one in catalog.history.list_held(reader.provider_ids)
        ]
    for line in lines:
        click.echo(line, err=is_json)
    if not is_json:
        click.echo(f"{count(reader.printed, 'change')}; cursor: {reader.cursor}", err=True)


class _Changes:
    """Reads changes page by page, and remembers where it is."""

    def __init__(
        self,
        catalog: ModelCatalog,
        since: str | datetime | None,
        until: datetime | None,
        provider: str | None,
        kinds: Sequence[EventKind],
        limit: int | None,
    ) -> None:
        self._catalog = catalog
        self._since = utc_now() - DEFAULT_SINCE if since is None else since
        self._until = until
        self._kinds = kinds
        self._limit = limit
        self.provider_ids = () if provider is None else (provider,)
        self.printed = 0
        self.cursor = ""
        """Where the next page begins."""

    def read(self) -> Iterator[Change]:
        """Yield the changes up to the end or the limit."""
        for change, _ in self.read_with_cursors():
            yield change

    def read_with_cursors(self) -> Iterator[tuple[Change, str]]:
        """Yield the changes up to the end or the limit, each with the cursor after it."""
        is_end = False
        while not is_end and not self.is_full:
            room = MAX_PAGE if self._limit is None else min(self._limit - self.printed, MAX_PAGE)
            page = self._catalog.list_changes(self._since, self._until, self.provider_ids, self._kinds, room)
            self._since = self.cursor = page.cursor
            is_end = page.is_end
            self.printed += len(page.changes)
            yield from zip(page.changes, page.cursors, strict=True)

    @property
    def is_full(self) -> bool:
        """True if the limit is reached."""
        return self._limit is not None and self.printed >= self._limit


def _print_changes_json(reader: _Changes) -> None:
    click.echo('{"changes": ', nl=False)
    print_json_list(reader.read())
    click.echo(f', "cursor": {msgspec.json.encode(reader.cursor).decode()}}}')


def _follow(reader: _Changes, *, is_json: bool) -> None:
    try:
        while not reader.is_full:
            for change, cursor in reader.read_with_cursors():
                if is_json:
                    line = msgspec.json.encode({**msgspec.structs.asdict(change), "cursor": cursor}).decode()
                    click.echo(line.replace("\x7f", "\\u007f"))
                else:
                    click.echo("  ".join(format_value(cell) for cell in _change_row(change) if cell))
            sys.stdout.flush()
            if not reader.is_full:
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return


def _change_row(change: Change) -> list[Any]:
    return [change.at, change.kind.value, change.provider_id, change.model_id, change.name, _why(change)]


def _why(change: Change) -> str:
    if change.kind is not EventKind.CHANGED:
        return change.reason
    old, new = change.old or {}, change.new or {}
    values = [
        f"{name} {format_fact(old.get(name))} -> {format_fact(new.get(name))}"
        for name in new
        if name != "provider_data"
    ]
    if "provider_data" in new:
        keys = sorted({*old["provider_data"], *new["provider_data"]})
        values.append(f"provider_data: {', '.join(keys)}")
    return "; ".join(values)


def format_fact(value: Any) -> str:
    """Return the value of a fact in a change."""
    return "unknown" if value is None else format_value(value)
