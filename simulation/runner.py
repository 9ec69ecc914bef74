"""Run a plan, print its story, and shrink one that fails to the fewest steps that still fail."""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.settings import Settings
from simulation.actors import Actors, Happened
from simulation.invariants import Checks, InvariantBroken
from simulation.plan import Step, make_plan
from simulation.states import StateReader
from simulation.witness import Witness
from simulation.world import TrueProvider, make_world

CATALOG_FILE = "catalog.db"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Scenario:
    """The parameters of a world and its plan."""

    seed: int
    days: int
    providers: int

    def world(self) -> list[TrueProvider]:
        """Return the truth."""
        return make_world(Random(f"world {self.seed}"), BEGIN, self.days, self.providers)

    def steps(self) -> list[Step]:
        """Return everything that happens."""
        randoms = Random(f"plan {self.seed}"), Random(f"refusals {self.seed}")
        return make_plan(*randoms, self.world(), BEGIN, self.days)


@dataclass(slots=True)
class Report:
    """The result of one run."""

    scenario: Scenario
    steps: int = 0
    failure: str | None = None
    invariant: str | None = None
    """Which one broke."""
    digest: str = ""
    """Of everything that happened; the same for the same seed."""
    counts: Counter[str] = field(default_factory=Counter)
    """Actions, faults and errors."""
    slowest_ghost_hours: float = 0.0
    checks: int = 0
    seconds: float = 0.0
    """Processor time, so that other programs on the machine do not count."""


def run(
    scenario: Scenario,
    steps: Sequence[Step] | None = None,
    database_url: str = "",
    tell: Callable[[str], None] | None = None,
) -> Report:
    """Carry the steps out on an empty catalog and check the invariants after each; stop at the first that breaks."""
    report, digest = Report(scenario), sha256()
    began = time.process_time()
    world = scenario.world()
    witness = Witness(world)
    with tempfile.TemporaryDirectory(prefix="simulation-", dir=_fast_folder()) as home:
        settings = Settings(home=Path(home), database_url=database_url)
        if not database_url:
            (settings.home / CATALOG_FILE).write_bytes(_empty_catalog())
        actors = Actors(world, settings)
        checks = Checks(witness, StateReader(actors.catalog()))
        steps = scenario.steps() if steps is None else steps
        try:
            for step in steps:
                happened = actors.carry_out(step)
                line = _line(step, happened)
                digest.update(line.encode())
                if tell is not None:
                    tell(line)
                _count(report.counts, step, happened)
                report.steps += 1
                witness.note(step, happened)
                checks.check(actors.catalog(), step)
            if steps:
                checks.check_end(actors.catalog(), steps[-1])
            for model in actors.catalog().find_models(ModelFilter(is_active=None)):
                digest.update(repr((model.provider_id, model.model_id, model.is_active, model.last_seen_at)).encode())
        except InvariantBroken as broken:
            report.failure, report.invariant = str(broken), f"{broken.invariant}: {broken.subject}"
        finally:
            checks.reader.close()
            actors.close()
    report.digest = digest.hexdigest()
    report.slowest_ghost_hours = round(checks.slowest_ghost.total_seconds() / 3600, 1)
    report.checks, report.seconds = checks.count, time.process_time() - began
    return report


@cache
def _empty_catalog() -> bytes:
    """Return the file of a catalog without rows: to create one takes as long as the steps of two days."""
    with tempfile.TemporaryDirectory(prefix="simulation-", dir=_fast_folder()) as home:
        settings = Settings(home=Path(home))
        ModelCatalog.open(settings).close()
        return (settings.home / CATALOG_FILE).read_bytes()


def _fast_folder() -> str | None:
    """Return a folder in memory where there is one: crashes are simulated, so nothing need reach a disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    return str(memory) if memory.is_dir() else None


def shrink(report: Report, fresh_url: Callable[[], str] = lambda: "", seconds: float = 60) -> list[Step]:
    """Return the fewest steps found within ``seconds`` that still fail, by leaving out ever smaller runs of them."""
    until = time.perf_counter() + seconds
    steps = report.scenario.steps()[: report.steps]
    for fewer in _without_bystanders(report, steps):
        again = run(report.scenario, fewer, fresh_url())
        steps = fewer[: again.steps] if again.invariant == report.invariant else steps
    size = len(steps) // 2
    while size > 0 and time.perf_counter() < until:
        begin = 0
        while begin < len(steps) and time.perf_counter() < until:
            fewer = [*steps[:begin], *steps[begin + size :]]
            again = run(report.scenario, fewer, fresh_url())
            if again.invariant != report.invariant:
                begin += size
            else:
                steps = fewer[: again.steps]
        size //= 2
    return steps


def _without_bystanders(report: Report, steps: list[Step]) -> Iterator[list[Step]]:
    """Yield the steps without those of other providers, and these with ever less of the past."""
    names = [provider.provider_id for provider in report.scenario.world()]
    name = str(report.invariant).partition(": ")[2].split()[0]
    shared = ("sweep", "purge", "read_inbox")
    own = [step for step in steps if step.action in shared or names[step.provider] == name]
    yield own
    for days in (120, 60, 30, 10):
        yield [step for step in own if step.at > steps[-1].at - timedelta(days=days)]


def as_test(scenario: Scenario, steps: Sequence[Step]) -> str:
    """Return a test that can be pasted into the suite."""
    lines = "".join(f"        {step!r},\n" for step in steps)
    return (
        f"def test_NAME() -> None:\n    steps = [\n{lines}    ]\n    assert run({scenario!r}, steps).failure is None\n"
    )


def _line(step: Step, happened: Happened) -> str:
    """Return the step as the story and the digest contain it."""
    parts = [str(step.at)[: len("2026-01-01 00:00")], step.action]
    if happened.provider_id:
        parts.append(happened.provider_id)
    if happened.model_id:
        parts.append(happened.model_id)
    parts += [f"{name}={value}" for name, value in _faults(step)]
    if step.clock_error:
        parts.append(f"clock={step.clock_error.total_seconds() / 3600:+.1f}h")
    parts.append("done" if happened.is_acknowledged else f"not done ({happened.error})")
    return " ".join(parts)


def _faults(step: Step) -> list[tuple[str, str]]:
    found = (("fault", step.fault), ("crash", step.crash), ("database_fault", step.database_fault))
    return [(name, value) for name, value in found if value]


def _count(counts: Counter[str], step: Step, happened: Happened) -> None:
    counts[step.action] += 1
    for name, value in _faults(step):
        counts[f"{step.action if name == 'fault' else name}: {value}"] += 1
    if step.clock_error:
        counts["host clock wrong"] += 1
    if step.process:
        counts["second process"] += 1
    if happened.error:
        counts[f"ended with {happened.error.split(':')[0]}"] += 1


def print_failure(report: Report, steps: Sequence[Step]) -> None:
    """Print the seed, the step, the shrunken story and a test."""
    out = sys.stdout
    out.write(f"seed {report.scenario.seed} fails at step {report.steps}: {report.failure}\n")
    run(report.scenario, steps, tell=lambda line: print(f"  {line}", file=out))
    out.write(f"\n{as_test(report.scenario, steps)}\n")
