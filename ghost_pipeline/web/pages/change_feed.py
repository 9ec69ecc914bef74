"""What changed: day by day, between two dates, and as feeds for programs."""

import html
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.browsing.recorded_days import begin_of, end_of
from ghost_pipeline.catalog.history.changes import MAX_PAGE, Change, ChangeFilter
from ghost_pipeline.catalog.history.comparison import ModelDifference
from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.identity import model_key, provider_slug
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline.notifications.kinds.atom import feed_bytes, new_entry, new_feed
from ghost_pipeline.redaction import printable
from ghost_pipeline.web.api.responses import json_response, tagged_response
from ghost_pipeline.web.context import CatalogOfRequest, ContextOfRequest, render_page
from ghost_pipeline.web.links import format_query, model_page
from ghost_pipeline.web.pages.url_state import Parameters

router = APIRouter(include_in_schema=False)

PAGE_SIZE = 100
SHOWN_DAYS = 30
MOST_ENTRIES = 100
"""Entries of the Atom feed."""

RECENT = timedelta(hours=24)
RECENT_TEXT = "24h"
"""The value of the parameter ``last`` that selects them instead of a day."""

FEED_DAYS = 30
MOST_DIFFERENCES = 150
"""Differences that the page shows; its counts have all of them."""

USUAL_KINDS = tuple(kind for kind in EventKind if kind is not EventKind.CHANGED)
"""Kinds that are shown unless others are chosen: changes of facts are many."""


@dataclass(frozen=True, slots=True)
class FeedFilter:
    """Which changes a URL selects, apart from the day."""

    provider_ids: tuple[str, ...]
    kinds: tuple[EventKind, ...]

    def within(self, since: datetime, until: datetime | None) -> ChangeFilter:
        """Return the filter of a span of time."""
        return ChangeFilter(self.provider_ids, self.kinds, since, until)


@dataclass(frozen=True, slots=True)
class DayBar:
    """A day with how many events were recorded then."""

    day: date
    count: int
    height: int
    """Per cent of the highest."""


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """What the page of a day shows."""

    day: date
    is_recent: bool
    """True if the changes are those of the last 24 hours, and not those of ``day``, on which they begin."""
    since: datetime
    days: Sequence[DayBar]
    changes: Sequence[Change]
    counts: Mapping[EventKind, int]
    page: int
    has_next: bool
    previous_day: date | None
    """The nearest earlier day with such changes, or with any whose kinds were not counted yet."""
    next_day: date | None
    """The nearest later one."""
    is_history_empty: bool

    @property
    def count(self) -> int:
        """How many changes of the day the filter selects."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class DifferencePage:
    """What differs between two instants."""

    before: datetime
    after: datetime
    counts: Mapping[str, int]
    first: Sequence[ModelDifference]

    @property
    def count(self) -> int:
        """All differences."""
        return sum(self.counts.values())


def read_feed_filter(parameters: Parameters) -> FeedFilter:
    """Return what the parameters of a URL select. Raises UsageError."""
    kinds = parameters.texts("kind")
    known = {kind.value: kind for kind in EventKind}
    unknown = [kind for kind in kinds if kind not in known]
    if unknown:
        raise UsageError(f"kind={unknown[0][:40]!r} is not known", f"use one of {', '.join(known)}")
    slugs = tuple(dict.fromkeys(map(provider_slug, parameters.texts("provider"))))
    return FeedFilter(slugs, tuple(known[kind] for kind in kinds) or USUAL_KINDS)


def read_day(parameters: Parameters) -> date | None:
    """Return the day in the parameter ``day``; None if it is missing. Raises UsageError."""
    text = parameters.text("day")
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"day={text[:40]!r} is not a day", "use a date such as 2026-06-09") from None


def view_changes(
    catalog: ModelCatalog,
    wanted: FeedFilter,
    day: date | None,
    page: int,
    now: datetime,
    *,
    is_recent: bool = False,
) -> ChangesPage:
    """Return a page of a day's changes, by default of the newest day that has any of the kinds.

    If ``is_recent`` of those of the last 24 hours. Raises UnknownProvider.
    """
    if is_recent:
        day = (now - RECENT).astimezone(UTC).date()
    counted = catalog.browsing.count_kinds_around(wanted.kinds, wanted.provider_ids, day)
    counts = counted.counts
    before, after = counted.uncounted_before, counted.uncounted_after
    if day is None and not counts and before is not None:  # nothing among the newest events that may be read at once
        return view_changes(catalog, wanted, before, page, now)
    shown_day = day or max(counts, default=now.astimezone(UTC).date())
    since = now - RECENT if is_recent else begin_of(shown_day)
    within = wanted.within(since, None if is_recent else end_of(shown_day))
    changes = catalog.browsing.list_changes(within, (page - 1) * PAGE_SIZE, PAGE_SIZE + 1)
    return ChangesPage(
        day=shown_day,
        is_recent=is_recent,
        since=since,
        days=_bars(counts, shown_day),
        changes=changes[:PAGE_SIZE],
        counts=catalog.browsing.count_changes(within),
        page=page,
        has_next=len(changes) > PAGE_SIZE,
        previous_day=max((one for one in counts if begin_of(one) < since), default=before),
        next_day=None if is_recent else min((one for one in counts if one > shown_day), default=after),
        is_history_empty=not counts and not catalog.browsing.count_changes_by_day(None, wanted.provider_ids),
    )


def _bars(counted: Mapping[date, int], shown: date) -> list[DayBar]:
    """Return SHOWN_DAYS days with such changes, the oldest first: the newest ones, or those around the shown day."""
    days = sorted(counted)
    begin = max(0, min(len(days) - SHOWN_DAYS, bisect_left(days, shown) - SHOWN_DAYS // 2))
    days = days[begin : begin + SHOWN_DAYS]
    highest = max((counted[one] for one in days), default=1)
    return [DayBar(one, counted[one], max(4, round(100 * counted[one] / highest))) for one in days]


def view_difference(
    catalog: ModelCatalog, before: datetime, after: datetime | None, provider_ids: Sequence[str], now: datetime
) -> DifferencePage:
    """Return what differs between two instants. Raises UsageError, UnknownProvider."""
    counts = Counter[str]()

    def counted() -> Iterator[ModelDifference]:
        for one in catalog.history.compare(before, after, provider_ids):
            counts[one.difference] += 1
            yield one

    found = counted()
    first = list(islice(found, MOST_DIFFERENCES))
    for _ in found:
        pass
    return DifferencePage(before, after or now, counts, first)


@router.get("/changes")
def show_changes(request: Request, catalog: CatalogOfRequest, context: ContextOfRequest) -> HTMLResponse:
    """Show the changes of a day."""
    parameters = Parameters(request.query_params)
    wanted = read_feed_filter(parameters)
    is_recent = parameters.choice("last", (RECENT_TEXT,)) is not None
    day, page = read_day(parameters), parameters.page()
    shown = view_changes(catalog, wanted, day, page, context.clock(), is_recent=is_recent)
    return render_page(
        request,
        "changes.html",
        shown=shown,
        wanted=wanted,
        kinds=list(EventKind),
        providers=catalog.browsing.list_labels(),
        are_kinds_usual=set(wanted.kinds) == set(USUAL_KINDS),
        feed_query=[("provider", one) for one in wanted.provider_ids] + [("kind", one.value) for one in wanted.kinds],
    )


@router.get("/changes/difference")
def show_difference(request: Request, catalog: CatalogOfRequest, context: ContextOfRequest) -> HTMLResponse:
    """Show what differs between two instants, or the form that asks for them."""
    parameters = Parameters(request.query_params)
    error: UsageError | None = None
    shown: DifferencePage | None = None
    try:
        before, after = parameters.instant("before"), parameters.instant("after")
        if before is not None:
            shown = view_difference(catalog, before, after, parameters.texts("provider"), context.clock())
    except UsageError as problem:
        error = problem
    return render_page(
        request,
        "difference.html",
        status=200 if error is None else 422,
        shown=shown,
        error=error,
        given=parameters,
        providers=catalog.browsing.list_labels(),
        provider_query=[("provider", one) for one in parameters.texts("provider")],
    )


@router.get("/changes.json")
def send_changes(request: Request, catalog: CatalogOfRequest) -> Response:
    """Send changes as ``ghost-pipeline changes --json`` prints them, at most 1,000, with the cursor that continues."""
    parameters = Parameters(request.query_params)
    wanted = read_feed_filter(parameters)
    day = read_day(parameters)
    since: str | datetime | None = parameters.text("since")
    if since is not None and not str(since).startswith("c1-"):
        since = parameters.instant("since")
    if since is None and day is not None:
        since = begin_of(day)
    until = None if day is None else end_of(day)
    page = catalog.list_changes(since, until, wanted.provider_ids, wanted.kinds, MAX_PAGE)
    document = {"changes": page.changes, "cursor": page.cursor}
    return json_response(request, document)


@router.get("/changes.atom")
def send_feed(request: Request, catalog: CatalogOfRequest, context: ContextOfRequest) -> Response:
    """Send the newest changes of the last days as an Atom feed."""
    wanted = read_feed_filter(Parameters(request.query_params))
    since = context.clock() - timedelta(days=FEED_DAYS)
    changes = catalog.browsing.list_changes(wanted.within(since, None), limit=MOST_ENTRIES)
    base = context.settings.web_url.rstrip("/") or str(request.base_url).rstrip("/")
    catalog_id = catalog.history.find_end().split("-")[1]
    selected = format_query([("provider", wanted.provider_ids), ("kind", [kind.value for kind in wanted.kinds])])
    feed = new_feed(
        "Ghost Pipeline: changes",
        f"ghost-pipeline:changes:{catalog_id}:{selected}",
        max((one.at for one in changes), default=since.replace(hour=0, minute=0, second=0)),
    )
    for one in changes:
        key = printable(model_key(one.provider_id, one.model_id))
        name = f"ghost-pipeline:change:{catalog_id}:{one.id}"
        url = f"{base}{model_page(one.provider_id, one.model_id)}"
        feed.append(new_entry(f"{key}: {one.kind.value}", name, one.at, _describe_in_html(one), url))
    return tagged_response(request, feed_bytes(feed), "application/atom+xml")


def _describe_in_html(change: Change) -> str:
    lines = [change.reason]
    for name, value in (change.new or {}).items():
        lines.append(f"{name}: {_plain((change.old or {}).get(name))} → {_plain(value)}")
    return "".join(f"<p>{html.escape(printable(line))}</p>" for line in lines)


def _plain(value: Any) -> str:
    if value is None:
        return "unknown"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 300 else f"{text[:299]}…"
