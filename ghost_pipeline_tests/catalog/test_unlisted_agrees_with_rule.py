"""The SQL for unlisted models and the rule of ``lifecycle.unlisted`` name the same models, whatever the rows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings

from ghost_pipeline.catalog.queries import count_models, find_models, find_models_behind_their_list, is_unlisted_sql
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.tables import metadata
from ghost_pipeline.lifecycle.absence import is_delisted, is_unlisted
from ghost_pipeline.lifecycle.records import ModelRecord, ProviderRecord
from ghost_pipeline.settings import Thresholds
from ghost_pipeline_tests.catalog.any_rows import EXTREMES, SLUGS, fill, instants, model, model_rows
from ghost_pipeline_tests.catalog.backends import BACKENDS, new_place

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
RULES = (Thresholds(), Thresholds(stale_after=timedelta(hours=3)))
EDGES = tuple(NOW - limit + ticks * TICK for limit in (timedelta(hours=3), timedelta(hours=24)) for ticks in (-1, 0, 1))

maybe_instants = st.none() | instants(EDGES)


@st.composite
def catalogs(draw: st.DrawFn) -> tuple[list[ProviderRecord], list[ModelRecord]]:
    known = [ProviderRecord(slug, slug, last_complete_at=draw(maybe_instants)) for slug in SLUGS]
    return known, draw(model_rows(instants(EDGES)))


COMPLETE_AT = (None, EDGES[1], EDGES[4])
LONG_AGO = NOW - timedelta(days=90)
EVERY_EDGE = (
    [ProviderRecord(slug, slug, last_complete_at=at) for slug, at in zip(SLUGS, COMPLETE_AT, strict=True)],
    [
        model(
            *(slug, f"{used_at} {listed_at}"),
            first_seen_at=LONG_AGO,
            last_seen_at=NOW,
            last_listed_at=listed_at,
            last_used_at=used_at,
        )
        for slug, used_at, listed_at in product(SLUGS, (None, *EDGES, *EXTREMES), (None, *EDGES, *EXTREMES))
    ],
)


@pytest.fixture(scope="module", params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    place = new_place(request.param, tmp_path_factory.mktemp("unlisted"), is_migrated=False)
    database = place.database()
    metadata.create_all(database.engine)
    yield database
    database.close()
    place.remove()


EVERYTHING = ModelFilter(is_active=None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(catalogs(), st.sampled_from(RULES))
@example(EVERY_EDGE, RULES[0])
@example(EVERY_EDGE, RULES[1])
def test_just_the_models_are_found_and_counted_that_the_rule_calls_unlisted(
    database: Database, catalog: tuple[list[ProviderRecord], list[ModelRecord]], rules: Thresholds
) -> None:
    known, rows = catalog
    of = {provider.id: provider for provider in known}
    expected = {(row.provider_id, row.model_id) for row in rows if is_unlisted(row, of[row.provider_id], NOW, rules)}
    with database.engine.connect() as connection, connection.begin() as transaction:
        fill(connection, known, rows)
        which = is_unlisted_sql(NOW, rules)
        found = {(row.provider_id, row.model_id) for row in find_models(connection, EVERYTHING, which)}
        others = {(row.provider_id, row.model_id) for row in find_models(connection, EVERYTHING, sa.not_(which))}
        stats = count_models(connection, NOW - rules.stale_after)
        left = {
            (row.provider_id, row.model_id)
            for row in find_models_behind_their_list(connection)
            if is_delisted(row, of[row.provider_id], NOW, rules)
        }
        transaction.rollback()
    assert found == expected
    assert others == {(row.provider_id, row.model_id) for row in rows} - expected
    assert left == {
        (row.provider_id, row.model_id) for row in rows if is_delisted(row, of[row.provider_id], NOW, rules)
    }
    assert stats["unlisted"] == len(expected)
    for slug in SLUGS:
        assert stats["by_provider"][slug]["unlisted"] == sum(provider_id == slug for provider_id, _ in expected)
