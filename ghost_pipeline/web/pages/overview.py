"""The first page: counts, what needs attention, what changed, what retires, and what the next sweeps will take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.browsing.selection import SelectedModel
from ghost_pipeline.catalog.history.changes import Change, ChangeFilter
from ghost_pipeline.catalog.results import ModelFilter, SweepResult
from ghost_pipeline.lifecycle.retirement import RetiringModel
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline.web.context import CatalogOfRequest, ContextOfRequest, render_page
from ghost_pipeline.web.pages.provider_pages import ProviderRow, list_provider_rows

router = APIRouter(include_in_schema=False)

RECENT = timedelta(hours=24)
RETIRING_WITHIN = timedelta(days=90)
MOST_ROWS = 8
"""Lines of each section; a link has the rest."""


@dataclass(frozen=True, slots=True)
class NextSweep:
    """What a sweep would take."""

    name: str
    effect: str
    result: SweepResult

    @property
    def first(self) -> Sequence[Any]:
        """The first models that it takes."""
        return self.result.due[:MOST_ROWS]


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page shows."""

    counted: Mapping[str, Any]
    """As ``get_discovery_stats``."""
    providers: Sequence[ProviderRow]
    change_counts: Mapping[EventKind, int]
    """Kind -> changes that were recorded in the last 24 hours."""
    changes: Sequence[Change]
    """The newest of them, without changes of facts."""
    retiring: Sequence[RetiringModel]
    """The next models to retire."""
    retiring_count: int
    """Models that retire within RETIRING_WITHIN."""
    overdue_ends: int
    """Models past their date that are listed, active or used all the same."""
    sweeps: Sequence[NextSweep]
    refused: Sequence[SelectedModel]
    """The models that were refused last."""
    refused_count: int
    """Models that their providers list, or not, and refuse to serve."""

    @property
    def attention(self) -> list[ProviderRow]:
        """The providers that are held or overdue."""
        return [one for one in self.providers if one.needs_attention]

    @property
    def is_empty(self) -> bool:
        """True if the catalog has nothing at all."""
        return not self.counted["total"] and not self.providers

    @property
    def recent_count(self) -> int:
        """Changes of the last 24 hours without those of facts."""
        return sum(count for kind, count in self.change_counts.items() if kind is not EventKind.CHANGED)


def view_overview(catalog: ModelCatalog, now: datetime) -> Overview:
    """Return the state of the catalog."""
    counted = catalog.get_discovery_stats(now)
    recent = ChangeFilter(since=now - RECENT)
    listed = ChangeFilter(since=now - RECENT, kinds=tuple(kind for kind in EventKind if kind is not EventKind.CHANGED))
    refused = catalog.browsing.list_models(
        ModelFilter(is_active=None, is_refused=True, sort="-last_refused_at"), limit=MOST_ROWS
    )
    dated = catalog.list_retiring(RETIRING_WITHIN, now=now)
    retiring = [one for one in dated if not one.is_past]
    return Overview(
        counted=counted,
        providers=list_provider_rows(catalog, now, counted),
        change_counts=catalog.browsing.count_changes(recent),
        changes=catalog.browsing.list_changes(listed, limit=MOST_ROWS),
        retiring=retiring[:MOST_ROWS],
        retiring_count=len(retiring),
        overdue_ends=len(dated) - len(retiring),
        refused=refused.models,
        refused_count=refused.count,
        sweeps=[
            NextSweep("stale sweep", "makes ghosts of", catalog.mark_stale_models_inactive(is_dry_run=True)),
            NextSweep("purge sweep", "deletes", catalog.delete_old_inactive_models(is_dry_run=True)),
        ],
    )


@router.get("/")
def show_overview(request: Request, catalog: CatalogOfRequest, context: ContextOfRequest) -> HTMLResponse:
    """Show the overview."""
    shown = context.overview.get(lambda: view_overview(catalog, context.clock()))
    return render_page(request, "overview.html", shown=shown)
