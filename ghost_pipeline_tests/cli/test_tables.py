"""Tables: one record per line in a pipe, whole words on a terminal."""

import subprocess
import sys

import pytest

from ghost_pipeline.cli import main
from ghost_pipeline.cli.output import count
from ghost_pipeline_tests.cli.pseudo_terminal import raw_output, shown_output
from ghost_pipeline_tests.cli.test_errors import leaves

LONG_ID = "accounts/fireworks/models/" + "llama-" * 30 + "70b"
PROGRAM = f"""
from ghost_pipeline.cli.output import print_table
print_table(
    ("provider", "model", "name", "context"),
    [("openai", "gpt-4o", "A name of several words", 128000), ("fireworks", {LONG_ID!r}, "Llama\\nof two lines", None)],
    numbers=("context",),
    optional=("name", "context"),
)
"""


def on_a_terminal(width: int) -> str:
    """Return what a terminal of ``width`` columns shows."""
    return shown_output(width, "-c", PROGRAM)


def test_a_pipe_gets_one_line_for_each_record_whatever_its_width() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    lines = ran.stdout.splitlines()
    assert len(lines) == 3
    assert lines[1].split() == ["openai", "gpt-4o", "A", "name", "of", "several", "words", "128,000"]
    assert LONG_ID in lines[2]
    assert "Llama of two lines" in lines[2]
    assert lines[0].index("model") == lines[1].index("gpt-4o") == lines[2].index(LONG_ID)


def test_a_wide_terminal_shows_every_column() -> None:
    shown = on_a_terminal(300)
    assert "A name of several words" in shown
    assert "128,000" in shown
    assert len(shown.splitlines()) == 3


def test_a_narrow_terminal_loses_columns_before_it_breaks_a_word() -> None:
    shown = on_a_terminal(len(LONG_ID) + 13)
    assert LONG_ID in shown
    assert "name" not in shown
    assert "context" not in shown


def test_a_terminal_that_is_too_narrow_for_the_rest_breaks_words_and_loses_none() -> None:
    shown = on_a_terminal(60)
    assert "openai" in shown
    assert "".join(shown.split()).count("llama") >= 25


@pytest.mark.parametrize(("number", "text"), [(0, "0 models"), (1, "1 model"), (2, "2 models"), (1234, "1,234 models")])
def test_numbers_have_their_noun_in_the_right_number(number: int, text: str) -> None:
    assert count(number, "model") == text


def test_the_function_of_every_command_is_named_for_it() -> None:
    for path, command in leaves(main):
        assert command.callback is not None
        name = path[-1].replace("-", "_")
        # A group whose commands have the names of others is in the names of its functions.
        assert command.callback.__name__ in {f"{name}_command", f"{name}_{path[0]}_command"}


def test_colours_are_sent_unless_the_environment_or_the_terminal_rules_them_out() -> None:
    assert "\x1b[" in raw_output(100, "-c", PROGRAM)
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        plain = raw_output(100, "-c", PROGRAM, **variables)
        assert "\x1b" not in plain
        assert "gpt-4o" in plain
