"""Names that resemble a misspelt one."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from ghost_pipeline.lifecycle.identity import advise_nearest, nearest_names

KNOWN = ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "openai/gpt-4o", "o3", "text-embedding-3-small"]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("gpt-4p", ["gpt-4o", "gpt-4.1"]),
        ("GPT-4O", ["gpt-4o", "gpt-4.1", "gpt-4o-mini"]),
        ("text-embeding-3-smal", ["text-embedding-3-small"]),
        ("", []),
        ("zzz", []),
    ],
)
def test_the_most_similar_name_comes_first_in_any_case_of_its_letters(name: str, nearest: list[str]) -> None:
    assert nearest_names(name, KNOWN) == nearest


def test_one_name_among_many_similar_ones_is_found() -> None:
    known = [f"vendor-{number}/model-{number % 7}" for number in range(5_000)]
    assert nearest_names("vendor-4321/modle-2", known)[0] == "vendor-4321/model-2"


@given(st.text(max_size=40), st.lists(st.text(max_size=40), max_size=60))
def test_any_names_give_at_most_three_of_the_known(name: str, known: list[str]) -> None:
    nearest = nearest_names(name, known)
    assert len(nearest) <= 3
    assert set(nearest) <= set(known)
    if name and name in known:
        assert name.casefold() == nearest[0].casefold()


def test_advice_without_a_similar_name_is_what_to_do_otherwise() -> None:
    assert advise_nearest([], "look again") == "look again"
    assert advise_nearest(["a", "b"], "look again") == "did you mean a or b? If not, look again"
