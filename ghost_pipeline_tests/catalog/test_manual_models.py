"""Many models added by hand: all of them or none, every error with its location."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ghost_pipeline import ModelCatalog, ModelFilter
from ghost_pipeline.errors import InvalidAdditions, UsageError
from ghost_pipeline.lifecycle.records import MODEL_FIELDS, Addition
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline.settings import Settings

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[ModelCatalog]:
    with ModelCatalog.open(Settings(home=tmp_path), clock=lambda: NOW) as catalog:
        yield catalog


def stated(model_id: str, **facts: Any) -> dict[str, Any]:
    return {"provider_id": "openai", "model_id": model_id, **facts}


def test_many_models_are_added_as_one_by_one(catalog: ModelCatalog) -> None:
    facts: dict[str, Any] = {"name": "N", "context_window": 9, "input_price": 0, "output_price": 0}
    words: dict[str, Any] = {"capabilities": ["tools", "text"], "expires_at": NOW}
    catalog.track_successful_inference("openai", "b")
    results = catalog.add_manual_models([stated("b"), stated("a", **facts, **words)])
    assert [(one.model_id, one.effect) for one in results] == [("a", "created"), ("b", "updated")]
    catalog.add_manual_model("google", "a", **facts, **words)
    of_many, of_one = catalog.find_models(ModelFilter(("openai",)))[0], catalog.find_models(ModelFilter(("google",)))[0]
    assert of_many.source is Source.MANUAL
    assert (of_many.is_free, of_many.capabilities, of_many.name) == (True, ("text", "tools"), "N")
    names = set(MODEL_FIELDS) - {"provider_id"}
    assert {name: getattr(of_many, name) for name in names} == {name: getattr(of_one, name) for name in names}


WRONG: list[tuple[dict[str, Any], str]] = [
    (stated("a", colour="red"), "unknown column 'colour'"),
    (stated("a", context_window="lots"), "context_window 'lots' is not a whole number"),
    (stated("a", context_window=1.5), "context_window '1.5' is not a whole number"),
    (stated("a", context_window=True), "context_window 'True' is not a whole number"),
    (stated("a", max_output_tokens=0), "max_output_tokens is out of range"),
    (stated("a", max_output_tokens=10**5000), "max_output_tokens is out of range"),
    (stated("a", input_price="cheap"), "input_price 'cheap' is not a number"),
    (stated("a", input_price=float("nan")), "input_price is out of range"),
    (stated("a", output_price=-1), "output_price is out of range"),
    (stated("a", capabilities="tools"), "capabilities must be a list"),
    (stated("a", capabilities=7), "capabilities must be a list"),
    (stated("a", capabilities=["telepathy"]), "'telepathy' is not a capability"),
    (stated("a", capabilities=[["tools"]]), "is not a capability"),
    (stated("a", expires_at="soon"), "expires_at 'soon' is not an ISO 8601 timestamp"),
    (stated("a", expires_at=NOW.replace(tzinfo=None)), "has no time zone"),
    (stated("a", name=5), "a model's name must be a string"),
    (stated("a", name="\ud800"), "can't be stored"),
    (stated(""), "is empty"),
    (stated("a" * 513), "has 513 characters"),
    ({"provider_id": "openai"}, "model_id is missing"),
    ({"model_id": "a"}, "provider_id is missing"),
    ({"provider_id": False, "model_id": "a"}, "is not a valid provider name"),
    ({"provider_id": "openai", "model_id": 5}, "must be a string"),
]


def test_every_error_is_reported_with_its_location_and_nothing_is_added(catalog: ModelCatalog) -> None:
    with pytest.raises(InvalidAdditions) as caught:
        catalog.add_manual_models([stated("good"), *(wrong for wrong, _ in WRONG[:20])])
    for number, (_, message) in enumerate(WRONG[:20], 2):
        assert f"model {number}: " in str(caught.value)
        assert message in str(caught.value)
    assert catalog.find_models(ModelFilter(is_active=None)) == []
    assert catalog.list_providers() == []


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[message for _, message in WRONG])
def test_one_wrong_model_is_one_problem(catalog: ModelCatalog, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidAdditions) as caught:
        catalog.add_manual_models([Addition("line 7", wrong)])
    assert str(caught.value).startswith("nothing was added: line 7: ")
    assert message in str(caught.value)


def test_the_same_model_twice_is_a_problem_whatever_its_spelling(catalog: ModelCatalog) -> None:
    twice = [
        Addition("line 2", {"provider_id": "gemini", "model_id": "models/x"}),
        Addition("line 9", {"provider_id": "Google", "model_id": " x"}),
    ]
    with pytest.raises(InvalidAdditions, match="line 9: google x is a duplicate of line 2"):
        catalog.add_manual_models(twice)


def test_errors_beyond_the_first_twenty_are_counted(catalog: ModelCatalog) -> None:
    with pytest.raises(InvalidAdditions) as caught:
        catalog.add_manual_models([stated("")] * 1_020)
    assert "model 20: " in str(caught.value)
    assert "model 21: " not in str(caught.value)
    assert str(caught.value).endswith("and 1,000 more")


def test_an_unreadable_addition_is_an_error_like_any_other(catalog: ModelCatalog) -> None:
    with pytest.raises(InvalidAdditions, match=r"line 3: is not an object; line 4: .* is empty"):
        catalog.add_manual_models([Addition("line 3", error="is not an object"), Addition("line 4", stated(""))])


def test_a_single_addition_is_checked_by_the_same_rules(catalog: ModelCatalog) -> None:
    for wrong, message in WRONG[1:19]:
        with pytest.raises(UsageError) as caught:
            catalog.add_manual_model(**wrong)
        assert message in str(caught.value)
    assert catalog.find_models(ModelFilter(is_active=None)) == []
