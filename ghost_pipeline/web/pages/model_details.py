"""The page of one model: its facts, why it is in its state, what it cost when, and everything that happened to it.

The page of its offers compares them with those of other providers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.browsing.model_timeline import EvidencedEvent, FactHistory
from ghost_pipeline.catalog.history.descriptions import changed_values, describe_doubt, describe_event
from ghost_pipeline.catalog.history.explanation import ModelExplanation
from ghost_pipeline.catalog.history.price_periods import PricePeriod
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.lifecycle.absence import Presence
from ghost_pipeline.lifecycle.claims.resolution import (
    Claim,
    group_words,
    is_reference,
    price_source,
    resolve,
    sort_claims,
)
from ghost_pipeline.lifecycle.facts import FACTS
from ghost_pipeline.lifecycle.identity import model_page_path
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline.web.context import CatalogOfRequest, ContextOfRequest, render_page
from ghost_pipeline.web.formatting import format_shell_command
from ghost_pipeline.web.pages.charts import Chart, Point, Series, draw_chart
from ghost_pipeline.web.pages.url_state import Parameters

router = APIRouter(include_in_schema=False)

MOST_OFFERS = 50
"""Offers of the same model that their page has."""

TIMELINE_SIZE = 50


@dataclass(frozen=True, slots=True)
class FactRow:
    """A fact with since when it holds."""

    name: str
    description: str
    value: Any
    since: datetime | None
    """None for an unknown value that never was known."""
    source: str | None
    """Who states it, as ``lifecycle.claims.resolution.Claim`` has it; None for an unknown value."""
    others: Sequence[Claim] = ()
    """What other sources state instead."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event with its evidence."""

    at_event: EvidencedEvent
    reason: str
    changes: Sequence[tuple[str, Any, Any]]
    """Fact, value before, value after."""
    recorded_by: str | None
    """The operator, of an announcement."""
    missing_from: int | None
    """The complete listing that lacked the model when a sweep took it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command for a shell, and what it does."""

    purpose: str
    line: str


@dataclass(frozen=True, slots=True)
class ModelPage:
    """What the page shows."""

    provider_id: str
    model_id: str
    model: ModelRecord | None
    """None for a model that left the catalog."""
    explanation: ModelExplanation
    listing: Mapping[str, Any] | None
    facts: Sequence[FactRow]
    commands: Sequence[Command]
    timeline: Sequence[TimelineEntry]
    older_than: int | None
    """The event after which the timeline continues; None at its end."""
    is_newest: bool
    """The timeline begins with the newest event."""
    price_chart: Chart | None
    context_chart: Chart | None
    periods: Sequence[PricePeriod]
    history: FactHistory | None
    doubts: Sequence[str]
    """Which implausible values its listings state, and what stands."""

    @property
    def presence(self) -> Presence:
        """Whether the catalog has it."""
        return self.explanation.presence


def view_model(
    catalog: ModelCatalog, provider_id: str, model_id: str, now: datetime, before_event: int | None = None
) -> ModelPage:
    """Return what is known of one model, also of one that left the catalog. Raises UnknownModel."""
    explanation = catalog.explain_model(provider_id, model_id)
    known = catalog.get_model_history(provider_id, model_id, max_events=1)
    model = known.model
    slug, canonical = (
        (model.provider_id, model.model_id)
        if model is not None
        else (known.events[0].provider_id, known.events[0].model_id)
    )
    events = catalog.browsing.list_events(slug, canonical, TIMELINE_SIZE + 1, before_event)
    periods = catalog.history.list_prices(slug, canonical) if known.events else []
    history = None if model is None else catalog.browsing.read_fact_history(model)
    end = now if model is not None else explanation.since or now
    return ModelPage(
        provider_id=slug,
        model_id=canonical,
        model=model,
        explanation=explanation,
        listing=known.listing,
        facts=[] if model is None or history is None else list_facts(catalog, model, history),
        commands=list_commands(slug, canonical, explanation.presence, None if model is None else model.source),
        timeline=[_entry(one) for one in events[:TIMELINE_SIZE]],
        older_than=events[TIMELINE_SIZE - 1].id if len(events) > TIMELINE_SIZE else None,
        is_newest=before_event is None,
        price_chart=draw_prices(periods, end),
        context_chart=draw_context(history, end),
        periods=periods,
        history=history,
        doubts=[
            describe_doubt(one.fact, one.value, one.doubted_value, one.reason)
            for one in catalog.list_doubts(slug, canonical)
        ],
    )


def list_facts(catalog: ModelCatalog, model: ModelRecord, history: FactHistory) -> list[FactRow]:
    """Return the facts of a model with their sources, the known ones first; references fill unknown ones."""
    claims = catalog.references.list_claims(model.provider_id, model.model_id)
    order = catalog.settings.reference_order
    winners, ranked = resolve(claims, order), sort_claims(claims, order)
    rows = []
    for fact in FACTS:
        stated = [one for one in ranked if one.fact == fact.name]
        if fact.name == "prices" and not any(is_reference(one.source) for one in stated):
            continue  # each amount has a row of its own
        winner = winners.get(fact.name)
        if winner is None:
            rows.append(FactRow(fact.name, fact.description, None, None, None, stated))
            continue
        since = winner.first_stated_at if is_reference(winner.source) else history.since.get(fact.name)
        others = [one for one in stated if one.value != winner.value and one.source != winner.source]
        rows.append(FactRow(fact.name, fact.description, winner.value, since, _name_sources(winner), others))
    description = "Whether it costs nothing, as far as that is known."
    source = None if model.is_free is None else "its prices"
    rows.append(FactRow("is_free", description, model.is_free, history.since.get("is_free"), source))
    if "prices" in winners and not is_reference(winners["prices"].source):
        rows += _price_rows(model, winners["prices"].source, history.since.get("prices"))
    description = "Channel of its first sighting, or MANUAL once an operator added it."
    rows.append(FactRow("source", description, model.source.value, history.since.get("source"), None))
    return sorted(rows, key=lambda row: row.value is None)


_PRICE = "One of its prices: USD per 1,000,000 tokens, unless its name says what else."


def _price_rows(model: ModelRecord, source: str, since: datetime | None) -> list[FactRow]:
    """Return a row for each price of ``prices`` that is not a fact of its own."""
    others = {name: value for name, value in (model.prices or {}).items() if name not in ("input", "output")}
    return [FactRow(f"price of {name}", _PRICE, value, since, source) for name, value in others.items()]


def _name_sources(claim: Claim) -> str:
    """Return the source of a claim that counts; of capabilities of several sources, the words of each."""
    if claim.word_sources is None:
        return claim.source
    return "; ".join(f"{source}: {', '.join(words)}" for source, words in group_words(claim).items())


def list_commands(provider_id: str, model_id: str, presence: Presence, source: Source | None) -> list[Command]:
    """Return the commands that change the model's state; ``source`` is None for one that left the catalog."""
    purposes = {
        "reactivate": "Mark it as active and seen now",
        "restore": "Bring it back as a ghost, with all its data",
        "add": "Add it by hand, so that no sweep takes it",
        "remove": "Remove it, and keep it out until it is added or restored",
        "show": "Show all this in a terminal",
    }
    offered = {
        Presence.ACTIVE: ("remove", "add", "show"),
        Presence.GHOST: ("reactivate", "remove", "add", "show"),
        Presence.PURGED: ("restore", "add", "show"),
        Presence.REMOVED: ("restore", "add", "show"),
    }
    verbs = [verb for verb in offered[presence] if verb != "add" or source is not Source.MANUAL]
    return [Command(purposes[verb], format_shell_command(verb, provider_id, model_id)) for verb in verbs]


def draw_prices(periods: Sequence[PricePeriod], end: datetime) -> Chart | None:
    """Return the chart of the two token prices; None if no price is known."""
    lines = [
        Series("input", [Point(one.first_listed_at, one.input_price) for one in periods]),
        Series("output", [Point(one.first_listed_at, one.output_price) for one in periods]),
    ]
    return draw_chart("prices", "Price", "USD per million tokens", lines, end)


def draw_context(history: FactHistory | None, end: datetime) -> Chart | None:
    """Return the chart of the context window; None if it never was known."""
    if history is None:
        return None
    points = [Point(one.since, one.value if isinstance(one.value, int) else None) for one in history.context_windows]
    return draw_chart("context", "Context window", "tokens", [Series("context window", points)], end)


def _entry(one: EvidencedEvent) -> TimelineEntry:
    event = one.event
    details = event.details or {}
    old, new = changed_values(event.kind, details)
    old, new = old or {}, new or {}
    changes = [(name, old.get(name), new.get(name)) for name in sorted(new) if name != "provider_data"]
    if "provider_data" in new:
        keys = sorted({*old["provider_data"], *new["provider_data"]})
        changes += [
            (f"provider_data.{key}", old["provider_data"].get(key), new["provider_data"].get(key)) for key in keys
        ]
    return TimelineEntry(
        at_event=one,
        reason=describe_event(event.kind, event.source, details),
        changes=changes,
        recorded_by=details.get("recorded_by"),
        missing_from=details.get("missing_from_listing_id"),
    )


@router.get("/model")
def show_model(request: Request, catalog: CatalogOfRequest, context: ContextOfRequest) -> HTMLResponse:
    """Show the model that the parameters ``provider`` and ``id`` name."""
    parameters = Parameters(request.query_params)
    shown = view_model(catalog, *parameters.model_key(), context.clock(), parameters.whole("before"))
    has_page = bool(context.dagster_url) and context.settings.model_partitions > 0
    path = model_page_path(shown.provider_id, shown.model_id)
    dagster_page = f"{context.dagster_url.rstrip('/')}{path}" if has_page else None
    return render_page(request, "model.html", shown=shown, dagster_page=dagster_page)


@dataclass(frozen=True, slots=True)
class OffersPage:
    """What the page of offers shows.

    It is not a part of the model's page: a name that many ids contain is found by reading all models.
    """

    provider_id: str
    model_id: str
    offers: Sequence[ModelRecord]
    """The cheapest ones, the model itself included."""
    is_cut: bool
    """True if there are more."""


def view_offers(catalog: ModelCatalog, provider_id: str, model_id: str) -> OffersPage:
    """Return the offers of a model, ghosts included. Raises UnknownModel."""
    wanted = ModelFilter(is_active=None, is_stated_only=False, limit=MOST_OFFERS + 1)
    found = catalog.find_offers(provider_id, model_id, wanted)
    return OffersPage(provider_id, model_id, found[:MOST_OFFERS], len(found) > MOST_OFFERS)


@router.get("/model/offers")
def show_offers(request: Request, catalog: CatalogOfRequest) -> HTMLResponse:
    """Show the offers of the model that the parameters ``provider`` and ``id`` name."""
    shown = view_offers(catalog, *Parameters(request.query_params).model_key())
    return render_page(request, "offers.html", shown=shown, price_source=price_source)
