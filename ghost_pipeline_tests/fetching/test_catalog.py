"""``fetch``, then ``ingest``, then ``providers``: what the catalog makes of fetches that go well and that do not."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ghost_pipeline_tests.command_line import Run
from ghost_pipeline_tests.fetching.builders import Configure, ids_bytes
from ghost_pipeline_tests.fetching.faults import FAULTS, LISTING
from ghost_pipeline_tests.fetching.server import always, body_reply, json_reply

GOOD = always(body_reply(LISTING))
NAME = "openai"


def health(run: Run) -> dict[str, Any]:
    [one] = [one for one in run("providers", "--json").document if one["id"] == NAME]
    return dict(one)


def test_fetch_and_ingest_do_not_lift_the_hold_with_the_old_file(
    run: Run, configure: Configure, tmp_path: Path
) -> None:
    servers = configure(openai=GOOD)
    assert (run("fetch").code, run("ingest").code) == (0, 0)
    servers[NAME].script = always(FAULTS["401"].reply)
    assert run("fetch").code == 1
    held = health(run)
    again = run("ingest")
    assert (again.code, "older than the last attempt to fetch it, which failed" in again.err) == (0, True)
    assert health(run)["held_since"] == held["held_since"] is not None
    assert health(run)["consecutive_failures"] == 1
    (tmp_path / "models" / f"{NAME}_models_2999-01-01.json").write_bytes(LISTING)  # not fetched
    assert run("ingest").code == 0
    assert health(run)["held_since"] is None


def test_an_old_file_that_a_304_confirmed_is_fresh(run: Run, configure: Configure, tmp_path: Path) -> None:
    servers = configure(openai=always(body_reply(LISTING, etag='"1"')))
    run("fetch")
    [file] = (tmp_path / "models").glob("*.json")
    old = file.with_name("openai_models_2026-01-01T00-00-00.000000.json")
    for path in (file, file.with_name(f"{file.name}.response")):
        path.rename(path.with_name(path.name.replace(file.name, old.name)))
    os.utime(old, (0, 0))
    servers[NAME].script = always(lambda line: line.head(304, {"content-length": "0"}))
    assert run("fetch").code == 0
    assert datetime.now(UTC).timestamp() - old.stat().st_mtime < 60
    assert servers[NAME].requests[-1].headers["if-none-match"] == '"1"'
    ingested = run("ingest")
    assert "old" not in ingested.err
    assert run("fetch").code == 0
    assert servers[NAME].requests[-1].headers["if-none-match"] == '"1"'


def test_a_successful_fetch_needs_no_catalog_and_a_failed_one_reports_that_it_is_missing(
    run: Run, configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    servers = configure(openai=GOOD)
    (tmp_path / "catalog.db").write_bytes(b"no database" * 1000)
    monkeypatch.setenv("GHOST_DATABASE_URL", f"sqlite:///{tmp_path / 'catalog.db'}")
    assert run("fetch").code == 0
    servers[NAME].script = always(FAULTS["401"].reply)
    ran = run("fetch")
    assert ran.code == 3
    assert "HTTP 401" in ran.out
    assert ran.err.splitlines()[-1].startswith("Error: catalog ")


def test_failures_are_recorded_although_the_folder_makes_trouble_for_another(
    run: Run, configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GHOST_FETCH_KEEP_FILES", "1")
    configure(openai=always(FAULTS["401"].reply), gateway=GOOD)
    for name in ("", ".response"):  # folders, which are not removed like old files
        (tmp_path / "models" / f"gateway_models_2020-01-01T00-00-00.000000.json{name}").mkdir(parents=True)
    ran = run("fetch")
    assert (ran.code, ran.out) == (3, "")
    assert "can't be removed" in ran.err
    assert health(run)["last_verdict"] == "failed"


def test_what_a_fetched_listing_took_is_kept_with_its_attempt(run: Run, configure: Configure) -> None:
    configure(openai=GOOD)
    run("fetch")
    assert health(run)["last_seconds"] is None
    assert run("ingest").code == 0
    assert 0 < health(run)["last_seconds"] < 60


def test_an_empty_response_is_a_failure_and_a_partial_one_is_not(run: Run, configure: Configure) -> None:
    servers = configure(openai=always(json_reply({"data": []})))
    for count in (1, 2):
        assert (run("fetch").code, run("ingest").code) == (1, 1)
        assert health(run)["consecutive_failures"] == count
    servers[NAME].script = always(json_reply(json.loads(ids_bytes("a")) | {"has_more": True}))
    assert (run("fetch").code, run("ingest").code) == (0, 0)
    assert (health(run)["consecutive_failures"], health(run)["last_verdict"]) == (0, "partial")
    assert health(run)["held_reason"].startswith("empty: ")
