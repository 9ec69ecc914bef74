"""A survey of a listing agrees with parsing it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghost_pipeline.listings.decoding import Malformed
from ghost_pipeline.listings.parsing import parse_listing, survey_listing
from ghost_pipeline_tests.providers.samples import FIXTURE_NAMES, fixture_bytes, provider_of

rows = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["a", "b", "c", "", None, 1]),
        "active": st.booleans(),
        "context_window": st.sampled_from([1, "x"]),
    },
)
documents = st.fixed_dictionaries(
    {"data": st.lists(rows, max_size=4) | st.none()},
    optional={"has_more": st.booleans(), "error": st.just({"message": "no"}) | st.none()},
)


def agree(provider_id: str, content: bytes) -> None:
    listing = parse_listing(provider_id, content)
    if listing.malformed_reason is not None:
        with pytest.raises(Malformed) as caught:
            survey_listing(provider_id, content)
        assert str(caught.value) == listing.malformed_reason
        return
    survey = survey_listing(provider_id, content)
    assert (survey.model_count, survey.incomplete_reasons) == (len(listing.models), listing.incomplete_reasons)


@pytest.mark.parametrize("name", FIXTURE_NAMES)
def test_a_survey_of_every_format_agrees_with_parsing(name: str) -> None:
    agree(provider_of(name), fixture_bytes(name))
    agree(provider_of(name), fixture_bytes(name)[:-10])


@given(documents)
def test_a_survey_of_anything_agrees_with_parsing(document: Any) -> None:
    agree("groq", json.dumps(document).encode())


def test_a_survey_of_something_nested_too_deeply_agrees_with_parsing() -> None:
    agree("openai", b"[" * 100_000)
