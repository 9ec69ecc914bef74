"""Operations on models: pages of them, one of them with its history and prices, counts, and those that retire."""

from dataclasses import replace
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from ghost_pipeline.catalog.results import ModelFilter, ModelHistory
from ghost_pipeline.documents import facts_document, model_document, past_model_document
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug
from ghost_pipeline.lifecycle.validation import parse_age
from ghost_pipeline.web.api.parameters import (
    At,
    CursorText,
    FilterOfRequest,
    Limit,
    ModelId,
    ProviderName,
    ProviderNames,
    StatedOnly,
    read_instant,
)
from ghost_pipeline.web.api.responses import (
    describe_answers,
    format_event_cursor,
    format_model_cursor,
    format_retiring_cursor,
    json_response,
    parse_event_cursor,
    parse_model_cursor,
    parse_retiring_cursor,
)
from ghost_pipeline.web.context import CatalogOfRequest, ContextOfRequest

MAX_EVENTS = 1_000
"""Events in the document of a model; its history has all of them, by pages."""

router = APIRouter(tags=["models"])


@router.get(
    "/models",
    operation_id="listModels",
    summary="List the models that a filter selects",
    responses=describe_answers("Models", "A page of models, and the cursor of the next one.", 404),
)
def list_models(
    request: Request, catalog: CatalogOfRequest, wanted: FilterOfRequest, cursor: CursorText = None, at: At = None
) -> Response:
    """Return active models and ghosts, unless a state is given. Unknown values match no filter."""
    place = None if cursor is None else parse_model_cursor(cursor, wanted.sort)
    instant = read_instant(at, "at")
    limit = wanted.limit or 1
    more = replace(wanted, limit=limit + 1)
    if instant is None:
        found = catalog.find_models(more, after=place)
        documents: list[Any] = [*found]
    else:
        past = list(islice(catalog.history.iterate_models(instant, more, after=place), limit + 1))
        found, documents = [one.model for one in past], list(map(past_model_document, past))
    cursor_after = format_model_cursor(found[limit - 1], wanted.sort) if len(found) > limit else None
    return json_response(request, {"models": documents[:limit], "cursor": cursor_after})


@router.get(
    "/model",
    operation_id="getModel",
    summary="Get one model",
    responses=describe_answers("Model", "The model, with its listing and its first 1,000 events.", 404),
)
def get_model(
    request: Request, catalog: CatalogOfRequest, provider: ProviderName, model_id: ModelId, at: At = None
) -> Response:
    """Return a model with its evidence, why it is in its state and what would change that.

    A model that left the catalog has its events, and none of its facts.
    """
    slug = provider_slug(provider)
    canonical = canonical_model_id(slug, model_id)
    instant = read_instant(at, "at")
    explanation = facts = None
    if instant is None:
        history = catalog.get_model_history(slug, canonical, MAX_EVENTS)
        explanation = catalog.explain_model(slug, canonical)
        if history.model is not None:
            references = catalog.references
            claims, ended = references.list_claims(slug, canonical), references.list_ended_claims(slug, canonical)
            facts = facts_document(claims, catalog.settings.reference_order, ended)
    else:
        then = catalog.history.get_model(slug, canonical, instant, MAX_EVENTS)
        history = ModelHistory(None if then.past is None else then.past.model, then.events, None)
    document = model_document(slug, canonical, history, explanation, facts)
    return json_response(request, {**document, "events": history.events})


@router.get(
    "/model/history",
    operation_id="getModelHistory",
    summary="List what happened to one model",
    responses=describe_answers("Events", "A page of events, and the cursor of the next one.", 404),
)
def get_history(
    request: Request,
    catalog: CatalogOfRequest,
    provider: ProviderName,
    model_id: ModelId,
    cursor: CursorText = None,
    limit: Limit = 100,
) -> Response:
    """Return the audit trail of a model, the oldest event first."""
    after = 0 if cursor is None else parse_event_cursor(cursor)
    page = catalog.list_events_after(provider, model_id, after, limit + 1)
    following = format_event_cursor(page[limit - 1][0]) if len(page) > limit else None
    return json_response(request, {"events": [event for _, event in page[:limit]], "cursor": following})


@router.get(
    "/model/prices",
    operation_id="getModelPrices",
    summary="List what one model cost when",
    responses=describe_answers("Prices", "The times with one price each.", 404),
)
def get_prices(
    request: Request, catalog: CatalogOfRequest, provider: ProviderName, model_id: ModelId, at: At = None
) -> Response:
    """Return what a model cost when, the oldest price first; with ``at`` only the prices of that instant."""
    return json_response(request, {"prices": catalog.history.list_prices(provider, model_id, read_instant(at, "at"))})


@router.get(
    "/model/offers",
    operation_id="listOffers",
    summary="List the offers of one model",
    responses=describe_answers("Offers", "The models that are the same, the cheapest first.", 404),
)
def list_offers(
    request: Request,
    catalog: CatalogOfRequest,
    provider: ProviderName,
    model_id: ModelId,
    stated_only: StatedOnly = False,
    limit: Limit = 100,
) -> Response:
    """Return the models of all providers that are the same as one, itself and ghosts included.

    Two are the same if an id of one, or an id that a source states for it, names the same maker and model.
    """
    wanted = ModelFilter(is_active=None, is_stated_only=stated_only, limit=limit)
    return json_response(request, {"offers": catalog.find_offers(provider, model_id, wanted)})


@router.get(
    "/stats",
    operation_id="getStatistics",
    summary="Count the models",
    responses=describe_answers("Statistics", "Counts by source, state and provider."),
)
def get_statistics(request: Request, catalog: CatalogOfRequest, at: At = None) -> Response:
    """Return the number of models by source, state and provider."""
    instant = read_instant(at, "at")
    counted = catalog.get_discovery_stats() if instant is None else catalog.history.count_models(instant)
    return json_response(request, counted)


@router.get(
    "/retiring",
    operation_id="listRetiringModels",
    summary="List the models that retire",
    responses=describe_answers("Retiring", "A page of models, by date, and the cursor of the next one.", 404),
)
def list_retiring_models(
    request: Request,
    context: ContextOfRequest,
    catalog: CatalogOfRequest,
    within: Annotated[
        str | None, Query(description="At most so long from now: 30d, 12h; a bare number is days.", max_length=100)
    ] = None,
    provider: ProviderNames = [],  # noqa: B006 - FastAPI copies it
    gone: Annotated[bool, Query(description="Also models that are past their date and not used any more.")] = False,
    cursor: CursorText = None,
    limit: Limit = 1_000,
) -> Response:
    """Return the models whose end was announced, past dates included, also those that the catalog does not have."""
    span = None if within is None else parse_age(within)
    place = None if cursor is None else parse_retiring_cursor(cursor)
    found = catalog.list_retiring(span, provider, is_with_gone=gone, now=context.clock())
    left = [one for one in found if place is None or (one.expires_at, one.provider_id, one.model_id) > place]
    following = format_retiring_cursor(left[limit - 1]) if len(left) > limit else None
    return json_response(request, {"retiring": left[:limit], "cursor": following})
