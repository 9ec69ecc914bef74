"""The overview, the first page."""

from pathlib import Path

from starlette.testclient import TestClient

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.settings import Settings
from ghost_pipeline.web.application import create_application


def test_it_counts_the_models(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with ModelCatalog.open(settings) as catalog:
        catalog.add_manual_model("openai", "gpt-4o")
    with ModelCatalog.open_read_only(settings) as catalog:
        page = TestClient(create_application(catalog)).get("/")
        assert "1 models, 1 active, 0 ghosts" in page.text
