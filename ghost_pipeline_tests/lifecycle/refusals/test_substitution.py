"""A snapshot, an alias or another spelling answers for the requested model; a successor does not."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghost_pipeline.lifecycle.refusals.substitution import answers_for, is_response_alias

SAME = [
    ("gpt-4o", "gpt-4o"),
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("gpt-4o-2024-08-06", "gpt-4o"),
    ("gpt-4", "gpt-4-0613"),
    ("gpt-3.5-turbo", "gpt-3.5-turbo-0125"),
    ("text-embedding-ada-002", "text-embedding-ada-002-v2"),
    ("chatgpt-4o-latest", "gpt-5"),  # an alias that its provider moves
    ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
    ("claude-opus-4-1", "claude-opus-4-1-20250805"),
    ("claude-sonnet-4-0", "claude-sonnet-4-20250514"),
    ("claude-3-5-sonnet@20240620", "claude-3-5-sonnet-20240620"),
    ("publishers/anthropic/models/claude-3-opus@20240229", "claude-3-opus-20240229"),
    ("publishers/google/models/gemini-x", "gemini-x"),
    ("gemini-2.0-flash", "gemini-2.0-flash-001"),
    ("gemini-2.0-flash", "models/gemini-2.0-flash"),
    ("gemini-2.5-flash", "gemini-2.5-flash-preview-09-2025"),
    ("gemini-2.5-pro", "gemini-2.5-pro-preview-06-05"),
    ("gemini-flash-latest", "gemini-3.8-flash"),
    ("mistral-large-latest", "mistral-large-2411"),
    ("pixtral-large", "pixtral-large-2411"),
    ("grok-4", "grok-4-0709"),
    ("openrouter/auto", "openai/gpt-5"),
    ("anthropic/claude-sonnet-4", "anthropic/claude-4-sonnet-20250522"),
    ("openai/gpt-4o", "gpt-4o-2024-08-06"),
    ("gpt-4o", "openai/gpt-4o"),
    ("lab/x:free", "lab/x"),
    ("meta-llama/Llama-3.3-70B-Instruct", "meta-llama/llama-3.3-70b-instruct"),
    ("GPT-4o", "gpt-4o"),
    ("accounts/fireworks/models/glm-4", "glm-4"),
    ("gpt-4o", ""),
    ("gpt-4o", "   "),
    ("gpt-4o", None),
    ("gpt-4o", "???"),
]

ANOTHER = [
    ("grok-3", "grok-4.3"),
    ("grok-3-mini", "grok-3"),
    ("grok-3", "grok-3-mini"),
    ("gpt-4", "gpt-4o"),
    ("gpt-4o", "gpt-4o-mini-2024-07-18"),
    ("gpt-4-0613", "gpt-4-1106-preview"),
    ("claude-3-5-sonnet-20240620", "claude-3-5-sonnet-20241022"),
    ("claude-3-5-sonnet", "claude-3-7-sonnet-20250219"),
    ("gemini-2.0-flash", "gemini-3.8-flash"),
    ("mimo-v2-pro", "mimo-v3-pro"),
    ("amazon.titan-embed-text-v1", "amazon.titan-embed-text-v2"),
    ("lab-a/x", "lab-b/x"),
    ("llama3:8b", "llama3:70b"),
]


@pytest.mark.parametrize(("requested", "answered"), SAME)
def test_the_requested_model_answered(requested: str, answered: str | None) -> None:
    assert answers_for(requested, answered)


@pytest.mark.parametrize(("requested", "answered"), ANOTHER)
def test_another_model_answered(requested: str, answered: str) -> None:
    assert not answers_for(requested, answered)


@pytest.mark.parametrize(
    ("requested", "answered", "is_alias"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("claude-sonnet-4-0", "claude-sonnet-4-20250514", True),
        ("mistral-large-latest", "mistral-large-2411", True),
        ("openai/gpt-4o", "gpt-4o-2024-08-06", True),
        ("gpt-4o", "gpt-4o", False),
        ("gpt-4o", "openai/GPT-4o", False),
        ("gpt-4o", "gpt-4o-mini", False),
        ("openrouter/auto", "openai/gpt-4o", False),
        ("gpt-4o", "gpt-4o-latest", False),
        ("gpt-4o", "gpt-4o 2024-08-06", False),
        ("gpt-4o", "gpt-4o\u20032024-08-06", False),
        ("gpt-4o", "", False),
        ("---", "gpt-4o", False),
    ],
)
def test_another_id_of_the_requested_model_is_an_alias(requested: str, answered: str, is_alias: bool) -> None:
    assert is_response_alias(requested, answered) is is_alias


@given(st.text(max_size=600), st.text(max_size=600))
def test_no_text_raises_and_every_id_answers_for_itself(requested: str, answered: str) -> None:
    assert answers_for(requested, answered) or not is_response_alias(requested, answered)
    assert answers_for(requested, requested)


@given(
    st.lists(st.sampled_from(["lab", "x", "4", "4o", "turbo", "001", "3.5", "0613"]), min_size=1, max_size=4),
    st.dates(min_value=date(2020, 1, 1), max_value=date(2099, 12, 31)),
)
def test_a_dated_snapshot_of_any_id_is_not_another_model(words: list[str], day: date) -> None:
    requested = "-".join(["a", *words])
    assert answers_for(requested, f"{requested}-{day.isoformat()}")
    assert answers_for(requested, f"{requested}-{day:%Y%m%d}")
