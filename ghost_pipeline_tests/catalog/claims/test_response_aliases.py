"""Another id under which a provider answers is an alias of the requested model, with its source and its date."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from ghost_pipeline.catalog.history.descriptions import describe_event
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.catalog.storage.tables import reference_claims
from ghost_pipeline.exports import export_models
from ghost_pipeline.lifecycle.refusals.evidence import Substitution
from ghost_pipeline_tests.catalog.backends import Place

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
EVERYTHING = ModelFilter(is_stated_only=False)


class Gateway:
    """A catalog, and a gateway whose requests for gpt-4o of openai are answered under other ids."""

    def __init__(self, place: Place) -> None:
        self.place, self.now = place, NOON
        self.catalog = place.opened(lambda: self.now)
        self.catalog.track_successful_inference("openai", "gpt-4o")

    def answer(self, *answered: str, requested: str = "gpt-4o") -> None:
        """Record responses that name other ids."""
        self.catalog.record_substitutions(
            [Substitution("openai", requested, one, self.now, self.now) for one in answered]
        )

    def aliases(self) -> list[tuple[str, object, datetime | None]]:
        """Return the claims about the model's aliases."""
        claims = self.catalog.references.list_claims("openai", "gpt-4o")
        return [(one.source, one.value, one.first_stated_at) for one in claims if one.fact == "aliases"]


@pytest.fixture
def gateway(place: Place) -> Gateway:
    return Gateway(place)


def test_the_id_of_a_response_is_shown_found_exported_and_compared(gateway: Gateway) -> None:
    gateway.catalog.track_successful_inference("openai", "gpt-4o-2024-08-06", requested_model_id="gpt-4o")
    gateway.catalog.track_successful_inference("openrouter", "openai/gpt-4o-2024-08-06")
    assert gateway.aliases() == [("inference", "gpt-4o-2024-08-06", NOON)]
    found = gateway.catalog.find_models(ModelFilter(("openai",), search="2024-08", is_stated_only=False))
    assert [one.model_id for one in found] == ["gpt-4o", "gpt-4o-2024-08-06"]
    [row, _] = csv.DictReader(io.StringIO(export_models(found, "csv").decode()))
    assert (row["aliases"], row["aliases_source"]) == ("gpt-4o-2024-08-06", "inference")
    offers = gateway.catalog.find_offers("openai", "gpt-4o", EVERYTHING)
    assert [one.provider_id for one in offers] == ["openai", "openai", "openrouter"]
    assert all(one.aliases is None for one in gateway.catalog.find_models())


def test_an_id_that_takes_the_place_of_another_is_an_event_once_a_day(gateway: Gateway) -> None:
    gateway.answer("gpt-4o-2024-05-13")
    for hours in (1, 2, 23, 24, 25, 30):
        gateway.now = NOON + timedelta(hours=hours)
        gateway.answer("gpt-4o-2024-08-06")
        gateway.answer("gpt-4o-2024-05-13")
    assert gateway.aliases() == [("inference", "gpt-4o-2024-08-06", NOON + DAY)]
    [event] = [one for one in gateway.catalog.list_events("openai", "gpt-4o") if one.kind == "answered_by_another"]
    assert event.at == NOON + DAY
    described = describe_event(event.kind, event.source, event.details or {})
    assert described == "answered by gpt-4o-2024-08-06, before by gpt-4o-2024-05-13"


def test_what_a_client_makes_up_is_kept_for_known_models_once_and_as_an_id(gateway: Gateway) -> None:
    gateway.answer(*(f"gpt-4o-2024-01-{day:02}" for day in range(1, 29)), "gpt-4o 2024-01-01", "x" * 600, "claude-x")
    gateway.answer("unknown-2024-01-01", requested="unknown")
    database = gateway.place.database()
    with database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(reference_claims)).scalar_one() == 1
    database.close()
    [(_, alias, _)] = gateway.aliases()
    assert str(alias).startswith("gpt-4o-2024-01-")


def test_it_stands_beside_what_a_listing_states(gateway: Gateway) -> None:
    gateway.answer("gpt-4o-2024-08-06")
    with gateway.place.database().writing() as connection:
        connection.execute(sa.text("UPDATE models SET aliases = 'chatgpt-4o'"))
    claims = gateway.catalog.references.list_claims("openai", "gpt-4o")
    assert {one.sha256 for one in claims} == {None}
    resolved = gateway.catalog.references.resolve_model("openai", "gpt-4o")
    assert resolved["aliases"].value == "chatgpt-4o gpt-4o-2024-08-06"
    assert ("inference", "gpt-4o-2024-08-06", NOON) in gateway.aliases()
