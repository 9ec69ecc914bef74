"""``python -m documentation.pictures``: take the pictures of both UIs in ``docs/`` with the system's Chromium.

Dagster's UI runs on a temporary home with the sample listings; one provider then answers with an empty listing. The
catalog's own pages show the history that their tests have.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from documentation.__main__ import DOCS
from ghost_pipeline.lifecycle.identity import model_page_path
from ghost_pipeline_tests.ui.browser import opened_browser
from ghost_pipeline_tests.ui.pages import DagsterPages
from ghost_pipeline_tests.web.pages.site import STORY_PROVIDER, build_site, served
from ghost_pipeline_tests.web.ui_process import environment, running_ui

SAMPLES = DOCS.parent / "latest_models"
EMPTY_PROVIDER = "xai"
MODEL = ("anthropic", "claude-sonnet-4-5-20250929")
WIDTH, HEIGHT = 1400, 800
"""Size of a picture, in pixels."""

WEB_PICTURES = {
    "web-overview.png": "/",
    "web-models.png": f"/models?provider={STORY_PROVIDER}&sort=state",
    "web-model.png": f"/model?provider={STORY_PROVIDER}&id=lab/model-00",
    "web-provider.png": f"/providers/{STORY_PROVIDER}",
}
"""The catalog's own pages: file -> path."""

DRAWING_MILLISECONDS = 4_000
"""How long a page may still move after its text is there: the graph zooms and its nodes load one by one."""


def main() -> None:
    """Write the pictures: all, or with ``web`` those of the catalog's own pages alone."""
    take_web_pictures()
    if "web" not in sys.argv[1:]:
        _take_dagster_pictures()


def take_web_pictures() -> None:
    """Write the pictures of the catalog's own pages."""
    with tempfile.TemporaryDirectory() as name:
        site = build_site(Path(name), is_hostile=False)
        with served(site) as url, opened_browser() as browser:
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            for file, path in WEB_PICTURES.items():
                page.goto(f"{url}{path}")
                page.screenshot(path=DOCS / file)


def _take_dagster_pictures() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(SAMPLES, folder / "models")
        ingest = [sys.executable, "-m", "ghost_pipeline", "ingest"]
        subprocess.run(ingest, cwd=folder, env=environment(folder), check=True)  # noqa: S603 - its own program
        with running_ui(folder) as ui, opened_browser() as browser:
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            pages = DagsterPages(f"http://127.0.0.1:{ui.port}", page)
            _refuse_empty_listing(pages, folder / "models")
            _take_all(pages)


def _take_all(pages: DagsterPages) -> None:
    pages.shows("/asset-groups", "monitoring", "Materialize all")
    _expand_monitoring(pages)
    _take(pages, "lineage.png")
    pages.shows("/assets/provider_health", f"{EMPTY_PROVIDER}", "last_complete")
    _take(pages, "provider-health.png")
    pages.shows(f"/assets/raw_provider_models?view=partitions&partition={EMPTY_PROVIDER}", "is refused as empty")
    _take(pages, "refused-partition.png")
    pages.wait_for(lambda: bool(pages.metadata("models", "/".join(MODEL))), "the model's page is written")
    pages.shows(model_page_path(*MODEL), "discovered", "INDEX", "sha256")
    _take(pages, "model-page.png")


def _expand_monitoring(pages: DagsterPages) -> None:
    """Show the assets of the group that names the providers with a bad listing, with the whole graph in view."""
    pages.page.wait_for_timeout(DRAWING_MILLISECONDS)
    pages.page.get_by_text("monitoring").last.click(modifiers=["Alt"])
    pages.page.wait_for_url("**expanded=**")
    pages.page.reload()  # Dagster fits the graph to the window only when it opens the page
    pages.page.get_by_text("discovery_stats").last.wait_for()


def _refuse_empty_listing(pages: DagsterPages, models_dir: Path) -> None:
    """Wait until the sensor has had one provider's empty listing refused."""
    unfinished = models_dir / "empty.tmp"
    unfinished.write_text(json.dumps({"object": "list", "data": []}))
    unfinished.rename(models_dir / f"{EMPTY_PROVIDER}_models.json")
    pages.wait_for(
        lambda: pages.checks("provider_health")["latest_listings_are_complete"] == "FAILED" and pages.is_idle(),
        "the empty listing is refused",
    )


def _take(pages: DagsterPages, name: str) -> None:
    """Write a picture of the page that is open."""
    pages.page.wait_for_timeout(DRAWING_MILLISECONDS)
    pages.page.screenshot(path=DOCS / name)


if __name__ == "__main__":
    main()
