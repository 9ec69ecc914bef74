"""The models that were purged or removed, each with the command that brings it back."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.browsing.departed_models import DepartedModel
from ghost_pipeline.lifecycle.vocabulary import TOMBSTONE_KINDS
from ghost_pipeline.web.context import CatalogOfRequest, render_page
from ghost_pipeline.web.formatting import format_shell_command
from ghost_pipeline.web.pages.url_state import Parameters

router = APIRouter(include_in_schema=False)

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class DepartureRow:
    """A line of the list."""

    departed: DepartedModel
    restore_command: str


@dataclass(frozen=True, slots=True)
class DeparturesPage:
    """What the page shows."""

    rows: Sequence[DepartureRow]
    page: int
    has_next: bool
    is_filtered: bool


def view_departures(catalog: ModelCatalog, parameters: Parameters) -> DeparturesPage:
    """Return a page of the models that left, those that left last first. Raises UsageError, UnknownProvider."""
    page = parameters.page()
    providers, search = parameters.texts("provider"), parameters.text("search")
    kind = parameters.choice("kind", [one.value for one in TOMBSTONE_KINDS])
    found = catalog.browsing.list_departed(providers, kind, search, (page - 1) * PAGE_SIZE, PAGE_SIZE + 1)
    rows = [
        DepartureRow(one, format_shell_command("restore", one.model.provider_id, one.model.model_id))
        for one in found[:PAGE_SIZE]
    ]
    return DeparturesPage(rows, page, len(found) > PAGE_SIZE, bool(providers or search or kind))


@router.get("/removed")
def show_departures(request: Request, catalog: CatalogOfRequest) -> HTMLResponse:
    """Show the models that left the catalog."""
    parameters = Parameters(request.query_params)
    return render_page(
        request,
        "removed.html",
        shown=view_departures(catalog, parameters),
        given=parameters,
        kinds=[one.value for one in TOMBSTONE_KINDS],
        providers=catalog.browsing.list_labels(),
    )
