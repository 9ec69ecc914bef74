"""``python -m simulation.mutants``: switch each safeguard off in turn and show that the simulation finds it.

A mutant replaces a function of the catalog by one without the safeguard. If no seed finds it, the simulation could
not have found that failure either.
"""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from dataclasses import replace as changed
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import sqlalchemy as sa
from msgspec.structs import replace

from ghost_pipeline.catalog import apply, catalog, sweeps
from ghost_pipeline.catalog.ingestion import bulk, future_instants, reconcile
from ghost_pipeline.catalog.refusals import settling
from ghost_pipeline.catalog.storage import database
from ghost_pipeline.catalog.storage.archive import Archive
from ghost_pipeline.catalog.storage.tables import models
from ghost_pipeline.client import writer as client_writer
from ghost_pipeline.client.writer import Writer
from ghost_pipeline.lifecycle import absence, validation, verdicts
from ghost_pipeline.lifecycle.refusals import state
from ghost_pipeline.lifecycle.vocabulary import Source
from simulation import faults, numbers
from simulation.actors import Actors
from simulation.runner import Report, Scenario, run

SCENARIOS = tuple(Scenario(seed, 60, 3) for seed in range(1, 7))
"""Tried in this order until one fails."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One safeguard, its replacement, and what happens more often so that the safeguard is needed soon."""

    name: str
    patches: tuple[tuple[Any, str, Any], ...]
    rates: tuple[tuple[Any, str, Any], ...] = ()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Run the block without the safeguard, in the world in which it is needed soon."""
        with self.needed(), ExitStack() as stack:
            for target, name, value in self.patches:
                stack.enter_context(mock.patch.object(target, name, value))
            yield

    @contextmanager
    def needed(self) -> Iterator[None]:
        """Run the block in the same world, with the safeguard."""
        with ExitStack() as stack:
            for target, name, value in self.rates:
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


def _without_hold(rule: Callable[..., bool]) -> Callable[..., bool]:
    """Return a sweep's rule that ignores that the provider is held."""
    return lambda model, provider, *others: rule(model, changed(provider, held_since=None), *others)


SEEN_BEFORE = models.c.last_seen_at < sa.bindparam("before", type_=models.c.last_seen_at.type)
NO_HOLD = changed(sweeps.STALE, rule=_without_hold(absence.is_stale), holds_listed=always(False))
SWEEPS_MANUAL = changed(
    sweeps.STALE,
    rule=_as_listed(absence.is_stale),
    candidates=sa.and_(models.c.is_active == sa.true(), SEEN_BEFORE),
)
PURGES_BY_AGE = changed(
    sweeps.PURGE,
    rule=_is_old,
    holds_listed=always(False),
    candidates=sa.and_(models.c.is_active == sa.false(), SEEN_BEFORE),
)
PURGES_HELD = changed(sweeps.PURGE, rule=_without_hold(absence.is_purgeable), holds_listed=always(False))

DEACTIVATES_REFUSED = settling._UPDATE.values(is_active=False, deactivated_at=models.c.last_seen_at)


def _all_counted(counted: Iterable[Any], *_: object) -> list[Any]:
    """Stand in for ``_latest_run`` without an end."""
    return list(counted)


def _split(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` with a commit before it, which makes two transactions of one."""

    def commit_and_call(connection: sa.Connection, *arguments: Any, **options: Any) -> Any:
        driver_connection: Any = connection.connection.driver_connection
        if driver_connection.in_transaction:
            driver_connection.execute("COMMIT")
        return function(connection, *arguments, **options)

    return commit_and_call


FEW_SPELLS = ((numbers, "LONG_BAD_SPELLS_PER_YEAR", 0.01), (numbers, "DOWNTIMES_PER_YEAR", 0.01))
SHRUNKEN_SPELLS = (*FEW_SPELLS, (faults, "LISTING_FAULTS", ("shrunken",)), (numbers, "BAD_SPELLS_PER_YEAR", 40.0))
EMPTY_SPELLS = (*FEW_SPELLS, (faults, "LISTING_FAULTS", ("empty",)), (numbers, "BAD_SPELLS_PER_YEAR", 40.0))
MASS_RETIREMENTS = (*FEW_SPELLS, (numbers, "MASS_RETIREMENTS_PER_YEAR", 30.0), (numbers, "BAD_FETCH_SHARE", 0.02))
RETURNS = (*FEW_SPELLS, (numbers, "RETIREMENTS_PER_YEAR", 6.0), (numbers, "RETURNS_SHARE", 1.0))
STATEMENTS = (*FEW_SPELLS, (numbers, "OPERATOR_ACTIONS_PER_YEAR", 400.0))
LATE_PRICES = (
    *FEW_SPELLS,
    (faults, "LISTING_FAULTS", ("late",)),
    (numbers, "BAD_FETCH_SHARE", 0.5),
    (numbers, "PRICE_CHANGES_PER_YEAR", 400.0),
)
CRASHES = (*FEW_SPELLS, (faults, "CRASHES", ("statement",)), (numbers, "CRASH_SHARE", 0.4))
CRASHES_OF_LAUNCHES = (*CRASHES, (numbers, "LAUNCHES_PER_YEAR", 30.0))
LOST_LINES = (
    *FEW_SPELLS,
    (numbers, "CRASH_SHARE", 0.4),
    (numbers, "INFERENCES_EVERY", timedelta(days=20)),
    (numbers, "INBOX_READ_EVERY", timedelta(hours=4)),
)
WRONG_CLOCKS = (*FEW_SPELLS, (numbers, "WRONG_CLIENT_CLOCK_SHARE", 0.5))
LONG_DOWNTIMES = ((numbers, "DOWNTIMES_PER_YEAR", 24.0), (numbers, "DOWNTIME", timedelta(days=120)))
LONG_SPELLS = (
    (numbers, "DOWNTIMES_PER_YEAR", 0.01),
    (faults, "LISTING_FAULTS", ("empty", "error_page")),
    (numbers, "LONG_BAD_SPELLS_PER_YEAR", 24.0),
    (numbers, "LONG_BAD_SPELL", timedelta(days=120)),
)

CLOCKS_BEHIND = (
    *FEW_SPELLS,
    (numbers, "CLOCK_JUMPS_PER_YEAR", 60.0),
    (numbers, "CLOCK_ERRORS", (-1.0, -0.02)),
    (numbers, "OPERATOR_ACTIONS_PER_YEAR", 0.01),
)
CLOCKS_INTO_SILENCE = (
    (numbers, "LONG_BAD_SPELLS_PER_YEAR", 0.01),
    (numbers, "CLOCK_JUMPS_PER_YEAR", 200.0),
    (numbers, "CLOCK_ERRORS", (-1.0, -0.3)),
    (numbers, "DOWNTIMES_PER_YEAR", 10.0),
    (numbers, "RETIREMENTS_PER_YEAR", 6.0),
)
REPLACED = (*FEW_SPELLS, (faults, "LISTING_FAULTS", ("replaced",)), (numbers, "BAD_FETCH_SHARE", 0.4))
REFUSALS = (*RETURNS, (numbers, "REFUSALS_EVERY", timedelta(hours=10)), (numbers, "CLOCK_JUMPS_PER_YEAR", 0.01))
SHORT_REQUESTS = (*REFUSALS, (numbers, "REQUESTED_FOR", timedelta(days=3)))
LOST_DELIVERIES = (*FEW_SPELLS, (numbers, "DATABASE_FAULT_SHARE", 0.3))


def _load_unchecked(archive: Archive, digest: str) -> bytes:
    return archive._place.read(archive.name_of(digest))


def _write_once(writer: Writer, models_to_write: Collection[Any]) -> bool:
    """Stand in for ``Writer._write`` without keeping what the catalog did not accept."""
    is_delivered = WRITE(writer, models_to_write)
    writer._waiting.by_model.clear()
    return is_delivered


WRITE = Writer._write


def _trusted(at: datetime, _now: datetime) -> datetime:
    """Stand in for ``clamp_instant`` without a limit."""
    return at


CAPS = (validation, catalog, client_writer)
"""Who calls it."""

MUTANTS = (
    Mutant(
        "holds",
        ((sweeps, "STALE", NO_HOLD),),
        EMPTY_SPELLS,
    ),
    Mutant("the shrink rule", ((verdicts, "is_shrunken", always(False)),), SHRUNKEN_SPELLS),
    Mutant("confirmation: never", ((verdicts, "_confirms", always(False)),), MASS_RETIREMENTS),
    Mutant("confirmation: by any listing", ((verdicts, "_confirms", always(True)),), SHRUNKEN_SPELLS),
    Mutant(
        "tombstones",
        ((apply, "newest_tombstones", always({})), (reconcile, "_restore_from_tombstones", always(None))),
        RETURNS,
    ),
    Mutant("the late rule", ((verdicts, "is_late", always(False)),), LATE_PRICES),
    Mutant("the cap of instants", tuple((where, "clamp_instant", _trusted) for where in CAPS), WRONG_CLOCKS),
    Mutant("transactions", ((database, "_begin_sqlite", always(None)),), CRASHES),
    Mutant("the transaction of a reconcile", ((reconcile, "stage", _split(bulk.stage)),), CRASHES_OF_LAUNCHES),
    Mutant("at-least-once of the inbox", ((Actors, "moves_cursor_first", True),), LOST_LINES),
    Mutant("the purge's 30 days as a ghost", ((sweeps, "PURGE", PURGES_BY_AGE),), LONG_DOWNTIMES),
    Mutant("the purge's holds", ((sweeps, "PURGE", PURGES_HELD),), LONG_SPELLS),
    Mutant("manual models", ((sweeps, "STALE", SWEEPS_MANUAL),)),
    Mutant("statements of operators", ((reconcile, "keep_stated", always(None)),), STATEMENTS),
    Mutant("the doubt about a clock", ((future_instants, "_may_be_behind", always(False)),), CLOCKS_BEHIND),
    Mutant("corrected instants", ((sweeps, "may_have_been_seen", always(False)),), CLOCKS_INTO_SILENCE),
    Mutant("the digest of the archive", ((Archive, "load", _load_unchecked),), REPLACED),
    Mutant("the memory of the tracker", ((Writer, "_write", _write_once),), LOST_DELIVERIES),
    Mutant("successes after refusals", ((state, "counting_from", always(None)),), REFUSALS),
    Mutant("the expiry of refusals", ((state, "_latest_run", _all_counted),), SHORT_REQUESTS),
    Mutant("successes of other accounts", ((state, "_uses_by_account", always({})),), REFUSALS),
    Mutant("the evidence of refusals", ((settling, "read_evidence", always({})),), REFUSALS),
    Mutant("refused models stay active", ((settling, "_UPDATE", DEACTIVATES_REFUSED),), REFUSALS),
)


def find(mutant: Mutant) -> tuple[Report | None, str | None]:
    """Return the first run that finds the mutant, None if none does, and what breaks in it with the safeguard too."""
    with mutant.applied():
        report = next((report for report in map(run, SCENARIOS) if report.failure is not None), None)
    if report is None:
        return None, None
    with mutant.needed():
        return report, run(report.scenario, report.scenario.steps()[: report.steps]).failure


def main() -> int:
    """Print what finds each mutant; return 1 if one survives, or if the world breaks with the safeguard too."""
    wanted = sys.argv[1:]
    problems = 0
    for mutant in MUTANTS:
        if wanted and mutant.name not in wanted:
            continue
        report, control = find(mutant)
        if report is None:
            line = "NOT FOUND"
        else:
            line = f"found by seed {report.scenario.seed} after {report.steps:>5,} steps: {report.failure}"
        if control is not None:
            line = f"INVALID, fails with the safeguard too: {control}"
        problems += report is None or control is not None
        print(f"{mutant.name:32} {line}", flush=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
