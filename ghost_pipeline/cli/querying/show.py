"""``show``: one model with its facts, its state and its events."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelHistory
from ghost_pipeline.cli.history.past import at_option, read_history_at
from ghost_pipeline.cli.options import json_option, model_argument, provider_argument
from ghost_pipeline.cli.output import format_state, format_value, print_json_object, print_table
from ghost_pipeline.lifecycle.identity import model_page_path
from ghost_pipeline.lifecycle.records import MODEL_FIELDS, ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind


@click.command(epilog="Example: ghost-pipeline show openai gpt-4o")
@provider_argument
@model_argument
@at_option
@json_option
def show_command(provider: str, model_id: str, at: datetime | None, is_json: bool) -> None:
    """Show one model with its facts and all its events.

    Also shows the listing and the run that confirmed it last.
    """
    with ModelCatalog.open() as catalog:
        if at is None:
            history = catalog.get_model_history(provider, model_id, max_events=1)
            state = _current_state(history.model)
        else:
            history, state = read_history_at(catalog, provider, model_id, at)
        events = catalog.iterate_events(provider, model_id, at)
        if is_json:
            print_json_object(_history_json(provider, model_id, history), "events", events)
            return
        _print_history(provider, model_id, history, state, events)
        settings = catalog.settings
        if settings.model_partitions and history.events:
            named = history.events[0]
            click.echo(
                f"In Dagster's UI: {settings.ui_url.rstrip('/')}{model_page_path(named.provider_id, named.model_id)}"
            )


def _current_state(model: ModelRecord | None) -> str:
    if model is None:
        return "not in the catalog"
    return format_state(is_active=model.is_active, last_seen_at=model.last_seen_at)


def _history_json(provider: str, model_id: str, history: ModelHistory) -> dict[str, Any]:
    known = {} if history.model is None else {name: getattr(history.model, name) for name in _FIELDS}
    return {
        "provider_id": provider,
        "model_id": model_id,
        **known,
        "listing": history.listing,
    }


_FIELDS = MODEL_FIELDS
_SHOWN_ELSEWHERE = {"provider_id", "model_id", "is_active", "is_name_manual"}


def _print_history(
    provider: str, model_id: str, history: ModelHistory, state: str, events: Iterable[ModelEvent]
) -> None:
    click.echo(f"{provider} {model_id}: {state}")
    if history.model is not None:
        facts = [(name, getattr(history.model, name)) for name in _FIELDS if name not in _SHOWN_ELSEWHERE]
        for name, value in facts:
            if value is not None:
                click.echo(f"  {name}: {format_value(value)}")
    if history.listing is not None:
        listing = history.listing
        run = f", run {listing['run_id']}" if listing["run_id"] else ""
        source = f"{listing['file_name']} of {format_value(listing['observed_at'])} ({listing['verdict']}{run})"
        click.echo(f"  confirmed last by: {source}")
    click.echo("Events:")
    rows = ([format_value(event.at), event.kind, event.source, event.listing_id, _details(event)] for event in events)
    print_table(("at", "event", "source", "listing", "details"), rows, optional=("listing", "source"))


def _details(event: Any) -> str | None:
    if not event.details:
        return None
    if event.kind.is_tombstone:
        return "can be restored with 'ghost-pipeline restore'"
    if event.kind is EventKind.CHANGED:
        return ", ".join(event.details)
    return ", ".join(f"{name}: {value}" for name, value in event.details.items())
