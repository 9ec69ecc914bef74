"""Refusals in the catalog: what each report does, and which events there are."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter, SubmittedListing
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.refusals.evidence import Refusal
from ghost_pipeline.lifecycle.vocabulary import EventKind, RefusalClass
from ghost_pipeline_tests.catalog.backends import Place
from ghost_pipeline_tests.catalog.oracle_driver import READER, listing_bytes

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EPOCH = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEY = ("openai", "m")
RETIRED, NOT_FOUND, AMBIGUOUS = RefusalClass.RETIRED, RefusalClass.NOT_FOUND, RefusalClass.AMBIGUOUS


class Story:
    """A catalog with one model that has been known for three days."""

    def __init__(self, place: Place) -> None:
        self.now = EPOCH
        self.catalog: ModelCatalog = place.opened(lambda: self.now, READER)
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

    def submit(self, *model_ids: str, is_cut: bool = False) -> None:
        content = listing_bytes(dict.fromkeys(model_ids, 1), is_cut=is_cut)
        listed = SubmittedListing("openai", "openai.json", content, self.now)
        self.catalog.reconcile(self.catalog.admit(listed).listing_id)

    @property
    def model(self) -> ModelRecord:
        [model] = self.catalog.find_models(ModelFilter(is_active=None, search="m"))
        return model

    def since(self) -> datetime | None:
        return self.model.refused_since

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
    assert story.since() is None
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
    assert story.since() is None


def test_refusals_of_unknown_models_are_counted_for_their_provider_while_they_are_recent(story: Story) -> None:
    def counted() -> int:
        [health] = story.catalog.list_provider_health()
        return health.refusals_unknown

    story.refuse()
    assert counted() == 0
    for model, age in (("one", HOUR), ("other", HOUR), ("other", timedelta(0))):
        story.refuse(model=model, age=age)
    assert counted() == 3
    story.now += 7 * DAY - MINUTE
    assert counted() == 1
    story.now += 2 * MINUTE
    assert counted() == 0


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


def test_a_listing_ends_it_only_if_a_complete_one_without_the_model_came_before(story: Story) -> None:
    story.submit("m", "other")
    story.refuse()
    story.now += HOUR
    story.submit("m", "other", "new")
    assert story.since() is not None
    story.now += HOUR
    story.submit("other", "new")
    story.now += HOUR
    story.submit("m", "other")
    assert story.since() is None
    assert story.refuse(age=HOUR) == "recorded", "it was before the model came back"
    assert [kind for kind in story.kinds() if kind is not EventKind.CHANGED] == [
        EventKind.REFUSED,
        EventKind.REFUSAL_ENDED,
    ]


def test_ambiguous_answers_count_when_the_complete_listing_lacks_the_model(story: Story) -> None:
    story.submit("m", "other")
    story.refuse(AMBIGUOUS)
    story.now += DAY
    assert story.refuse(AMBIGUOUS) == "recorded"
    story.submit("other", is_cut=True)
    assert story.since() is None, "an incomplete listing shows no absence"
    story.now += HOUR
    story.submit("other")
    assert story.model.refusal_reason == "ambiguous: end of life (openai.rule)"
    assert story.model.is_active


def test_what_is_not_the_end_expires_with_the_sweep_and_an_event(story: Story) -> None:
    story.refuse(NOT_FOUND)
    story.now += HOUR
    story.refuse(NOT_FOUND)
    story.now += 7 * DAY
    assert story.catalog.mark_stale_models_inactive().expired_refusals == ()
    story.now += MINUTE
    assert story.catalog.mark_stale_models_inactive(is_dry_run=True).expired_refusals == (KEY,)
    assert story.since() is not None
    story.catalog.mark_stale_models_inactive()
    assert story.since() is None
    assert EventKind.REFUSAL_ENDED in story.kinds()


def test_a_statement_of_the_end_does_not_expire(story: Story) -> None:
    story.refuse()
    story.now += 300 * DAY
    story.catalog.mark_stale_models_inactive()
    assert story.since() == story.now - 300 * DAY


def test_a_hold_does_not_protect_a_missing_model_that_is_refused_as_retired(story: Story) -> None:
    story.submit("m", "gone", "other")
    story.now += HOUR
    story.submit("other", is_cut=True)
    for model in ("m", "other"):
        story.refuse(model=model)
    story.now += 2 * DAY
    swept = story.catalog.mark_stale_models_inactive()
    assert swept.models == (KEY,), "other was in the listing, and nothing is known of the end of gone"
    assert list(swept.held) == ["openai"]
