"""Two calls whose statements alternate leave the catalog as one of the two would have after the other."""

import json
import random
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import unified_diff
from itertools import chain, count, repeat
from pathlib import Path

import pytest
import sqlalchemy as sa

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline_tests.catalog.backends import BACKENDS, Place, new_place
from ghost_pipeline_tests.catalog.interleaving import Call, Interleaver

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=40)
RANDOM_SCHEDULES = 1

Action = Callable[[ModelCatalog, str, int], object]
"""(catalog, provider, the listing that was admitted for this call) -> result."""


def _content(*model_ids: str) -> bytes:
    return json.dumps({"data": [{"id": model_id} for model_id in model_ids]}).encode()


LISTINGS = (_content("m", "n"), _content("m", "n", "of second"))


def _remove(catalog: ModelCatalog, slug: str, _listing_id: int) -> object:
    return catalog.remove_model(slug, "m", NOW)


def _remove_all(catalog: ModelCatalog, slug: str, _listing_id: int) -> object:
    return catalog.remove_provider(slug, NOW)


def _restore(catalog: ModelCatalog, slug: str, _listing_id: int) -> object:
    return catalog.restore_model(slug, "m", NOW)


def _restore_all(catalog: ModelCatalog, slug: str, _listing_id: int) -> object:
    return catalog.restore_provider(slug, NOW)


def _reactivate(catalog: ModelCatalog, slug: str, _listing_id: int) -> object:
    return catalog.reactivate_model(slug, "m", NOW)


def _add(catalog: ModelCatalog, slug: str, _listing_id: int) -> object:
    return catalog.add_manual_model(slug, "m", observed_at=NOW)


def _infer(catalog: ModelCatalog, slug: str, _listing_id: int) -> object:
    return catalog.track_successful_inference(slug, "m", metadata={"used": 1}, observed_at=NOW)


def _reconcile(catalog: ModelCatalog, _slug: str, listing_id: int) -> object:
    outcome = catalog.reconcile(listing_id)
    return outcome.verdict, outcome.reason, outcome.counts, outcome.created_ids


def _sweep_stale(catalog: ModelCatalog, slug: str, _listing_id: int) -> object:
    return catalog.mark_stale_models_inactive(slug, now=NOW)


def _sweep_purgeable(catalog: ModelCatalog, slug: str, _listing_id: int) -> object:
    return catalog.delete_old_inactive_models(slug, now=NOW)


STATES: dict[str, dict[str, object]] = {
    "active": {"is_active": True},
    "ghost": {"is_active": False, "deactivated_at": LONG_AGO.isoformat()},
}
"""Both were last seen so long ago that the stale sweep or the purge sweep selects them."""


@dataclass(frozen=True)
class Scenario:
    """Two calls on a model that is in one state: ``active``, ``ghost``, ``purged``, ``removed`` or ``all removed``."""

    state: str
    first: Action
    second: Action

    def __str__(self) -> str:
        return f"{self.state}: {self.first.__name__[1:]} and {self.second.__name__[1:]}"


SCENARIOS = [
    *(Scenario("active", _remove, other) for other in (_reconcile, _sweep_stale, _infer, _reactivate)),
    *(Scenario("ghost", _remove, other) for other in (_sweep_purgeable, _reconcile)),
    *(Scenario("purged", _remove, other) for other in (_reconcile, _infer, _restore)),
    *(Scenario("purged", _restore, other) for other in (_reconcile, _infer, _add)),
    *(Scenario("removed", _restore, other) for other in (_reconcile, _infer, _add)),
    *(Scenario("ghost", _reactivate, other) for other in (_reconcile, _sweep_purgeable, _infer)),
    Scenario("active", _reactivate, _sweep_stale),
    *(Scenario("active", _sweep_stale, other) for other in (_infer, _reconcile, _add)),
    *(Scenario("ghost", _sweep_purgeable, other) for other in (_infer, _reconcile, _add)),
    *(Scenario("active", _remove_all, other) for other in (_reconcile, _infer)),
    *(Scenario("all removed", _restore_all, other) for other in (_reconcile, _infer, _restore)),
    *(Scenario(state, _reconcile, _reconcile) for state in ("ghost", "purged")),
]


class Stage:
    """A database, two catalogs on it, and as many providers in one state as are asked for."""

    def __init__(self, backend: str, place: Place) -> None:
        self.backend = backend
        self.setup = place.opened(clock=lambda: NOW)
        self.actors = tuple(place.opened(clock=lambda: NOW) for _ in range(2))
        self._slugs = (f"p{number}" for number in count(1))

    def close(self) -> None:
        for catalog in (self.setup, *self.actors):
            catalog.close()

    def prepare(self, scenario: Scenario, size: int) -> Iterator[tuple[str, list[int]]]:
        """Yield providers in the scenario's state, and the listings that were admitted for its two calls."""
        while True:
            slugs = [next(self._slugs) for _ in range(size)]
            state = STATES["active" if scenario.state in ("removed", "all removed") else "ghost"]
            state = STATES.get(scenario.state, state)
            seen = dict.fromkeys(("first_seen_at", "last_seen_at", "last_listed_at"), LONG_AGO.isoformat())
            self.setup.import_models(
                [
                    {"provider_id": slug, "model_id": model_id, "source": "INDEX", **seen, **state}
                    for slug in slugs
                    for model_id in "mn"
                ],
                now=NOW,
            )
            for slug in slugs:
                if scenario.state == "purged":
                    self.setup.delete_old_inactive_models(slug, now=NOW)
                elif scenario.state == "removed":
                    self.setup.remove_model(slug, "m", LONG_AGO)
                elif scenario.state == "all removed":
                    self.setup.remove_provider(slug, LONG_AGO)
                is_listed = _reconcile in (scenario.first, scenario.second)
                yield slug, [self._admit(slug, content) if is_listed else 0 for content in LISTINGS]

    def _admit(self, slug: str, content: bytes) -> int:
        submission = SubmittedListing(slug, f"{slug}.json", content, NOW)
        return self.setup.admit(submission).listing_id

    def outcome(self, slug: str, results: list[object]) -> str:
        """Return the results and the provider's rows as text, the same for every provider in the same state.

        Of the events of one statement only those of the same model have an order.
        """
        hidden = {"id", "label", "provider_id", "position", "first_id", "last_id", "recorded_at"}
        with self.setup._database.reading() as connection:
            rows = {}
            for table, order in (
                ("providers", "id"),
                ("models", "model_id"),
                ("listings", "id"),
                ("model_events", "model_id, id"),
            ):
                column = "id" if table == "providers" else "provider_id"
                query = sa.text(f"SELECT * FROM {table} WHERE {column} = :slug ORDER BY {order}")
                rows[table] = [dict(row) for row in connection.execute(query, {"slug": slug}).mappings()]
        numbers = {row["id"]: number for number, row in enumerate(rows["listings"])}
        shown = {table: [{k: v for k, v in row.items() if k not in hidden} for row in of] for table, of in rows.items()}
        rows_as_text = json.dumps(shown, default=str, indent=1).replace("\\", "")
        text = "\n".join([*map(str, results), rows_as_text]).replace(slug, "PROVIDER")
        return re.sub(r'(listing_id(?:": ?|=))(\d+)', lambda found: f"{found[1]}{numbers[int(found[2])]}", text)


@pytest.fixture(scope="module", params=BACKENDS)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    home = Path(tempfile.mkdtemp())
    place = new_place(request.param, home)
    stage = Stage(request.param, place)
    yield stage
    stage.close()
    place.remove()
    shutil.rmtree(home)


def _bound(action: Action, slug: str, listing_id: int) -> Call:
    return lambda catalog: action(catalog, slug, listing_id)


class Play:
    """A scenario, and what it may come to: the outcome of each of the two orders."""

    def __init__(self, stage: Stage, scenario: Scenario) -> None:
        self._stage = stage
        self._actions = (scenario.first, scenario.second)
        self._providers = stage.prepare(scenario, 5)
        self._serial = {self._play(repeat(first), is_serial=True)[0]: first for first in (0, 1)}

    def check(self, preferred: Iterator[int], schedule: str) -> list[int]:
        """Play it once, and return how many turns each call took."""
        outcome, turns = self._play(preferred)
        if outcome not in self._serial:
            pytest.fail("\n\n".join(_difference(one, outcome, schedule) for one in self._serial))
        return turns

    def _play(self, preferred: Iterator[int], *, is_serial: bool = False) -> tuple[str, list[int]]:
        slug, listing_ids = next(self._providers)
        first, second = (_bound(*call) for call in zip(self._actions, repeat(slug), listing_ids, strict=False))
        with Interleaver(*self._stage.actors).listening() as interleaver:
            results, turns = interleaver.run((first, second), preferred, is_serial=is_serial)
        return self._stage.outcome(slug, results), turns


def _difference(serial: str, outcome: str, schedule: str) -> str:
    lines = unified_diff(serial.splitlines(), outcome.splitlines(), "one after the other", schedule, n=1, lineterm="")
    return "\n".join(lines)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_two_calls_at_once_are_as_one_after_the_other(stage: Stage, scenario: Scenario) -> None:
    play = Play(stage, scenario)
    for begins in (0, 1):
        statements = 1  # the first turn only starts the call
        while True:
            schedule = chain(repeat(begins, statements), repeat(1 - begins))
            turns = play.check(schedule, f"call {begins} interrupted after {statements - 1} statements")
            if turns[begins] <= statements:
                break
            statements += max(1, statements // 2)  # races begin at a call's first statements
    chance = random.Random(20260501)
    for number in range(RANDOM_SCHEDULES):
        play.check((chance.choice((0, 1)) for _ in count()), f"random schedule {number}")
