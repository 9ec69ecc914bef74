"""Prices in the real listings, compared with tables made by hand; skipped where the listings are missing."""

from typing import Any

import pytest

from ghost_pipeline.lifecycle.prices import is_free, validate_prices
from ghost_pipeline.lifecycle.records import Listing
from ghost_pipeline.listings.parsing import parse_listing
from ghost_pipeline_tests.listings.expected_prices import OPENROUTER_FREE, OPENROUTER_UNKNOWN, PRICES, ZENMUX_FREE
from ghost_pipeline_tests.listings.test_real_listings import content_of
from ghost_pipeline_tests.providers.samples import REAL_LISTINGS

pytestmark = pytest.mark.skipif(not REAL_LISTINGS.is_dir(), reason="no real listings beside the repository")


def listing_of(provider_id: str) -> Listing:
    return parse_listing(provider_id, content_of(provider_id))


def ids_by_freeness(provider_id: str) -> dict[bool | None, set[str]]:
    found: dict[bool | None, set[str]] = {True: set(), False: set(), None: set()}
    for model in listing_of(provider_id).models:
        facts = model.facts
        found[is_free(facts.input_price, facts.output_price, facts.prices)].add(model.model_id)
    return found


def test_openrouter_s_free_models_are_those_whose_zeros_are_prices() -> None:
    found = ids_by_freeness("openrouter")
    assert (found[True], found[None]) == (set(OPENROUTER_FREE), set(OPENROUTER_UNKNOWN))
    assert (len(found[True]), len(found[False]), len(found[None])) == (28, 355, 44)


def test_zenmux_s_free_models_are_those_with_no_price_in_any_tier() -> None:
    found = ids_by_freeness("zenmux")
    assert (found[True], len(found[False]), found[None]) == (set(ZENMUX_FREE), 86, set())


@pytest.mark.parametrize(
    ("provider_id", "model_id", "expected"),
    [(provider_id, model_id, priced) for provider_id, table in PRICES.items() for model_id, priced in table.items()],
)
def test_every_stated_price_has_its_name_and_unit(provider_id: str, model_id: str, expected: Any) -> None:
    [facts] = [model.facts for model in listing_of(provider_id).models if model.model_id == model_id]
    assert (facts.input_price, facts.output_price, facts.prices) == expected


@pytest.mark.parametrize("provider_id", ["openrouter", "zenmux", "openai", "google", "anthropic", "xai"])
def test_no_real_price_is_out_of_scale_or_outside_the_vocabulary(provider_id: str) -> None:
    for model in listing_of(provider_id).models:
        assert (model.facts.input_price or 0) <= 150
        assert validate_prices(model.facts.prices) == model.facts.prices
