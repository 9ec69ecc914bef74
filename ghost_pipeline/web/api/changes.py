"""Operations on changes: pages of them, waiting for the next one, and what differs between two instants.

A client that waits holds no thread and no connection: the changes are looked up again now and then, as
``changes --follow`` does. Few clients can wait, each for a short time, and none once the server stops.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import dropwhile, islice
from typing import Annotated

import anyio
from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ghost_pipeline.catalog.history.changes import ChangePage
from ghost_pipeline.catalog.history.comparison import ModelDifference
from ghost_pipeline.catalog.results import ModelPlace
from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.validation import parse_age, parse_instant
from ghost_pipeline.lifecycle.vocabulary import EventKind, choose_kinds
from ghost_pipeline.web.api.parameters import (
    INSTANT_FORMAT,
    MOST_REPEATED,
    CursorText,
    Limit,
    ProviderNames,
    Until,
    read_instant,
)
from ghost_pipeline.web.api.responses import describe_answers, format_model_cursor, json_response, parse_model_cursor
from ghost_pipeline.web.context import CatalogOfRequest, ContextOfRequest, WebContext
from ghost_pipeline.web.problems import RETRY_SECONDS

POLL_SECONDS = 1.0
"""How often the changes are looked up for a client that waits."""

STOP_SECONDS = 0.1
"""How soon a client that waits notices that the server stops."""

MOST_SECONDS = 30
"""How long a client can wait."""

MOST_WAITING = 32
"""How many clients can wait at a time."""

DEFAULT_SINCE = "24h"

router = APIRouter(tags=["changes"])


@router.get(
    "/changes",
    operation_id="listChanges",
    summary="List what changed",
    responses=describe_answers("Changes", "A page of changes, and the cursor for what follows.", 404),
)
async def list_changes(
    request: Request,
    context: ContextOfRequest,
    since: Annotated[
        str,
        Query(
            description="After the cursor of an earlier answer, or since an instant or an age such as 7d.",
            max_length=200,
        ),
    ] = DEFAULT_SINCE,
    until: Until = None,
    provider: ProviderNames = [],  # noqa: B006 - FastAPI copies it
    kind: Annotated[
        list[EventKind], Query(description="Only this kind of change; can be repeated.", max_length=MOST_REPEATED)
    ] = [],  # noqa: B006
    facts: Annotated[bool, Query(description="Also changes of prices and other facts.")] = False,
    limit: Limit = 100,
    wait: Annotated[
        int, Query(description="If there is nothing, wait so many seconds for the next change.", ge=0, le=MOST_SECONDS)
    ] = 0,
) -> Response:
    """Return what appeared, vanished and came back, the oldest first.

    Pass the cursor of the answer as ``since``, with the same other parameters, to get exactly what is new: each change
    once. With ``wait`` the answer comes as soon as there is something new.
    """
    kinds = choose_kinds(kind, has_facts=facts)
    end = read_instant(until, "until")

    def read(begin: str | datetime) -> ChangePage:
        return context.checked_catalog().list_changes(begin, end, provider, kinds, limit)

    page = await run_in_threadpool(read, _read_since(since, context.clock()))
    if wait and not page.changes:
        page = await _wait(request, context, read, page, wait)
    document = {"changes": page.changes, "cursor": page.cursor, "is_end": page.is_end}
    return await run_in_threadpool(json_response, request, document)


def _read_since(text: str, now: datetime) -> str | datetime:
    """Return a cursor as it is, or the instant that the text names. Raises UsageError."""
    stated = text.strip()
    if stated.startswith("c1-"):
        return stated
    if stated[-1:] in ("h", "d"):
        try:
            return now - parse_age(stated)
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)
    try:
        return parse_instant(stated, "since")
    except UsageError as error:
        raise UsageError(error.reason, "or give a cursor, or an age such as 24h") from error


async def _wait(
    request: Request,
    context: WebContext,
    read: Callable[[str | datetime], ChangePage],
    page: ChangePage,
    seconds: int,
) -> ChangePage:
    """Return the next page with a change, or the last one without after so many seconds."""
    if context.waiting_clients >= MOST_WAITING:
        raise HTTPException(503, f"{MOST_WAITING} clients are waiting already", {"retry-after": str(RETRY_SECONDS)})
    context.waiting_clients += 1
    try:
        ends_at = time.monotonic() + seconds
        while not page.changes and time.monotonic() < ends_at:
            look_at = min(time.monotonic() + POLL_SECONDS, ends_at)
            while time.monotonic() < look_at:
                await anyio.sleep(STOP_SECONDS)
                if context.is_stopping() or await request.is_disconnected():
                    return page
            page = await run_in_threadpool(read, page.cursor)
    finally:
        context.waiting_clients -= 1
    return page


@router.get(
    "/difference",
    operation_id="compareInstants",
    summary="List what differs between two instants",
    responses=describe_answers("Differences", "A page of models that differ, and the cursor of the next one.", 404),
)
def compare_instants(
    request: Request,
    context: ContextOfRequest,
    catalog: CatalogOfRequest,
    before: Annotated[str, Query(description=f"The earlier instant. {INSTANT_FORMAT}", max_length=100)],
    after: Annotated[
        str | None,
        Query(description=f"The later instant, by default the current time. {INSTANT_FORMAT}", max_length=100),
    ] = None,
    provider: ProviderNames = [],  # noqa: B006 - FastAPI copies it
    cursor: CursorText = None,
    limit: Limit = 100,
) -> Response:
    """Return the models that appeared, vanished or changed, with the values that differ.

    A model that came and went between the instants is not part of it; ``changes`` has both events.
    """
    begin = parse_instant(before, "before")
    end = read_instant(after, "after") or context.clock()
    found = catalog.history.compare(begin, end, provider)
    if cursor is not None:
        place = parse_model_cursor(cursor, None)
        found = islice(dropwhile(lambda one: not _is_at(one, place), found), 1, None)  # the past does not change
    page = list(islice(found, limit + 1))
    following = format_model_cursor(page[limit - 1], None) if len(page) > limit else None
    return json_response(request, {"before": begin, "after": end, "differences": page[:limit], "cursor": following})


def _is_at(difference: ModelDifference, place: ModelPlace) -> bool:
    return (difference.provider_id, difference.model_id) == (place.provider_id, place.model_id)
