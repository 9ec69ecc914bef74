"""The fast path for bytes that repeat the latest reconciled listing has exactly the outcome of the full one."""

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from ghost_pipeline.catalog.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ListingOutcome, ModelFilter, SubmittedListing
from ghost_pipeline.lifecycle.records import Listing
from ghost_pipeline.listings.parsing import ListingReader
from ghost_pipeline_tests.catalog.backends import BACKENDS, Place, new_place
from ghost_pipeline_tests.catalog.oracle_driver import EPOCH, MODEL_IDS, READER, Pair, listing_bytes, parse
from ghost_pipeline_tests.catalog.test_state_machine import IS_THOROUGH

WHOLE = listing_bytes(dict.fromkeys(MODEL_IDS, 1))
FIVE = listing_bytes(dict.fromkeys(MODEL_IDS[:5], 0))
BROKEN = listing_bytes({}, is_broken=True)
CONTENTS = (
    WHOLE,
    FIVE,
    BROKEN,
    listing_bytes({}),
    listing_bytes(dict.fromkeys(MODEL_IDS[:10], 1), MODEL_IDS[10:]),
    listing_bytes({MODEL_IDS[0]: 3, MODEL_IDS[11]: 2}, is_cut=True),
    listing_bytes({**dict.fromkeys(MODEL_IDS, 3), MODEL_IDS[11]: 5}),
)
AGAIN = ("repeat", 1, 0)
KEYS = (("openai", MODEL_IDS[0]), ("openai", MODEL_IDS[11]), ("openai", "unlisted"))

Step = tuple[Any, ...]
"""What to do, and with what: a tuple, so that a failure is readable."""

ages = st.sampled_from((0, 0, 0, 0, 1, 30))
contents = st.sampled_from(CONTENTS)
keys = st.sampled_from(KEYS)
repeats: st.SearchStrategy[Step] = st.tuples(st.just("repeat"), st.sampled_from((1, 1, 1, 2, 3)), ages)
others: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from((1, 2, 25, 24 * 8, 24 * 31))),
    st.tuples(st.sampled_from(("submit", "submit", "admit")), contents, ages),
    st.tuples(st.just("reconcile"), st.integers(1, 4)),
    st.tuples(st.just("track"), keys, ages),
    st.tuples(st.just("add"), keys, st.sampled_from((None, "Mine")), st.sampled_from(({}, {"context_window": 5}))),
    st.tuples(st.sampled_from(("remove", "restore", "withdraw", "take back")), keys),
    st.tuples(
        st.just("announce"), keys, st.sampled_from((90, 200)), st.sampled_from((None, MODEL_IDS[1], MODEL_IDS[2]))
    ),
    st.tuples(st.sampled_from(("release", "sweep", "purge"))),
)


def without_digest(outcome: ListingOutcome) -> ListingOutcome:
    """Drop what differs on purpose: other bytes with the same content are parsed."""
    return replace(outcome, attempt=replace(outcome.attempt, sha256=None))


def perform(pair: Pair, step: Step) -> object:  # noqa: C901 - one line for each step
    """Do one step to a catalog and its oracle."""
    match step:
        case "wait", hours:
            pair.now += timedelta(hours=hours)
        case "repeat", back, age:
            earlier = pair.submitted["openai"] or [CONTENTS[0]]
            return without_digest(pair.submit("openai", earlier[-back:][0], pair.now - timedelta(hours=age)))
        case "submit", content, age:
            return without_digest(pair.submit("openai", content, pair.now - timedelta(hours=age)))
        case "admit", content, age:
            return without_digest(pair.admit("openai", content, pair.now - timedelta(hours=age)))
        case "reconcile", back:
            return without_digest(pair.reconcile(pair.listing_ids[-back:][0])) if pair.listing_ids else None
        case "track", key, age:
            return pair.track(key, "Name", {"age": age}, pair.now - timedelta(hours=age))
        case "add", key, name, facts:
            pair.add(key, name, facts)
        case "withdraw", key:
            pair.withdraw_facts(key)
        case "announce", key, days, successor:
            return pair.announce(key, EPOCH + timedelta(days=days), successor)
        case "take back", key:
            pair.withdraw(key)
        case "remove", key:
            pair.remove(key)
        case "restore", key:
            pair.restore(key)
        case ("release",):
            pair.release("openai")
        case ("sweep",):
            return pair.sweep_stale()
        case ("purge",):
            return pair.sweep_purgeable()
    return None


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=1500 if IS_THOROUGH else 25, deadline=None, print_blob=True)
@given(st.lists(st.one_of(repeats, repeats, others), max_size=20))
@example([("submit", WHOLE, 0), ("remove", KEYS[0]), AGAIN, AGAIN, ("restore", KEYS[0]), AGAIN, AGAIN])
@example([AGAIN, AGAIN, ("track", KEYS[0], 0), ("reconcile", 2), ("submit", FIVE, 0)])
@example([("submit", FIVE, 0), ("wait", 2), ("submit", BROKEN, 0), ("submit", WHOLE, 1), ("submit", FIVE, 0), AGAIN])
@example([("submit", WHOLE, 0), ("wait", 2), ("submit", FIVE, 0), ("wait", 2), AGAIN, ("wait", 2), AGAIN, AGAIN])
@example([("submit", CONTENTS[-1], 0), ("announce", KEYS[0], 200, None), AGAIN, AGAIN])
@example([("submit", CONTENTS[-1], 0), ("announce", KEYS[1], 200, MODEL_IDS[2]), AGAIN, ("take back", KEYS[1]), AGAIN])
@example([("submit", WHOLE, 0), ("add", KEYS[0], None, {"context_window": 5}), AGAIN, ("withdraw", KEYS[0]), AGAIN])
def test_bytes_that_repeat_a_listing_do_the_same_whether_they_are_looked_into_or_not(
    backend: str,
    steps: list[Step],
) -> None:
    with tempfile.TemporaryDirectory() as short_home, tempfile.TemporaryDirectory() as long_home:
        places = new_place(backend, Path(short_home)), new_place(backend, Path(long_home))
        cheap = Pair(places[0].opened)
        long = Pair(places[1].opened, has_distinct_bytes=True)
        with cheap.catalog, long.catalog:
            for step in steps:
                assert perform(cheap, step) == perform(long, step)
                assert everything(cheap.catalog) == everything(long.catalog)
        for place in places:
            place.remove()


def everything(catalog: ModelCatalog) -> tuple[object, ...]:
    """Return all models, providers and events of the catalog, with listing ids and details."""
    return catalog.find_models(ModelFilter(is_active=None)), catalog.list_providers(), catalog.list_events()


def test_bytes_that_repeat_a_complete_listing_are_not_parsed_again(place: Place) -> None:
    parsed = []

    def counting_parse(provider_id: str, content: bytes) -> Listing:
        parsed.append(content)
        return parse(provider_id, content)

    with place.opened(lambda: EPOCH, ListingReader(counting_parse, READER.format_version)) as catalog:
        for hour in range(3):
            submission = SubmittedListing("openai", "openai.json", CONTENTS[0], EPOCH + timedelta(hours=hour))
            catalog.reconcile(catalog.admit(submission).listing_id)
            assert len(parsed) == 1  # at the admission of the first
