"""Turn a seed into the list of steps of one simulation, before anything runs."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

import msgspec

from simulation import faults, numbers
from simulation.faults import DATABASE_FAULTS
from simulation.world import TrueProvider

OPERATOR_ACTIONS = ("add", "remove", "restore", "release", "reactivate")
LARGEST_SWEEP_CLOCK_ERROR = timedelta(hours=20)
"""A sweep that runs days ahead can only do what its clock asks for, so larger errors are kept to recording."""


class Step(msgspec.Struct, frozen=True):
    """One action at a true instant. Everything random about it is decided here."""

    at: datetime
    action: str
    """fetch, infer, refuse, write_inbox, read_inbox, sweep, purge, or one of OPERATOR_ACTIONS."""
    provider: int = 0
    """Index in the world."""
    fault: str | None = None
    """What is wrong with a listing, with the clock of a client ("ahead", "behind", "unset"), or with a refusal."""
    seed: int = 0
    clock_error: timedelta = timedelta()
    """How far the clock of this host is ahead."""
    process: int = 0
    crash: str | None = None
    database_fault: str | None = None

    @property
    def host_time(self) -> datetime:
        """Return the time of this host's clock."""
        return self.at + self.clock_error


class _Spell(NamedTuple):
    begin: datetime
    end: datetime
    size: float = 0.0

    def holds(self, at: datetime) -> bool:
        return self.begin <= at < self.end


def make_plan(random: Random, refusing: Random, world: list[TrueProvider], begin: datetime, days: int) -> list[Step]:
    """Return every step of ``days`` days, in order. ``refusing`` decides the refusals, which change no other step."""
    end = begin + timedelta(days=days)
    down = list(_spells(random, begin, end, numbers.DOWNTIMES_PER_YEAR, numbers.DOWNTIME))
    clocks = list(_spells(random, begin, end, numbers.CLOCK_JUMPS_PER_YEAR, numbers.CLOCK_WRONG_FOR))
    bad = [
        [
            *_spells(random, begin, end, numbers.BAD_SPELLS_PER_YEAR, numbers.BAD_SPELL),
            *_spells(random, begin, end, numbers.LONG_BAD_SPELLS_PER_YEAR, numbers.LONG_BAD_SPELL),
        ]
        for _ in world
    ]
    steps = []
    ideal = (random, _ideal(random, world, begin, end, bad)), (refusing, _refusals(refusing, world, begin, end))
    for chance, planned in ideal:
        up = [step for step in planned if not any(spell.holds(step.at) for spell in down)]
        steps += [_with_faults(chance, step, clocks) for step in sorted(up, key=lambda step: step.at)]
    return sorted(steps, key=lambda step: step.at)


def _refusals(random: Random, world: list[TrueProvider], begin: datetime, end: datetime) -> Iterator[Step]:
    for number, provider in enumerate(world):
        if provider.is_local:
            continue  # what a local server answers is about one machine. Documentation
        for at in _every(random, begin, end, numbers.REFUSALS_EVERY, numbers.FETCH_JITTER):
            faults_of_one = ("ahead", "behind", "unset") if random.random() < numbers.WRONG_CLIENT_CLOCK_SHARE else ()
            is_mistaken = random.random() < numbers.MISTAKEN_REFUSAL_SHARE
            fault = random.choice(faults_of_one or ("mistaken",)) if faults_of_one or is_mistaken else None
            yield Step(at, "refuse", number, fault, _seed(random))


def _ideal(
    random: Random, world: list[TrueProvider], begin: datetime, end: datetime, bad: list[list[_Spell]]
) -> Iterator[Step]:
    for number in range(len(world)):
        for at in _every(random, begin, end, numbers.FETCH_EVERY, numbers.FETCH_JITTER):
            is_bad = random.random() < numbers.BAD_FETCH_SHARE or any(spell.holds(at) for spell in bad[number])
            yield Step(at, "fetch", number, random.choice(faults.LISTING_FAULTS) if is_bad else None, _seed(random))
        for at in _every(random, begin, end, numbers.INFERENCES_EVERY, numbers.FETCH_JITTER):
            is_wrong = random.random() < numbers.WRONG_CLIENT_CLOCK_SHARE
            fault = random.choice(("ahead", "behind", "unset")) if is_wrong else None
            yield Step(at, "infer", number, fault, _seed(random))
        for at in _every(random, begin, end, numbers.INBOX_EVERY, numbers.FETCH_JITTER):
            yield Step(
                at, "write_inbox", number, "junk" if random.random() < numbers.JUNK_SHARE else None, _seed(random)
            )
        for spell in _spells(random, begin, end, numbers.OPERATOR_ACTIONS_PER_YEAR, timedelta(1)):
            yield Step(spell.begin, random.choice(OPERATOR_ACTIONS), number, None, _seed(random))
    for at in _every(random, begin, end, numbers.INBOX_READ_EVERY, numbers.FETCH_JITTER):
        yield Step(at, "read_inbox", seed=_seed(random))
    for at in _every(random, begin, end, numbers.STALE_SWEEP_EVERY, timedelta()):
        yield Step(at, "sweep", seed=_seed(random))
    for at in _every(random, begin, end, numbers.PURGE_SWEEP_EVERY, timedelta()):
        yield Step(at, "purge", seed=_seed(random))


def _with_faults(random: Random, step: Step, clocks: list[_Spell]) -> Step:
    error = timedelta()
    for spell in clocks:
        if spell.holds(step.at):
            error = numbers.CLOCK_ERROR * spell.size
    if step.action in ("sweep", "purge"):
        error = max(-LARGEST_SWEEP_CLOCK_ERROR, min(error, LARGEST_SWEEP_CLOCK_ERROR))
    crash = random.choice(faults.CRASHES) if random.random() < numbers.CRASH_SHARE else None
    is_failing = crash is None and random.random() < numbers.DATABASE_FAULT_SHARE
    return Step(
        step.at,
        step.action,
        step.provider,
        step.fault,
        step.seed,
        clock_error=error,
        process=int(random.random() < numbers.SECOND_PROCESS_SHARE),
        crash=crash,
        database_fault=random.choice(DATABASE_FAULTS) if is_failing else None,
    )


def _every(random: Random, begin: datetime, end: datetime, period: timedelta, jitter: timedelta) -> Iterator[datetime]:
    at = begin + period * random.random()
    while at < end:
        yield at + jitter * random.random()
        at += period


def _spells(random: Random, begin: datetime, end: datetime, per_year: float, longest: timedelta) -> Iterator[_Spell]:
    at = begin
    while True:
        at += timedelta(days=random.expovariate(per_year / 365))
        if at >= end:
            return
        length = longest * random.random()
        yield _Spell(at, at + length, random.uniform(*numbers.CLOCK_ERRORS))
        at += length


def _seed(random: Random) -> int:
    return random.randrange(2**32)
