"""The pages for people: every page is an endpoint of ``router``, which reads the catalog and renders a template."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ghost_pipeline.web.context import CatalogOfRequest, render_page

router = APIRouter(include_in_schema=False)


@router.get("/")
def show_overview(request: Request, catalog: CatalogOfRequest) -> HTMLResponse:
    """Show the overview."""
    return render_page(request, "overview.html", counted=catalog.get_discovery_stats())
