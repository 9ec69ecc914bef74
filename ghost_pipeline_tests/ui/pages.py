"""Dagster's pages and its GraphQL, as the story reads them."""

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from playwright.sync_api import Page

PATIENCE_SECONDS = 300
"""How long something that will happen may take on a busy machine."""

REOPEN_SECONDS = 10
"""A page that does not show what is expected is opened anew this often: not everything on it is refreshed by itself."""

POLL_SECONDS = 0.7
"""Between two queries: each takes time from the runs that are waited for."""

UNFINISHED = ["QUEUED", "NOT_STARTED", "MANAGED", "STARTING", "STARTED", "CANCELING"]


class DagsterPages:
    """One running UI, in a browser."""

    def __init__(self, url: str, page: Page) -> None:
        self.url = url
        self.page = page
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.ask("mutation { setNuxSeen }")  # else a sign-up dialog covers the first page

    def ask(self, query: str, **variables: Any) -> Any:
        """Return ``data`` of a GraphQL query."""
        document = json.loads(self.post("/graphql", {"query": query, "variables": variables}))
        assert not document.get("errors"), document["errors"]
        return document["data"]

    def post(self, path: str, document: Mapping[str, Any]) -> str:
        """Return the body of the response to a JSON document, as a program sends one."""
        body = json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}{path}", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            text: str = answer.read().decode()
        return text

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}", wait_until="domcontentloaded")

    def text(self) -> str:
        return self.page.inner_text("body")

    def shows(self, path: str, *texts: str) -> str:
        """Open a page, wait until it shows every text, and return all that it shows."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        shown, missing = "", list(texts)
        while time.monotonic() < deadline:
            self.open(path)
            reopen_at = time.monotonic() + REOPEN_SECONDS
            while time.monotonic() < reopen_at:
                shown = self.text()
                missing = [text for text in texts if text not in shown]
                if not missing:
                    return shown
                self.page.wait_for_timeout(200)
        raise AssertionError(f"{path} does not show {missing}, but:\n{shown}")

    def is_in_view(self, text: str) -> bool:
        """Return True if no part of the first element with a text is cut off at a side by a box that scrolls."""
        is_whole = """element => {
            const own = element.getBoundingClientRect();
            for (let box = element.parentElement; box; box = box.parentElement) {
                const outer = box.getBoundingClientRect();
                const cuts = getComputedStyle(box).overflowX !== "visible";
                if (cuts && (own.right > outer.right + 1 || own.left < outer.left - 1)) return false;
            }
            return own.width > 0;
        }"""
        return bool(self.page.get_by_text(text).first.evaluate(is_whole))

    def shows_partitions_of_check(self, asset: str, check: str, *texts: str) -> None:
        """Wait until the tab Partitions of a check shows every text."""
        self.open(f"/assets/{asset}?view=checks&checkDetail={check}")
        self.page.get_by_text("Execution history").wait_for()
        self.page.get_by_text("Partitions", exact=True).last.click()
        self.page.get_by_text("Execution Failed (").wait_for()
        self.wait_for_page(lambda shown: all(text in shown for text in texts), f"{check} shows {texts}")

    def wait_for(self, happened: Callable[[], bool], what: str) -> None:
        """Wait for something that queries answer. The page is left: an open one asks for news all the time."""
        if not happened():
            self.page.goto("about:blank")
            self._wait(happened, what)

    def wait_for_page(self, shows: Callable[[str], bool], what: str) -> None:
        """Wait until the text of the open page is as it should be."""
        self._wait(lambda: shows(self.text()), what)

    def _wait(self, happened: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            assert time.monotonic() < deadline, f"never happened: {what}"
            time.sleep(POLL_SECONDS)

    def asset(self, name: str) -> dict[str, Any]:
        """Return the state of an asset: staleness and partitions."""
        query = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
            staleStatus partitionStats { numMaterialized numFailed numPartitions } } } }"""
        state: dict[str, Any] = self.ask(query, key={"path": [name]})["assetNodeOrError"]
        return state

    def partitions(self, asset: str) -> list[str]:
        """Return the partitions of an asset."""
        query = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
            partitionKeys } } }"""
        keys: list[str] = self.ask(query, key={"path": [asset]})["assetNodeOrError"]["partitionKeys"]
        return keys

    def metadata(self, asset: str, partition: str | None = None) -> dict[str, Any]:
        """Return label -> value of what an asset's materializations recorded; the newest wins."""
        query = """query($key: AssetKeyInput!, $partitions: [String!]) { assetOrError(assetKey: $key) { ... on Asset {
            assetMaterializations(partitions: $partitions) { metadataEntries { label
                ... on TextMetadataEntry { text } ... on IntMetadataEntry { intValue }
                ... on TimestampMetadataEntry { timestamp }
                ... on TableMetadataEntry { table { records } } } } } } }"""
        partitions = None if partition is None else [partition]
        found = self.ask(query, key={"path": [asset]}, partitions=partitions)["assetOrError"]
        entries = [
            one for event in reversed(found.get("assetMaterializations", ())) for one in event["metadataEntries"]
        ]
        return {one.pop("label"): next(iter(one.values()), None) for one in entries}

    def page_of_materialization(self, asset: str, label: str) -> str:
        """Return the path of the newest materialization of an asset of which a number in the metadata is above 0."""
        query = """query($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset {
            assetMaterializations(limit: 20) { timestamp metadataEntries { label
                ... on IntMetadataEntry { intValue } } } } } }"""
        found = self.ask(query, key={"path": [asset]})["assetOrError"]["assetMaterializations"]
        numbers = [(one["timestamp"], {e["label"]: e.get("intValue") for e in one["metadataEntries"]}) for one in found]
        timestamp = next(timestamp for timestamp, counted in numbers if counted.get(label))
        return f"/assets/{asset}?view=events&asOf={timestamp}"

    def checks(self, asset: str) -> dict[str, str | None]:
        """Return check -> status of the evaluation that the UI shows; None if it shows none."""
        query = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
            assetChecksOrError { ... on AssetChecks { checks {
                name executionForLatestMaterialization { status } } } } } } }"""
        listed = self.ask(query, key={"path": [asset]})["assetNodeOrError"]["assetChecksOrError"]["checks"]
        latest = {one["name"]: one["executionForLatestMaterialization"] for one in listed}
        return {name: one and one["status"] for name, one in latest.items()}

    def skip_reasons(self, sensor: str) -> list[str]:
        """Return the reasons of a sensor's ticks that requested no run."""
        query = """query($selector: InstigationSelector!) { instigationStateOrError(instigationSelector: $selector) {
            ... on InstigationState { ticks(limit: 50) { skipReason } } } }"""
        state = self.ask(query, selector={**self._repository(), "name": sensor})["instigationStateOrError"]
        return [tick["skipReason"] for tick in state["ticks"] if tick["skipReason"]]

    def launch(self, job: str) -> str:
        """Start a run of a job, as "Launch run" on its page does; return the run's id."""
        query = """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
            __typename ... on LaunchRunSuccess { run { id } } ... on PythonError { message } } }"""
        params = {"selector": {**self._repository(), "pipelineName": job}, "mode": "default", "runConfigData": {}}
        launched = self.ask(query, params=params)["launchPipelineExecution"]
        assert "run" in launched, launched
        run_id: str = launched["run"]["id"]
        return run_id

    def runs(self, statuses: list[str] | None = None) -> list[dict[str, Any]]:
        query = """query($filter: RunsFilter) { runsOrError(filter: $filter, limit: 200) { ... on Runs { results {
            id status jobName tags { key value } } } } }"""
        chosen = {"statuses": statuses} if statuses else {}
        listed: list[dict[str, Any]] = self.ask(query, filter=chosen)["runsOrError"]["results"]
        return listed

    def is_idle(self) -> bool:
        """Return True if no run is queued or under way."""
        return not self.runs(UNFINISHED)

    def _repository(self) -> dict[str, str]:
        query = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
        [node] = self.ask(query)["repositoriesOrError"]["nodes"]
        return {"repositoryName": node["name"], "repositoryLocationName": node["location"]["name"]}
