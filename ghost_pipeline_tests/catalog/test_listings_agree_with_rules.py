"""The SQL for listings and listed models selects what the rules of ``lifecycle/`` select, whatever the rows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings

from ghost_pipeline.catalog.ingestion.attempts import complete_of, is_listed_sql, is_refused_sql, lists_models_sql
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.repository import MODEL_COLUMNS, model_record
from ghost_pipeline.catalog.storage.tables import listings, metadata, providers
from ghost_pipeline.lifecycle.absence import is_listed
from ghost_pipeline.lifecycle.records import ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.verdicts import Assessment
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline_tests.catalog.any_rows import EXTREMES, SLUGS, fill, instants, model, model_rows
from ghost_pipeline_tests.catalog.backends import BACKENDS, new_place

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
NEAR = (NOW - TICK, NOW, NOW + TICK)

Known = tuple[list[ProviderRecord], list[ModelRecord]]


@pytest.fixture(scope="module", params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    place = new_place(request.param, tmp_path_factory.mktemp("listings"), is_migrated=False)
    database = place.database()
    metadata.create_all(database.engine)
    yield database
    database.close()
    place.remove()


@st.composite
def catalogs(draw: st.DrawFn) -> Known:
    """Generate providers and models whose instants are equal, a microsecond apart, or at the ends of the calendar."""
    maybe_instants = st.none() | instants(NEAR)
    known = [ProviderRecord(slug, slug, last_complete_at=draw(maybe_instants)) for slug in SLUGS]
    return known, draw(model_rows(instants(NEAR)))


EVERY_EDGE: Known = (
    [ProviderRecord(slug, slug, last_complete_at=at) for slug, at in zip(SLUGS, (None, NOW, EXTREMES[0]), strict=True)],
    [
        model(slug, f"{listed_at}", first_seen_at=NOW, last_seen_at=NOW, last_listed_at=listed_at)
        for slug, listed_at in product(SLUGS, (None, *NEAR, *EXTREMES))
    ],
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(catalogs())
@example(EVERY_EDGE)
def test_the_models_are_selected_that_the_rule_calls_listed(database: Database, catalog: Known) -> None:
    known, rows = catalog
    with database.engine.connect() as connection, connection.begin() as transaction:
        fill(connection, known, rows)
        for provider in known:
            query = sa.select(*MODEL_COLUMNS).where(is_listed_sql())
            found = {row.model_id for row in map(model_record, connection.execute(query, complete_of(provider)))}
            assert found == {
                row.model_id for row in rows if row.provider_id == provider.id and is_listed(row, provider)
            }
        transaction.rollback()


ASSESSMENTS = [
    Assessment(verdict, is_late=is_late, is_accepted_empty=is_accepted)
    for verdict, is_late, is_accepted in product(Verdict, (False, True), (False, True))
    if verdict is Verdict.EMPTY or not is_accepted  # the table has no other rows
]


def test_the_attempts_are_selected_that_the_rules_call_refused_and_listing_models(database: Database) -> None:
    """Every combination of what an assessment may be, so that none is left to chance."""
    values: list[dict[str, object]] = [
        {
            "id": number,
            "provider_id": SLUGS[0],
            "observed_at": NOW,
            "inactive": [],
            **dict.fromkeys(("file_name", "sha256", "format_version"), None if one.verdict is Verdict.FAILED else "-"),
            "verdict": one.verdict.value,
            "is_late": one.is_late,
            "is_accepted_empty": one.is_accepted_empty,
        }
        for number, one in enumerate(ASSESSMENTS, 1)
    ]
    with database.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(sa.insert(providers), {"id": SLUGS[0], "label": SLUGS[0]})
        connection.execute(sa.insert(listings), values)

        def selected(condition: sa.ColumnElement[bool]) -> list[int]:
            return list(connection.execute(sa.select(listings.c.id).where(condition).order_by(listings.c.id)).scalars())

        numbered = list(enumerate(ASSESSMENTS, 1))
        assert selected(is_refused_sql()) == [number for number, one in numbered if one.is_refused]
        assert selected(sa.not_(is_refused_sql())) == [number for number, one in numbered if not one.is_refused]
        assert selected(lists_models_sql()) == [number for number, one in numbered if one.verdict.lists_models]
        transaction.rollback()
