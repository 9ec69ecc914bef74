"""``python -m simulation.mutants``: switch each safeguard off in turn and show that the simulation finds it.

A mutant replaces a function of the catalog by one without the safeguard. If no seed finds it, the simulation could
not have found that failure either.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from dataclasses import replace as changed
from typing import Any
from unittest import mock

import sqlalchemy as sa
from msgspec.structs import replace

from ghost_pipeline.catalog import apply, sweeps
from ghost_pipeline.catalog.ingestion import reconcile
from ghost_pipeline.catalog.storage import database
from ghost_pipeline.catalog.storage.tables import models
from ghost_pipeline.lifecycle import absence, validation, verdicts
from ghost_pipeline.lifecycle.vocabulary import Source
from simulation.actors import Actors
from simulation.runner import Report, Scenario, run

SCENARIOS = tuple(Scenario(seed, days, 4) for seed in range(1, 7) for days in (60, 200))
"""Tried in this order until one fails: short ones find most."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One safeguard and its replacement."""

    name: str
    patches: tuple[tuple[Any, str, Any], ...]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Run the block without the safeguard."""
        with ExitStack() as stack:
            for target, name, value in self.patches:
                stack.enter_context(mock.patch.object(target, name, value))
            yield


def always(value: object) -> Callable[..., Any]:
    """Return a function that returns ``value`` whatever it is given."""
    return lambda *_arguments, **_options: value


def _as_listed(rule: Callable[..., bool]) -> Callable[..., bool]:
    """Return a sweep's rule that treats manual models like listed ones."""
    return lambda model, *others: rule(replace(model, source=Source.INDEX), *others)


def _is_old(model: Any, _provider: Any, now: Any, thresholds: Any) -> bool:
    """Stand in for ``is_purgeable`` without the time as a ghost and without holds."""
    return (
        not model.is_active and model.source is not Source.MANUAL and model.last_seen_at < now - thresholds.purge_after
    )


def _purge_without_hold(model: Any, provider: Any, now: Any, thresholds: Any) -> bool:
    return absence.is_purgeable(model, changed(provider, held_since=None), now, thresholds)


NO_HOLD = changed(sweeps.STALE, holds_listed=always(False))
SWEEPS_MANUAL = changed(
    sweeps.STALE,
    rule=_as_listed(absence.is_stale),
    candidates=lambda now, thresholds: sa.and_(
        models.c.is_active == sa.true(), models.c.last_seen_at < now - thresholds.stale_after
    ),
)
PURGES_BY_AGE = changed(
    sweeps.PURGE,
    rule=_is_old,
    holds_listed=always(False),
    candidates=lambda now, thresholds: sa.and_(
        models.c.is_active == sa.false(), models.c.last_seen_at < now - thresholds.purge_after
    ),
)
PURGES_HELD = changed(sweeps.PURGE, rule=_purge_without_hold, holds_listed=always(False))

MUTANTS = (
    Mutant("holds", ((sweeps, "STALE", NO_HOLD), (absence, "is_protected_from_staleness", always(False)))),
    Mutant("the shrink rule", ((verdicts, "is_shrunken", always(False)),)),
    Mutant("confirmation: never", ((verdicts, "_confirms", always(False)),)),
    Mutant("confirmation: by any listing", ((verdicts, "_confirms", always(True)),)),
    Mutant(
        "tombstones", ((apply, "newest_tombstones", always({})), (reconcile, "_restore_from_tombstones", always(None)))
    ),
    Mutant("the late rule", ((verdicts, "is_late", always(False)),)),
    Mutant("the cap of instants", ((validation, "clamp_instant", lambda at, _now: at),)),
    Mutant("transactions", ((database, "_begin_sqlite", always(None)),)),
    Mutant("at-least-once of the inbox", ((Actors, "moves_cursor_first", True),)),
    Mutant("the purge's 30 days as a ghost", ((sweeps, "PURGE", PURGES_BY_AGE),)),
    Mutant("the purge's holds", ((sweeps, "PURGE", PURGES_HELD),)),
    Mutant("manual models", ((sweeps, "STALE", SWEEPS_MANUAL),)),
)


def find(mutant: Mutant) -> Report | None:
    """Return the first run that finds the mutant; None if none does."""
    with mutant.applied():
        for scenario in SCENARIOS:
            report = run(scenario)
            if report.failure is not None:
                return report
    return None


def main() -> int:
    """Print what finds each mutant; return 1 if one survives."""
    survivors = 0
    for mutant in MUTANTS:
        report = find(mutant)
        if report is None:
            survivors += 1
            print(f"{mutant.name:32} NOT FOUND", flush=True)
        else:
            seed = report.scenario.seed
            print(f"{mutant.name:32} found by seed {seed} after {report.steps:>6,} steps: {report.failure}", flush=True)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
