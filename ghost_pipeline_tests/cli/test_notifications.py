"""``notify`` and ``notifications``."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghost_pipeline_tests.command_line import Run
from ghost_pipeline_tests.notifications.world import SECRET, Receiver, answer

FILE = """[destinations.feed]
kind = "atom"
path = "feed.xml"

[destinations.hook]
kind = "webhook"
url = "{url}"
secret_variable = "HOOK_SECRET"
"""


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    receiver = Receiver()
    (tmp_path / "notifications.toml").write_text(FILE.format(url=receiver.url))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    yield receiver
    receiver.close()


def test_a_dry_run_prints_a_delivery_sends_and_the_state_is_shown(run: Run, receiver: Receiver, tmp_path: Path) -> None:
    assert run("notifications").out.count("starts with the next 'notify'") == 2
    assert run("notify").out.count("started") == 2
    run("add", "openai", "gpt-\u202enew")
    previewed = run("notify", "--dry-run")
    assert previewed.code == 0
    assert previewed.out.count("- openai/gpt-\\u202enew: added by an operator") == 2
    assert receiver.received == []
    sent = json.loads(run("notify", "--json").out)["destinations"]
    assert [(one["name"], one["result"], one["sent"]) for one in sent] == [("feed", "sent", 1), ("hook", "sent", 1)]
    assert (tmp_path / "feed.xml").exists()
    assert receiver.all_entries() == [("new", "openai", "gpt-\u202enew")]
    [feed, hook] = json.loads(run("notifications", "--json").out)
    assert (feed["kind"], hook["kind"], hook["failures"], hook["is_message_waiting"]) == ("atom", "webhook", 0, False)
    assert json.loads(run("notify", "--dry-run", "--json").out)["destinations"][0] == {
        "name": "feed",
        "note": "nothing new",
        "message": None,
    }


def test_a_failed_delivery_is_exit_code_1_and_the_others_are_done(run: Run, receiver: Receiver) -> None:
    run("notify")
    run("add", "openai", "gpt-new")
    receiver.default = answer(500)
    failed = run("notify")
    assert failed.code == 1
    assert "HTTP 500" in failed.out
    shown = run("notifications")
    assert shown.code == 0
    assert "failing" in shown.out
    assert "HTTP 500" in shown.err
    assert run("notify").code == 0  # it waits
    assert run("notify", "--skip", "hook").out == (
        "hook: its message is dropped and it continues with what happens from now on\n"
    )
    assert "failing" not in run("notifications").out


def test_a_test_message_needs_its_destination_and_its_secret(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("notify", "--test", "hook").code == 0
    assert receiver.received[0].document["type"] == "ghost_pipeline.test"
    unknown = run("notify", "--test", "nobody")
    assert (unknown.code, "there are: feed, hook" in unknown.err) == (2, True)
    receiver.default = answer(500)
    assert run("notify", "--test", "hook").code == 1
    monkeypatch.delenv("HOOK_SECRET")
    missing = run("notify", "--test", "hook")
    assert (missing.code, "HOOK_SECRET is not set" in missing.err) == (2, True)
    assert run("notify", "--test", "hook", "--dry-run").code == 2


def test_an_invalid_file_is_exit_code_2_with_all_its_problems(run: Run, receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "notifications.toml").write_text('[destinations.a]\nkind = "x"\n[destinations.b]\nkind = "y"\n')
    for command in ("notify", "notifications"):
        refused = run(command)
        assert refused.code == 2
        assert "line 2: [destinations.a] kind 'x' is unknown" in refused.err
        assert "line 4: [destinations.b] kind 'y' is unknown" in refused.err
    (tmp_path / "notifications.toml").unlink()
    assert "has no destinations" in run("notify").err
    assert run("notifications").code == 0


def test_a_destination_that_left_the_file_is_shown_as_such(run: Run, receiver: Receiver, tmp_path: Path) -> None:
    run("notify")
    (tmp_path / "notifications.toml").write_text('[destinations.feed]\nkind = "atom"\npath = "feed.xml"\n')
    assert "not in the file" in run("notifications").out
    assert run("notify").out.count("nothing new") == 1
