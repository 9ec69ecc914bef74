"""Refusals in the catalog: what each report does, and which events there are."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.refusals.evidence import Refusal
from ghost_pipeline.lifecycle.vocabulary import EventKind, RefusalClass
from ghost_pipeline_tests.catalog.backends import Place

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EPOCH = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEY = ("openai", "m")
RETIRED, NOT_FOUND, AMBIGUOUS = RefusalClass.RETIRED, RefusalClass.NOT_FOUND, RefusalClass.AMBIGUOUS


class Story:
    """A catalog with one model that has been known for three days."""

    def __init__(self, place: Place) -> None:
        self.now = EPOCH
        self.catalog: ModelCatalog = place.opened(lambda: self.now)
        self.use()
        self.now += 3 * DAY

    def use(self, **stated: str) -> None:
        self.catalog.track_successful_inference(*KEY, **stated)  # type: ignore[arg-type]

    def refuse(
        self, refusal_class: RefusalClass = RETIRED, age: timedelta = timedelta(0), account: str = "", model: str = "m"
    ) -> str:
        at = self.now - age
        one = Refusal("openai", model, refusal_class, "openai.rule", at, at, account=account, words="end of life")
        return self.catalog.record_refusals([one])[0].effect

    @property
    def model(self) -> ModelRecord:
        [model] = self.catalog.find_models(ModelFilter(is_active=None))
        return model

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.catalog.list_events(*KEY)][1:]


@pytest.fixture
def story(place: Place) -> Iterator[Story]:
    story = Story(place)
    yield story
    story.catalog.close()


def test_one_statement_of_the_end_marks_the_model_and_changes_nothing_else(story: Story) -> None:
    before = story.model
    assert story.refuse(RETIRED) == "refused"
    after = story.model
    assert (after.refused_since, after.last_refused_at) == (story.now, story.now)
    assert after.refusal_reason == "retired: end of life (openai.rule)"
    assert (after.is_active, after.source, after.last_seen_at) == (before.is_active, before.source, before.last_seen_at)
    assert story.kinds() == [EventKind.REFUSED]


def test_two_answers_that_the_model_is_unknown_must_be_ten_minutes_apart(story: Story) -> None:
    assert story.refuse(NOT_FOUND) == "recorded"
    story.now += 9 * MINUTE
    assert story.refuse(NOT_FOUND) == "recorded"
    story.now += MINUTE
    assert story.refuse(NOT_FOUND) == "refused"
    assert story.refuse(NOT_FOUND) == "still_refused"


def test_a_success_ends_it_with_an_event(story: Story) -> None:
    story.refuse()
    story.now += HOUR
    story.use()
    assert story.model.refused_since is None
    assert story.model.refusal_reason is None
    assert story.kinds() == [EventKind.REFUSED, EventKind.ANSWERS_AGAIN]


def test_a_refusal_that_arrives_after_a_later_success_changes_nothing(story: Story) -> None:
    story.use()
    assert story.refuse(age=HOUR) == "recorded"
    assert story.kinds() == []


def test_an_operator_s_reactivation_ends_it_and_counts_against_late_reports(story: Story) -> None:
    story.refuse()
    story.now += HOUR
    assert story.catalog.reactivate_model(*KEY).refused_since is None
    assert story.refuse(age=MINUTE) == "recorded"
    assert story.kinds() == [EventKind.REFUSED, EventKind.REFUSAL_ENDED]
    story.now += MINUTE
    assert story.refuse() == "refused"


def test_refusals_of_unknown_models_make_no_row_and_no_provider(story: Story) -> None:
    assert {story.refuse(model="other") for _ in range(3)} == {"unknown"}
    nobody = Refusal("nobody", "m", RETIRED, "rule", story.now, story.now)
    assert story.catalog.record_refusals([nobody])[0].effect == "unknown"
    assert [provider.id for provider in story.catalog.list_providers()] == ["openai"]
    assert story.model.refused_since is None


def test_a_success_of_another_account_protects_the_model_for_a_week(story: Story) -> None:
    story.use(account="a")
    for days, effect in ((1, "recorded"), (6, "recorded"), (8, "recorded"), (9, "refused")):
        story.now = EPOCH + 3 * DAY + days * DAY
        assert story.refuse(NOT_FOUND, account="b") == effect


def test_an_answer_by_another_model_is_an_event_of_the_requested_one(story: Story) -> None:
    for answered_by in ("n", "n", "m-2026-01-01"):
        story.catalog.track_successful_inference("openai", answered_by, requested_model_id="m")
    assert story.kinds() == [EventKind.ANSWERED_BY_ANOTHER]
    assert {model.model_id for model in story.catalog.find_models()} == {"m", "n", "m-2026-01-01"}
