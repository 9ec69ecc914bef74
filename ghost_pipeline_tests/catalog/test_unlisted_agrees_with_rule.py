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
from ghost_pipeline.catalog.storage.repository import model_values
from ghost_pipeline.catalog.storage.tables import metadata, models, providers
from ghost_pipeline.lifecycle.absence import is_delisted, is_unlisted
from ghost_pipeline.lifecycle.records import ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline.settings import Thresholds

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
RULES = (Thresholds(), Thresholds(stale_after=timedelta(hours=3)))
EDGES = tuple(NOW - limit + ticks * TICK for limit in (timedelta(hours=3), timedelta(hours=24)) for ticks in (-1, 0, 1))
SLUGS = ("groq", "mistral", "openai")

maybe_instants = st.none() | st.sampled_from(EDGES)


def model(provider_id: str, model_id: str, used_at: datetime | None, listed_at: datetime | None) -> ModelRecord:
    long_ago = NOW - timedelta(days=90)
    return ModelRecord(
        *(provider_id, model_id, Source.INDEX, True, long_ago, NOW), last_listed_at=listed_at, last_used_at=used_at
    )


@st.composite
def catalogs(draw: st.DrawFn) -> tuple[list[ProviderRecord], list[ModelRecord]]:
    known = [ProviderRecord(slug, slug, last_complete_at=draw(maybe_instants)) for slug in SLUGS]
    rows = [
        model(draw(st.sampled_from(SLUGS)), f"m{number:02}", draw(maybe_instants), draw(maybe_instants))
        for number in range(draw(st.integers(0, 25)))
    ]
    return known, rows


COMPLETE_AT = (None, EDGES[1], EDGES[4])
EVERY_EDGE = (
    [ProviderRecord(slug, slug, last_complete_at=at) for slug, at in zip(SLUGS, COMPLETE_AT, strict=True)],
    [
        model(slug, f"{used_at} {listed_at}", used_at, listed_at)
        for slug, used_at, listed_at in product(SLUGS, (None, *EDGES), (None, *EDGES))
    ],
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('unlisted') / 'catalog.db'}")
    metadata.create_all(database.engine)
    yield database
    database.close()


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
        connection.execute(
            sa.insert(providers),
            [{"id": one.id, "label": one.label, "last_complete_at": one.last_complete_at} for one in known],
        )
        if rows:
            connection.execute(sa.insert(models), [model_values(row) for row in rows])
        which = is_unlisted_sql(NOW, rules)
        found = {(row.provider_id, row.model_id) for row in find_models(connection, EVERYTHING, which)}
        others = {(row.provider_id, row.model_id) for row in find_models(connection, EVERYTHING, sa.not_(which))}
        stats = count_models(connection, which)
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
