"""The list of models: search, filters, order, pages, and the download of what is selected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from tempfile import TemporaryFile
from typing import IO, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.errors import UnknownProvider, UsageError
from ghost_pipeline.exports import FORMATS, write_models
from ghost_pipeline.lifecycle.absence import purge_due_at
from ghost_pipeline.lifecycle.claims.resolution import REFERENCE_PREFIX
from ghost_pipeline.lifecycle.refusals.state import is_kept_from_gateways
from ghost_pipeline.lifecycle.vocabulary import CAPABILITIES, Source
from ghost_pipeline.web.api.responses import iterate_file
from ghost_pipeline.web.context import CatalogOfRequest, render_page
from ghost_pipeline.web.pages.model_rows import ModelRow, table_rows
from ghost_pipeline.web.pages.url_state import Parameters

router = APIRouter(include_in_schema=False)

PAGE_SIZE = 50

STATES: Mapping[str, bool | None] = {"all": None, "active": True, "ghost": False}
COSTS: Mapping[str, dict[str, Any]] = {
    "free": {"is_free": True},
    "paid": {"is_free": False},
    "unknown": {"is_cost_unknown": True},
}
MARKS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "unlisted": ("used, but not listed", {"is_unlisted": True}),
    "refused": ("refuses to answer", {"is_refused": True}),
    "retiring": ("end was announced", {"is_retiring": True}),
}
"""Value of the parameter ``mark`` -> its label and its condition. Several can be given."""

FACTS = ("all", "stated")
"""Values of the parameter ``facts``: with those of references, or without."""

SORTED_BY: Mapping[str, str] = {
    "model": "model_id",
    "state": "is_active",
    "source": "source",
    "context": "context_window",
    "input": "input_price",
    "output": "output_price",
    "seen": "last_seen_at",
    "expires": "expires_at",
}
"""Value of the parameter ``sort``, after a "-" for descending order -> column of the catalog."""

DOWNLOADS: Mapping[str, tuple[str, str]] = {
    "csv": ("text/csv; charset=utf-8", "models.csv"),
    "json": ("application/json", "models.json"),
    "litellm": ("application/yaml", "litellm_models.yaml"),
    "openai": ("application/json", "openai_models.json"),
}
"""Format of the export -> its media type and the name of the file."""

GATEWAY_FORMATS = ("litellm", "openai")
"""Those from which programs route requests."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What a request selects, in the words of its URL."""

    wanted: ModelFilter
    sort: str | None
    page: int

    @property
    def sort_key(self) -> str | None:
        """The heading by which the list is sorted."""
        return None if self.sort is None else self.sort.removeprefix("-")

    def next_sort(self, key: str) -> str:
        """Return the value of ``sort`` that a heading links to: the other order of the same, else its usual one."""
        if self.sort == key:
            return f"-{key}"
        return key if self.sort == f"-{key}" or key not in _DESCENDING_FIRST else f"-{key}"

    def aria_sort(self, key: str) -> str | None:
        """Return the order of a column for screen readers; None if the list is not sorted by it."""
        if self.sort_key != key:
            return None
        return "descending" if self.sort == f"-{key}" else "ascending"


_DESCENDING_FIRST = ("context", "seen")


@dataclass(frozen=True, slots=True)
class ModelList:
    """What the page shows."""

    selection: Selection
    rows: Sequence[ModelRow]
    count: int
    is_counted_whole: bool
    undecided: int
    is_catalog_empty: bool
    has_references: bool

    @property
    def first(self) -> int:
        """The number of the first model of the page, from 1."""
        return (self.selection.page - 1) * PAGE_SIZE + 1

    @property
    def last(self) -> int:
        """The number of its last model."""
        return self.first + len(self.rows) - 1

    @property
    def has_next(self) -> bool:
        """True if more follow."""
        return len(self.rows) == PAGE_SIZE and (self.last < self.count or not self.is_counted_whole)


def read_selection(parameters: Parameters) -> Selection:
    """Return what the parameters of a URL select. Raises UsageError."""
    conditions: dict[str, Any] = {}
    cost = parameters.choice("cost", tuple(COSTS))
    conditions |= COSTS[cost] if cost else {}
    for mark in parameters.texts("mark"):
        if mark not in MARKS:
            raise UsageError(f"mark={mark[:40]!r} is not known", f"use one of {', '.join(MARKS)}")
        conditions |= MARKS[mark][1]
    sort = parameters.choice("sort", tuple(f"{sign}{key}" for key in SORTED_BY for sign in ("", "-")))
    wanted = ModelFilter(
        provider_ids=parameters.texts("provider"),
        is_active=STATES[parameters.choice("state", tuple(STATES), "all") or "all"],
        source=parameters.choice("source", tuple(Source)),
        capabilities=parameters.texts("capability"),
        search=parameters.text("search"),
        min_context_window=parameters.whole("min_context"),
        max_input_price=parameters.number("max_input"),
        max_output_price=parameters.number("max_output"),
        sort=None if sort is None else _catalog_order(sort),
        is_stated_only=parameters.choice("facts", FACTS) == "stated",
        **conditions,
    )
    return Selection(wanted, sort, parameters.page())


def _catalog_order(sort: str) -> str:
    key = sort.removeprefix("-")
    return f"{'-' if sort.startswith('-') else ''}{SORTED_BY[key]}"


def view_models(catalog: ModelCatalog, selection: Selection) -> ModelList:
    """Return one page of the selection. Raises UnknownProvider."""
    found = catalog.browsing.list_models(selection.wanted, (selection.page - 1) * PAGE_SIZE, PAGE_SIZE)
    thresholds = catalog.settings.thresholds
    rows = []
    for model in found.models:
        purge_at = None if model.is_active else purge_due_at(model, found.providers[model.provider_id], thresholds)
        sources = model.facts_from_references
        rows.append(ModelRow(model, purge_at, _name_references(sources) if sources else {}))
    is_empty = not found.count and not catalog.browsing.list_models(ModelFilter(is_active=None), limit=1).models
    return ModelList(
        selection, rows, found.count, found.is_counted_whole, found.undecided, is_empty, found.has_references
    )


def _name_references(sources: Mapping[str, str]) -> dict[str, str]:
    """Return fact -> the references that fill it, of ``FilledRecord.facts_from_references``."""
    found: dict[str, dict[str, None]] = {}
    for key, source in sources.items():
        found.setdefault(key.partition(".")[0], {})[source.removeprefix(REFERENCE_PREFIX)] = None
    return {fact: ", ".join(names) for fact, names in found.items()}


@router.get("/models")
def show_models(request: Request, catalog: CatalogOfRequest) -> HTMLResponse:
    """Show the models that the URL selects, or the whole form with what is wrong with it."""
    parameters = Parameters(request.query_params)
    error: UsageError | None = None
    shown: ModelList | None = None
    try:
        shown = view_models(catalog, read_selection(parameters))
    except (UsageError, UnknownProvider) as problem:
        error = problem
    return render_page(
        request,
        "models.html",
        status=200 if error is None else 422,
        shown=shown,
        error=error,
        given=parameters,
        providers=catalog.browsing.list_labels(),
        sources=[one.value for one in Source],
        capabilities=CAPABILITIES,
        states=list(STATES),
        costs=list(COSTS),
        has_references=parameters.text("facts") is not None or (shown is not None and shown.has_references),
        marks={name: label for name, (label, _) in MARKS.items()},
        downloads=list(DOWNLOADS),
        table_rows=table_rows,
    )


@router.get("/models/download")
def download_models(request: Request, catalog: CatalogOfRequest) -> StreamingResponse:
    """Send every model that the URL selects, in one of the formats of exports.

    In those of gateways only what can be used, as ``ghost-pipeline export`` writes them: ghosts and refused models only
    if the URL asks for them.
    """
    parameters = Parameters(request.query_params)
    to = parameters.choice("to", tuple(DOWNLOADS), "csv") or "csv"
    selected = read_selection(parameters).wanted
    if not FORMATS[to].is_json and to != "csv":  # a gateway's configuration has a fixed order
        selected = replace(selected, sort=None)
    is_for_gateways = to in GATEWAY_FORMATS
    if is_for_gateways and parameters.text("state") is None:
        selected = replace(selected, is_active=True)
    is_without_refused = is_for_gateways and selected.is_refused is None
    media_type, name = DOWNLOADS[to]
    file: IO[bytes] = TemporaryFile()  # noqa: SIM115 - closed when it is sent
    try:
        models = (
            one
            for one in catalog.iterate_models(selected)
            if not FORMATS[to].is_left_out(one) and not (is_without_refused and is_kept_from_gateways(one))
        )
        write_models(models, to, file, catalog.find_shared_ids(selected))  # type: ignore[arg-type]
        file.seek(0)
    except BaseException:
        file.close()
        raise
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return StreamingResponse(iterate_file(file), media_type=media_type, headers=headers)
