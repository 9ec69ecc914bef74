"""``changes``, ``diff``, ``prices``, and what ``models``, ``show`` and ``stats`` show with ``--at``."""

import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import click
import msgspec

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline.catalog.history.changes import Change
from ghost_pipeline.catalog.results import ModelFilter, ModelHistory
from ghost_pipeline.cli.options import INSTANT, json_option, model_argument, provider_argument, provider_option
from ghost_pipeline.cli.output import count, format_value, print_json, print_json_list, print_table, warn
from ghost_pipeline.lifecycle.vocabulary import EventKind

POLL_SECONDS = 1.0
"""How often ``changes --follow`` looks for new changes."""

DEFAULT_SINCE = timedelta(hours=24)

at_option = click.option("--at", type=INSTANT, help="The catalog as it was at this instant, such as 2026-03-01.")


class SinceType(click.ParamType[str | datetime]):
    """A cursor, an instant in ISO 8601, or a length of time before now: ``24h``, ``7d``."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | datetime:
        """Return the cursor as it is, or the instant."""
        text = str(value).strip()
        if text.startswith("c1-"):
            return text
        match = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([hd])", text)
        if match is None:
            return INSTANT.convert(value, param, ctx)
        ago = timedelta(hours=float(match[1]) * (24 if match[2] == "d" else 1))
        if ago > timedelta(days=100_000):
            self.fail(f"{text!r} is too long ago; give at most 100000d", param, ctx)
        return utc_now() - ago


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
        reader = _Changes(catalog, since, until, provider, _kinds(kinds, has_facts=has_facts), limit)
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


def _kinds(kinds: Sequence[str], *, has_facts: bool) -> list[EventKind]:
    if kinds:
        wanted = [EventKind(kind) for kind in kinds]
        return [*wanted, EventKind.CHANGED] if has_facts else wanted
    return [kind for kind in EventKind if has_facts or kind is not EventKind.CHANGED]


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
            room = 1_000 if self._limit is None else min(self._limit - self.printed, 1_000)
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
                    line = msgspec.json.encode({**_as_json(change), "cursor": cursor}).decode()
                    click.echo(line.replace("\x7f", "\\u007f"))
                else:
                    click.echo("  ".join(format_value(cell) for cell in _change_row(change) if cell))
            sys.stdout.flush()
            if not reader.is_full:
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return


def _as_json(change: Change) -> dict[str, Any]:
    return {one.name: getattr(change, one.name) for one in fields(change)}


def _change_row(change: Change) -> list[Any]:
    return [change.at, change.kind.value, change.provider_id, change.model_id, change.name, _why(change)]


def _why(change: Change) -> str:
    if change.kind is not EventKind.CHANGED:
        return change.reason
    old, new = change.old or {}, change.new or {}
    values = [f"{name} {_short(old.get(name))} -> {_short(new.get(name))}" for name in new if name != "provider_data"]
    if "provider_data" in new:
        keys = sorted({*old["provider_data"], *new["provider_data"]})
        values.append(f"provider_data: {', '.join(keys)}")
    return "; ".join(values)


def _short(value: Any) -> str:
    return "unknown" if value is None else format_value(value)


@click.command(epilog="Example: ghost-pipeline diff 2026-03-01 2026-04-01")
@click.argument("before", type=INSTANT)
@click.argument("after", type=INSTANT, required=False)
@provider_option
@json_option
def diff_command(before: datetime, after: datetime | None, provider: str | None, is_json: bool) -> None:
    """Show what differs between two instants, by default between one and now.

    A model that came and went between them is not shown; 'ghost-pipeline changes' has both events.
    """
    counts = Counter[str]()
    with ModelCatalog.open() as catalog:
        found = catalog.history.compare(before, after, () if provider is None else (provider,))
        if is_json:
            print_json_list(found)
            return
        print_table(("difference", "provider", "model", "old -> new"), _difference_rows(found, counts))
    words = [f"{counts[word]:,} {word}" for word in ("appeared", "vanished", "changed")]
    click.echo(", ".join(words), err=True)


def _difference_rows(found: Iterable[Any], counts: Counter[str]) -> Iterator[Sequence[Any]]:
    for one in found:
        counts[one.difference] += 1
        values = (
            [f"{name} {_short(one.old[name])} -> {_short(one.new[name])}" for name in one.new]
            if one.difference == "changed"
            else []
        )
        yield one.difference, one.provider_id, one.model_id, "; ".join(values)


@click.command(epilog="Example: ghost-pipeline prices openrouter deepseek/deepseek-chat")
@provider_argument
@model_argument
@click.option("--at", type=INSTANT, metavar="DATE", help="Only the prices of this instant, such as 2026-03-15.")
@json_option
def prices_command(provider: str, model_id: str, at: datetime | None, is_json: bool) -> None:
    """Show what a model cost when, the oldest price first."""
    with ModelCatalog.open() as catalog:
        periods = catalog.history.list_prices(provider, model_id, at)
    if is_json:
        print_json(periods)
        return
    dearest = max((max(one.input_price or 0, one.output_price or 0) for one in periods), default=0)
    rows = [
        [
            one.first_listed_at,
            one.last_listed_at,
            one.input_price,
            one.output_price,
            _bar(one.input_price, dearest),
            _bar(one.output_price, dearest),
        ]
        for one in periods
    ]
    columns = ("first listed", "last listed", "in $/M", "out $/M", "in", "out")
    print_table(columns, rows, numbers=("in $/M", "out $/M"), optional=("last listed", "in", "out"))
    if not periods:
        click.echo("no price is known of it", err=True)


BAR_WIDTH = 20


def _bar(price: float | None, dearest: float) -> str:
    """Return a bar as long as the price is high; a price above zero has at least one sign."""
    if not price or not dearest:
        return ""
    return "#" * max(1, round(BAR_WIDTH * price / dearest))


def print_models_at(catalog: ModelCatalog, at: datetime, wanted: ModelFilter, *, is_json: bool) -> None:
    """Print the models that the catalog had at an instant."""
    found = catalog.history.iterate_models(at, wanted)
    if is_json:
        print_json_list(
            {**msgspec.to_builtins(one.model), "is_last_seen_exact": one.is_last_seen_exact} for one in found
        )
        _warn_if_earlier(catalog, at)
        return
    printed = Counter[str]()
    columns = ("provider", "model", "name", "source", "context", "in $/M", "out $/M", "state")
    rows = _past_rows(found, printed)
    print_table(columns, rows, numbers=("context", "in $/M", "out $/M"), optional=("name", "source", "context"))
    click.echo(f"{count(printed['rows'], 'model')} at {format_value(at)}", err=True)
    _warn_if_earlier(catalog, at)


def _past_rows(found: Iterable[Any], printed: Counter[str]) -> Iterator[Sequence[Any]]:
    for one in found:
        printed["rows"] += 1
        model = one.model
        facts = (model.name, model.source, model.context_window, model.input_price, model.output_price)
        yield model.provider_id, model.model_id, *facts, format_past_state(one)


def format_past_state(past: Any) -> str:
    """Return the state of a model at an instant."""
    if past.model.is_active:
        return "active"
    seen = format_value(past.model.last_seen_at)
    return f"! ghost, last seen {seen}" if past.is_last_seen_exact else f"! ghost, last seen by {seen}"


def read_stats_at(catalog: ModelCatalog, at: datetime) -> dict[str, Any]:
    """Return the statistics as of an instant, and warn if that is before the first event."""
    counted = catalog.history.count_models(at)
    _warn_if_earlier(catalog, at)
    return counted


def read_history_at(catalog: ModelCatalog, provider: str, model_id: str, at: datetime) -> tuple[ModelHistory, str]:
    """Return one model as it was at an instant, with its events until then, and its state."""
    history = catalog.history.get_model(provider, model_id, at)
    if history.past is None:
        return ModelHistory(None, history.events, None), "not in the catalog"
    return ModelHistory(history.past.model, history.events, None), format_past_state(history.past)


def _warn_if_earlier(catalog: ModelCatalog, at: datetime) -> None:
    first = catalog.history.first_recorded_at()
    if first is None:
        warn("the catalog has no events yet, so it was empty")
    elif at < first:
        warn(f"the catalog was empty at {format_value(at)}: its first event was recorded at {format_value(first)}")
