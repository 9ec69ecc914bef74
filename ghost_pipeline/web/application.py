"""The application of the web page and of its API: what is where, and what every answer has. It knows no server."""

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.staticfiles import StaticFiles

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline.web import api, pages
from ghost_pipeline.web.api.openapi_document import describe_with
from ghost_pipeline.web.context import STATIC_FILES, WebContext
from ghost_pipeline.web.probe import Check, HealthCheck, check_catalog
from ghost_pipeline.web.probe import router as health_router
from ghost_pipeline.web.problems import Problem, add_error_pages, problem_response
from ghost_pipeline.web.security import SAFE_HEADERS, Application, Message, Receive, Scope, Send


def create_application(
    catalog: ModelCatalog,
    *,
    clock: Callable[[], datetime] = utc_now,
    dagster_url: str | None = None,
    is_stopping: Callable[[], bool] = lambda: False,
    check: Check | None = None,
) -> Application:
    """Return the ASGI application on a catalog, which ``ModelCatalog.open_read_only`` returned.

    It works at the root of a server, and under any prefix that the server names as ASGI's ``root_path``.

    Args:
        catalog: Stays open until the caller closes it.
        clock: Returns the current time.
        dagster_url: Where Dagster's UI is; by default the setting GHOST_DAGSTER_URL.
        is_stopping: Returns True once the server stops, so that no client waits for changes any more.
        check: Checks the deployment for ``/health``; by default the catalog alone is checked.
    """
    settings = catalog.settings
    application = FastAPI(
        title="Ghost Pipeline",
        openapi_url=f"{api.PATH}/openapi.json",
        docs_url=None,  # loads its scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a redirect would have the scheme and host of this side of a proxy
    )
    application.state.context = WebContext(
        catalog,
        settings,
        HealthCheck(check or check_catalog(catalog), clock),
        clock,
        settings.dagster_url if dagster_url is None else dagster_url,
        is_stopping,
    )
    application.mount("/static", StaticFiles(directory=STATIC_FILES), name="static")
    application.include_router(pages.router)  # first: routes are compared in order
    application.include_router(api.router)
    application.include_router(health_router)
    add_error_pages(application)
    describe_with(application)
    return _read_only(application)


def _read_only(application: Application) -> Application:
    """Return an application that answers GET and HEAD alone, always with SAFE_HEADERS."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        if scope["method"] not in ("GET", "HEAD"):
            problem = Problem("Method Not Allowed", 405, "nothing can be changed here", "use GET or HEAD")
            await problem_response(problem, {"allow": "GET, HEAD"})(scope, receive, send_safely)
            return
        # Every page and document has the headers of GET for HEAD.
        await application({**scope, "method": "GET"}, receive, send_safely)

    return serve
