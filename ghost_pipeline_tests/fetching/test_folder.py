"""Files are there whole or not at all, and only the newest fetched ones stay."""

import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghost_pipeline.errors import FolderError
from ghost_pipeline.fetching.fetch import fetch_listings
from ghost_pipeline.fetching.folder import file_name, prune
from ghost_pipeline.fetching.outcome import FetchResult
from ghost_pipeline.listings.files import find_listings, instant_in_name, provider_in_name, read_response_info
from ghost_pipeline_tests.fetching.builders import NOON, QUICK, Serve, at, fetch_one, ids_bytes, names_in
from ghost_pipeline_tests.fetching.server import always, body_reply

LISTING = ids_bytes("a")


instants = st.timedeltas(timedelta(), timedelta(days=365 * 5_000)).map(lambda span: NOON + span)


@given(instants)
def test_a_file_s_name_contains_its_provider_and_instant(instant: datetime) -> None:
    name = file_name("my-gateway", instant)
    assert (provider_in_name(name), instant_in_name(name)) == ("my-gateway", instant)


def test_a_sidecar_records_the_response(serve: Serve, folder: Path) -> None:
    outcome = fetch_one(at(serve(always(body_reply(LISTING, etag='"1"', x_request_id="req-1")))), folder)
    assert outcome.path is not None
    facts = read_response_info(outcome.path)
    assert facts is not None
    assert (facts.status, facts.pages, facts.models, facts.bytes) == (200, 1, 1, len(LISTING))
    assert (facts.etag, facts.request_id, outcome.request_id) == ('"1"', "req-1", "req-1")
    assert (facts.is_partial, facts.reason, facts.attempted_at, facts.sha256) == (False, None, NOON, outcome.sha256)
    assert names_in(folder) == [outcome.path.name, outcome.path.name + ".response"]


def test_a_sidecar_is_not_reported_as_skipped(serve: Serve, folder: Path) -> None:
    fetch_one(at(serve(always(body_reply(LISTING)))), folder)
    scan = find_listings(folder)
    assert [file.provider_id for file in scan.files] == ["openai"]
    assert scan.skipped == ()


def test_only_the_newest_fetched_files_stay_and_other_people_s_files_always_do(serve: Serve, folder: Path) -> None:
    theirs = {
        "openai_models.json",
        "openai_models_2020-01-01T00-00-00.json",
        "openai_models_2020-01-01T00-00-00.000000.json",  # as if fetched, but without a sidecar
        "openai_models_2027-01-01T00-00-00.000000.json",
        "groq_models_2020-01-01T00-00-00.000000.json",
        "groq_models_2020-01-01T00-00-00.000000.json.response",
        "notes.txt",
    }
    for name in theirs:
        (folder / name).write_bytes(LISTING)
    crashed = {
        ".openai_models_2020-01-01T00-00-00.000000.json.tmp",
        ".openai_models_2020-01-02T00-00-00.000000.json.response.tmp",
        "openai_models_2020-01-03T00-00-00.000000.json.response",
    }
    for name in crashed:
        (folder / name).write_bytes(b"")
        os.utime(folder / name, (0, 0))
    endpoint = at(serve(always(body_reply(LISTING))))
    for hour in range(5):
        fetch_listings([endpoint], folder, replace(QUICK, keep_files=2), NOON + timedelta(hours=hour))
    kept = {file_name("openai", NOON + timedelta(hours=hour)) for hour in (3, 4)}
    assert set(names_in(folder)) == theirs | kept | {f"{name}.response" for name in kept}


def test_one_file_stays_even_if_none_is_to_be_kept(folder: Path) -> None:
    name = file_name("openai", NOON)
    for one in (name, f"{name}.response"):
        (folder / one).write_bytes(b"")
    prune(folder, "openai", keep=1)
    assert len(names_in(folder)) == 2


def test_the_file_just_written_stays_though_others_have_later_instants(serve: Serve, folder: Path) -> None:
    endpoint = at(serve(always(body_reply(LISTING))))
    limits = replace(QUICK, keep_files=1)
    for instant in (NOON + timedelta(days=400), NOON):  # a clock that was ahead
        fetch_listings([endpoint], folder, limits, instant)
        assert file_name("openai", instant) in names_in(folder)


def test_two_fetches_at_once_leave_each_others_unfinished_files(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = at(serve(always(body_reply(LISTING))))
    limits = replace(QUICK, keep_files=1)
    first, second = NOON, NOON + timedelta(hours=1)
    rename = Path.replace
    met = []

    def another_fetch_first(self: Path, target: Path) -> Path:
        if target.name.startswith(file_name("openai", first)):
            met.append(target.name)
            fetch_listings([endpoint], folder, limits, second)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", another_fetch_first)
    (outcome,) = fetch_listings([endpoint], folder, limits, first)
    assert len(met) == 2  # before its sidecar, and before its listing
    assert outcome.result is FetchResult.FETCHED
    name = file_name("openai", first)
    assert {name, f"{name}.response"} <= set(names_in(folder))


@pytest.mark.parametrize("broken", ["listing", "sidecar"])
def test_an_unfinished_file_leaves_nothing_behind(
    serve: Serve, folder: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.replace

    def fails(self: Path, target: Path) -> Path:
        if target.name.endswith(".json") == (broken == "listing"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(FolderError, match=r"can't be written \(No space left on device\)"):
        fetch_one(at(serve(always(body_reply(LISTING)))), folder)
    assert names_in(folder) == []


def test_one_file_that_can_not_be_written_stops_no_other_provider(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.replace

    def fails(self: Path, target: Path) -> Path:
        if target.name.startswith("openai"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", fails)
    server = serve(always(body_reply(LISTING)))
    with pytest.raises(FolderError):
        fetch_listings([at(server, "openai"), at(server, "groq")], folder, QUICK, NOON)
    assert [file.provider_id for file in find_listings(folder).files] == ["groq"]


def test_a_folder_that_is_missing_is_made(serve: Serve, tmp_path: Path) -> None:
    assert fetch_one(at(serve(always(body_reply(LISTING)))), tmp_path / "a" / "b").result is FetchResult.FETCHED


def test_a_file_in_place_of_the_folder_is_an_error_before_any_request(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server = serve(always(body_reply(LISTING)))
    with pytest.raises(FolderError, match="can't be created"):
        fetch_one(at(server), tmp_path / "file")
    assert server.requests == []
