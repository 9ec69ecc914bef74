"""Webserver, daemon and code server on PostgreSQL, started as in the Compose file."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml

from ghost_pipeline import ModelCatalog, ModelFilter
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.defs.builders import listing
from ghost_pipeline_tests.deploy.stack import Stack
from ghost_pipeline_tests.postgres import server

SOONER = {"poll_interval_seconds": 1, "max_runtime_seconds": 30}
"""30 and 600 in production; shorter here, because a test must not take ten minutes.
The code server has to be back within that time;
on a busy machine it takes half of it."""


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    url = server().new_url(is_migrated=False)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    stack = Stack(tmp_path, url)
    config = tmp_path / "dagster" / "dagster.yaml"
    instance = yaml.safe_load(config.read_text())
    instance["run_monitoring"].update(SOONER)
    config.write_text(yaml.safe_dump(instance))
    try:
        yield stack
    finally:
        left = stack.stop()
        server().drop(url)
    assert not left


class Story:
    """What the test does to a stack, and what is visible from outside."""

    def __init__(self, stack: Stack) -> None:
        environment = stack.environment("code-server")
        self.stack = stack
        self.database = sa.create_engine(sa.make_url(environment["GHOST_DATABASE_URL"]))
        self.catalog = ModelCatalog.open(Settings.from_environment(environment))
        self.instance = dg.DagsterInstance.from_config(environment["DAGSTER_HOME"])

    def close(self) -> None:
        self.catalog.close()
        self.database.dispose()
        self.instance.dispose()

    def drop(self, provider_id: str, *model_ids: str) -> None:
        """Write a provider's file."""
        (self.stack.models_dir / f"{provider_id}_models.json").write_bytes(listing(*model_ids))

    def active(self) -> dict[str, list[str]]:
        providers = [provider.id for provider in self.catalog.list_providers()]
        return {
            name: [model.model_id for model in self.catalog.find_models(ModelFilter((name,)))] for name in providers
        }

    def held(self) -> set[str]:
        return {provider.id for provider in self.catalog.list_providers() if provider.held_since}

    def runs(self, provider_id: str) -> list[dg.DagsterRun]:
        """Return the provider's runs, oldest first."""
        wanted = dg.RunsFilter(tags={"dagster/partition": provider_id})
        return list(reversed(self.instance.get_runs(wanted)))

    def statuses(self, provider_id: str) -> list[str]:
        return [run.status.value for run in self.runs(provider_id)]

    def is_somebody_waiting_for_a_lock(self) -> bool:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        with self.database.connect() as connection:
            return bool(connection.execute(sa.text(query)).scalar_one())

    def names_of_version_tables(self) -> set[str]:
        return {name for name in sa.inspect(self.database).get_table_names() if name.endswith("_version")}

    def asked_of_webserver(self, query: str) -> object:
        request = urllib.request.Request(
            f"{self.stack.webserver_url}/graphql",
            json.dumps({"query": query}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)["data"]


def test_a_code_server_that_dies_in_the_middle_of_a_run_costs_no_model(stack: Stack) -> None:
    stack.run("upgrade-catalog")
    stack.run("upgrade-dagster")
    for service in ("code-server", "daemon", "webserver"):
        stack.start(service)
    story = Story(stack)
    try:
        several_providers_arrive_and_one_of_them_is_empty(story)
        the_code_server_dies_while_a_run_is_inside_reconcile(story)
        it_comes_back_and_the_run_is_done_again(story)
        nothing_is_kept_beside_the_database(story)
    finally:
        story.close()


def several_providers_arrive_and_one_of_them_is_empty(story: Story) -> None:
    story.drop("openai", "one", "two")
    story.drop("mistral", "three")
    story.drop("anthropic")
    expected = {"openai": ["one", "two"], "mistral": ["three"], "anthropic": []}
    story.stack.wait_for(lambda: story.active() == expected, f"the catalog holds {expected}")
    story.stack.wait_for(lambda: story.statuses("anthropic") == ["FAILURE"], "the empty listing's run has failed")
    assert story.held() == {"anthropic"}
    for service in ("code-server", "daemon", "webserver"):
        story.stack.wait_until_healthy(service)
    query = "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } }"
    assert story.asked_of_webserver(query) == {
        "workspaceOrError": {"locationEntries": [{"name": "ghost_pipeline", "loadStatus": "LOADED"}]}
    }


def the_code_server_dies_while_a_run_is_inside_reconcile(story: Story) -> None:
    with story.database.connect() as holder:
        holder.execute(sa.text("SELECT id FROM models WHERE provider_id = 'openai' FOR UPDATE"))
        story.drop("openai", "one", "two", "new")
        story.stack.wait_for(story.is_somebody_waiting_for_a_lock, "the run waits for the models")
        assert story.statuses("openai") == ["SUCCESS", "STARTED"]
        story.stack.kill("code-server")
    assert story.active()["openai"] == ["one", "two"]


def it_comes_back_and_the_run_is_done_again(story: Story) -> None:
    story.stack.start("code-server")
    story.stack.wait_for(lambda: story.statuses("openai")[2:] == ["SUCCESS"], "the run was done again")
    assert sorted(story.active()["openai"]) == ["new", "one", "two"]
    _, died, again = story.runs("openai")
    assert died.status is dg.DagsterRunStatus.FAILURE
    assert again.parent_run_id == died.run_id
    assert story.statuses("anthropic") == ["FAILURE"]  # a refused listing is not tried again


def nothing_is_kept_beside_the_database(story: Story) -> None:
    home = story.stack.folder / "dagster"
    assert [path.name for path in home.rglob("*")] == ["dagster.yaml"]  # so the image can be read-only
    assert story.names_of_version_tables() == {"alembic_version", "catalog_version"}
