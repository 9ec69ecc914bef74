"""A catalog for the tests of the web page and its API, made once: odd ids, ghosts, prices, a retirement, a hold."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.lifecycle.refusals.evidence import Refusal
from ghost_pipeline.lifecycle.vocabulary import RefusalClass
from ghost_pipeline.settings import Settings
from ghost_pipeline.web.application import create_application
from ghost_pipeline_tests.defs.builders import listing

NOW = utc_now().replace(microsecond=0)
DAY = timedelta(days=1)

ODD_IDS = (
    "a/b:free",
    "with space",
    "50%25off",
    "..",
    "../../etc/passwd",
    "a//b",
    "trailing/",
    "what?x=1&y=2#z",
    "größe+中文",
    "<script>alert(1)</script>",
    "history",
)
"""Ids that a path or a query must be able to name."""


def fill_catalog(settings: Settings) -> None:
    """Fill a new catalog with 2 providers and what happened to their models in the last days.

    OpenAI refuses gpt-4 as withdrawn, and two requests for a model that the catalog does not know.
    """
    days = iter([NOW - 3 * DAY, NOW - 2 * DAY, NOW - DAY])
    for models in (["gpt-1", "gpt-2", "gpt-3"], ["gpt-1", "gpt-2", "gpt-4"], ["gpt-1", "gpt-4"]):
        at = next(days)
        with ModelCatalog.open(settings, clock=lambda at=at: at) as catalog:  # type: ignore[misc]
            outcome = catalog.admit(SubmittedListing("openai", "openai_models.json", listing(*models), at))
            catalog.reconcile(outcome.listing_id)
    with ModelCatalog.open(settings, clock=lambda: NOW - DAY) as catalog:
        for number, model_id in enumerate(ODD_IDS):
            price = number / 4 if number % 3 else None
            catalog.add_manual_model(
                "acme", model_id, f"Model {number % 4}", input_price=price, context_window=number + 1
            )
        catalog.add_manual_model("acme", "gpt-1")
        catalog.track_successful_inference("openai", "gpt-1", metadata={"latency_ms": 12})
        catalog.announce_retirement("openai", "gpt-1", NOW + 9 * DAY, "gpt-4", "https://example.com/deprecations")
        catalog.mark_stale_models_inactive()
        catalog.remove_model("openai", "gpt-2")
        catalog.record_failed_attempt("openai", "status 500; try again later")
        catalog.record_refusals(
            [
                Refusal(
                    "openai", model_id, RefusalClass.RETIRED, "openai.rule", NOW - DAY, NOW - DAY, words="end of life"
                )
                for model_id in ("gpt-4", "nobody", "nobody")
            ]
        )


@pytest.fixture(scope="session")
def web_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Provide the settings of the catalog, which tests only read."""
    settings = Settings(home=tmp_path_factory.mktemp("web"))
    fill_catalog(settings)
    return settings


@pytest.fixture(scope="session")
def web_client(web_settings: Settings) -> Iterator[TestClient]:
    """Provide a client of the application on that catalog."""
    with ModelCatalog.open_read_only(web_settings) as catalog:
        yield TestClient(create_application(catalog), base_url="http://localhost", raise_server_exceptions=False)


@pytest.fixture
def no_home(tmp_path: Path) -> Settings:
    """Provide settings without a catalog."""
    return Settings(home=tmp_path / "nowhere")
