"""The page of one attempt to list a provider's models: what it changed and what it lacked, and its raw bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.browsing.attempt_pages import Attempt
from ghost_pipeline.errors import ArchiveError, UnknownListing
from ghost_pipeline.lifecycle.records import ModelEvent
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline.web.api.providers import ListingId
from ghost_pipeline.web.context import CatalogOfRequest, render_page

router = APIRouter(include_in_schema=False)

MOST_EVENTS = 100
"""Events of a listing that the page shows; its counts have all of them."""

MOST_NAMES = 150
"""Names of missing and of inactive models that it shows."""

TITLES: Mapping[EventKind, str] = {
    EventKind.DISCOVERED: "Created",
    EventKind.RESTORED: "Came back into the catalog",
    EventKind.REACTIVATED: "Reactivated",
    EventKind.CHANGED: "Changed",
}
"""Kind of event -> heading of its models, in the order of the page."""


@dataclass(frozen=True, slots=True)
class ListingPage:
    """What the page shows."""

    attempt: Attempt
    counts: Mapping[EventKind, int]
    groups: Sequence[tuple[str, EventKind, Sequence[ModelEvent]]]
    """Heading, kind and the first events of it."""
    missing: Sequence[str] | None
    """The first expected models that it lacked; None if their names are no longer known."""
    inactive: Sequence[str]
    """The first models that the provider marks as inactive."""

    @property
    def file_name(self) -> str:
        """The name under which its bytes are downloaded, made of the provider's slug and the number alone."""
        return f"{self.attempt.provider_id}_listing_{self.attempt.id}.json"


def view_listing(catalog: ModelCatalog, listing_id: int) -> ListingPage:
    """Return what is known of one attempt. Raises UnknownListing."""
    attempt = catalog.browsing.get_attempt(listing_id)
    counts, events = catalog.browsing.read_listing_events(attempt, MOST_EVENTS)
    kinds = [*TITLES, *(kind for kind in counts if kind not in TITLES)]
    groups = [
        (TITLES.get(kind, kind.value.capitalize()), kind, [one for one in events if one.kind is kind])
        for kind in kinds
        if kind in counts
    ]
    missing = catalog.browsing.find_missing(attempt)
    return ListingPage(
        attempt,
        counts,
        groups,
        None if missing is None else missing[:MOST_NAMES],
        attempt.inactive[:MOST_NAMES],
    )


def read_raw(catalog: ModelCatalog, listing_id: int) -> tuple[ListingPage, bytes]:
    """Return a listing with its bytes. Raises UnknownListing also if the archive has them no longer."""
    shown = view_listing(catalog, listing_id)
    try:
        return shown, catalog.browsing.read_bytes(shown.attempt)
    except ArchiveError as error:
        raise UnknownListing(
            f"the archive has no readable bytes of listing {listing_id}",
            "they may have been pruned; see GHOST_KEEP_LISTINGS_DAYS",
        ) from error


@router.get("/listings/{listing_id}")
def show_listing(request: Request, listing_id: ListingId, catalog: CatalogOfRequest) -> HTMLResponse:
    """Show one attempt."""
    return render_page(request, "listing.html", shown=view_listing(catalog, listing_id), most_names=MOST_NAMES)


@router.get("/listings/{listing_id}/raw")
def download_listing(listing_id: ListingId, catalog: CatalogOfRequest) -> Response:
    """Send the bytes of a listing as a file: nothing that a provider wrote is shown by the browser as a page."""
    shown, content = read_raw(catalog, listing_id)
    headers = {
        "content-disposition": f'attachment; filename="{shown.file_name}"',
        "cache-control": "no-store",
    }
    return Response(content, media_type="application/octet-stream", headers=headers)
