"""notifications.toml: what it may contain, and every problem with its line."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from ghost_pipeline.errors import SettingsError
from ghost_pipeline.notifications.destinations import Destination, parse_destinations, read_destinations
from ghost_pipeline.notifications.digest import Filter, Section
from ghost_pipeline.settings import Settings

FULL = """
[destinations.team]
kind = "webhook"
url = "https://example.org/hook?channel=models"
secret_variable = "HOOK_SECRET"
cadence = "6h"
providers = ["Gemini", "openai"]
kinds = ["gone", "unclear"]
only_used = true
minimum_price_move = 5

[destinations."chat-2"]
kind = 'apprise'
secret_variable = "CHAT_URL"
allow_http = true

[destinations.feed]
kind = "atom"
path = "feeds/models.xml"
cadence = "daily"
"""


def test_a_full_file_is_read() -> None:
    team, chat, feed = parse_destinations(FULL)
    assert team == Destination(
        name="team",
        kind="webhook",
        url="https://example.org/hook?channel=models",
        secret_variable="HOOK_SECRET",
        cadence="6h",
        every=timedelta(hours=6),
        filter=Filter(frozenset({"google", "openai"}), frozenset({Section.GONE, Section.UNCLEAR}), True, 0.05),
    )
    assert chat == Destination("chat-2", "apprise", secret_variable="CHAT_URL", is_plain_http_allowed=True)
    assert (feed.cadence, feed.every, feed.is_digest) == ("daily", None, True)
    assert feed.filter == Filter()


def test_without_a_file_there_are_no_destinations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_destinations(Settings()) == []
    (tmp_path / "notifications.toml").write_text("")
    assert read_destinations(Settings()) == []


def test_a_relative_path_starts_at_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here.toml").write_text(FULL)
    monkeypatch.setenv("GHOST_NOTIFICATIONS_FILE", str(tmp_path / "here.toml"))
    assert read_destinations(Settings.from_environment())[2].path == tmp_path / "feeds" / "models.xml"


WRONG = """unknown = 1

[destinations.a]
kind = "webhook"
url = "http://user:hunter2@example.org/hook"
secret_variable = "whsec_hunter2hunter2"
cadence = "sometimes"
kinds = ["gone", "lost"]

[destinations.b]
kind = "webhook"
url = "http://example.org/hook"
secret = "hunter2"
only_used = "yes"

[destinations."c d"]
kind = "carrier pigeon"
urll = "hunter2"
cadence = "often"

[destinations.e]
kind = "apprise"
url = "slack://hunter2"
minimum_price_move = -1
providers = ["not a provider!", 7]

[destinations.f]
kind = "atom"
path = "feed.xml"
[destinations.g]
kind = "atom"
path = "./feed.xml"
providers = ["???"]
"""


def test_all_problems_are_reported_with_their_lines_and_no_secret() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_destinations(WRONG, "n.toml")
    message = str(caught.value)
    assert "hunter2" not in message
    expected = [
        "n.toml has 18 problems: line 1: 'unknown' is unknown",
        "line 5: [destinations.a] url contains a user name or password",
        "line 6: [destinations.a] secret_variable is not the name of an environment variable",
        "line 7: [destinations.a] cadence 'sometimes' is not",
        "line 8: [destinations.a] kind 'lost' is unknown; there are gone, retiring",
        "line 10: [destinations.b] secret_variable is required",
        "line 12: [destinations.b] url is plain http to another machine; use https, or set allow_http = true",
        "line 13: [destinations.b] 'secret' is unknown for a destination of kind webhook; put a URL or a key into the",
        "line 14: [destinations.b] only_used must be true or false",
        "line 16: [destinations.c d] is not a name",
        "line 17: [destinations.c d] kind 'carrier pigeon' is unknown; use one of webhook, apprise, atom",
        "line 18: [destinations.c d] 'urll' is unknown for any kind of destination; there are url, secret_variable",
        "line 19: [destinations.c d] cadence 'often' is not",
        "line 21: [destinations.e] secret_variable is required",
        "line 23: [destinations.e] 'url' is unknown for a destination of kind apprise; put a URL or a key into the",
        "line 24: [destinations.e] minimum_price_move is not a percentage",
        "line 25: [destinations.e] providers must be a list of strings",
        "line 33: [destinations.g] providers: '???' is not a valid provider name",
    ]
    positions = [message.find(one) for one in expected]
    assert -1 not in positions, expected[positions.index(-1)] + "\n\n" + message
    assert positions == sorted(positions)


def test_two_feeds_can_not_share_a_file() -> None:
    text = FULL + '[destinations.other]\nkind = "atom"\npath = "feeds/models.xml"\n'
    with pytest.raises(SettingsError, match=r"line 23: \[destinations.other\] path is that of \[destinations.feed\]"):
        parse_destinations(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[destinations.a", "not valid TOML"),
        ("\n\nkind = \n", "not valid TOML: .*line 3"),
        ("destinations = 7", "line 1: 'destinations' is not a table"),
        ("[destinations]\na = 7", "line 2: 'a' is not a table"),
        ("[destinations.a]", "line 1: .*kind is required"),
        ('[destinations.a]\nkind = ["webhook"]', "line 2: .*is unknown"),
        ('destinations = {a = {kind = "atom", path = ""}}', "line 1: .*path is empty"),
        ('[destinations.a]\nkind = "atom"\npath = "x"\ncadence = 6', "line 4: .*cadence must be a string"),
        ('[destinations.a]\nkind = "atom"\npath = "x"\nminimum_price_move = nan', "line 4: .*not a percentage"),
        ("[destinations]\n" + "\n".join(f"d{n} = 1" for n in range(101)), "101 destinations"),
        ("a = " + "[" * 5_000, "n.toml"),
    ],
)
def test_odd_files_are_refused(text: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        parse_destinations(text, "n.toml")


@pytest.mark.parametrize("content", [b"\xff", None])
def test_a_file_that_can_not_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "n.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"n\.toml"):
        read_destinations(Settings(notifications_file=file))


def test_a_pipe_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "n.toml"
    os.mkfifo(file)
    with pytest.raises(SettingsError, match=r"n\.toml is not a file; correct GHOST_NOTIFICATIONS_FILE"):
        read_destinations(Settings(notifications_file=file))
