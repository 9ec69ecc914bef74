"""The list of providers, and the page of one: its verdicts over time, its counts, its hold and its attempts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.browsing.attempt_pages import Attempt
from ghost_pipeline.errors import UnknownProvider, UsageError
from ghost_pipeline.lifecycle.absence import (
    ProviderHealth,
    is_complete_listing_overdue,
    is_protection_ending,
    protection_ends_at,
)
from ghost_pipeline.lifecycle.identity import provider_slug
from ghost_pipeline.web.context import CatalogOfRequest, ContextOfRequest, render_page
from ghost_pipeline.web.formatting import format_shell_command
from ghost_pipeline.web.pages.charts import Chart, Point, Series, draw_chart
from ghost_pipeline.web.pages.url_state import Parameters

router = APIRouter(include_in_schema=False)

STRIP_LENGTH = 60
"""Attempts in the strip of verdicts and in the charts."""

PAGE_SIZE = 25
"""Attempts in the table."""


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A provider with what needs attention."""

    health: ProviderHealth
    counts: Mapping[str, Any]
    """``total``, ``active``, ``inactive``, ``unlisted`` and ``by_source``."""
    protected_until: datetime | None
    """Until when its hold keeps listed models active; None if it is not held."""
    is_protection_ending: bool
    is_overdue: bool

    @property
    def slug(self) -> str:
        """The id of the provider."""
        return self.health.provider.id

    @property
    def needs_attention(self) -> bool:
        """True if it is held or overdue."""
        return self.health.provider.held_since is not None or self.is_overdue

    @property
    def release_command(self) -> str:
        """The command that accepts its latest listing and lifts the hold."""
        return format_shell_command("release", self.slug)


@dataclass(frozen=True, slots=True)
class ProviderPage:
    """What the page of a provider shows."""

    row: ProviderRow
    strip: Sequence[Attempt]
    """The newest attempts, the oldest first."""
    count_chart: Chart | None
    duration_chart: Chart | None
    attempts: Sequence[Attempt]
    older_than: str | None
    """The value of ``before`` for the attempts that follow; None at the end."""
    is_newest: bool
    doubted_models: int
    """Models of which its listings state implausible values, which do not stand yet."""


def list_provider_rows(catalog: ModelCatalog, now: datetime, counts: Mapping[str, Any]) -> list[ProviderRow]:
    """Return every provider of the catalog, by slug; ``counts`` are those of ``get_discovery_stats``."""
    thresholds = catalog.settings.thresholds
    return [
        ProviderRow(
            health,
            counts["by_provider"].get(health.provider.id, {}),
            protection_ends_at(health.provider, thresholds),
            is_protection_ending(health.provider, now, thresholds),
            is_complete_listing_overdue(health, now, thresholds),
        )
        for health in catalog.list_provider_health()
    ]


def view_provider(
    catalog: ModelCatalog, provider_id: str, now: datetime, before: tuple[datetime, int] | None = None
) -> ProviderPage:
    """Return what is known of one provider. Raises UnknownProvider."""
    slug = provider_slug(provider_id)
    catalog.get_provider(slug)
    rows = list_provider_rows(catalog, now, catalog.get_discovery_stats(now))
    row = next((one for one in rows if one.slug == slug), None)
    if row is None:
        raise UnknownProvider(f"the catalog has no provider {slug!r}", "see the list of providers")
    newest = catalog.browsing.list_attempts(slug, STRIP_LENGTH)
    listed = catalog.browsing.list_attempts(slug, PAGE_SIZE + 1, before)
    last = listed[PAGE_SIZE - 1] if len(listed) > PAGE_SIZE else None
    return ProviderPage(
        row=row,
        strip=newest[::-1],
        count_chart=draw_counts(newest[::-1], now),
        duration_chart=draw_durations(newest[::-1], now),
        attempts=listed[:PAGE_SIZE],
        older_than=None if last is None else f"{last.observed_at.isoformat()}~{last.id}",
        is_newest=before is None,
        doubted_models=len({one.model_id for one in catalog.list_doubts(slug)}),
    )


def draw_counts(attempts: Sequence[Attempt], end: datetime) -> Chart | None:
    """Return the chart of how many models the listings had and lacked, without attempts that list none."""
    listed = [one for one in attempts if one.verdict.lists_models and one.model_count is not None]
    lines = [
        Series("models", [Point(one.observed_at, one.model_count) for one in listed]),
        Series("missing", [Point(one.observed_at, one.missing_count) for one in listed]),
    ]
    return draw_chart("counts", "Models in listings", "models", lines, end)


def draw_durations(attempts: Sequence[Attempt], end: datetime) -> Chart | None:
    """Return the chart of how long fetches took; None if none was fetched by this program."""
    points = [Point(one.observed_at, one.seconds) for one in attempts if one.seconds is not None]
    return draw_chart("durations", "Duration of fetches", "seconds", [Series("duration", points)], end)


def read_place(parameters: Parameters) -> tuple[datetime, int] | None:
    """Return the attempt before which a page begins, from the parameter ``before``. Raises UsageError."""
    text = parameters.text("before")
    if text is None:
        return None
    at, _, number = text.partition("~")
    place = Parameters(type(parameters.query)({"at": at, "id": number}))
    instant, listing_id = place.instant("at"), place.whole("id")
    if instant is None or listing_id is None:
        raise UsageError(f"before={text[:60]!r} is not a place in the attempts", "start from the page of the provider")
    return instant, listing_id


@router.get("/providers")
def show_providers(request: Request, catalog: CatalogOfRequest, context: ContextOfRequest) -> HTMLResponse:
    """Show every provider with its state."""
    now = context.clock()
    rows = list_provider_rows(catalog, now, catalog.get_discovery_stats(now))
    return render_page(request, "providers.html", rows=rows)


@router.get("/providers/{provider_id}")
def show_provider(
    request: Request, provider_id: str, catalog: CatalogOfRequest, context: ContextOfRequest
) -> HTMLResponse:
    """Show one provider."""
    place = read_place(Parameters(request.query_params))
    return render_page(request, "provider.html", shown=view_provider(catalog, provider_id, context.clock(), place))
