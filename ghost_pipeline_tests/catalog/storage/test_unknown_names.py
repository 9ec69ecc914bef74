"""Errors for names that the catalog does not have contain the nearest names that it has."""

from datetime import UTC, datetime

import pytest

from ghost_pipeline.catalog.storage import unknown_names
from ghost_pipeline.errors import UnknownModel, UnknownProvider
from ghost_pipeline_tests.catalog.backends import Place

AT = datetime(2026, 5, 1, tzinfo=UTC)


def test_the_nearest_models_are_found_on_every_page_and_of_the_provider_alone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unknown_names, "PAGE_SIZE", 3)
    with place.opened() as catalog:
        ids = [f"model-{letter}" for letter in "abcdefgh"]
        catalog.add_manual_models([{"provider_id": "groq", "model_id": one} for one in [*ids, "zephyr-7b"]])
        catalog.add_manual_model("mistral", "zephyr-7b-beta")
        with pytest.raises(UnknownModel) as raised:
            catalog.reactivate_model("groq", "zephyr-7b-bet")
    assert "did you mean zephyr-7b? If not, list its models with 'ghost-pipeline models --provider groq'" in str(
        raised.value
    )


def test_at_most_so_many_names_are_compared(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unknown_names, "MAX_NAMES", 2)
    with place.opened() as catalog:
        catalog.add_manual_models([{"provider_id": "groq", "model_id": one} for one in ("a", "b", "zephyr")])
        with pytest.raises(UnknownModel) as raised:
            catalog.reactivate_model("groq", "zephir")
    assert "did you mean" not in str(raised.value)


def test_a_model_that_left_is_named_where_it_is_of_use(place: Place) -> None:
    with place.opened() as catalog:
        catalog.add_manual_model("groq", "zephyr")
        catalog.remove_model("groq", "zephyr")
        for wanted in (catalog.restore_model, catalog.get_model_history):
            with pytest.raises(UnknownModel, match="never had a model 'zephir' of groq; did you mean zephyr"):
                wanted("groq", "zephir")
        with pytest.raises(UnknownModel) as raised:
            catalog.reactivate_model("groq", "zephir")
        assert "did you mean" not in str(raised.value)


def test_a_model_of_an_unknown_provider_is_an_unknown_model_and_the_nearest_provider_is_named(place: Place) -> None:
    with place.opened() as catalog:
        catalog.add_manual_model("groq", "zephyr")
        for wanted in (catalog.restore_model, catalog.get_model_history, catalog.history.list_prices):
            with pytest.raises(UnknownModel, match="model 'zephyr' of grop, nor any other of it; did you mean groq"):
                wanted("grop", "zephyr")
        with pytest.raises(UnknownProvider, match="no provider 'grop'; did you mean groq"):
            catalog.release_provider("grop")
