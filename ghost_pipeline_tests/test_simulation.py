"""The simulation holds on both databases, gives the same bytes for the same seed, and can fail."""

from pathlib import Path

import pytest

from ghost_pipeline_tests.catalog.backends import POSTGRESQL, new_place
from simulation.mutants import MUTANTS
from simulation.runner import Scenario, as_test, run, shrink

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


def test_a_failure_is_found_and_shrunk_to_a_test_that_shows_it() -> None:
    (mutant,) = [one for one in MUTANTS if one.name == "the late rule"]
    scenario = Scenario(1, days=60, providers=3)
    with mutant.applied():
        report = run(scenario)
        assert report.failure is not None
        steps = shrink(report, seconds=10)
        assert run(scenario, steps).invariant == report.invariant
    assert len(steps) < report.steps
    assert "def test_" in as_test(scenario, steps)
