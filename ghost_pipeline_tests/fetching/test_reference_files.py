"""``ghost-pipeline references fetch``: from the table of the providers file to the claims, on loopback."""

import json
from pathlib import Path

import pytest

from ghost_pipeline_tests.command_line import Run
from ghost_pipeline_tests.fetching.builders import Serve
from ghost_pipeline_tests.fetching.faults import FAULTS
from ghost_pipeline_tests.fetching.server import Reply, Server, always, json_reply

MODELS_DEV = json_reply({"openai": {"models": {"a": {"cost": {"input": 2}}, "b": {"limit": {"context": 5}}}}})


@pytest.fixture
def providers_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GHOST_PROVIDERS_FILE", str(tmp_path / "providers.toml"))
    return tmp_path / "providers.toml"


def configure(serve: Serve, file: Path, **replies: Reply) -> dict[str, Server]:
    servers = {name.replace("_", "-"): serve(always(reply)) for name, reply in replies.items()}
    file.write_text("".join(f'[references.{name}]\nurl = "{one.url}/api.json"\n' for name, one in servers.items()))
    return servers


def test_every_configured_reference_is_fetched_and_one_that_fails_replaces_nothing(
    run: Run, serve: Serve, providers_file: Path
) -> None:
    servers = configure(serve, providers_file, models_dev=MODELS_DEV, litellm=FAULTS["401"].reply)
    ran = run("references", "fetch", "--json")
    good, bad = json.loads(ran.out)["fetched"]
    assert ran.code == 1
    assert (good["reference"], good["import"]["imported"]["verdict"], good["reason"]) == (
        "models-dev",
        "complete",
        None,
    )
    assert good["import"]["imported"]["file_name"] == "api.json"
    assert (bad["reference"], bad["import"]) == ("litellm", None)
    assert bad["reason"].startswith("HTTP 401 Unauthorized from http://127.0.0.1")
    assert [(one.path, one.headers.get("authorization")) for one in servers["models-dev"].requests] == [
        ("/api.json", None)
    ]
    assert [one["name"] for one in json.loads(run("references", "list", "--json").out)] == ["models-dev"]
    again = run("references", "fetch", "models-dev")
    assert (again.code, "0 added, 0 changed, 0 ended" in again.out) == (0, True)
    assert "models-dev: 2 claims of" in run("doctor").out


@pytest.mark.parametrize(
    ("fault", "advice"), [("404", "check its url"), ("a redirect to a file", "if that is correct, set it as url")]
)
def test_the_advice_names_the_setting_of_the_reference(
    run: Run, serve: Serve, providers_file: Path, fault: str, advice: str
) -> None:
    configure(serve, providers_file, models_dev=FAULTS[fault].reply)
    ran = run("references", "fetch")
    assert (ran.code, ran.err.rstrip().endswith(advice)) == (1, True), ran.err


@pytest.mark.parametrize("reply", [json_reply({"error": "busy"}), json_reply([])], ids=["error", "empty"])
def test_a_file_that_does_not_contain_a_reference_is_recorded_and_refused(
    run: Run, serve: Serve, providers_file: Path, reply: Reply
) -> None:
    configure(serve, providers_file, models_dev=reply)
    ran = run("references", "fetch")
    assert (ran.code, "Nothing was replaced" in ran.out) == (1, True)
    [state] = json.loads(run("references", "list", "--json").out)
    assert state["applied"] is None


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("", "no reference has a url"),
        ('[references.other]\nurl = "https://example.org/a.json"', "[references.other] is unknown"),
        ("[references.litellm]\n", "[references.litellm] url is required"),
        ('[references.litellm]\nurl = "http://example.org/a.json"', "[references.litellm] url "),
        (
            '[references.litellm]\nurl = "https://example.org/a.json"\nkey = "x"',
            "[references.litellm] 'key' is unknown",
        ),
        ('[references.litellm]\nurl = "https://example.org/a.json"', "no url is configured for models-dev"),
    ],
)
def test_nothing_is_fetched_unless_it_is_configured_correctly(
    run: Run, providers_file: Path, table: str, reason: str
) -> None:
    providers_file.write_text(table)
    names = ["models-dev"] if "configured for" in reason else []
    ran = run("references", "fetch", *names)
    assert ran.code == 2
    assert reason in ran.err
