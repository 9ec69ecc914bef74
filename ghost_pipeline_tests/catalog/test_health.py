"""Provider health on both databases, compared with counting the attempts one by one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.absence import ProviderHealth
from ghost_pipeline.lifecycle.records import ResponseSummary
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline_tests.catalog.backends import Place
from ghost_pipeline_tests.catalog.oracle_driver import READER, listing_bytes

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CONTENTS = {
    Verdict.COMPLETE: listing_bytes({"a": 1}),
    Verdict.PARTIAL: listing_bytes({"a": 1}, is_cut=True),
    Verdict.EMPTY: listing_bytes({}),
    Verdict.MALFORMED: listing_bytes({}, is_broken=True),
}


def attempt(catalog: ModelCatalog, provider_id: str, verdict: Verdict, at: datetime) -> None:
    if verdict is Verdict.FAILED:
        catalog.record_failed_attempt(provider_id, "no connection", at)
        return
    admitted = catalog.admit(SubmittedListing(provider_id, "file.json", CONTENTS[verdict], at))
    assert admitted.verdict is verdict
    catalog.reconcile(admitted.listing_id)


def health_of(catalog: ModelCatalog, provider_id: str) -> ProviderHealth:
    [one] = [one for one in catalog.list_provider_health() if one.provider.id == provider_id]
    return one


@dataclass
class Counted:
    """What there was of one provider, counted while it happens."""

    last_at: datetime | None = None
    last: Verdict | None = None
    failures: int = 0


NUMBERS = count()
"""Examples share a database, so each has providers of its own."""

attempts = st.lists(
    st.tuples(
        st.sampled_from(("one", "two")),
        st.sampled_from((Verdict.FAILED, *CONTENTS)),
        st.sampled_from((1, 1, 1, 2, -3)),
    ),
    max_size=12,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=attempts)
def test_health_equals_a_count_of_the_attempts(
    opened: Callable[[], ModelCatalog], made: list[tuple[str, Verdict, int]]
) -> None:
    number = next(NUMBERS)
    counted: dict[str, Counted] = {}
    at = NOON
    with opened() as catalog:
        for name, verdict, hours in made:
            provider_id = f"{name}-{number}"
            at += hours * HOUR
            attempt(catalog, provider_id, verdict, at)
            known = counted.setdefault(provider_id, Counted())
            if known.last_at is None or at >= known.last_at:
                known.last_at, known.last = at, verdict
                known.failures = known.failures + 1 if not verdict.lists_models else 0
        health = {
            one.provider.id: one for one in catalog.list_provider_health() if one.provider.id.endswith(f"-{number}")
        }
        assert {
            name: Counted(one.provider.last_listing_at, one.last_verdict, one.consecutive_failures)
            for name, one in health.items()
        } == counted


@pytest.fixture
def opened(place: Place) -> Callable[[], ModelCatalog]:
    return lambda: place.opened(lambda: NOON + timedelta(days=30), READER)


def test_a_provider_that_was_never_fetched_has_no_health(opened: Callable[[], ModelCatalog]) -> None:
    with opened() as catalog:
        catalog.track_successful_inference("openai", "gpt-x")
        [health] = catalog.list_provider_health()
    assert health == ProviderHealth(health.provider)


def test_a_failed_attempt_keeps_how_the_answer_came_about(opened: Callable[[], ModelCatalog]) -> None:
    with opened() as catalog:
        attempt(catalog, "openai", Verdict.COMPLETE, NOON)
        failed = catalog.record_failed_attempt(
            "OpenAI", " HTTP 500\n from there ", NOON + HOUR, "run-7", ResponseSummary(1.25, 0, 500)
        )
        health = health_of(catalog, "openai")
    assert failed.reason == "HTTP 500 from there"
    assert (health.last_verdict, health.last_reason, health.last_duration_seconds) == (
        Verdict.FAILED,
        failed.reason,
        1.25,
    )
    assert (health.first_attempt_at, health.has_listed_models) == (NOON, True)


def test_no_attempt_is_made_in_the_future_and_none_fails_without_a_reason(opened: Callable[[], ModelCatalog]) -> None:
    with opened() as catalog:
        assert catalog.record_failed_attempt(
            "openai", "x", NOON + timedelta(days=99)
        ).attempt.observed_at == NOON + timedelta(days=30)
        with pytest.raises(UsageError, match="needs a reason"):
            catalog.record_failed_attempt("other", " \n ")
        assert [one.id for one in catalog.list_providers()] == ["openai"]


def test_a_local_server_that_serves_nothing_fails_only_where_models_are_expected(
    opened: Callable[[], ModelCatalog],
) -> None:
    with opened() as catalog:
        attempt(catalog, "ollama", Verdict.EMPTY, NOON)
        assert health_of(catalog, "ollama").consecutive_failures == 0
        attempt(catalog, "ollama", Verdict.COMPLETE, NOON + HOUR)
        attempt(catalog, "ollama", Verdict.EMPTY, NOON + 2 * HOUR)
        assert health_of(catalog, "ollama").consecutive_failures == 1


def test_five_accepted_empty_listings_are_not_failures_and_the_row_records_that(
    opened: Callable[[], ModelCatalog],
) -> None:
    with opened() as catalog:
        catalog.record_failed_attempt("ollama", "connection refused", NOON)
        assert health_of(catalog, "ollama").consecutive_failures == 1
        for hour in range(1, 6):
            submission = SubmittedListing("ollama", "file.json", listing_bytes({}), NOON + hour * HOUR)
            admitted = catalog.admit(submission)
            assert not admitted.is_refused
            assert catalog.get_listing(admitted.listing_id) == catalog.reconcile(admitted.listing_id) == admitted
        assert health_of(catalog, "ollama").consecutive_failures == 0


def test_one_failed_fetch_does_not_leave_an_idle_local_server_held(opened: Callable[[], ModelCatalog]) -> None:
    with opened() as catalog:
        attempt(catalog, "ollama", Verdict.EMPTY, NOON)
        attempt(catalog, "ollama", Verdict.FAILED, NOON + HOUR)
        assert health_of(catalog, "ollama").provider.held_since == NOON + HOUR
        attempt(catalog, "ollama", Verdict.EMPTY, NOON)  # late: it lifts nothing
        assert health_of(catalog, "ollama").provider.held_since == NOON + HOUR
        attempt(catalog, "ollama", Verdict.EMPTY, NOON + 2 * HOUR)
        health = health_of(catalog, "ollama")
    assert (health.provider.held_since, health.provider.last_complete_at) == (None, None)


@pytest.mark.parametrize("source", ["INDEX", "MANUAL"])
def test_a_local_server_with_an_imported_model_is_held_like_any_other_until_it_is_released(
    opened: Callable[[], ModelCatalog], source: str
) -> None:
    row = {"provider_id": "vllm", "model_id": "m", "is_active": True, "source": source}
    long_ago = dict.fromkeys(("first_seen_at", "last_seen_at", "last_listed_at"), "2026-01-01T00:00:00Z")
    with opened() as catalog:
        catalog.import_models([{**row, **long_ago}], now=NOON)
        for hour in range(3):
            attempt(catalog, "vllm", Verdict.EMPTY, NOON + hour * HOUR)
        held = health_of(catalog, "vllm")
        catalog.release_provider("vllm")
        attempt(catalog, "vllm", Verdict.EMPTY, NOON + 4 * HOUR)
        released = health_of(catalog, "vllm")
        attempt(catalog, "vllm", Verdict.COMPLETE, NOON + 5 * HOUR)
        attempt(catalog, "vllm", Verdict.EMPTY, NOON + 6 * HOUR)
        again = health_of(catalog, "vllm")
    assert (held.consecutive_failures, held.provider.held_since) == (3, NOON)
    assert (released.consecutive_failures, released.provider.held_since) == (0, None)
    assert (again.consecutive_failures, again.provider.held_since) == (1, NOON + 6 * HOUR)
