"""``models``, ``show`` and ``changes`` on a narrow and on a wide terminal."""

import pytest

from ghost_pipeline_tests.cli.pseudo_terminal import raw_output, shown_output
from ghost_pipeline_tests.cli.run_cli import Shell

MODELS = ("models", "-p", "openai")
SHOW = ("show", "openai", "gpt-a")
CHANGES = ("changes", "--since", "2025-12-01")


def words_of(text: str) -> set[str]:
    return set(text.split())


@pytest.mark.parametrize("command", [MODELS, SHOW, CHANGES], ids=lambda command: command[0])
def test_a_wide_terminal_shows_all_columns_of_a_pipe_and_a_narrow_one_breaks_no_word(
    stocked: Shell, command: tuple[str, ...]
) -> None:
    piped = stocked.run(*command).output
    wide = shown_output(200, "-m", "ghost_pipeline", *command)
    narrow = shown_output(60, "-m", "ghost_pipeline", *command)
    assert words_of(piped) == words_of(wide)
    assert words_of(narrow) <= words_of(piped)
    lines = narrow.splitlines() if command != SHOW else narrow[narrow.index("Events:") :].splitlines()
    assert max(len(line) for line in lines if "http://" not in line) <= 60
    for kept in ("gpt-a", "ghost") if command == MODELS else ("deactivated",):
        assert kept in narrow


def test_a_narrow_terminal_loses_the_facts_before_the_state(stocked: Shell) -> None:
    narrow, wide = (shown_output(width, "-m", "ghost_pipeline", *MODELS) for width in (60, 200))
    assert {"context", "source"} <= words_of(wide)
    assert not {"name", "source"} & words_of(narrow.splitlines()[0])
    assert {"ghost,", "2025-12-06"} <= words_of(narrow)


@pytest.mark.parametrize("command", [MODELS, SHOW, CHANGES], ids=lambda command: command[0])
def test_no_colour_and_a_dumb_terminal_get_no_escape_sequence(stocked: Shell, command: tuple[str, ...]) -> None:
    assert "\x1b" not in raw_output(100, "-m", "ghost_pipeline", *command, NO_COLOR="1")
    assert "\x1b" not in raw_output(100, "-m", "ghost_pipeline", *command, TERM="dumb")
