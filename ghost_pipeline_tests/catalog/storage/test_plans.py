"""Listings and sweeps use indexes on a large catalog: the query plans of the executed statements."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.catalog_queries import PAGE_SIZE
from ghost_pipeline.catalog.history import newer_events
from ghost_pipeline.catalog.results import ModelFilter, SubmittedListing
from ghost_pipeline.catalog.storage.tables import listings, model_events, models, providers
from ghost_pipeline_tests.catalog.backends import BACKENDS, SQLITE, Place, new_place
from ghost_pipeline_tests.catalog.oracle_driver import READER, listing_bytes

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
PROVIDERS, MODELS_OF_EACH, LISTINGS_OF_EACH = 60, 500, 200
LARGE = ("models", "model_events", "listings")
BATCHES = """
INSERT INTO event_batches (position, provider_id, recorded_at, first_id, last_id, event_count)
SELECT row_number() OVER (ORDER BY min(id)), provider_id, recorded_at, min(id), max(id), count(*)
FROM model_events GROUP BY provider_id, recorded_at
"""


@pytest.fixture(scope="module", params=BACKENDS)
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Provide an analyzed catalog of 30,000 models, each with an event, and 12,000 listings."""
    place = new_place(request.param, tmp_path_factory.mktemp("large"))
    with place.opened() as catalog, catalog._database.writing() as connection:
        slugs = [f"p{number:02}" for number in range(PROVIDERS)]
        connection.execute(sa.insert(providers), [{"id": slug, "label": slug} for slug in slugs])
        ids = [(slug, f"model-{number:03}") for slug in slugs for number in range(MODELS_OF_EACH)]
        connection.execute(sa.insert(models), [_model(*one, number) for number, one in enumerate(ids)])
        connection.execute(sa.insert(model_events), [_event(*one) for one in ids])
        connection.execute(
            sa.insert(listings), [_listing(slug, hour) for slug in slugs for hour in range(LISTINGS_OF_EACH)]
        )
        connection.exec_driver_sql(BATCHES)
        connection.exec_driver_sql("ANALYZE")
    yield place
    place.remove()


def _model(provider_id: str, model_id: str, number: int) -> dict[str, Any]:
    is_ghost = number % 10 == 0
    return {
        "provider_id": provider_id,
        "model_id": model_id,
        "is_name_manual": False,
        "source": "INDEX",
        "is_active": not is_ghost,
        "first_seen_at": NOON,
        "last_seen_at": NOON + timedelta(seconds=number),
        "last_listed_at": NOON + timedelta(seconds=number),
        "deactivated_at": NOON + timedelta(seconds=number) if is_ghost else None,
    }


def _event(provider_id: str, model_id: str) -> dict[str, Any]:
    return {
        "provider_id": provider_id,
        "model_id": model_id,
        "kind": "discovered",
        "at": NOON,
        "source": "INDEX",
        "recorded_at": NOON,
    }


def _listing(provider_id: str, hour: int) -> dict[str, Any]:
    return {
        "provider_id": provider_id,
        "file_name": f"{provider_id}.json",
        "sha256": "0" * 64,
        "bytes": 2,
        "format_version": "test/1",
        "observed_at": NOON - timedelta(hours=hour + 1),
        "is_late": False,
        "verdict": "complete",
        "model_count": 0,
        "inactive": [],
        "run_id": f"{provider_id}-{hour}",
    }


def ingest(catalog: ModelCatalog, at: datetime) -> None:
    content = listing_bytes({f"model-{number:03}": 1 for number in range(100, 600)})
    for hour in range(2):  # looked into, and then the same again
        submission = SubmittedListing("p07", "p07.json", content, at + timedelta(hours=hour))
        catalog.reconcile(catalog.admit(submission).listing_id)


def sweep(catalog: ModelCatalog) -> None:
    catalog.mark_stale_models_inactive(now=NOON + timedelta(hours=24, seconds=5))
    catalog.delete_old_inactive_models(now=NOON + timedelta(days=30, seconds=15))


@pytest.mark.parametrize("what", ["ingest", "sweep", "health"])
def test_no_statement_reads_a_large_table_from_end_to_end(large: Place, what: str) -> None:
    with large.opened(reader=READER) as catalog:
        plans: dict[str, str] = {}
        _explain_everything(catalog, plans)
        if what == "ingest":
            catalog.announce_retirement("p07", "model-150", NOON + timedelta(days=90))
            ingest(catalog, NOON + timedelta(hours=10))
        elif what == "sweep":
            sweep(catalog)
        else:
            catalog.record_failed_attempt("p07", "no connection")
            assert len(catalog.list_provider_health()) > 1
            assert catalog.find_retiring_models() == []
            assert catalog.find_refused_models() == []
            assert len(catalog.list_retiring(timedelta(days=100_000))) < 2
    assert len(plans) > (1 if what == "health" else 5)
    scanned = {statement: plan for statement, plan in plans.items() if _scans(plan)}
    assert scanned == {}


def _explain_everything(catalog: ModelCatalog, plans: dict[str, str]) -> None:
    is_sqlite = catalog._database.is_sqlite
    explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"

    @sa.event.listens_for(catalog._database.engine, "before_cursor_execute")
    def explained(
        connection: sa.Connection, cursor: Any, statement: str, parameters: Any, context: object, is_many: bool
    ) -> None:
        is_planned = statement.lstrip().split()[0] in ("SELECT", "UPDATE", "DELETE", "INSERT")
        if not is_planned or is_many or not any(re.search(rf"\b{table}\b", statement) for table in LARGE):
            return
        asked = connection.connection.cursor()
        asked.execute(f"{explain} {statement}", parameters)
        plans[statement] = "\n".join(str(row[-1]) for row in asked.fetchall())
        asked.close()


def _scans(plan: str) -> bool:
    """Whether a plan goes through a large table, or all of an index of it."""
    tables = "|".join(LARGE)
    return bool(re.search(rf"SCAN ({tables})\b|Seq Scan on ({tables})\b", plan))


@pytest.mark.parametrize("max_events", [newer_events.MAX_EVENTS, 100])
def test_no_question_about_the_past_reads_a_large_table_from_end_to_end(
    large: Place, max_events: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newer events are read by their batches, or by models if there are many."""
    monkeypatch.setattr(newer_events, "MAX_EVENTS", max_events)
    with large.opened(lambda: NOON + timedelta(days=1)) as catalog:
        plans: dict[str, str] = {}
        _explain_everything(catalog, plans)
        before, history = NOON - timedelta(hours=1), catalog.history
        page = catalog.list_changes(before, limit=100)
        assert len(page.changes) == len(catalog.list_changes(page.cursor, limit=100).changes) == 100
        assert len(catalog.list_changes(before, provider_ids=("p07",), kinds=("discovered",)).changes) > 100
        assert list(history.iterate_models(before, ModelFilter(provider_ids=("p07",), is_active=None))) == []
        assert len(list(history.compare(before, provider_ids=("p07",)))) >= MODELS_OF_EACH
        assert history.get_model("p07", "model-001", NOON).past is not None
        assert history.list_prices("p07", "model-001") == []
    assert len(plans) > 8
    assert {statement: plan for statement, plan in plans.items() if _scans(plan)} == {}


def test_the_check_would_see_a_scan(large: Place) -> None:
    with large.opened() as catalog:
        plans: dict[str, str] = {}
        _explain_everything(catalog, plans)
        with catalog._database.reading() as connection:
            connection.execute(sa.select(models.c.id).where(models.c.name == "Mine")).all()
    assert [_scans(plan) for plan in plans.values()] == [True]


def test_a_sighting_reads_no_other_model_of_its_provider_without_statistics(tmp_path: Path) -> None:
    """SQLite has none until somebody runs ANALYZE."""
    place = new_place(SQLITE, tmp_path)
    with place.opened() as catalog:
        plans: dict[str, str] = {}
        _explain_everything(catalog, plans)
        for _ in range(2):
            catalog.track_successful_inference("openai", "gpt-x")
    assert len(plans) > 3
    # One index has refused models alone, which are few.
    of_provider = re.compile(r"models USING .*INDEX (?!ix_models_provider_id_last_refused_at)\S+ \(provider_id=\?\)")
    assert [statement for statement, plan in plans.items() if of_provider.search(plan)] == []


def test_pages_of_a_search_read_all_models_once(large: Place) -> None:
    wanted = ModelFilter(search="DEL-0", is_active=None)
    searches = []
    with large.opened() as catalog:
        engine = catalog._database.engine
        sa.event.listen(
            engine, "before_cursor_execute", lambda *call: searches.append(call[2]) if "LIKE" in call[2] else 0
        )
        found = list(catalog.iterate_columns(wanted, ("provider_id", "model_id")))
        assert found == [(one.provider_id, one.model_id) for one in catalog.find_models(wanted)]
    assert len(found) > 5 * PAGE_SIZE
    if not large.url.startswith("sqlite"):  # which reads an index in the order of the pages
        assert len(searches) == 2, "one of each method"
