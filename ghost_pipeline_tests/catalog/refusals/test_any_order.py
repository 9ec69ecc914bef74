"""Refusals and successes of any models, in any order and from any number of threads: nothing is lost, nothing is active
or gone because of a refusal, and the same evidence leads to the same verdict."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.lifecycle.records import Inference, ModelRecord
from ghost_pipeline.lifecycle.refusals.evidence import Refusal
from ghost_pipeline.lifecycle.vocabulary import RefusalClass
from ghost_pipeline_tests.catalog.backends import SQLITE, Place, new_place

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
ARRIVAL = START + timedelta(days=6)
"""Everything happens in the six days before the first arrival, so that nothing arrives too late to count."""

MINUTES = 6 * 24 * 60


@dataclass(frozen=True)
class Refused:
    """One refused request."""

    minute: int
    second: int
    refusal_class: RefusalClass
    account: str
    rule_id: str = "openai.rule"


@dataclass(frozen=True)
class Used:
    """One successful request."""

    minute: int
    second: int
    account: str


Evidence = Refused | Used

# Close together, so that much happens in one hour and on both sides of a limit; now and then far apart.
minutes = st.one_of(st.integers(2880, 2960), st.integers(0, MINUTES - 1))
accounts = st.sampled_from(["", "a", "b"])
refused = st.builds(Refused, minutes, st.integers(0, 59), st.sampled_from([*RefusalClass][:3]), accounts)
evidences = st.lists(st.one_of(refused, refused, st.builds(Used, minutes, st.integers(0, 59), accounts)), max_size=7)


class Models:
    """A catalog with a new model for each story, each known for three days before anything happens."""

    def __init__(self, place: Place) -> None:
        self.now = START
        self.catalog: ModelCatalog = place.opened(lambda: self.now)
        self._numbers = count()

    def new(self) -> str:
        self.now = START - timedelta(days=3)
        model_id = f"model-{next(self._numbers)}"
        self.catalog.track_successful_inference("openai", model_id)
        return model_id

    def record(self, model_id: str, evidence: Sequence[Evidence]) -> ModelRecord:
        """Let the evidence arrive one by one, a second apart, and return the model as it is after a last sweep."""
        for seconds, one in enumerate(evidence):
            self.now = ARRIVAL + timedelta(seconds=seconds)
            at = START + timedelta(minutes=one.minute, seconds=one.second)
            if isinstance(one, Used):
                self.catalog.track_successful_inference("openai", model_id, observed_at=at, account=one.account)
            else:
                refusal = Refusal("openai", model_id, one.refusal_class, one.rule_id, at, at, account=one.account)
                self.catalog.record_refusals([refusal])
        self.now = ARRIVAL + timedelta(hours=1)
        return self.get(model_id)

    def get(self, model_id: str) -> ModelRecord:
        model = self.catalog.get_model_history("openai", model_id).model
        assert model is not None
        return model


@pytest.fixture(scope="module")
def catalog_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    models = Models(new_place(SQLITE, tmp_path_factory.mktemp("refusals")))
    yield models
    models.catalog.close()


def verdict(model: ModelRecord) -> tuple[object, ...]:
    return model.refused_since, model.last_refused_at, model.refusal_reason


def not_found(minute: int, account: str = "") -> Refused:
    return Refused(minute, 0, RefusalClass.NOT_FOUND, account)


@settings(max_examples=50)
@given(evidences, st.randoms(use_true_random=False))
@example([not_found(2885), Used(2900, 0, ""), not_found(2910), not_found(2925)], None)
@example([not_found(2885, "b"), not_found(2900, "b"), Used(2890, 0, "a"), Used(2895, 0, "b")], None)
def test_the_order_of_arrival_never_matters(
    catalog_models: Models, evidence: list[Evidence], random: Random | None
) -> None:
    shuffled = list(reversed(evidence))
    if random is not None:
        random.shuffle(shuffled)
    orders = (evidence, shuffled, [*shuffled, *evidence])  # the last one is delivered twice
    found = [catalog_models.record(catalog_models.new(), order) for order in orders]
    assert verdict(found[1]) == verdict(found[0])
    assert verdict(found[2]) == verdict(found[0])
    assert {(one.is_active, one.source, one.first_seen_at, one.last_seen_at) for one in found[1:]} == {
        (found[0].is_active, found[0].source, found[0].first_seen_at, found[0].last_seen_at)
    }


@settings(max_examples=20)
@given(st.lists(refused, min_size=1, max_size=7))
def test_no_refusal_changes_anything_else_and_a_later_success_always_ends_it(
    catalog_models: Models, evidence: list[Refused]
) -> None:
    model_id = catalog_models.new()
    before = catalog_models.get(model_id)
    after = catalog_models.record(model_id, evidence)
    assert msgspec.structs.replace(after, refused_since=None, last_refused_at=None, refusal_reason=None) == before
    catalog_models.catalog.track_successful_inference("openai", model_id, account="c", observed_at=ARRIVAL)
    assert verdict(catalog_models.get(model_id)) == (None, None, None)


def test_after_a_success_two_answers_of_the_same_hour_count_from_the_first_one(catalog_models: Models) -> None:
    evidence: list[Evidence] = [not_found(2885), Used(2900, 0, ""), not_found(2910), not_found(2925)]
    found = catalog_models.record(catalog_models.new(), evidence)
    assert found.refused_since == START + timedelta(minutes=2910)
    assert catalog_models.record(catalog_models.new(), evidence[:3]).refused_since is None


def test_a_model_that_is_refused_for_a_month_keeps_its_beginning_and_makes_no_event_each_day(
    catalog_models: Models,
) -> None:
    model_id = catalog_models.new()
    for day in range(30):
        catalog_models.now = START + timedelta(days=day)
        refusal = Refusal(
            "openai", model_id, RefusalClass.NOT_FOUND, "openai.rule", catalog_models.now, catalog_models.now
        )
        catalog_models.catalog.record_refusals([refusal])
    assert catalog_models.get(model_id).refused_since == START
    kinds = [event.kind.value for event in catalog_models.catalog.list_events("openai", model_id)]
    assert kinds == ["discovered", "refused"]


def test_eight_threads_lose_no_refusal_and_no_success_of_a_thousand_models(place: Place) -> None:
    ids = [f"model-{number}" for number in range(1000)]
    now = START + timedelta(days=3)
    with place.opened(lambda: START) as catalog:
        catalog.record_inferences([Inference("openai", model_id, START, START) for model_id in ids])

    def report(thread: int) -> None:
        with place.opened(lambda: now) as catalog:
            for part in range(0, 1000, 250):
                ours = ids[part : part + 250] if thread % 2 else list(reversed(ids[part : part + 250]))
                at = now - timedelta(minutes=30 + thread)
                refusals = [Refusal("openai", one, RefusalClass.RETIRED, "openai.rule", at, at) for one in ours]
                catalog.record_refusals(refusals)
                used = at + timedelta(seconds=30)
                catalog.record_inferences([Inference("openai", one, used, used) for one in ours if int(one[6:]) % 2])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(report, range(8)))
    database = place.database()
    with database.reading() as connection:
        counted = connection.execute(sa.text("SELECT model_id, sum(count) FROM refusals GROUP BY model_id")).all()
    database.close()
    refused = {row[0]: row[1] for row in counted}
    assert {refused[one] for one in ids if not int(one[6:]) % 2} == {8}
    latest = now - timedelta(minutes=30)
    with place.opened(lambda: now) as catalog:
        for model in catalog.find_models(ModelFilter()):
            is_used = int(model.model_id[6:]) % 2 == 1
            assert model.last_used_at == (latest + timedelta(seconds=30) if is_used else START)
            assert model.last_refused_at == (None if is_used else latest)
            assert model.is_active
