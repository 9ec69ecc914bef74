"""The meaning of each provider's fields, read from a fixture in the provider's documented shape."""

from typing import Any

import pytest

from ghost_pipeline.lifecycle.facts import FACT_NAMES
from ghost_pipeline.lifecycle.vocabulary import CAPABILITIES
from ghost_pipeline.listings.parsing import format_version, parse_listing
from ghost_pipeline.providers import BUILTIN
from ghost_pipeline_tests.providers.expected_facts import FACTS, INACTIVE
from ghost_pipeline_tests.providers.samples import (
    FIXTURE_NAMES,
    fixture,
    fixture_bytes,
    models_of,
    parsed,
    provider_of,
    rows_of,
)


@pytest.mark.parametrize(("fixture_name", "model_id", "facts"), FACTS, ids=[f"{f}-{m}" for f, m, _ in FACTS])
def test_every_field_is_read_and_nothing_else_is_made_up(
    fixture_name: str, model_id: str, facts: dict[str, Any]
) -> None:
    model = models_of(fixture_name)[model_id]
    unknown = dict.fromkeys((*FACT_NAMES, "is_free"))
    assert {field: getattr(model, field) for field in unknown} == {**unknown, **facts}


@pytest.mark.parametrize("fixture_name", FIXTURE_NAMES)
def test_a_fixture_is_whole_and_every_row_of_it_is_accounted_for(fixture_name: str) -> None:
    provider_id = provider_of(fixture_name)
    listing = parse_listing(provider_id, fixture_bytes(fixture_name))
    assert (listing.malformed_reason, listing.incomplete_reasons, listing.warnings) == (None, (), ())
    assert listing.inactive_ids == INACTIVE.get(fixture_name, ())
    assert len(listing.models) + len(listing.inactive_ids) == len(rows_of(fixture(fixture_name)))


def test_every_provider_of_the_registry_has_a_fixture() -> None:
    assert {provider_of(name) for name in FIXTURE_NAMES} == set(BUILTIN)


@pytest.mark.parametrize("fixture_name", FIXTURE_NAMES)
def test_capabilities_are_of_the_vocabulary_sorted_and_unique(fixture_name: str) -> None:
    for model in models_of(fixture_name).values():
        if model.capabilities is not None:
            assert set(model.capabilities) <= set(CAPABILITIES)
            assert list(model.capabilities) == sorted(set(model.capabilities))


@pytest.mark.parametrize("fixture_name", FIXTURE_NAMES)
def test_a_known_provider_in_the_generic_shape_is_read_too(fixture_name: str) -> None:
    listing = parsed(provider_of(fixture_name), {"object": "list", "data": [{"id": "some-model", "object": "model"}]})
    assert [model.model_id for model in listing.models] == ["some-model"]
    assert listing.incomplete_reasons == ()


@pytest.mark.parametrize("fixture_name", [name for name in FIXTURE_NAMES if name != "lmstudio"])
def test_rows_that_lost_their_envelope_keep_their_ids(fixture_name: str) -> None:
    bare = parsed(provider_of(fixture_name), rows_of(fixture(fixture_name)))
    assert [model.model_id for model in bare.models] == list(models_of(fixture_name))


def test_xai_s_plain_list_is_read_like_its_language_models() -> None:
    row = {"id": "grok-3", "created": 1743724800, "object": "model", "owned_by": "xai"}
    assert [model.model_id for model in parsed("xai", {"object": "list", "data": [row]}).models] == ["grok-3"]


def test_google_s_openai_shape_gives_the_same_ids() -> None:
    listing = parsed("google", {"object": "list", "data": [{"id": "models/gemini-2.5-flash", "object": "model"}]})
    assert [model.model_id for model in listing.models] == ["gemini-2.5-flash"]


def test_an_unknown_provider_is_read_in_the_generic_shape() -> None:
    row = {"id": "m", "display_name": "M", "context_window": "8192", "max_completion_tokens": 1024.0}
    for document in ({"data": [row]}, {"models": [row]}, {"result": [row]}, [row]):
        [model] = parsed("some-new-provider", document).models
        assert (model.model_id, model.facts.name, model.facts.context_window, model.facts.max_output_tokens) == (
            "m",
            "M",
            8192,
            1024,
        )
    assert format_version("some-new-provider").startswith("generic/")


def test_a_format_version_names_format_parser_and_mapping() -> None:
    assert format_version("openrouter") == "openrouter/2.3"
    assert format_version("deepseek") == format_version("openai")
