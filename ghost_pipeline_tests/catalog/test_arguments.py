"""Arguments of ModelCatalog: invalid instants, empty names, spellings, and filters."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.errors import UnknownProvider, UsageError
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline.settings import Settings

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
WRONG = {"naive": NOW.replace(tzinfo=None), "in the future": NOW + timedelta(hours=1)}
Operation = Callable[[ModelCatalog, datetime], object]
AS_OF: dict[str, Operation] = {
    "reactivate": lambda catalog, now: catalog.reactivate_model("openai", "m", now),
    "remove a model": lambda catalog, now: catalog.remove_model("openai", "m", now),
    "remove a provider": lambda catalog, now: catalog.remove_provider("openai", now),
    "restore": lambda catalog, now: catalog.restore_model("openai", "left", now),
    "stale sweep": lambda catalog, now: catalog.mark_stale_models_inactive(now=now),
    "purge sweep": lambda catalog, now: catalog.delete_old_inactive_models(now=now),
    "adopt": lambda catalog, now: catalog.adopt_table("other", now=now),
    "import": lambda catalog, now: catalog.import_models([], now=now),
}


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[ModelCatalog]:
    with ModelCatalog.open(Settings(home=tmp_path), clock=lambda: NOW) as catalog:
        for slug in ("openai", "google", "groq"):
            catalog.add_manual_model(slug, "m", input_price=1.0)
        catalog.add_manual_model("openai", "left")
        catalog.remove_model("openai", "left")
        yield catalog


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("operation", AS_OF.values(), ids=AS_OF)
def test_an_instant_without_a_time_zone_or_in_the_future_is_wrong_usage(
    catalog: ModelCatalog, operation: Operation, wrong: datetime
) -> None:
    before = catalog.list_events()
    with pytest.raises(UsageError, match=r"has no time zone|is in the future"):
        operation(catalog, wrong)
    assert catalog.list_events() == before


def test_an_instant_in_the_past_is_trusted(catalog: ModelCatalog) -> None:
    catalog.remove_model("openai", "m", NOW - timedelta(days=3))
    assert catalog.list_events("openai", "m")[-1].at == NOW - timedelta(days=3)


@pytest.mark.parametrize("empty", ["", " ", "\t"])
def test_empty_names_are_wrong_usage_and_change_nothing(catalog: ModelCatalog, empty: str) -> None:
    before = catalog.find_models(ModelFilter(is_active=None)), catalog.list_events()
    operations: list[Callable[[], object]] = [
        lambda: catalog.remove_model("openai", empty),
        lambda: catalog.remove_model(empty, "m"),
        lambda: catalog.remove_provider(empty),
        lambda: catalog.reactivate_model("openai", empty),
        lambda: catalog.restore_model("openai", empty),
        lambda: catalog.release_provider(empty),
        lambda: catalog.mark_stale_models_inactive(empty),
        lambda: catalog.add_manual_model("openai", empty),
        lambda: catalog.track_successful_inference("openai", empty),
        lambda: catalog.list_events("openai", empty),
        lambda: catalog.find_models(ModelFilter((empty,))),
    ]
    for operation in operations:
        with pytest.raises(UsageError):
            operation()
    assert (catalog.find_models(ModelFilter(is_active=None)), catalog.list_events()) == before


def test_events_are_found_by_any_spelling_of_a_model(catalog: ModelCatalog) -> None:
    catalog.track_successful_inference("gemini", "models/gemini-x")
    [event] = catalog.list_events("google", "models/gemini-x")
    assert (event.kind, event.model_id) == (EventKind.DISCOVERED, "gemini-x")


def test_a_filter_takes_several_providers_by_any_of_their_names(catalog: ModelCatalog) -> None:
    found = catalog.find_models(ModelFilter(provider_ids=("Gemini", "groq")))
    assert [model.provider_id for model in found] == ["google", "groq"]


def test_an_unknown_provider_is_an_error_and_not_an_empty_result(catalog: ModelCatalog) -> None:
    with pytest.raises(UnknownProvider, match="no provider 'acme'"):
        catalog.find_models(ModelFilter(provider_ids=("openai", "acme")))
    with pytest.raises(UnknownProvider):
        catalog.find_models(ModelFilter(("acme",)))
