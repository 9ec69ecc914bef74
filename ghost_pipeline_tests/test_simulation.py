"""The simulation holds on both databases, gives the same bytes for the same seed, and can fail."""

import sqlite3
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import InvalidRequestError, NoResultFound

from ghost_pipeline import CatalogError, ModelCatalog
from ghost_pipeline.catalog.storage import database
from ghost_pipeline.catalog.storage.tables import models, providers, refusal_clearances
from ghost_pipeline.errors import CatalogUnavailable
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.catalog.backends import POSTGRESQL, new_place
from simulation import actors, invariants
from simulation.connections import DirectConnection, close_kept, execute_directly
from simulation.mutants import MUTANTS
from simulation.plan import Step
from simulation.runner import BEGIN, Scenario, as_test, run, shrink

SEEDS = range(1, 21)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_seed_breaks_what_users_rely_on(seed: int) -> None:
    report = run(Scenario(seed, days=5, providers=3))
    assert report.failure is None
    assert report.checks > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_no_seed_breaks_what_users_rely_on_with_postgresql(seed: int, tmp_path: Path) -> None:
    place = new_place(POSTGRESQL, tmp_path)
    try:
        assert run(Scenario(seed, days=2, providers=3), database_url=place.url).failure is None
    finally:
        place.remove()


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = (run(Scenario(7, days=6, providers=3)) for _ in range(2))
    assert first.digest == second.digest
    assert run(Scenario(8, days=6, providers=3)).digest != first.digest


def test_a_provider_changes_nothing_within_a_period() -> None:
    for provider in Scenario(3001, days=365, providers=4).world():
        models = provider.models.values()
        for hours in range(0, 24 * 365, 5):
            at = BEGIN + timedelta(hours=hours)
            period = provider.period(at)
            assert {*period.listed} == {one for one in models if one.is_listed and one.is_served(at)}
            assert [*period.used] == [one for one in models if one.is_used and one.is_served(at)]
            assert [*period.requested_in_vain] == [one for one in models if one.is_requested_in_vain(at)]
            for model in period.listed:
                assert model.price(period.at) == model.price(at)
                assert model.announced_end(period.at) == model.announced_end(at)


@pytest.mark.parametrize(
    ("name", "seed"), [("at-least-once of the inbox", 1), ("confirmation: never", 3), ("the expiry of refusals", 1)]
)
def test_comparisons_that_are_left_out_would_find_nothing_sooner(
    name: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mutant,) = [one for one in MUTANTS if one.name == name]
    scenario = Scenario(seed, days=60, providers=3)
    with mutant.applied():
        found = run(scenario)
        monkeypatch.setattr(invariants, "THOROUGH_EVERY", 1)
        compared_always = run(scenario)
    assert found.failure is not None
    assert (found.failure, found.steps) == (compared_always.failure, compared_always.steps)
    assert found.checks < compared_always.checks


def test_the_short_way_of_statements_has_the_result_of_the_whole_way(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = Scenario(7, days=12, providers=3)
    shortened = run(scenario)
    monkeypatch.setattr(actors, "execute_directly", lambda _catalog: None)
    monkeypatch.setattr(actors, "executed_compiled", lambda _catalog: nullcontext())
    assert run(scenario).digest == shortened.digest


def test_a_statement_that_fails_on_the_short_way_raises_what_the_whole_way_raises(tmp_path: Path) -> None:
    unknown = sa.insert(models).values(model_id="one")
    select, other = sa.select(providers.c.id), sa.select(models)
    with ModelCatalog.open(Settings(home=tmp_path)) as catalog:
        execute_directly(catalog)
        for _ in range(3):
            with catalog._database.reading() as connection:
                assert type(connection) is DirectConnection
                assert connection.execute(select).all() == []
                with pytest.raises(NoResultFound):
                    connection.execute(other).one()
            with pytest.raises(CatalogError), catalog._database.writing() as connection:
                connection.execute(unknown)


@pytest.fixture
def direct(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelCatalog]:
    """Open a catalog on the short way, with a connection that stays open and the statement of these tests prepared."""
    monkeypatch.setattr(database, "SQLITE_BUSY_SECONDS", 0.01)
    with ModelCatalog.open(Settings(home=tmp_path)) as catalog:
        execute_directly(catalog)
        for slug in ("one", "two", "three"):
            with catalog._database.writing() as connection:
                connection.execute(INSERT, {"id": slug, "label": slug})
        yield catalog
        close_kept(catalog)


INSERT = sa.insert(providers).prefix_with("OR ROLLBACK")
"""If it fails, SQLite rolls the transaction back by itself."""


def _slugs(catalog: ModelCatalog) -> list[str]:
    with catalog._database.reading() as connection:
        return sorted(connection.execute(sa.select(providers.c.id)).scalars())


def test_a_transaction_that_cannot_begin_on_the_short_way_raises(direct: ModelCatalog) -> None:
    other = sqlite3.connect(str(direct._database.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(CatalogUnavailable, match="locked"), direct._database.writing():
        pass
    other.close()
    assert _slugs(direct) == ["one", "three", "two"]


def test_a_commit_that_fails_on_the_short_way_stores_nothing(direct: ModelCatalog) -> None:
    def insert_for_unknown_provider(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.execute(INSERT, {"id": "four", "label": "four"})
        connection.execute(
            sa.insert(refusal_clearances).values(provider_id="nobody", model_id="m", kind="use", account="", at=BEGIN)
        )

    with pytest.raises(CatalogError, match="FOREIGN KEY"):
        direct._database.write(insert_for_unknown_provider)
    assert _slugs(direct) == ["one", "three", "two"]


def test_nothing_is_stored_if_the_database_rolls_back_at_a_statement_of_the_short_way(direct: ModelCatalog) -> None:
    def insert_twice(connection: sa.Connection) -> None:
        connection.execute(INSERT, {"id": "four", "label": "four"})
        connection.execute(INSERT, {"id": "four", "label": "four"})  # executed again, it would succeed

    with pytest.raises(CatalogError, match="UNIQUE"):
        direct._database.write(insert_twice)
    assert _slugs(direct) == ["one", "three", "two"]


def test_a_write_outside_a_transaction_is_rolled_back_on_the_short_way_too(direct: ModelCatalog) -> None:
    with direct._database.engine.connect() as connection:
        connection.execute(INSERT, {"id": "four", "label": "four"})
    assert _slugs(direct) == ["one", "three", "two"]


def test_a_second_transaction_within_one_raises_on_the_short_way_too(direct: ModelCatalog) -> None:
    with direct._database.writing() as connection:
        connection.execute(INSERT, {"id": "four", "label": "four"})
        with pytest.raises(InvalidRequestError):
            connection.begin()
    assert _slugs(direct) == ["four", "one", "three", "two"]


def test_a_refusal_from_before_a_reactivation_is_not_expected_to_count() -> None:
    steps = [
        Step(datetime(2026, 2, 25, 6, 34, 48, 512745, UTC), "fetch", 4, seed=2426826275),
        Step(datetime(2026, 3, 12, 8, 41, 1, 654264, UTC), "reactivate", 4, seed=2101411477),
        Step(datetime(2026, 3, 13, 4, 9, 56, 526007, UTC), "refuse", 4, "behind", seed=1986041059),
    ]
    report = run(Scenario(3047, days=365, providers=8), steps)
    assert (report.failure, report.steps) == (None, len(steps))


def test_a_state_that_only_time_makes_wrong_is_found_when_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "THOROUGH_EVERY", 1_000_000)
    monkeypatch.setattr(ModelCatalog, "mark_stale_models_inactive", lambda _catalog: None)
    scenario = Scenario(1, days=60, providers=3)
    steps = [step for step in scenario.steps() if step.action == "sweep" or step.at < BEGIN + timedelta(days=3)]
    report = run(scenario, steps)
    assert report.invariant is not None
    assert report.invariant.startswith("no hold lasts longer than 7 days")
    assert report.steps < len(steps)  # at the end everything is compared


def test_a_failure_is_found_and_shrunk_to_a_test_that_shows_it() -> None:
    (mutant,) = [one for one in MUTANTS if one.name == "the late rule"]
    scenario = Scenario(1, days=60, providers=3)
    with mutant.applied():
        report = run(scenario)
        assert report.failure is not None
        steps = shrink(report, seconds=3)
        assert run(scenario, steps).invariant == report.invariant
    assert len(steps) < report.steps
    assert "def test_" in as_test(scenario, steps)
