"""``ghost-pipeline fetch``: its output for users and for programs."""

import json
import re
from pathlib import Path

import pytest

from ghost_pipeline.listings.files import find_listings, newest_listings
from ghost_pipeline_tests.command_line import Run
from ghost_pipeline_tests.fetching.builders import KEY, Configure, ids_bytes, names_in
from ghost_pipeline_tests.fetching.faults import FAULTS
from ghost_pipeline_tests.fetching.server import always, body_reply, json_reply

GOOD = always(body_reply(ids_bytes("a", "b")))


def test_a_fetch_shows_each_provider_and_what_comes_next(run: Run, configure: Configure, tmp_path: Path) -> None:
    configure(one=GOOD, two=GOOD)
    ran = run("fetch")
    assert ran.code == 0
    assert "Next: ghost-pipeline ingest" in ran.out
    table = [line.split()[:3] for line in ran.out.splitlines()[1:3]]
    assert table == [["one", "fetched", "2"], ["two", "fetched", "2"]]
    assert sorted(line.partition(" ")[2] for line in ran.err.splitlines()) == ["one: fetched", "two: fetched"]
    assert sorted(newest_listings(find_listings(tmp_path / "models").files)) == ["one", "two"]


def test_a_failed_provider_is_exit_code_1_with_its_reason(run: Run, configure: Configure, tmp_path: Path) -> None:
    configure(good=GOOD, bad=always(FAULTS["401"].reply))
    ran = run("fetch")
    assert ran.code == 1
    assert "  bad: HTTP 401 Unauthorized from http://127.0.0.1" in ran.out
    assert "check the key in MY_KEY" in ran.out
    assert [name[:4] for name in names_in(tmp_path / "models")] == ["good", "good"]
    assert KEY not in ran.out + ran.err


def test_json_is_one_document_with_every_outcome(run: Run, configure: Configure, tmp_path: Path) -> None:
    configure(good=GOOD, bad=always(FAULTS["401"].reply))
    ran = run("fetch", "bad", "good", "--dir", str(tmp_path / "other"), "--json")
    bad, good = json.loads(ran.out)["fetched"]
    assert (bad["provider_id"], bad["result"], bad["status"], bad["path"]) == ("bad", "failed", 401, None)
    assert (good["result"], good["pages"], good["models"]) == ("fetched", 1, 2)
    assert Path(good["path"]).parent == tmp_path / "other"
    assert good["attempted_at"].endswith("Z")
    assert KEY not in ran.out + ran.err


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (json_reply({"data": [{"id": "a"}], "has_more": True}), 0),
        (json_reply({"data": []}), 1),
    ],
    ids=["partial", "empty"],
)
def test_partial_is_exit_code_0_and_empty_is_1_as_with_ingest(
    run: Run, configure: Configure, reply: object, code: int
) -> None:
    configure(one=lambda asked: reply)
    assert run("fetch").code == code


def test_a_local_server_may_serve_nothing(run: Run, configure: Configure) -> None:
    configure(ollama=always(json_reply({"models": []})))
    assert run("fetch").code == 0


def test_wrong_usage_is_exit_code_2_and_makes_no_request(run: Run, configure: Configure) -> None:
    configure()
    for arguments in (["fetch"], ["fetch", "nope"], ["fetch", "openai"]):
        ran = run(*arguments)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("Error: ")


def test_a_folder_that_can_not_be_written_is_exit_code_3(run: Run, configure: Configure, tmp_path: Path) -> None:
    configure(one=GOOD)
    (tmp_path / "file").write_text("")
    ran = run("fetch", "--dir", str(tmp_path / "file"))
    assert (ran.code, ran.out) == (3, "")
    assert "can't be created" in ran.err


def test_a_skipped_provider_is_warned_of(run: Run, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(one=GOOD)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", KEY)
    ran = run("fetch")
    assert ran.code == 0
    assert "Warning: cloudflare is skipped: account_id is required" in ran.err


@pytest.mark.parametrize("key", ["two words", "schlüssel"])
def test_a_provider_with_an_unusable_key_is_skipped_with_the_reason_and_is_exit_code_1(
    run: Run, configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str
) -> None:
    configure(one=GOOD)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    for options in ((), ("--json",)):
        ran = run("fetch", *options)
        assert ran.code == 1
        assert "Warning: openai is skipped: the value of OPENAI_API_KEY can't be a key" in ran.err
        assert key not in ran.out + ran.err
    assert {path.name[:3] for path in (tmp_path / "models").iterdir()} == {"one"}
    assert run("fetch", "one").code == 0


@pytest.mark.parametrize("variable", ["GHOST_FETCH_CONCURRENCY", "GHOST_FETCH_MAX_PAGES", "GHOST_FETCH_FINISH_SECONDS"])
def test_a_limit_of_nothing_is_exit_code_2(
    run: Run, configure: Configure, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(one=GOOD)
    monkeypatch.setenv(variable, "0")
    ran = run("fetch")
    assert ran.code == 2
    assert re.search(rf"{variable}='0' is not a (whole )?number from 1 to ", ran.err)


def test_limits_and_the_file_of_providers_are_settings(
    run: Run, configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(one=GOOD)
    monkeypatch.setenv("GHOST_FETCH_MAX_BYTES", "20")
    ran = run("fetch")
    assert ran.code == 1
    assert "larger than 20 bytes; if that is correct, raise GHOST_FETCH_MAX_BYTES" in ran.out
