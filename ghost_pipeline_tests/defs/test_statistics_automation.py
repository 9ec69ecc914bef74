"""The statistics follow every change of the catalog, whenever it arrives."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
import pytest

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.definitions import build_definitions
from ghost_pipeline.defs.resource import GhostCatalog
from ghost_pipeline_tests.defs.builders import NOON, Workshop, listing

# evaluate_automation_conditions uses a beta parameter of Dagster's own
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `include_sources`:dagster.BetaWarning")

STATISTICS = dg.AssetKey("discovery_stats")


@dataclass
class Evaluator:
    """Evaluates the automation condition of the statistics, as the daemon does from tick to tick."""

    workshop: Workshop
    cursor: object = None

    def is_requested(self) -> bool:
        """Whether this evaluation requests a run."""
        cursor = {} if self.cursor is None else {"cursor": self.cursor}
        result = dg.evaluate_automation_conditions(self.workshop.definitions, self.workshop.instance, **cursor)  # type: ignore[arg-type]
        self.cursor = result.cursor
        return result.get_num_requested(STATISTICS) == 1

    def run(self, definitions: dg.Definitions | None = None) -> None:
        """Execute the requested run."""
        job = (definitions or self.workshop.definitions).resolve_job_def("refresh_statistics")
        assert job.execute_in_process(instance=self.workshop.instance).success


@pytest.fixture
def evaluator(workshop: Workshop) -> Evaluator:
    workshop.instance.add_dynamic_partitions("provider", ["openai"])
    evaluator = Evaluator(workshop)
    assert not evaluator.is_requested()
    return evaluator


class InterruptedCatalog(GhostCatalog):
    """Calls ``_after_reading`` once, when the statistics have read the catalog and their run has not ended."""

    @contextmanager
    def opened(self) -> Iterator[ModelCatalog]:
        with super().opened() as catalog:
            yield catalog
        if _after_reading:
            _after_reading.pop()()


_after_reading: list[Callable[[], None]] = []


def run_with_an_interruption(evaluator: Evaluator, interruption: Callable[[], None]) -> None:
    ghost = InterruptedCatalog(home=evaluator.workshop.ghost.home, models_dir=evaluator.workshop.ghost.models_dir)
    _after_reading.append(interruption)
    evaluator.run(build_definitions(ghost))
    assert not _after_reading


def test_one_change_requests_one_run(evaluator: Evaluator) -> None:
    evaluator.workshop.ingest("openai_models.json", listing("a"), NOON)
    assert evaluator.is_requested()
    evaluator.run()
    assert [evaluator.is_requested() for _ in range(3)] == [False, False, False]


@pytest.mark.parametrize("evaluations_after", [0, 1, 2])
def test_a_change_during_a_run_requests_another(evaluator: Evaluator, evaluations_after: int) -> None:
    workshop = evaluator.workshop
    workshop.ingest("openai_models.json", listing("a"), NOON)
    assert evaluator.is_requested()

    def change_the_catalog() -> None:
        workshop.ingest("openai_models.json", listing("a", "b"), NOON + timedelta(hours=1))
        assert not any(evaluator.is_requested() for _ in range(evaluations_after)), "one run at a time"

    run_with_an_interruption(evaluator, change_the_catalog)
    assert evaluator.is_requested()
    evaluator.run()
    assert not evaluator.is_requested()


def test_a_change_that_is_first_visible_with_the_request_is_not_lost(evaluator: Evaluator) -> None:
    workshop = evaluator.workshop
    workshop.ingest("openai_models.json", listing("a"), NOON)
    assert evaluator.is_requested()
    # No evaluation falls between the request and the end of the run, and the change comes after the run.
    evaluator.run()
    workshop.ingest("openai_models.json", listing("a", "b"), NOON + timedelta(hours=1))
    assert evaluator.is_requested()
    evaluator.run()
    assert [evaluator.is_requested() for _ in range(2)] == [False, False]


def test_a_run_that_is_in_progress_delays_the_next_request(evaluator: Evaluator) -> None:
    workshop = evaluator.workshop
    workshop.ingest("openai_models.json", listing("a"), NOON)
    assert evaluator.is_requested()
    requests = []

    def evaluate_often() -> None:
        for hours in range(1, 4):
            workshop.ingest("openai_models.json", listing("a", str(hours)), NOON + timedelta(hours=hours))
            requests.append(evaluator.is_requested())

    run_with_an_interruption(evaluator, evaluate_often)
    assert requests == [False, False, False]
    assert evaluator.is_requested()
