"""Operations on providers and on the attempts to list their models, with the bytes that a provider sent."""

import re
from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.browsing.attempt_pages import Attempt
from ghost_pipeline.documents import ProviderDocument, merge_providers, provider_document
from ghost_pipeline.errors import InvalidCursor, UnknownProvider
from ghost_pipeline.fetching.configuration import configured_providers
from ghost_pipeline.lifecycle.identity import provider_slug
from ghost_pipeline.lifecycle.validation import parse_instant
from ghost_pipeline.web.api.parameters import CursorText, Limit, ProviderName
from ghost_pipeline.web.api.responses import describe_answers, json_response, not_modified
from ghost_pipeline.web.context import CatalogOfRequest, ContextOfRequest, WebContext

router = APIRouter(tags=["providers"])

_CURSOR = re.compile(r"l1-([0-9TZ:.+-]{10,40})~([0-9]{1,18})")

ListingId = Annotated[int, Path(description="The id of the listing.", ge=0, lt=2**63)]


def read_providers(context: WebContext, catalog: ModelCatalog) -> list[ProviderDocument]:
    """Return the document of every provider that the catalog has or that can be fetched."""
    settings = context.settings
    known = merge_providers(catalog.list_provider_health(), configured_providers(settings))
    return [provider_document(*one, context.clock(), settings.thresholds) for one in known]


@router.get(
    "/providers",
    operation_id="listProviders",
    summary="List the providers",
    responses=describe_answers("Providers", "Every provider that the catalog has or that can be fetched."),
)
def answer_providers(request: Request, context: ContextOfRequest, catalog: CatalogOfRequest) -> Response:
    """Return the health of each provider, and whether it can be fetched."""
    return json_response(request, {"providers": read_providers(context, catalog)})


@router.get(
    "/providers/{provider}",
    operation_id="getProvider",
    summary="Get one provider",
    responses=describe_answers("ProviderDocument", "The provider.", 404),
)
def answer_provider(
    request: Request,
    context: ContextOfRequest,
    catalog: CatalogOfRequest,
    provider: Annotated[str, Path(description="The provider, by any of its names.", max_length=200)],
) -> Response:
    """Return the health of one provider, and whether it can be fetched."""
    slug = provider_slug(provider)
    for document in read_providers(context, catalog):
        if document.id == slug:
            return json_response(request, document)
    raise UnknownProvider(f"the catalog has no provider {slug}", "list them at /api/v1/providers")


@router.get(
    "/listings",
    operation_id="listListings",
    summary="List the attempts to list a provider's models",
    responses=describe_answers("Listings", "A page of attempts, and the cursor of the next one.", 404),
)
def list_listings(
    request: Request, catalog: CatalogOfRequest, provider: ProviderName, cursor: CursorText = None, limit: Limit = 100
) -> Response:
    """Return the attempts of a provider, the newest first, failed ones too."""
    before = None if cursor is None else _parse_cursor(cursor)
    found = catalog.browsing.list_attempts(provider, limit + 1, before)
    following = _format_cursor(found[limit - 1]) if len(found) > limit else None
    return json_response(request, {"listings": found[:limit], "cursor": following})


@router.get(
    "/listings/{listing_id}",
    operation_id="getListing",
    summary="Get one attempt to list a provider's models",
    responses=describe_answers("Attempt", "The attempt.", 404),
)
def get_listing(request: Request, catalog: CatalogOfRequest, listing_id: ListingId) -> Response:
    """Return what was observed, the verdict on it, and what it changed."""
    return json_response(request, catalog.browsing.get_attempt(listing_id))


@router.get(
    "/listings/{listing_id}/content",
    operation_id="getListingContent",
    summary="Get the bytes of a listing",
    response_class=Response,
    responses={
        **describe_answers("Attempt", "", 404),
        200: {
            "description": "The bytes as they were observed.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
    },
)
def get_listing_content(request: Request, catalog: CatalogOfRequest, listing_id: ListingId) -> Response:
    """Return the bytes of a listing from the archive, to be saved and not to be shown."""
    attempt = catalog.browsing.get_attempt(listing_id)
    headers = _content_headers(attempt)
    known = None if attempt.sha256 is None else not_modified(request, headers)
    # What the client has needs nothing of the archive, whose copy may be pruned by now.
    return known or Response(
        catalog.browsing.read_bytes(attempt), headers=headers, media_type="application/octet-stream"
    )


def _content_headers(attempt: Attempt) -> dict[str, str]:
    """Return the headers of bytes that a provider sent, so that no browser runs or shows them."""
    return {
        "content-disposition": f'attachment; filename="listing-{attempt.id}.json"',
        "content-security-policy": "default-src 'none'; sandbox",
        "cache-control": "private, max-age=3600, immutable",
        "etag": f'"{attempt.sha256}"',
    }


def _format_cursor(attempt: Attempt) -> str:
    return f"l1-{msgspec.to_builtins(attempt.observed_at)}~{attempt.id}"


def _parse_cursor(text: str) -> tuple[datetime, int]:
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise InvalidCursor(f"{text[:100]!r} is not a cursor of listings", "pass on the cursor of an earlier answer")
    return parse_instant(match[1], "cursor"), int(match[2])
