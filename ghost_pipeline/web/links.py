"""The addresses of the pages, and of Dagster's pages about the same things. Every link of the web page is made here.

A model is named by two parameters and not by the path: ids contain ``/``, ``..``, ``%`` and ``?``, which browsers and
proxies rewrite in a path. Paths are without the prefix under which the application is mounted: ``path_under`` adds it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from ghost_pipeline.lifecycle.identity import model_page_path

if TYPE_CHECKING:
    from starlette.requests import Request  # the assets need the addresses alone

PREFIX = "/ghost"
"""Where the pages are on a port that other pages share, such as that of Dagster's UI."""


def path_under(request: "Request", path: str, parameters: Mapping[str, Any] | Sequence[tuple[str, Any]] = ()) -> str:
    """Return the path of a page on this server, with the prefix of the application and the parameters of a query."""
    root = request.scope.get("root_path", "").rstrip("/")
    return f"{root}{path}{format_query(parameters)}"


def format_query(parameters: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> str:
    """Return parameters as the query of a URL with its question mark; without those that are None, empty if none is."""
    pairs = parameters.items() if isinstance(parameters, Mapping) else parameters
    stated = [(name, value) for name, value in pairs if value is not None]
    return f"?{urlencode(stated, doseq=True, quote_via=quote)}" if stated else ""


def replace_parameters(pairs: Sequence[tuple[str, str]], **changes: object) -> list[tuple[str, object]]:
    """Return the parameters of a URL with some replaced, so that it shows the first page; None leaves one out."""
    kept: list[tuple[str, object]] = [(name, value) for name, value in pairs if name not in {*changes, "page"}]
    return kept + [(name, value) for name, value in changes.items() if value is not None]


def model_page(provider_id: str, model_id: str) -> str:
    """Return the path of a model's page."""
    return f"/model?{_model_parameters(provider_id, model_id)}"


def offers_page(provider_id: str, model_id: str) -> str:
    """Return the path of the page that compares the offers of a model."""
    return f"/model/offers?{_model_parameters(provider_id, model_id)}"


def _model_parameters(provider_id: str, model_id: str) -> str:
    return f"provider={quote(provider_id, safe='')}&id={quote(model_id, safe='')}"


def provider_page(provider_id: str) -> str:
    """Return the path of a provider's page."""
    return f"/providers/{quote(provider_id, safe='')}"


def listing_page(listing_id: int) -> str:
    """Return the path of the page of a listing, or of an attempt that produced none."""
    return f"/listings/{listing_id}"


def absolute_url(web_url: str, path: str) -> str | None:
    """Return the address of a page as others reach it; None unless ``web_url``, the setting, is that of a web page."""
    return f"{web_url.rstrip('/')}{path}" if web_url.startswith(("http://", "https://")) else None


def dagster_run_url(dagster_url: str, run_id: str | None) -> str | None:
    """Return the address of a run in Dagster's UI; None without a run, or if no UI is known."""
    return f"{dagster_url.rstrip('/')}/runs/{quote(run_id, safe='')}" if dagster_url and run_id else None


def dagster_model_url(dagster_url: str, provider_id: str, model_id: str) -> str | None:
    """Return the address of a model's page in Dagster's UI; None if no UI is known."""
    return f"{dagster_url.rstrip('/')}{model_page_path(provider_id, model_id)}" if dagster_url else None


def dagster_asset_url(dagster_url: str, asset: str, partition: str | None = None) -> str | None:
    """Return the address of an asset in Dagster's UI, or of one partition of it; None if no UI is known."""
    chosen = format_query({"view": "partitions", "partition": partition} if partition else {})
    return f"{dagster_url.rstrip('/')}/assets/{quote(asset)}{chosen}" if dagster_url else None
