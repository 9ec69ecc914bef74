"""What people do in Dagster's UI, as one story that is read from its pages; the first half of it on PostgreSQL, too."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ViewportSize

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.lifecycle.identity import model_page_path
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.deploy.stack import Stack
from ghost_pipeline_tests.postgres import server
from ghost_pipeline_tests.ui.browser import INSTALL_COMMAND, find_browser, opened_browser
from ghost_pipeline_tests.ui.listings_of_story import StoryListings, story_listings, write
from ghost_pipeline_tests.ui.pages import DagsterPages
from ghost_pipeline_tests.web.ui_process import environment, running_ui

pytestmark = pytest.mark.skipif(
    find_browser() is None, reason=f"no browser is installed; this installs one: {INSTALL_COMMAND}"
)

PROVIDERS = ("anthropic", "google", "openai", "xai")
"""All of them need a key, so that the story sends no request; each costs several runs of some seconds."""

FEWER_PROVIDERS = ("anthropic", "openai")
"""Those of the first half, of which none is listed badly."""

VIEWPORT = ViewportSize(width=1400, height=900)

REPORT_PATH = "/report_asset_materialization/inference_reports"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as browser:
        yield browser


@dataclass
class Story:
    """One pipeline that runs, the pages that show it, and the catalog that programs and people write to.

    A step starts what takes a while and a later one reads what came of it, so that little time is spent waiting.
    """

    pages: DagsterPages
    listings: StoryListings
    models_dir: Path
    settings: Settings
    before: set[str] = field(default_factory=set)
    """The runs that there were before "Materialize all"."""

    def tell(self) -> None:
        self.tell_first_half()
        self.bad_listings_are_red_and_the_rest_is_green()
        self.a_sweep_shows_what_it_changed()
        self.good_listings_make_all_green_again()

    def tell_first_half(self) -> None:
        self.what_ingest_did_is_shown_and_no_file_is_asked_for_again()
        self.materialize_all_is_clicked()
        self.programs_and_people_write()
        self.a_name_leads_to_where_the_model_came_from()
        self.materialize_all_worked_without_a_key()
        self.what_programs_and_people_wrote_is_shown()

    def what_ingest_did_is_shown_and_no_file_is_asked_for_again(self) -> None:
        assert self.pages.checks("provider_health") == _all_passed()
        self.pages.shows("/assets/provider_health", "monitoring", *self.listings.providers)
        self.pages.shows("/runs", "ghost-pipeline ingest")
        known = f"already in the catalog: {', '.join(self.listings.providers)}"
        self.pages.wait_for(
            lambda: known in self.pages.skip_reasons("models_directory_sensor"), "the sensor has seen the files"
        )
        self.pages.wait_for(self.pages.is_idle, "no run is under way")
        assert self._of_files() == []

    def materialize_all_is_clicked(self) -> None:
        self.before = {run["id"] for run in self.pages.runs()}
        self.pages.open("/asset-groups")
        page = self.pages.page
        page.get_by_text("Materialize all").click()
        page.get_by_text("All", exact=True).click()
        assert "Are you sure" not in self.pages.text()
        launch = page.get_by_role("button", name="Launch backfill")
        launch.click()
        launch.wait_for(state="hidden")

    def programs_and_people_write(self) -> None:
        with self.catalog() as catalog:
            catalog.track_successful_inference("mygw", "secret/model:1")
            catalog.track_successful_inference(
                "mygw", "of-last-week", observed_at=datetime.now(UTC) - timedelta(days=7)
            )
            catalog.add_manual_model("anthropic", "claude-by-hand")
        for model in ("claude-of-a-report", ""):
            self.pages.post(REPORT_PATH, {"metadata": {"provider": "anthropic", "model": model}})
        self.settings.inbox_dir.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"provider": "anthropic", "model": "claude-of-the-inbox"})
        (self.settings.inbox_dir / "gateway.jsonl").write_text(f"{line}\n")

    def a_name_leads_to_where_the_model_came_from(self) -> None:
        model_id = self.listings.model_of("anthropic")
        [name] = [name for name in self.listings.files if name.startswith("anthropic_")]
        # Dagster adds the partitions of a tick after its events, and an open page does not show those that are added.
        opened = {f"anthropic/{model_id}", "mygw/secret/model:1"}
        self.pages.wait_for(lambda: opened <= set(self.pages.partitions("models")), "both models have a partition")
        self.pages.open("/assets/models?view=partitions")
        self.pages.page.get_by_placeholder("Filter by name…").fill(model_id)
        found = self.pages.page.get_by_text(f"anthropic/{model_id}", exact=True).first
        found.wait_for(state="attached")  # a name that is too long is shown cut, above the whole one without height
        self.pages.wait_for_page(lambda shown: "openai/" not in shown, "the filter leaves no other provider's model")
        self.pages.shows(model_page_path("anthropic", model_id), name, "discovered", "INDEX")
        self.pages.shows(model_page_path("mygw", "secret/model:1"), "INFERENCE", "discovered", "no listing")

    def materialize_all_worked_without_a_key(self) -> None:
        count = len(self.listings.providers)
        self.pages.wait_for(lambda: len(self._launched()) >= count, "the runs are launched")
        self.pages.wait_for(self.pages.is_idle, "the runs end")
        assert {run["status"] for run in self._launched()} == {"SUCCESS"}
        for asset in ("listing_files", "raw_provider_models", "model_catalog"):
            stats = self.pages.asset(asset)["partitionStats"]
            assert stats["numFailed"] == 0
            assert stats["numMaterialized"] >= count
        path = f"/assets/provider_responses?view=events&partition={self.listings.providers[0]}"
        self.pages.shows(path, "skipped", "_API_KEY")
        with self.catalog() as catalog:
            assert [one.id for one in catalog.list_providers() if one.held_since] == []

    def what_programs_and_people_wrote_is_shown(self) -> None:
        metadata = self.pages.metadata
        self.pages.wait_for(lambda: metadata("tracked_inferences", "mygw").get("discovered") == "2", "uses are counted")
        self.pages.wait_for(lambda: metadata("manual_additions", "anthropic").get("added") == "1", "so is the addition")
        self.pages.shows("/assets/model_catalog?view=partitions&partition=mygw", "Materialized", "no listing")
        self.pages.shows("/assets/inference_reports?view=checks&checkDetail=reports_are_accepted", "1 of 2 rejected")
        self.pages.shows("/assets/inference_reports", "rejected", "reasons")
        self.pages.shows("/assets/inbox", "read_at")
        for model in ("claude-of-a-report", "claude-of-the-inbox", "claude-by-hand"):
            self._page_is_written(f"anthropic/{model}")
        self._statistics_follow()
        assert "mygw" in str(metadata("discovery_stats")["by_provider"])

    def bad_listings_are_red_and_the_rest_is_green(self) -> None:
        bad = {
            "google_models_2099-01-01.json": self.listings.cut_off("google"),
            "openai_models_2099-01-01.json": self.listings.shrunken("openai"),
            "xai_models_2099-01-01.json": self.listings.empty("xai"),
        }
        before = self._active()
        write(self.models_dir, bad)
        self.pages.launch("stale_sweep")
        self.pages.wait_for(lambda: len(self._of_files()) >= len(bad), "the sensor has requested the runs")
        self.pages.wait_for(self.pages.is_idle, "the runs end")
        # The provider that a program invented has no listing, and is counted.
        named = f"3 of {len(self.listings.providers) + 1} providers: google (malformed), openai (shrunken), xai (empty)"
        self.pages.shows("/assets/provider_health?view=checks&checkDetail=latest_listings_are_complete", named)
        self.pages.shows("/assets/provider_health", "malformed: the JSON is cut off")
        assert self.pages.is_in_view("malformed: the JSON is cut off")
        count = len(self.listings.providers)
        for check, failed in (("listing_has_models", 2), ("listing_is_complete", 3)):
            self.pages.shows_partitions_of_check(
                "raw_provider_models",
                check,
                f"Failed ({failed})",
                f"Passed ({count - failed})",
                "Execution Failed (0)",
            )
        assert self._active() == before
        self.pages.shows("/assets/raw_provider_models?view=partitions&partition=xai", "xai_models_2099-01-01.json is")
        [refused] = [run for run in self.pages.runs(["FAILURE"]) if _tag(run, "dagster/partition") == "xai"]
        assert "DagsterAssetCheckFailedError" not in self.pages.shows(f"/runs/{refused['id']}", "is refused as empty")

    def a_sweep_shows_what_it_changed(self) -> None:
        sweep = self.pages.page_of_materialization("stale_sweep", "deactivated")  # the schedule may have swept again
        self.pages.shows(sweep, "mygw/of-last-week", "no listing", "not seen for more than 24 hours")
        self._statistics_follow()
        assert None not in self.pages.checks("provider_health").values()

    def good_listings_make_all_green_again(self) -> None:
        failed = {name for name, status in self.pages.checks("provider_health").items() if status == "FAILED"}
        assert failed == {"latest_listings_are_complete"}
        good = {f"{name}_models_2099-01-02.json": self._good(name) for name in ("google", "openai", "xai")}
        write(self.models_dir, good)
        self.pages.wait_for(lambda: self.pages.checks("provider_health") == _all_passed(), "all checks pass again")

    def catalog(self) -> ModelCatalog:
        return ModelCatalog.open(self.settings)

    def _page_is_written(self, model: str) -> None:
        self.pages.wait_for(lambda: bool(self.pages.metadata("models", model)), f"the page of {model} is written")

    def _active(self) -> dict[str, int]:
        """Return how many models of each provider with listings are active."""
        with self.catalog() as catalog:
            by_provider = catalog.get_discovery_stats()["by_provider"]
        return {name: by_provider[name]["active"] for name in self.listings.providers}

    def _statistics_follow(self) -> None:
        self.pages.wait_for(
            lambda: self.pages.is_idle() and self.pages.asset("discovery_stats")["staleStatus"] == "FRESH",
            "the statistics follow",
        )
        assert "Unsynced" not in self.pages.shows("/assets/discovery_stats", "by_provider")

    def _good(self, provider_id: str) -> bytes:
        [content] = [content for name, content in self.listings.files.items() if name.startswith(f"{provider_id}_")]
        return content

    def _of_files(self) -> list[dict[str, Any]]:
        """Return the runs that the sensor requested for new files."""
        return [run for run in self.pages.runs() if _tag(run, "dagster/sensor_name") == "models_directory_sensor"]

    def _launched(self) -> list[dict[str, Any]]:
        """Return the runs of the backfill: those of sensors and automation have other tags."""
        runs = [run for run in self.pages.runs() if run["id"] not in self.before]
        return [run for run in runs if _tag(run, "dagster/backfill")]


def _all_passed() -> dict[str, str]:
    names = ("latest_listings_are_complete", "complete_listings_are_recent", "holds_are_not_expiring")
    models = ("used_models_are_listed", "used_models_are_not_retiring", "used_models_are_not_refused")
    others = ("references_agree_on_used_models", "listed_facts_are_plausible", "notifications_are_delivered")
    return dict.fromkeys((*names, *models, *others), "SUCCEEDED")


def _tag(run: Mapping[str, Any], key: str) -> str | None:
    return next((tag["value"] for tag in run["tags"] if tag["key"] == key), None)


@pytest.fixture
def listings() -> StoryListings:
    """Return the listings of the story's providers."""
    files = story_listings().files
    return StoryListings({name: text for name, text in files.items() if name.startswith(PROVIDERS)})


def ingest(variables: Mapping[str, str], folder: Path) -> None:
    """Run ``ghost-pipeline ingest`` on the files that are there before the UI starts."""
    command = [sys.executable, "-m", "ghost_pipeline", "ingest"]
    subprocess.run(command, cwd=folder, env=dict(variables), check=True, capture_output=True, timeout=300)


def test_the_four_uses_on_the_embedded_catalog(tmp_path: Path, browser: Browser, listings: StoryListings) -> None:
    models_dir, variables = tmp_path / "models", environment(tmp_path)
    models_dir.mkdir()
    write(models_dir, listings.files)
    ingest(variables, tmp_path)
    with running_ui(tmp_path) as ui, browser.new_context(viewport=VIEWPORT, reduced_motion="reduce") as context:
        pages = DagsterPages(f"http://127.0.0.1:{ui.port}", context.new_page())
        Story(pages, listings, models_dir, Settings.from_environment(variables)).tell()


def test_the_first_half_on_postgresql_with_a_code_server_of_its_own(
    tmp_path: Path, browser: Browser, listings: StoryListings
) -> None:
    listings = StoryListings({n: text for n, text in listings.files.items() if n.startswith(FEWER_PROVIDERS)})
    url = server().new_url(is_migrated=False)
    stack = Stack(tmp_path, url)
    variables = stack.environment("code-server")
    write(stack.models_dir, listings.files)
    try:
        for service in ("upgrade-catalog", "upgrade-dagster"):
            stack.run(service)
        stack.start("code-server")
        ingest(variables, tmp_path)
        stack.wait_until_healthy("code-server")  # the web server loads the definitions once, when it starts
        for service in ("daemon", "webserver"):
            stack.start(service)
        stack.wait_until_healthy("webserver")
        with browser.new_context(viewport=VIEWPORT, reduced_motion="reduce") as context:
            pages = DagsterPages(stack.webserver_url, context.new_page())
            Story(pages, listings, stack.models_dir, Settings.from_environment(variables)).tell_first_half()
    finally:
        stack.stop()
        server().drop(url)
