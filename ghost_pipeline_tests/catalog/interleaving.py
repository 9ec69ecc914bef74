"""Two calls at once on connections of their own, whose statements take turns as a schedule determines."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.errors import GhostPipelineError

BLOCKED_SECONDS = 0.025
"""A statement on SQLite that takes longer may wait for a lock of the other call, which then takes its turns."""

PATIENT_SECONDS = 5.0
"""The same on PostgreSQL, which shows what waits, and for calls one after the other, of which none has to wait."""

POLL_SECONDS = 0.003
"""PostgreSQL shows within this time that a statement waits for a lock."""

STUCK_SECONDS = 30.0

OWN_TABLES = ("CREATE TEMPORARY", "DROP TABLE", "ANALYZE")
"""Statements on temporary tables, which no other connection sees."""

Call = Callable[[ModelCatalog], object]


@dataclass
class _Player:
    state: str = "running"
    """``running``, ``blocked`` by a lock, ``waiting`` for its turn, or ``done``."""
    turns: int = 0
    result: object = None


class _Turns:
    """Let one of two threads execute its next statement at a time, unless that one waits for a lock."""

    def __init__(self, is_any_blocked: Callable[[], bool]) -> None:
        self._is_any_blocked = is_any_blocked
        self._changed = threading.Condition()
        self._blocked_seconds = PATIENT_SECONDS
        self._players: dict[int, _Player] = {}
        self._chosen: int | None = None

    def join(self, number: int) -> None:
        """Take part as the thread ``number``."""
        threading.current_thread().name = f"player {number}"

    def wait_for_turn(self, *_event: object) -> None:
        """Wait until the thread that calls may go on; threads that do not take part never wait."""
        _, _, number = threading.current_thread().name.partition("player ")
        if not number:
            return
        with self._changed:
            player = self._players[int(number)]
            player.state = "waiting"
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._chosen == int(number), STUCK_SECONDS)
            self._chosen = None
            player.state = "running"
            player.turns += 1

    def play(
        self, works: Sequence[Callable[[], object]], preferred: Iterator[int], blocked_seconds: float
    ) -> list[_Player]:
        """Run the two works in threads; ``preferred`` yields whose turn it is, as far as that one is not blocked."""
        self._blocked_seconds = blocked_seconds
        self._players = {number: _Player() for number in range(len(works))}
        threads = [threading.Thread(target=self._work, args=(number, work)) for number, work in enumerate(works)]
        for thread in threads:
            thread.start()
        for number in preferred:
            if not self._give_turn(number):
                break
        for thread in threads:
            thread.join(STUCK_SECONDS)
            assert not thread.is_alive()
        return list(self._players.values())

    def _work(self, number: int, work: Callable[[], object]) -> None:
        self.join(number)
        try:
            self.wait_for_turn()
            self._players[number].result = work()
        except GhostPipelineError as error:
            self._players[number].result = f"{type(error).__name__}: {error}"
        finally:
            with self._changed:
                self._players[number].state = "done"
                self._changed.notify_all()

    def _give_turn(self, preferred: int) -> bool:
        """Give a turn to ``preferred``, to the other one if that is blocked or done; return False if both are done."""
        players = self._players
        with self._changed:
            deadline = time.monotonic() + self._blocked_seconds
            while not self._changed.wait_for(self._is_nobody_running, POLL_SECONDS):
                if self._is_any_blocked() or time.monotonic() > deadline:
                    self._replace_state("running", "blocked")
            assert self._changed.wait_for(lambda: self._is_any("waiting") or not self._is_any("blocked"), STUCK_SECONDS)
            ready = [number for number, player in players.items() if player.state == "waiting"]
            if not ready:
                return False
            self._chosen = preferred if preferred in ready else ready[0]
            self._changed.notify_all()
            return True

    def _is_nobody_running(self) -> bool:
        return self._chosen is None and not self._is_any("running")

    def _replace_state(self, old: str, new: str) -> None:
        for player in self._players.values():
            if player.state == old and self._chosen is None:
                player.state = new

    def _is_any(self, state: str) -> bool:
        return any(player.state == state for player in self._players.values())


class Interleaver:
    """Runs two calls on two catalogs of one database, statement by statement."""

    def __init__(self, first: ModelCatalog, second: ModelCatalog) -> None:
        self._catalogs = (first, second)
        self._turns = _Turns(self._is_any_blocked)

    @contextmanager
    def listening(self) -> Iterator["Interleaver"]:
        """Take part in every statement and commit of the two catalogs while the block runs."""
        hooks: list[tuple[Any, str, Any]] = []
        for catalog in self._catalogs:
            engine = catalog._database.engine
            hooks += [(engine, name, self._hook(name)) for name in ("begin", "before_cursor_execute", "commit")]
        for hook in hooks:
            sa.event.listen(*hook)
        try:
            yield self
        finally:
            for hook in hooks:
                sa.event.remove(*hook)

    def _hook(self, name: str) -> Callable[..., None]:
        if name == "commit":
            return lambda _connection: self._turns.wait_for_turn()
        if name == "begin":
            return self._before_begin
        return self._before_statement

    def _before_begin(self, connection: sa.Connection) -> None:
        # On PostgreSQL a transaction begins with its first statement.
        if connection.dialect.name == "sqlite":
            self._turns.wait_for_turn()

    def _before_statement(self, connection: sa.Connection, _cursor: object, statement: str, *_rest: object) -> None:
        # On SQLite the statements of a transaction that writes are one step: nobody else can write, or see them.
        is_one_step = connection.get_execution_options().get("is_writing")
        if not is_one_step and not statement.lstrip().startswith(OWN_TABLES):
            self._turns.wait_for_turn()

    def _is_any_blocked(self) -> bool:
        """Return True if a statement waits for a lock, as far as the database can show it."""
        database = self._catalogs[0]._database
        if database.is_sqlite:
            return False
        waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        with database.engine.connect() as connection:
            return connection.exec_driver_sql(waiting).first() is not None

    def run(
        self, calls: tuple[Call, Call], preferred: Iterator[int], *, is_serial: bool = False
    ) -> tuple[list[object], list[int]]:
        """Return what each call returned, or the text of its error, and how many turns each took.

        With ``is_serial`` one of them has all its turns before the other, so that none has to wait for a lock.
        """
        is_patient = is_serial or not self._catalogs[0]._database.is_sqlite
        works = [partial(call, on) for call, on in zip(calls, self._catalogs, strict=True)]
        players = self._turns.play(works, preferred, PATIENT_SECONDS if is_patient else BLOCKED_SECONDS)
        return [player.result for player in players], [player.turns for player in players]
