"""What every request of the web page has at hand: the catalog, the settings, the templates.

An endpoint takes ``CatalogOfRequest`` as a parameter. Endpoints are plain functions, which run in threads: reading the
database blocks, and must not block the others.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import jinja2
from fastapi import Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline.settings import Settings
from ghost_pipeline.web import formatting, links

if TYPE_CHECKING:
    from ghost_pipeline.web.probe import HealthCheck

TEMPLATES = Path(__file__).parent / "templates"
STATIC_FILES = Path(__file__).parent / "static"

SCHEMA_SECONDS = 10.0
"""How long the schema counts as right after it was checked: it changes when the program is upgraded."""


SLOW_SECONDS = 0.2
"""A value that takes longer to compute is kept, for KEPT_TIMES as long."""

KEPT_TIMES = 10


def _template_environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,  # in every file, whatever its name: what providers state is untrusted
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # they are part of the program
    )
    environment.filters.update(formatting.FILTERS)
    environment.globals.update(
        formatting.GLOBALS,
        model_page=links.model_page,
        offers_page=links.offers_page,
        provider_page=links.provider_page,
        listing_page=links.listing_page,
    )
    return environment


class KeptValue:
    """A value that is computed for each request, unless that takes long: then it is kept for KEPT_TIMES as long.

    So a page of a catalog of millions of models takes no more than a tenth of one core, and that of a small one is
    always of this moment.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._computing = threading.Lock()
        self._value: Any = None
        self._is_right_until = clock()

    def get(self, compute: Callable[[], Any]) -> Any:
        """Return the value that was kept, or compute it; others wait for one that computes it."""
        with self._computing:
            begun = self._clock()
            if begun < self._is_right_until:
                return self._value
            value = compute()
            duration_seconds = self._clock() - begun
            if duration_seconds > SLOW_SECONDS:
                self._value = value
                self._is_right_until = begun + duration_seconds * (1 + KEPT_TIMES)
            return value


@dataclass(slots=True)
class WebContext:
    """What the application serves from."""

    catalog: ModelCatalog
    """Opened for reading only."""
    settings: Settings
    health: "HealthCheck"
    clock: Callable[[], datetime] = utc_now
    dagster_url: str = ""
    """Where Dagster's UI is; empty if it is not known."""
    is_stopping: Callable[[], bool] = lambda: False
    """Return True once the server stops: nobody may wait any longer."""
    templates: jinja2.Environment = field(default_factory=_template_environment)
    overview: KeptValue = field(default_factory=KeptValue)
    waiting_clients: int = 0
    """Clients that wait for a change."""
    _schema_is_right_until: float = 0.0
    """In seconds of the monotonic clock."""

    @property
    def is_schema_right(self) -> bool:
        """True if the schema was found right a moment ago."""
        return time.monotonic() <= self._schema_is_right_until

    def checked_catalog(self) -> ModelCatalog:
        """Return the catalog, whose schema was found right a moment ago. Raises CatalogError."""
        if not self.is_schema_right:
            self.catalog.require_schema()
            self._schema_is_right_until = time.monotonic() + SCHEMA_SECONDS
        return self.catalog

    def run_url(self, run_id: str | None) -> str | None:
        """Return the address of a run in Dagster's UI; None if there is none."""
        return links.dagster_run_url(self.dagster_url, run_id)


def get_context(request: Request) -> WebContext:
    """Return the context of the application that serves the request."""
    context: WebContext = request.app.state.context
    return context


async def get_catalog(request: Request) -> ModelCatalog:
    """Return the catalog, checked. Raises CatalogError, which becomes an answer with status 503."""
    context = get_context(request)
    if context.is_schema_right:
        return context.catalog
    return await run_in_threadpool(context.checked_catalog)


ContextOfRequest = Annotated[WebContext, Depends(get_context)]
CatalogOfRequest = Annotated[ModelCatalog, Depends(get_catalog)]


def render_page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page.

    Its template also has ``request``, ``now``, ``path_to(path, parameters)``, ``query(**changes)``, the parameters
    of the page itself, ``model_link(provider_id, model_id)`` and ``provider_link(provider_id)``.
    """
    context = get_context(request)

    def path_to(path: str, parameters: Any = ()) -> str:
        return links.path_under(request, path, parameters)

    pairs = [(name, value) for name, value in request.query_params.multi_items() if value.strip()]
    known = {
        "request": request,
        "now": context.clock(),
        "path_to": path_to,
        "query": partial(links.replace_parameters, pairs),
        "run_url": context.run_url,
        "model_link": partial(formatting.model_link, path_to("")),
        "provider_link": partial(formatting.provider_link, path_to("")),
    }
    return HTMLResponse(context.templates.get_template(template).render(known | values), status)
