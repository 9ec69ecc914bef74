"""``diff``, ``prices``, and what ``models``, ``show`` and ``stats`` show with ``--at``."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter, ModelHistory
from ghost_pipeline.cli.history.changes import format_fact
from ghost_pipeline.cli.options import INSTANT, json_option, model_argument, provider_argument, provider_option
from ghost_pipeline.cli.output import count, format_state, format_value, print_json, print_json_list, print_table, warn
from ghost_pipeline.documents import past_model_document
from ghost_pipeline.lifecycle.facts import FACTS, FactKind

at_option = click.option("--at", type=INSTANT, help="The catalog as it was at this instant, such as 2026-03-01.")


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
            [f"{name} {format_fact(one.old[name])} -> {format_fact(one.new[name])}" for name in one.new]
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


def print_models_at(
    catalog: ModelCatalog, at: datetime, wanted: ModelFilter, columns: Sequence[str], *, is_json: bool
) -> None:
    """Print the models that the catalog had at an instant; ``columns`` are those of models, empty for the usual."""
    counts = Counter[str]()

    def count_undecided(_past: Any) -> None:
        counts["undecided"] += 1

    if is_json:
        print_json_list(_past_json(one, columns) for one in catalog.history.iterate_models(at, wanted))
        _warn_if_earlier(catalog, at)
        return
    found = catalog.history.iterate_models(at, wanted, count_undecided)
    headings = columns or ("provider", "model", "name", "source", "context", "in $/M", "out $/M", "state")
    numbers = NUMBER_COLUMNS if columns else ("context", "in $/M", "out $/M")
    print_table(headings, _past_rows(found, counts, columns), numbers=numbers, optional=("name", "source", "context"))
    click.echo(f"{count(counts['rows'], 'model')} at {format_value(at)}", err=True)
    warn_of_undecided(counts["undecided"])
    _warn_if_earlier(catalog, at)


NUMBER_COLUMNS = tuple(fact.name for fact in FACTS if fact.kind in (FactKind.TOKENS, FactKind.PRICE))
"""Columns of models that are aligned to the right."""


def warn_of_undecided(undecided: int) -> None:
    """Print how many models a filter leaves out only because a fact is unknown, if it does, on stderr."""
    if undecided:
        click.echo(f"{count(undecided, 'more model')} left out only because a fact is unknown", err=True)


def _past_json(past: Any, columns: Sequence[str]) -> dict[str, Any]:
    if columns:
        return {name: getattr(past.model, name) for name in columns}
    return past_model_document(past)


def _past_rows(found: Iterable[Any], counts: Counter[str], columns: Sequence[str]) -> Iterator[Sequence[Any]]:
    for one in found:
        counts["rows"] += 1
        model = one.model
        if columns:
            yield [getattr(model, name) for name in columns]
            continue
        facts = (model.name, model.source, model.context_window, model.input_price, model.output_price)
        yield model.provider_id, model.model_id, *facts, _past_state(one)


def _past_state(past: Any) -> str:
    model = past.model
    return format_state(
        is_active=model.is_active,
        last_seen_at=model.last_seen_at,
        is_exact=past.is_last_seen_exact,
        refused_since=model.refused_since,
    )


def read_stats_at(catalog: ModelCatalog, at: datetime) -> dict[str, Any]:
    """Return the statistics as of an instant, and warn if that is before the first event."""
    counted = catalog.history.count_models(at)
    _warn_if_earlier(catalog, at)
    return counted


def read_history_at(catalog: ModelCatalog, provider: str, model_id: str, at: datetime) -> tuple[ModelHistory, str]:
    """Return one model as it was at an instant, with its first event, and its state."""
    history = catalog.history.get_model(provider, model_id, at, max_events=1)
    if history.past is None:
        return ModelHistory(None, history.events, None), "not in the catalog"
    return ModelHistory(history.past.model, history.events, None), _past_state(history.past)


def _warn_if_earlier(catalog: ModelCatalog, at: datetime) -> None:
    first = catalog.history.first_recorded_at()
    if first is None:
        warn("the catalog has no events yet, so it was empty")
    elif at < first:
        warn(
            f"the catalog was empty at {format_value(at)}, as far as was recorded: its first event is of "
            f"{format_value(first)}; 'ghost-pipeline db backfill-history' adds what archived listings contain"
        )
