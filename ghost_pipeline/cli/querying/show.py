"""``show``: one model with its facts, its state and its events."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.history.descriptions import changed_values, describe_doubt, describe_event
from ghost_pipeline.catalog.history.explanation import ModelExplanation
from ghost_pipeline.catalog.results import ModelHistory
from ghost_pipeline.cli.history.changes import format_fact
from ghost_pipeline.cli.history.past import at_option, read_history_at
from ghost_pipeline.cli.options import json_option, model_argument, provider_argument
from ghost_pipeline.cli.output import count, format_state, format_value, print_json_object, print_table
from ghost_pipeline.cli.querying.references import describe_references, describe_statements, name_sources
from ghost_pipeline.documents import facts_document, model_document
from ghost_pipeline.lifecycle.absence import Presence, WayBack
from ghost_pipeline.lifecycle.claims.resolution import reference_source
from ghost_pipeline.lifecycle.claims.withheld_facts import DoubtedFact
from ghost_pipeline.lifecycle.identity import format_command, model_page_path
from ghost_pipeline.lifecycle.records import MODEL_FIELDS, ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline.redaction import printable


@click.command(epilog="Example: ghost-pipeline show openai gpt-4o")
@provider_argument
@model_argument
@at_option
@json_option
def show_command(provider: str, model_id: str, at: datetime | None, is_json: bool) -> None:
    """Show one model with its facts and all its events.

    Also shows the listing and the run that confirmed it last, why it is a ghost or left the catalog, what would bring
    it back, and when a sweep takes it. Each fact has its source, and since when that states it.
    """
    with ModelCatalog.open() as catalog:
        if at is None:
            history = catalog.get_model_history(provider, model_id, max_events=1)
            state, explanation = _current_state(history.model), catalog.explain_model(provider, model_id)
        else:
            history, state = read_history_at(catalog, provider, model_id, at)
            explanation = None
        events = catalog.iterate_events(provider, model_id, at)
        is_known = at is None and history.model is not None
        claims = catalog.references.list_claims(provider, model_id) if is_known else []
        order = catalog.settings.reference_order
        if is_json:
            ended = catalog.references.list_ended_claims(provider, model_id) if is_known else []
            facts = facts_document(claims, order, ended) if is_known else None
            print_json_object(model_document(provider, model_id, history, explanation, facts), "events", events)
            return
        added = list(describe_references(provider, model_id, claims, order))
        doubts = catalog.list_doubts(provider, model_id) if is_known else []
        added += [*describe_statements(provider, model_id, claims), *map(_describe_doubt, doubts)]
        sources = name_sources(claims, order)
        _print_history(provider, model_id, history, state, explanation, sources, added, events)
        settings = catalog.settings
        if settings.model_partitions and history.events:
            named = history.events[0]
            click.echo(
                f"In Dagster's UI: {settings.ui_url.rstrip('/')}{model_page_path(named.provider_id, named.model_id)}"
            )


def _describe_doubt(doubt: DoubtedFact) -> str:
    what = describe_doubt(doubt.fact, doubt.value, doubt.doubted_value, doubt.reason)
    return (
        f"{what}; doubted since {format_value(doubt.since)}, until a later listing repeats it "
        f"or 'ghost-pipeline release {doubt.provider_id}' accepts it"
    )


def _current_state(model: ModelRecord | None) -> str:
    if model is None:
        return "not in the catalog"
    return format_state(is_active=model.is_active, last_seen_at=model.last_seen_at, refused_since=model.refused_since)


_OBJECTS = ("provider_data", "prices", "inference_metadata")
"""Facts whose values are too long for the table of events."""

_SHOWN_ELSEWHERE = {"provider_id", "model_id", "is_active", "is_name_manual"}


def _print_history(
    provider: str,
    model_id: str,
    history: ModelHistory,
    state: str,
    explanation: ModelExplanation | None,
    sources: Mapping[str, str],
    references: Iterable[str],
    events: Iterable[ModelEvent],
) -> None:
    click.echo(f"{provider} {model_id}: {state}")
    if explanation is not None:
        for line in _describe(provider, model_id, explanation):
            click.echo(f"  {printable(line)}")
    if history.model is not None:
        facts = [(name, getattr(history.model, name)) for name in MODEL_FIELDS if name not in _SHOWN_ELSEWHERE]
        for name, value in facts:
            if value is not None:
                click.echo(f"  {name}: {format_value(value)}{sources.get(name, '')}")
    for line in references:
        click.echo(f"  {printable(line)}")
    if history.listing is not None:
        listing = history.listing
        run = f", run {listing['run_id']}" if listing["run_id"] else ""
        source = f"{listing['file_name']} of {format_value(listing['observed_at'])} ({listing['verdict']}{run})"
        click.echo(f"  confirmed last by: {printable(source)}")
    click.echo("Events:")
    rows = ([format_value(event.at), event.kind, event.source, event.listing_id, _details(event)] for event in events)
    print_table(("at", "event", "source", "listing", "details"), rows, optional=("listing", "source"))


def _describe(provider: str, model_id: str, explanation: ModelExplanation) -> Iterator[str]:
    """Yield the lines about why a model is in its state and what would change that."""
    if explanation.since is not None:
        yield f"{explanation.presence} since {format_value(explanation.since)}: {_reason(explanation)}"
    if explanation.missing_from is not None:
        lacking = explanation.missing_from
        yield f"missing from: {lacking.file_name} of {format_value(lacking.observed_at)} (sha256 {lacking.sha256})"
    if explanation.ways_back:
        ways = [
            _EVIDENCE.get(way) or f"'{format_command(way.value, provider, model_id)}'" for way in explanation.ways_back
        ]
        yield f"comes back with: {', '.join(ways[:-1])} or {ways[-1]}"
    for sweep, due_at in (("becomes a ghost", explanation.stale_at), ("is purged", explanation.purge_at)):
        if due_at is not None:
            yield f"{sweep}: by the first sweep from {format_value(due_at)} on, unless it is seen before"
    if explanation.presence is Presence.GHOST and explanation.purge_at is None:
        yield f"is purged: not {'while its provider is held' if explanation.hold else 'by a sweep'}"
    yield from _describe_refusals(explanation)
    if explanation.hold is not None:
        hold = explanation.hold
        yield (
            f"{provider} is held since {format_value(hold.since)}, because {hold.reason}; "
            f"its listed models stay active until {format_value(hold.protects_until)}"
        )


def _describe_refusals(explanation: ModelExplanation) -> Iterator[str]:
    """Yield since when and why the provider refuses the model, and which accounts it refused."""
    refusal = explanation.refusal
    if refusal is not None:
        listed = "listed, but refused" if refusal.is_listed else "refused"
        yield f"{listed} since {format_value(refusal.since)}: {refusal.reason}; last at {format_value(refusal.last_at)}"
    counts = Counter[str]()
    for span in explanation.refusals:
        counts[span.account] += span.count
    if counts:
        number = count(counts.total(), "refusal")
        accounts = [f"{account or 'without an account'} {refused:,}" for account, refused in sorted(counts.items())]
        by_account = f" ({', '.join(accounts)})" if any(counts) else ""
        yield f"{number} kept{by_account}{'' if refusal else ', which do not make it refused'}"


_EVIDENCE = {WayBack.LISTING: "a new listing that contains it", WayBack.USE: "a successful use"}
"""Ways back that are not commands."""


def _reason(explanation: ModelExplanation) -> str:
    if explanation.rule is None:
        return f"{explanation.reason}, seen last at {format_value(explanation.last_evidence_at)}"
    limit = explanation.limit_hours or 0
    span = f"{limit / 24:g} days" if limit >= 48 else f"{limit:g} hours"
    what = "not seen for more than" if explanation.rule == "stale" else "a ghost for more than"
    return f"{what} {span}, last evidence {format_value(explanation.last_evidence_at)}"


def _stated_by(details: Mapping[str, Any]) -> Iterator[str]:
    """Yield who stated a change, recorded or took back an announcement, and where that is published."""
    if "recorded_by" in details:
        yield f"recorded by {details['recorded_by']}"
    if "reference" in details:
        yield f"stated by {reference_source(details['reference'])}"
    if "source_url" in details:
        yield details["source_url"]


def _details(event: Any) -> str | None:
    if not event.details:
        return None
    if event.kind.is_tombstone:
        return "can be restored with 'ghost-pipeline restore'"
    if event.kind in (EventKind.REFUSED, EventKind.ANSWERED_BY_ANOTHER, EventKind.DOUBTED):
        return describe_event(event.kind, event.source, event.details)
    if event.kind is EventKind.CHANGED:
        old, new = changed_values(event.kind, event.details)
        changed = [
            name if name in _OBJECTS else f"{name} {format_fact(old[name])} -> {format_fact(new[name])}"
            for name in new or ()
            if old is not None and new is not None
        ]
        return "; ".join([*changed, *_stated_by(event.details)])
    return ", ".join(f"{name}: {value}" for name, value in event.details.items())
