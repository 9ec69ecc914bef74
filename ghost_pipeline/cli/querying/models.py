"""``stats`` and ``models``: count the models, and list those that a filter selects."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter, validate_columns
from ghost_pipeline.cli.history.past import (
    NUMBER_COLUMNS,
    at_option,
    print_models_at,
    read_stats_at,
    warn_of_undecided,
)
from ghost_pipeline.cli.options import PROVIDER, capability_option, json_option, stated_only_option
from ghost_pipeline.cli.output import count, format_state, print_json, print_json_list, print_table
from ghost_pipeline.lifecycle.claims.resolution import (
    REFERENCE_FACTS,
    REFERENCE_PREFIX,
    SOURCE_COLUMNS,
    SOURCE_SUFFIX,
    is_reference,
    price_source,
)
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import Source


@click.command(epilog="Example: ghost-pipeline stats --json")
@at_option
@json_option
def stats_command(at: datetime | None, is_json: bool) -> None:
    """Count the models by source, state and provider."""
    with ModelCatalog.open() as catalog:
        counted = catalog.get_discovery_stats() if at is None else read_stats_at(catalog, at)
    if is_json:
        print_json(counted)
    else:
        print_stats(counted)


_OPTIONAL_STATS = ("inactive", "MANUAL", "INFERENCE", "INDEX", "unlisted", "refused")


def print_stats(counted: dict[str, Any]) -> None:
    """Print the statistics as a table: one line for each provider and one for all."""
    columns = ("total", "active", "inactive", *(source.value for source in Source), "unlisted", "refused")
    everything = {"all providers": {key: value for key, value in counted.items() if key != "by_provider"}}
    rows = [
        [name, *({**one, **one["by_source"]}.get(column) for column in columns)]
        for name, one in (counted["by_provider"] | everything).items()
    ]
    print_table(("provider", *columns), rows, numbers=columns, optional=_OPTIONAL_STATS)


@click.command(epilog="Example: ghost-pipeline models --provider openrouter --free --capability tools")
@click.option(
    "--provider", "-p", "providers", type=PROVIDER, multiple=True, help="Only this provider; can be repeated."
)
@click.option("--search", metavar="TEXT", help="Only models whose id or name contains TEXT, in any case.")
@click.option("--min-context", "min_context_window", type=int, metavar="TOKENS", help="The smallest context window.")
@click.option("--max-input-price", type=float, metavar="USD", help="USD per million tokens.")
@click.option("--max-output-price", type=float, metavar="USD", help="USD per million tokens.")
@click.option("--sort", metavar="COLUMN", help="Sort by a column; -COLUMN sorts in descending order.")
@click.option(
    "--columns",
    callback=lambda _ctx, _param, value: _split_columns(value),
    metavar="NAMES",
    help="Columns instead of the usual ones, such as provider_id,model_id,input_price.",
)
@click.option("--limit", type=int, metavar="NUMBER", help="The largest number of models.")
@click.option(
    "--source",
    type=click.Choice([source.value for source in Source], case_sensitive=False),
    help="Only models with this source.",
)
@click.option("--active/--inactive", "is_active", default=None, help="Only active models, or only ghosts.")
@click.option("--free", "is_free", is_flag=True, help="Only models known to be free.")
@capability_option
@click.option("--unlisted", "is_unlisted", is_flag=True, help="Only models that are used but not listed.")
@click.option(
    "--refused/--not-refused",
    "is_refused",
    default=None,
    help="Only models that their provider refuses, or only the others.",
)
@click.option(
    "--same-as",
    type=(PROVIDER, str),
    metavar="PROVIDER MODEL",
    help="Only offers of this model, at any provider, cheapest first.",
)
@stated_only_option
@at_option
@json_option
def models_command(
    providers: Sequence[str],
    columns: Sequence[str],
    source: str | None,
    is_active: bool | None,
    is_free: bool,
    capabilities: Sequence[str],
    is_unlisted: bool,
    is_refused: bool | None,
    is_stated_only: bool,
    same_as: tuple[str, str] | None,
    at: datetime | None,
    is_json: bool,
    **conditions: Any,
) -> None:
    """List the models, ghosts included unless a flag excludes them. Unknown values match no filter.

    Unlisted models were used within the last 24 hours, but are missing from their provider's latest complete listing.
    Refused models are those for which their provider answers that it has them no more, whatever its list contains.

    Facts that no provider states are filled from imported references, for the filters too; never whether a model is
    free. --at has none of references.

    Capabilities: text, vision, audio, speech, image_generation, video, embedding, rerank, moderation, tools,
    reasoning, json, streaming.
    """
    wanted = ModelFilter(
        provider_ids=providers,
        is_active=is_active,
        is_free=is_free or None,
        capabilities=capabilities,
        source=source and source.upper(),
        is_unlisted=is_unlisted,
        is_refused=is_refused,
        is_stated_only=is_stated_only,
        **conditions,
    )
    if at is not None and (sources := [name for name in columns if name in SOURCE_COLUMNS]):
        raise click.UsageError(f"{sources[0]} is known of now only: leave out --at or the column.")
    if same_as is not None and (at is not None or columns or conditions["sort"]):
        raise click.UsageError("--same-as has its own order and columns: leave out --at, --sort and --columns.")
    with ModelCatalog.open() as catalog:
        if same_as is not None:
            _print_offers(catalog.find_offers(*same_as, wanted), is_json=is_json)
            return
        if at is not None:
            print_models_at(catalog, at, wanted, columns, is_json=is_json)
            return
        if columns:
            _print_columns(catalog, wanted, columns, is_json=is_json)
            return
        if is_json:
            print_json_list(catalog.iterate_models(wanted))
            return
        shown = _SIGHTINGS if is_unlisted else _REFUSALS if is_refused else _FACTS
        is_filled = not is_stated_only and catalog.references.fill_gaps()
        sources = [f"{name}{SOURCE_SUFFIX}" for name in shown.values() if name in REFERENCE_FACTS] if is_filled else []
        columns = (*shown.values(), *sources, "is_active", "last_seen_at", "refused_since")
        printed = Counter[str]()
        rows = _table_rows(catalog.iterate_columns(wanted, columns), printed, len(shown), is_unlisted=is_unlisted)
        headings = (*shown, "filled from", "state") if is_filled else (*shown, "state")
        print_table(headings, rows, numbers=_NUMBERS, optional=_OPTIONAL)
        undecided = catalog.count_undecided_models(wanted)
    click.echo(count(printed["rows"], "model"), err=True)
    warn_of_undecided(undecided)


def _print_offers(offers: Sequence[ModelRecord], *, is_json: bool) -> None:
    """Print the offers of one model, in their order."""
    if is_json:
        print_json(offers)
        return
    facts = ("context_window", "input_price", "output_price")
    rows = []
    for one in offers:
        state = format_state(is_active=one.is_active, last_seen_at=one.last_seen_at, refused_since=one.refused_since)
        values = (getattr(one, fact) for fact in facts)
        rows.append([one.provider_id, one.model_id, *values, price_source(one), state])
    headings = ("provider", "model", "context", "in $/M", "out $/M", "prices of", "state")
    print_table(headings, rows, numbers=_NUMBERS, optional=("context", "prices of"))
    click.echo(count(len(offers), "offer"), err=True)


def _split_columns(text: str | None) -> tuple[str, ...]:
    """Return the columns in a list with commas; none without a list. Raises UsageError for an unknown one."""
    return () if text is None else validate_columns([name.strip() for name in text.split(",")])


def _print_columns(catalog: ModelCatalog, wanted: ModelFilter, columns: Sequence[str], *, is_json: bool) -> None:
    """Print some columns of the models, headed by their names."""
    rows = catalog.iterate_columns(wanted, columns)
    if is_json:
        print_json_list(dict(zip(columns, row, strict=True)) for row in rows)
        return
    printed = Counter[str]()
    print_table(columns, _count_rows(rows, printed), numbers=NUMBER_COLUMNS)
    click.echo(count(printed["rows"], "model"), err=True)
    warn_of_undecided(catalog.count_undecided_models(wanted))


def _count_rows(rows: Iterable[Sequence[Any]], printed: Counter[str]) -> Iterator[Sequence[Any]]:
    for row in rows:
        printed["rows"] += 1
        yield row


_OPTIONAL = ("name", "source", "filled from", "context", "out $/M", "in $/M", "last listed")
"""Columns that a narrow terminal can lose, the least important first."""

_NUMBERS = ("context", "in $/M", "out $/M")

_NAMES = {"provider": "provider_id", "model": "model_id", "name": "name", "source": "source"}
_FACTS = {**_NAMES, "context": "context_window", "in $/M": "input_price", "out $/M": "output_price"}
_REFUSALS = {**_NAMES, "last refused": "last_refused_at", "reason": "refusal_reason"}
_SIGHTINGS = {**_NAMES, "last used": "last_used_at", "last listed": "last_listed_at"}
"""Heading -> column of the catalog."""


def _table_rows(
    found: Iterable[tuple[Any, ...]], printed: Counter[str], width: int, *, is_unlisted: bool
) -> Iterator[Sequence[Any]]:
    """Yield the cells of rows: ``width`` columns of models, sources of facts, and what the state follows from."""
    for *columns, is_active, last_seen_at, refused_since in found:
        printed["rows"] += 1
        cells, sources = columns[:width], columns[width:]
        if is_unlisted:
            cells[-1] = cells[-1] or "never"
        if sources:
            references = dict.fromkeys(one for one in sources if one is not None and is_reference(one))
            cells.append(", ".join(one.removeprefix(REFERENCE_PREFIX) for one in references))
        state = format_state(is_active=is_active, last_seen_at=last_seen_at, refused_since=refused_since)
        yield [*cells, state]
