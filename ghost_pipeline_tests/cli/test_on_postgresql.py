"""The program on PostgreSQL: a URL in the environment suffices, and its password is shown nowhere."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from ghost_pipeline.definitions import build_definitions
from ghost_pipeline.defs import resource
from ghost_pipeline.defs.local_runs import Assignment, Ingestion, open_instance
from ghost_pipeline.listings.files import find_listings, newest_listings
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.catalog.storage.test_faults import NOON, PASSWORD, guarded
from ghost_pipeline_tests.command_line import Run
from ghost_pipeline_tests.postgres import Server, server

SAMPLES = Path(__file__).parent.parent.parent / "latest_models"


@pytest.fixture
def empty_url() -> Iterator[str]:
    url = server().new_url(is_migrated=False)
    yield url
    server().drop(url)


@pytest.fixture
def guarded_url() -> Iterator[str]:
    own = Server()
    own.ask_for_password("guarded", PASSWORD)
    yield guarded(own.new_url(), PASSWORD)
    own.stop()


def test_a_url_is_all_it_takes(run: Run, empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest = ("ingest", "--dir", str(SAMPLES), "-p", "openai", "-p", "google", "-p", "xai", "--json")
    on_sqlite = run(*ingest).document
    monkeypatch.setenv("GHOST_DATABASE_URL", empty_url)
    assert run(*ingest).code == 3, "it has no schema yet"
    assert run("db", "current", "--json").document["current"] is None
    assert run("db", "upgrade").code == 0
    assert run(*ingest).document == on_sqlite
    assert run("track", "openai", "gpt-x").code == 0
    shown = run("show", "openai", "gpt-x", "--json").document
    assert (shown["source"], shown["events"][0]["kind"]) == ("INFERENCE", "discovered")
    ghosts = run("sweep", "--hours", "0", "--json").document["models"]
    assert len(ghosts) == run("stats", "--json").document["inactive"] == on_sqlite["stats"]["total"] + 1
    assert run("models", "--active", "--json").document == []


def test_no_password_is_in_what_dagster_keeps_of_a_failed_run(
    guarded_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = sa.make_url(guarded_url).set(password=f"wrong-{PASSWORD}").render_as_string(hide_password=False)
    monkeypatch.setenv("GHOST_DATABASE_URL", wrong)
    monkeypatch.setenv("GHOST_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "")
    file = newest_listings(find_listings(SAMPLES).files)["openai"]
    with open_instance(Settings.from_environment()) as instance:
        report = Ingestion(build_definitions(), instance).ingest(Assignment(file, NOON))
    assert not report.is_success
    assert report.error is not None
    assert "check the user and the password" in report.error
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"check the user and the password" in path.read_bytes() for path in kept)
    assert [path for path in kept if PASSWORD.encode() in path.read_bytes()] == []


def test_a_catalog_that_is_away_is_waited_for_longer_and_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setenv("GHOST_DATABASE_URL", f"postgresql://u:{PASSWORD}@127.0.0.1:1/none")
    monkeypatch.setenv("GHOST_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "")
    file = newest_listings(find_listings(SAMPLES).files)["openai"]
    with open_instance(Settings.from_environment()) as instance:
        report = Ingestion(build_definitions(), instance).ingest(Assignment(file, NOON))
        events = [entry.dagster_event for entry in instance.all_logs(report.run_id)]
    waits = [
        event.step_retry_data.seconds_to_wait
        for event in events
        if event is not None and event.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY
    ]
    assert waits == [0.01 * 2**retry for retry in range(resource.RETRIES)]
    assert not report.is_success
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in kept if PASSWORD.encode() in path.read_bytes()] == []
