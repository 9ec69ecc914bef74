"""When a model is refused: the rule alone, and against a plain reading of every single refusal."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from ghost_pipeline.lifecycle.records import ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.refusals.evidence import begin_of_bucket, minutes_of
from ghost_pipeline.lifecycle.refusals.state import RefusalEvidence, RefusalSpan, counts_no_more, refused_state
from ghost_pipeline.lifecycle.vocabulary import RefusalClass, Source
from ghost_pipeline.settings import Thresholds

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RULES = Thresholds()
RETIRED, NOT_FOUND, AMBIGUOUS = RefusalClass.RETIRED, RefusalClass.NOT_FOUND, RefusalClass.AMBIGUOUS
LISTED = ProviderRecord("groq", "Groq", last_complete_at=NOW - DAY)
OLD = ModelRecord("groq", "m", Source.INDEX, True, NOW - 90 * DAY, NOW, last_listed_at=NOW - DAY)
ABSENT = msgspec.structs.replace(OLD, last_listed_at=NOW - 2 * DAY)


class One(NamedTuple):
    """One refusal."""

    refusal_class: RefusalClass
    at: datetime
    account: str = ""


def spans(refusals: Sequence[One]) -> list[RefusalSpan]:
    """Return what the catalog keeps of the refusals: one row for each class, account and hour."""
    rows: dict[tuple[RefusalClass, str, datetime], RefusalSpan] = {}
    for one in refusals:
        key = (one.refusal_class, one.account, begin_of_bucket(one.at))
        row = rows.get(key, RefusalSpan(one.refusal_class, "groq.rule", one.at, one.at, 0, 0, one.account))
        rows[key] = replace(
            row,
            first_at=min(row.first_at, one.at),
            last_at=max(row.last_at, one.at),
            minutes=row.minutes | minutes_of(one.at),
            count=row.count + 1,
        )
    return list(rows.values())


def is_refused(*refusals: One, model: ModelRecord = OLD, now: datetime = NOW, **evidence: object) -> bool:
    found = RefusalEvidence(spans(refusals), **evidence)  # type: ignore[arg-type]
    return refused_state(found, model, LISTED, now, RULES) is not None


def used(at: datetime, model: ModelRecord = OLD) -> ModelRecord:
    return msgspec.structs.replace(model, last_used_at=at)


def test_one_retired_is_enough_and_two_not_found_must_be_ten_minutes_apart() -> None:
    assert is_refused(One(RETIRED, NOW))
    assert not is_refused(One(NOT_FOUND, NOW - 10 * MINUTE + timedelta(microseconds=1)), One(NOT_FOUND, NOW))
    assert is_refused(One(NOT_FOUND, NOW - 10 * MINUTE), One(NOT_FOUND, NOW))
    assert not is_refused(One(NOT_FOUND, NOW), One(NOT_FOUND, NOW)), "the same report twice"


def test_ambiguous_takes_a_day_and_the_absence_from_the_latest_complete_listing() -> None:
    over_a_day = (One(AMBIGUOUS, NOW - DAY), One(AMBIGUOUS, NOW))
    assert not is_refused(*over_a_day)
    assert is_refused(*over_a_day, model=ABSENT)
    assert not is_refused(One(AMBIGUOUS, NOW - DAY + MINUTE), One(AMBIGUOUS, NOW), model=ABSENT)
    without_listing = ProviderRecord("groq", "Groq")
    assert refused_state(RefusalEvidence(spans(over_a_day)), ABSENT, without_listing, NOW, RULES) is None


def test_only_the_end_of_a_model_does_not_expire() -> None:
    later = NOW + 7 * DAY + timedelta(microseconds=1)
    twice = (One(NOT_FOUND, NOW - HOUR), One(NOT_FOUND, NOW))
    assert is_refused(*twice, now=NOW + 7 * DAY)
    assert not is_refused(*twice, now=later)
    assert is_refused(One(RETIRED, NOW), now=later)
    assert not is_refused(One(NOT_FOUND, NOW - 8 * DAY), One(NOT_FOUND, NOW)), "the pause was too long"


def test_a_new_model_is_not_refused_because_it_is_not_found_but_because_it_is_retired() -> None:
    new = msgspec.structs.replace(OLD, first_seen_at=NOW - 2 * DAY)
    assert not is_refused(One(NOT_FOUND, NOW - HOUR), One(NOT_FOUND, NOW), model=new), "the first was too early"
    assert is_refused(One(NOT_FOUND, NOW), One(NOT_FOUND, NOW + HOUR), model=new, now=NOW + HOUR)
    assert is_refused(One(RETIRED, NOW - HOUR), model=new)


def test_another_account_s_success_protects_for_a_week_and_one_s_own_does_not() -> None:
    twice = (One(NOT_FOUND, NOW - HOUR, "b"), One(NOT_FOUND, NOW, "b"))
    for account, is_protected in (("a", True), ("b", False)):
        recent = {account: NOW - 2 * HOUR}
        assert is_refused(*twice, model=used(NOW - 2 * HOUR), uses=recent) is not is_protected
    assert not is_refused(*twice, model=used(NOW - 2 * HOUR)), "a success without a label is of another account"
    assert is_refused(*twice, model=used(NOW - 8 * DAY), uses={"a": NOW - 8 * DAY})
    assert is_refused(One(RETIRED, NOW, "b"), model=used(NOW - HOUR), uses={"a": NOW - HOUR})


def test_the_reason_names_class_words_successor_and_rule() -> None:
    span = RefusalSpan(RETIRED, "groq.gone", NOW, NOW, words="end of life on 2026-05-01", replaced_by="n")
    state = refused_state(RefusalEvidence([span]), OLD, LISTED, NOW, RULES)
    assert state is not None
    assert state.reason == "retired: end of life on 2026-05-01, replaced by n (groq.gone)"


classes = st.sampled_from((RETIRED, NOT_FOUND, AMBIGUOUS))
accounts = st.sampled_from(("", "a", "b"))
minutes = st.integers(0, 14 * 24 * 2).map(lambda number: NOW - number * 30 * MINUTE)
refusals = st.lists(st.builds(One, classes, minutes, accounts), max_size=8)
uses = st.lists(st.tuples(accounts, minutes), max_size=3)


def with_uses(model: ModelRecord, successes: Sequence[tuple[str, datetime]]) -> tuple[ModelRecord, dict[str, datetime]]:
    """Return the model after the successes, and the latest of each labelled account."""
    latest: dict[str, datetime] = {}
    for account, at in successes:
        latest[account] = max(at, latest.get(account, at))
    model = used(max(latest.values()), model) if latest else model
    return model, {account: at for account, at in latest.items() if account}


@settings(max_examples=300)
@given(refusals, uses, st.booleans(), st.none() | minutes, st.integers(0, 30).map(lambda days: NOW - days * DAY))
def test_the_rule_agrees_with_a_plain_reading_of_every_refusal(
    given_refusals: list[One],
    successes: list[tuple[str, datetime]],
    is_absent: bool,
    cleared_at: datetime | None,
    first_seen_at: datetime,
) -> None:
    model, of_accounts = with_uses(ABSENT if is_absent else OLD, successes)
    model = msgspec.structs.replace(model, first_seen_at=first_seen_at)
    found = RefusalEvidence(spans(given_refusals), of_accounts, cleared_at)
    state = refused_state(found, model, LISTED, NOW, RULES)
    latest = max((at for _, at in successes), default=None)
    ends = [at for at in (latest, cleared_at) if at is not None]
    left = [one for one in given_refusals if all(one.at > end for end in ends)]

    def is_fair(one: One) -> bool:
        unlabelled = [latest] if latest is not None and latest not in of_accounts.values() else []
        others = [at for account, at in of_accounts.items() if account != one.account]
        return not any(one.at - at <= 7 * DAY for at in others + (unlabelled if one.account else []))

    def lasts(counted: list[One], least: timedelta) -> bool:
        run: list[datetime] = []
        for instant in sorted((one.at for one in counted), reverse=True):
            if run and run[-1] - instant > 7 * DAY:
                break
            run.append(instant)
        return bool(run) and NOW - run[0] <= 7 * DAY and run[0] - run[-1] >= least

    fair = [one for one in left if is_fair(one)]
    not_found = [one for one in fair if one.refusal_class is NOT_FOUND and one.at - first_seen_at >= 2 * DAY]
    expected = (
        any(one.refusal_class is RETIRED for one in left)
        or lasts(not_found, 10 * MINUTE)
        or (is_absent and lasts([one for one in fair if one.refusal_class is AMBIGUOUS], DAY))
    )
    assert (state is not None) is expected


@given(refusals.filter(bool), uses, accounts)
def test_a_success_after_the_last_refusal_always_clears(
    given_refusals: list[One], successes: list[tuple[str, datetime]], account: str
) -> None:
    last = max(one.at for one in given_refusals)
    model, of_accounts = with_uses(ABSENT, [*successes, (account, last)])
    found = RefusalEvidence(spans(given_refusals), of_accounts)
    assert refused_state(found, model, LISTED, NOW, RULES) is None
    cleared = RefusalEvidence(spans(given_refusals), cleared_at=last)
    assert refused_state(cleared, ABSENT, LISTED, NOW, RULES) is None


@given(refusals, uses, st.timedeltas(timedelta(0), 20 * DAY))
def test_what_counts_no_more_never_counts_again(
    given_refusals: list[One], successes: list[tuple[str, datetime]], later: timedelta
) -> None:
    model, of_accounts = with_uses(ABSENT, successes)
    everything = RefusalEvidence(spans(given_refusals), of_accounts)
    left = [one for one in everything.spans if not counts_no_more(one, everything, model, NOW, RULES)]
    before, after = (
        refused_state(one, model, LISTED, NOW + later, RULES)
        for one in (everything, RefusalEvidence(left, of_accounts))
    )
    assert (before is None) is (after is None)


@pytest.mark.parametrize("ahead", [HOUR, 300 * DAY])
def test_a_refusal_of_the_future_is_one_of_now_and_a_success_ends_it(ahead: timedelta) -> None:
    future = One(RETIRED, NOW + ahead)
    assert is_refused(future)
    assert not is_refused(future, model=used(NOW))
    later = NOW + HOUR
    assert counts_no_more(spans([One(RETIRED, NOW)])[0], RefusalEvidence(), used(later), later, RULES)
