"""Dagster's pages and its GraphQL, as the story reads them."""

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

PATIENCE_SECONDS = 180
"""How long something that will happen may take on a busy machine."""


class DagsterPages:
    """One running UI, in a browser."""

    def __init__(self, url: str, page: Page) -> None:
        self.url = url
        self.page = page
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.ask("mutation { setNuxSeen }")  # else a sign-up dialog covers the first page

    def ask(self, query: str, **variables: Any) -> Any:
        """Return ``data`` of a GraphQL query."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            document = json.load(answer)
        assert not document.get("errors"), document["errors"]
        return document["data"]

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")

    def text(self) -> str:
        return self.page.inner_text("body")

    def shows(self, path: str, *texts: str) -> None:
        """Open a page and wait until it shows every text; it is opened anew now and then."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        missing: list[str] = []
        while time.monotonic() < deadline:
            self.open(path)
            for _ in range(20):
                shown = self.text()
                missing = [text for text in texts if text not in shown]
                if not missing:
                    return
                self.page.wait_for_timeout(500)
        raise AssertionError(f"{path} does not show {missing}, but:\n{self.text()}")

    def partitions_of_check(self, asset: str, check: str) -> str:
        """Return what the tab Partitions of a check shows."""
        self.open(f"/assets/{asset}?view=checks&checkDetail={check}")
        self.page.get_by_text("Execution history").wait_for()
        self.page.get_by_text("Partitions", exact=True).last.click()
        self.page.get_by_text("Execution Failed (").wait_for()
        return self.text()

    def wait_for(self, happened: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            assert time.monotonic() < deadline, f"never happened: {what}"
            time.sleep(0.5)

    def asset(self, name: str) -> dict[str, Any]:
        """Return the state of an asset: staleness and partitions."""
        query = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
            staleStatus partitionStats { numMaterialized numFailed numPartitions } } } }"""
        state: dict[str, Any] = self.ask(query, key={"path": [name]})["assetNodeOrError"]
        return state

    def checks(self, asset: str) -> dict[str, str | None]:
        """Return check -> status of the evaluation that the UI shows; None if it shows none."""
        query = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
            assetChecksOrError { ... on AssetChecks { checks {
                name executionForLatestMaterialization { status } } } } } } }"""
        listed = self.ask(query, key={"path": [asset]})["assetNodeOrError"]["assetChecksOrError"]["checks"]
        latest = {one["name"]: one["executionForLatestMaterialization"] for one in listed}
        return {name: one and one["status"] for name, one in latest.items()}

    def runs(self) -> list[dict[str, Any]]:
        query = "{ runsOrError(limit: 500) { ... on Runs { results { id status jobName tags { key value } } } } }"
        listed: list[dict[str, Any]] = self.ask(query)["runsOrError"]["results"]
        return listed

    def is_idle(self) -> bool:
        """Return True if no run is queued or under way."""
        return all(run["status"] in ("SUCCESS", "FAILURE", "CANCELED") for run in self.runs())
