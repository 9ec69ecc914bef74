"""How values look on pages: instants from now, numbers, text of others, and commands that a shell reads as meant."""

import shlex
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghost_pipeline.redaction import printable
from ghost_pipeline.web.formatting import (
    MOST_JSON,
    MOST_SHOWN,
    fact_element,
    format_count,
    format_json,
    format_number,
    format_relative,
    format_shell_command,
    format_text,
    shorten_text,
    time_element,
)
from ghost_pipeline_tests.web.pages.site import HOSTILE_IDS

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (timedelta(), "just now"),
        (timedelta(seconds=-59), "just now"),
        (timedelta(seconds=30), "in less than a minute"),
        (timedelta(minutes=-1), "1 minute ago"),
        (timedelta(minutes=59), "in 59 minutes"),
        (timedelta(hours=-47), "47 hours ago"),
        (timedelta(hours=-48), "2 days ago"),
        (timedelta(days=27, hours=23), "in 27 days"),
        (timedelta(days=-89), "89 days ago"),
        (timedelta(days=-90), "3 months ago"),
        (timedelta(days=800), "in 2 years"),
    ],
)
def test_instants_are_shown_from_now(distance: timedelta, text: str) -> None:
    assert format_relative(NOW + distance, NOW) == text


def test_the_exact_instant_is_on_hover_and_for_programs() -> None:
    at = datetime(2026, 6, 27, 12, 0, 5, tzinfo=UTC)
    expected = '<time datetime="2026-06-27T12:00:05Z" title="2026-06-27 12:00:05 UTC">2 days ago</time>'
    assert time_element(at, NOW) == expected
    assert "never" in time_element(None, NOW)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1_048_576, "1,048,576"), (0.15, "0.15"), (5.0, "5"), (1e-07, "1e-07"), (1234.5, "1,234.5")],
)
def test_numbers_have_separators_and_no_needless_digits(value: float, text: str) -> None:
    assert format_number(value) == text


def test_a_number_goes_with_its_noun() -> None:
    assert (format_count(1, "model"), format_count(0, "model")) == ("1 model", "0 models")
    assert format_count(2_000, "more is", "more are") == "2,000 more are"


def test_facts_look_like_their_kind() -> None:
    assert "unknown" in fact_element(None)
    assert (fact_element(True), fact_element(()), fact_element(2.5)) == ("yes", "none", "2.5")
    assert fact_element(("text", "tools")) == "<bdi>text</bdi>, <bdi>tools</bdi>"
    assert fact_element({"<b>": 1}) == '<code class="wrap"><bdi>{&quot;&lt;b&gt;&quot;: 1}</bdi></code>'


@given(st.text())
def test_text_of_others_is_escaped_and_has_no_invisible_controls(text: str) -> None:
    shown = format_text(text)
    inner = shown.removeprefix("<bdi>").removesuffix("</bdi>")
    assert not set(inner) & {"<", ">", '"', "'"}
    assert printable(inner) == inner


def test_long_text_is_cut() -> None:
    assert len(shorten_text("x" * 512)) == MOST_SHOWN + len("<bdi></bdi>")
    assert len(format_json({"key": "x" * 3 * MOST_JSON})) < MOST_JSON + 100


@pytest.mark.parametrize("model_id", [*HOSTILE_IDS, "plain", "~root", "a b", "*", "é", "\u2028'\\n\u202e"])
def test_a_copied_command_has_the_model_as_one_word_in_a_shell(model_id: str) -> None:
    command = format_shell_command("remove", "fireworks", model_id)
    assert printable(command) == command
    script = f'ghost-pipeline() {{ printf "%s\\0" "$@"; }}; {command}'
    ran = subprocess.run(["bash", "-c", script], capture_output=True, env={"LC_ALL": "C.UTF-8"}, check=True)
    words = ran.stdout.decode().split("\0")[:-1]
    assert [one for one in words if one != "--"] == ["remove", "fireworks", model_id]
    assert ("--" in words) is model_id.startswith("-")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_word_that_can_be_seen_is_quoted_as_posix_shells_do(word: str) -> None:
    if printable(word) == word and not word.startswith("-"):
        assert shlex.split(format_shell_command("show", "openai", word)) == ["ghost-pipeline", "show", "openai", word]
