"""The sweeps and the rules of ``lifecycle.absence`` name the same models, whatever the rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings

from ghost_pipeline.catalog import sweeps
from ghost_pipeline.catalog.results import SweepResult
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.repository import MODEL_COLUMNS, model_record
from ghost_pipeline.catalog.storage.tables import metadata, model_events, models, providers
from ghost_pipeline.lifecycle.absence import is_purgeable, is_stale
from ghost_pipeline.lifecycle.records import ModelRecord, ProviderRecord
from ghost_pipeline.settings import Thresholds
from ghost_pipeline_tests.catalog.any_rows import SLUGS, fill, instants, model, model_rows
from ghost_pipeline_tests.catalog.backends import BACKENDS, new_place

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
RULES = (Thresholds(), Thresholds(stale_after=timedelta(0), purge_after=timedelta(days=7)))
LIMITS = (timedelta(0), timedelta(hours=24), timedelta(days=7), timedelta(days=30))

at_limits = instants([NOW - limit + ticks * TICK for limit in LIMITS for ticks in (-1, 0, 1)])
maybe_instants = st.none() | at_limits
verdicts = st.sampled_from(("empty", "shrunken", "partial"))


@st.composite
def catalogs(draw: st.DrawFn) -> tuple[list[ProviderRecord], list[ModelRecord]]:
    """Generate providers, held or not, and models whose instants lie at and around the limits."""
    known = [
        ProviderRecord(
            slug,
            slug.title(),
            held_since=since,
            held_reason=None if since is None else f"{draw(verdicts)}: {slug}",
            last_complete_at=draw(maybe_instants),
        )
        for slug in SLUGS
        for since in [draw(maybe_instants)]
    ]
    return known, draw(model_rows(at_limits))


@pytest.fixture(scope="module", params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    place = new_place(request.param, tmp_path_factory.mktemp("sweeps"), is_migrated=False)
    database = place.database()
    metadata.create_all(database.engine)
    yield database
    database.close()
    place.remove()


@contextmanager
def filled(database: Database, known: list[ProviderRecord], rows: list[ModelRecord]) -> Iterator[None]:
    """Yield a catalog with these providers and models; empty it afterwards."""
    with database.writing() as connection:
        fill(connection, known, rows)
    try:
        yield
    finally:
        with database.writing() as connection:
            for table in (model_events, models, providers):
                connection.execute(sa.delete(table))


def stored(database: Database) -> list[ModelRecord]:
    with database.reading() as connection:
        return [model_record(row) for row in connection.execute(sa.select(*MODEL_COLUMNS))]


def due_by_rule(
    rule: Callable[[ModelRecord, ProviderRecord, datetime, Thresholds], bool],
    known: list[ProviderRecord],
    rows: list[ModelRecord],
    wanted: str | None,
    rules: Thresholds,
) -> SweepResult:
    """Apply the rule to every row; held are the providers whose rows would be due without their hold."""
    free = {one.id: ProviderRecord(one.id, one.label, last_complete_at=one.last_complete_at) for one in known}
    held = {one.id: one for one in known}
    mine = sorted((row for row in rows if wanted in (None, row.provider_id)), key=lambda r: (r.provider_id, r.model_id))
    due = [row for row in mine if rule(row, held[row.provider_id], NOW, rules)]
    passed = [row.provider_id for row in mine if row not in due and rule(row, free[row.provider_id], NOW, rules)]
    return SweepResult(
        tuple((row.provider_id, row.model_id) for row in due),
        {slug: held[slug].held_reason or "" for slug in sorted(set(passed))},
    )


EDGES = tuple(NOW - limit + ticks * TICK for limit in LIMITS[1:] for ticks in (-1, 0, 1))
EVERY_EDGE = [
    model(
        *(slug, f"{seen_at} {listed_at} {deactivated_at}"),
        first_seen_at=seen_at,
        last_seen_at=seen_at,
        last_listed_at=listed_at,
        deactivated_at=deactivated_at,
    )
    for slug, seen_at, listed_at, deactivated_at in product(SLUGS, EDGES, (None, NOW), (None, *EDGES))
]
"""Every pair of instants at the limits, so that no edge is left to chance."""
NONE_HELD = [ProviderRecord(slug, slug) for slug in SLUGS]
RETIRED_AT_EDGES = [
    model(
        *(slug, f"{listed_at}"),
        first_seen_at=EDGES[0],
        last_seen_at=NOW - timedelta(days=2),
        last_listed_at=listed_at,
        refused_since=NOW,
        last_refused_at=NOW,
        refusal_reason="retired: end of life (rule)",
    )
    for slug, listed_at in product(SLUGS, EDGES)
]
HELD_WITHOUT_THEM = [
    ProviderRecord(slug, slug, held_since=NOW - timedelta(hours=24), held_reason=f"{word}: ", last_complete_at=complete)
    for slug, word, complete in zip(
        SLUGS, ("failed", "shrunken", "partial"), (NOW - timedelta(days=7), None, EDGES[0]), strict=True
    )
]
"""Providers that are held and whose newest listings lack some of the models that they refuse."""
HELD_AT_THE_LIMIT = [
    ProviderRecord(slug, slug, held_since=NOW - timedelta(days=7) + ticks * TICK, held_reason="empty")
    for slug, ticks in zip(SLUGS, (-1, 0, 1), strict=True)
]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(catalogs(), st.none() | st.sampled_from(SLUGS), st.sampled_from(RULES))
@example((NONE_HELD, EVERY_EDGE), None, RULES[0])
@example((HELD_AT_THE_LIMIT, EVERY_EDGE), None, RULES[0])
@example((HELD_WITHOUT_THEM, RETIRED_AT_EDGES), None, RULES[0])
def test_the_stale_sweep_finds_and_changes_just_what_the_rule_calls_stale(
    database: Database,
    catalog: tuple[list[ProviderRecord], list[ModelRecord]],
    wanted: str | None,
    rules: Thresholds,
) -> None:
    expected = due_by_rule(is_stale, *catalog, wanted, rules)
    with filled(database, *catalog):
        assert sweeps.run(database, sweeps.STALE, wanted, NOW, rules, is_dry_run=True) == expected
        assert sweeps.run(database, sweeps.STALE, wanted, NOW, rules) == expected
        after = {(row.provider_id, row.model_id): row for row in stored(database)}
    for row in catalog[1]:
        key = (row.provider_id, row.model_id)
        is_changed = key in expected.models
        assert after[key].is_active is (row.is_active and not is_changed)
        assert after[key].deactivated_at == (NOW if is_changed else row.deactivated_at)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(catalogs(), st.none() | st.sampled_from(SLUGS), st.sampled_from(RULES))
@example((NONE_HELD, EVERY_EDGE), None, RULES[0])
@example((HELD_AT_THE_LIMIT, EVERY_EDGE), None, RULES[0])
def test_the_purge_sweep_finds_and_deletes_just_what_the_rule_calls_purgeable(
    database: Database,
    catalog: tuple[list[ProviderRecord], list[ModelRecord]],
    wanted: str | None,
    rules: Thresholds,
) -> None:
    expected = due_by_rule(is_purgeable, *catalog, wanted, rules)
    with filled(database, *catalog):
        assert sweeps.run(database, sweeps.PURGE, wanted, NOW, rules, is_dry_run=True) == expected
        assert sweeps.run(database, sweeps.PURGE, wanted, NOW, rules) == expected
        left = {(row.provider_id, row.model_id) for row in stored(database)}
    assert left == {(row.provider_id, row.model_id) for row in catalog[1]} - set(expected.models)
