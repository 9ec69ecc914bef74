"""What an error looks like: problem details (RFC 9457) to programs, a page to people. Neither has a secret or a trace.

Every error of the package has a reason and advice without secrets, which are shown; of any other exception only that it
happened is shown, and the server's log has the rest.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ghost_pipeline.errors import (
    CatalogError,
    CatalogUnavailable,
    GhostPipelineError,
    SettingsError,
    UnknownListing,
    UnknownModel,
    UnknownProvider,
    UsageError,
)
from ghost_pipeline.redaction import printable
from ghost_pipeline.web.context import render_page
from ghost_pipeline.web.security import FOR_PROGRAMS

MEDIA_TYPE = "application/problem+json"

RETRY_SECONDS = 5
"""After this long a client may try again what was not possible just now."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The members of a problem: those of RFC 9457, and ``advice``, what to do about it."""

    title: str
    status: int
    detail: str
    advice: str = ""
    errors: tuple[dict[str, str], ...] = ()
    """Each parameter that is wrong, and how."""


def add_error_pages(application: FastAPI) -> None:
    """Let every error of the application become a problem or a page."""
    for kind in (GhostPipelineError, HTTPException, RequestValidationError, Exception):
        application.add_exception_handler(kind, _answer)


def describe_problem(error: Exception) -> Problem:
    """Return what clients may know of an error."""
    match error:
        case GhostPipelineError():
            return _problem(_status_of(error), error.reason, error.advice)
        case RequestValidationError():
            errors = tuple(
                {"parameter": str(one["loc"][-1]), "message": one["msg"]} for one in error.errors() if one.get("loc")
            )
            detail = "; ".join(f"{one['parameter']}: {one['message']}" for one in errors)
            return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)
        case HTTPException():
            return _problem(HTTPStatus(error.status_code), error.detail)
    return _problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "an unexpected error happened", "look at the log of the server for its cause"
    )


def _status_of(error: GhostPipelineError) -> HTTPStatus:
    match error:
        case UnknownModel() | UnknownProvider() | UnknownListing():
            return HTTPStatus.NOT_FOUND
        case SettingsError() | CatalogError():  # of the server, and not of the request
            return HTTPStatus.SERVICE_UNAVAILABLE
        case UsageError():
            return HTTPStatus.UNPROCESSABLE_ENTITY
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem as JSON."""
    return Response(msgspec.json.encode(problem), problem.status, headers, MEDIA_TYPE)


def _problem(status: HTTPStatus, detail: str, advice: str = "", errors: tuple[dict[str, str], ...] = ()) -> Problem:
    return Problem(status.phrase, status.value, printable(detail), printable(advice), errors)


async def _answer(request: Request, error: Exception) -> Response:
    problem = describe_problem(error)
    headers: dict[str, Any] = dict(getattr(error, "headers", None) or {})
    if isinstance(error, CatalogUnavailable):
        headers["retry-after"] = str(RETRY_SECONDS)
    headers["cache-control"] = "no-store"
    if request.scope["path"].startswith(FOR_PROGRAMS):
        return problem_response(problem, headers)
    page = render_page(request, "problem.html", problem.status, problem=problem)
    page.headers.update(headers)
    return page
