"""Deliver messages: a cursor, a message that waits and a back-off for each destination.

Changes become a message, which is stored together with the cursor after them; then it is sent until it is accepted.
So it is delivered at least once, in order, and the same on every attempt, with the same id. A sender takes the message
by storing when the next attempt may be made; if it dies, another one sends it after that time.
"""

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.history.changes import MAX_PAGE, Change
from ghost_pipeline.errors import GhostPipelineError
from ghost_pipeline.lifecycle.records import NotificationState
from ghost_pipeline.notifications.destinations import DAILY, Destination
from ghost_pipeline.notifications.digest import CurrentState, Notices, compose, first_notices
from ghost_pipeline.notifications.kinds import send_message
from ghost_pipeline.notifications.message import DeliveryError, Message, read_message

SEND_TIMEOUT = 60.0
"""Seconds after which an attempt counts as failed, whatever it is doing."""

CLAIM = timedelta(minutes=3)
"""How long nobody else sends a message that a sender has taken. Longer than SEND_TIMEOUT."""

FIRST_BACKOFF = timedelta(minutes=1)
MAX_BACKOFF = timedelta(hours=1)
MAX_RETRY_AFTER = timedelta(hours=24)
"""A server may ask for a longer wait than MAX_BACKOFF, but not for a longer one than this."""

MAX_CHANGES = {"webhook": MAX_PAGE, "apprise": 10 * MAX_PAGE, "atom": 10 * MAX_PAGE}
"""Kind -> changes that one message can be made of. Programs get all of them, people a summary."""

MAX_MESSAGES = 50
"""Messages to one destination in one delivery; the next one continues."""

FAILING_AFTER = 3
"""Failures in a row after which a destination counts as failing."""

Send = Callable[[Destination, Message, datetime], None]


class Result(StrEnum):
    """How a delivery to one destination ended."""

    STARTED = "started"
    """First use: messages begin with what happens from now on."""
    NOTHING = "nothing new"
    SENT = "sent"
    WAITING = "waiting"
    """After a failure, or another program is sending."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a delivery did for one destination."""

    name: str
    result: Result
    sent: int = 0
    """Messages that were delivered."""
    error: str | None = None
    next_attempt_at: datetime | None = None


def read_state(catalog: ModelCatalog, now: datetime) -> CurrentState:
    """Return what messages report besides changes."""
    return CurrentState(
        catalog.list_provider_health(), catalog.find_delisted_models(), catalog.settings.thresholds, now
    )


def deliver_all(
    catalog: ModelCatalog, destinations: Sequence[Destination], clock: Callable[[], datetime], send: Send = send_message
) -> list[Outcome]:
    """Make and send what is due, to all destinations at the same time; return what became of it, in their order.

    Raises CatalogError if the catalog can't be reached.
    """
    outcomes: dict[str, Outcome | BaseException] = {}

    def work(destination: Destination) -> None:
        try:
            outcomes[destination.name] = deliver(catalog, destination, clock, send)
        except BaseException as error:  # noqa: BLE001 - raised in the calling thread
            outcomes[destination.name] = error

    threads = [threading.Thread(target=work, args=(one,)) for one in destinations]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = []
    for one in destinations:
        outcome = outcomes[one.name]
        if isinstance(outcome, BaseException):
            raise outcome
        found.append(outcome)
    return found


def deliver(
    catalog: ModelCatalog, destination: Destination, clock: Callable[[], datetime], send: Send = send_message
) -> Outcome:
    """Make and send what is due to one destination. Raises CatalogError."""
    name, sent = destination.name, 0
    while sent < MAX_MESSAGES:
        now = clock()
        state = catalog.notifications.read(name)
        if state is None:
            start(catalog, destination, now)
            return Outcome(name, Result.STARTED)
        if state.is_blocked(now):
            return Outcome(name, Result.WAITING, sent, state.last_error, state.next_attempt_at)
        state = prepare_message(catalog, destination, state, now)
        if state is None:
            continue  # another program was faster
        if state.pending is None:
            break
        claimed = catalog.notifications.save(replace(state, next_attempt_at=now + CLAIM))
        if claimed is None:
            continue
        failed = _attempt(catalog, destination, claimed, clock, send)
        if failed is not None:
            return replace(failed, sent=sent)
        sent += 1
    return Outcome(name, Result.SENT if sent else Result.NOTHING, sent)


def start(catalog: ModelCatalog, destination: Destination, now: datetime) -> None:
    """Store the first state of a destination: it gets nothing of what happened before."""
    # The end first: what happens in between is in a message rather than in none.
    end = catalog.history.find_end()
    notices = first_notices(read_state(catalog, now))
    catalog.notifications.create(NotificationState(destination.name, end, now, msgspec.to_builtins(notices)))


def prepare_message(
    catalog: ModelCatalog, destination: Destination, state: NotificationState, now: datetime
) -> NotificationState | None:
    """Return the state with the message that is due, stored; without one if nothing is due, or None if it changed.

    Advances the cursor over changes that the destination does not get.
    """
    while state.pending is None and is_due(destination, state.prepared_at, now):
        following, is_end = gather(catalog, destination, state, now)
        if _is_same(following, state):
            return state
        stored = catalog.notifications.save(following)
        if stored is None:
            return None
        state = stored
        if is_end:
            break
    return state


def _is_same(following: NotificationState, state: NotificationState) -> bool:
    """Return True if there is nothing to store; a digest stores when it was gathered."""
    return (following.cursor, following.notices, following.pending, following.prepared_at) == (
        state.cursor,
        state.notices,
        state.pending,
        state.prepared_at,
    )


def gather(
    catalog: ModelCatalog, destination: Destination, state: NotificationState, now: datetime
) -> tuple[NotificationState, bool]:
    """Return the state after the changes that follow its cursor, with their message, and whether no more follow.

    Changes nothing.
    """
    pages = _Pages(catalog, state.cursor, MAX_CHANGES[destination.kind])
    notices = msgspec.convert(state.notices, Notices)
    entries, notices = compose(pages.read(), read_state(catalog, now), notices, destination.filter)
    message = Message(f"msg_{secrets.token_hex(16)}", destination.name, now, entries) if entries else None
    following = replace(
        state,
        cursor=pages.cursor,
        # Only at the end: a digest in several parts is sent at once.
        prepared_at=now if pages.is_end and destination.is_digest else state.prepared_at,
        notices=msgspec.to_builtins(notices),
        pending=None if message is None else message.to_json(),
    )
    return following, pages.is_end


class _Pages:
    """Reads changes page by page up to a limit, and remembers where it is."""

    def __init__(self, catalog: ModelCatalog, cursor: str, limit: int) -> None:
        self._catalog = catalog
        self._left = limit
        self.cursor = cursor
        self.is_end = False

    def read(self) -> Iterator[Change]:
        while self._left > 0 and not self.is_end:
            page = self._catalog.list_changes(self.cursor, limit=min(MAX_PAGE, self._left))
            self.cursor, self.is_end = page.cursor, page.is_end
            self._left -= len(page.changes)
            yield from page.changes


def is_due(destination: Destination, prepared_at: datetime, now: datetime) -> bool:
    """Return True if it is time to gather changes. A daily digest is due from midnight UTC on."""
    if destination.cadence == DAILY:
        return now.date() > prepared_at.date()
    return destination.every is None or now >= prepared_at + destination.every


def _attempt(
    catalog: ModelCatalog,
    destination: Destination,
    claimed: NotificationState,
    clock: Callable[[], datetime],
    send: Send,
) -> Outcome | None:
    """Send the message that waits and store what became of it. Return None after a delivery."""
    error = try_to_send(destination, read_message(claimed.pending or {}), clock(), send)
    now = clock()
    if error is None:
        accepted = replace(
            claimed, pending=None, last_success_at=now, failures=0, next_attempt_at=None, last_error=None
        )
        # Not stored if it took longer than the claim and another program has it now: then it is sent twice.
        catalog.notifications.save(accepted)
        return None
    failures = claimed.failures + 1
    next_attempt_at = now + backoff(failures, error.retry_after)
    failed = replace(claimed, failures=failures, next_attempt_at=next_attempt_at, last_error=str(error))
    catalog.notifications.save(failed)
    return Outcome(destination.name, Result.FAILED, 0, str(error), next_attempt_at)


def backoff(failures: int, retry_after: float | None) -> timedelta:
    """Return the wait after some failures in a row, doubled with each; longer if the server asks for it."""
    wait = min(FIRST_BACKOFF * (1 << min(failures - 1, 20)), MAX_BACKOFF)
    if retry_after is None:
        return wait
    return max(wait, timedelta(seconds=min(retry_after, MAX_RETRY_AFTER.total_seconds())))


def try_to_send(destination: Destination, message: Message, now: datetime, send: Send) -> DeliveryError | None:
    """Send a message within SEND_TIMEOUT. Return why it failed, or None."""
    ended: list[DeliveryError | None] = []

    def work() -> None:
        try:
            send(destination, message, now)
            ended.append(None)
        except DeliveryError as error:
            ended.append(error)
        except GhostPipelineError as error:
            ended.append(DeliveryError(error.reason, error.advice))
        except Exception as error:  # noqa: BLE001 - one destination must not stop the others
            ended.append(DeliveryError(f"the attempt failed ({type(error).__name__})"))

    # A thread of its own, which does not keep the program running: libraries' time-outs start anew with every byte.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(SEND_TIMEOUT)
    return ended[0] if ended else DeliveryError(f"no answer within {SEND_TIMEOUT:g} s")


def find_due(catalog: ModelCatalog, destinations: Sequence[Destination], now: datetime) -> list[str]:
    """Make the messages that are due and send none; return the destinations to which one can be sent now."""
    due = []
    for one in destinations:
        state = catalog.notifications.read(one.name)
        if state is None:
            start(catalog, one, now)
        elif not state.is_blocked(now):
            prepared = prepare_message(catalog, one, state, now)
            if prepared is not None and prepared.pending is not None:
                due.append(one.name)
    return due


def find_failing(catalog: ModelCatalog, destinations: Sequence[Destination]) -> dict[str, str]:
    """Return destination -> why its last attempt failed, of those that failed FAILING_AFTER times in a row."""
    names = {one.name for one in destinations}
    return {
        state.name: state.last_error or ""
        for state in catalog.notifications.read_all()
        if state.name in names and state.failures >= FAILING_AFTER
    }


def preview(catalog: ModelCatalog, destination: Destination, now: datetime) -> tuple[Message | None, str]:
    """Return the message that a delivery would send, if there is one, and what would become of it. Changes nothing."""
    state = catalog.notifications.read(destination.name)
    if state is None:
        return None, "starts with the next delivery; nothing is sent"
    if state.pending is not None:
        return read_message(state.pending), "waits for the next attempt" if state.is_blocked(now) else "to be sent now"
    following, _ = gather(catalog, destination, state, now)
    if following.pending is None:
        return None, "nothing new"
    is_now = is_due(destination, state.prepared_at, now)
    note = "to be sent now" if is_now else f"so far; it is sent with the next digest, {destination.cadence}"
    return read_message(following.pending), note


def skip_waiting(catalog: ModelCatalog, destination: Destination, now: datetime) -> bool:
    """Drop the message that waits and all changes until now. Return True if the destination had a message waiting."""
    while True:
        state = catalog.notifications.read(destination.name)
        if state is None:
            start(catalog, destination, now)
            return False
        fresh: dict[str, Any] = {"cursor": catalog.history.find_end(), "prepared_at": now, "pending": None}
        fresh |= {"failures": 0, "next_attempt_at": None, "last_error": None}
        notices = msgspec.to_builtins(first_notices(read_state(catalog, now)))
        if catalog.notifications.save(replace(state, notices=notices, **fresh)) is not None:
            return state.pending is not None


def send_test(catalog: ModelCatalog, destination: Destination, clock: Callable[[], datetime]) -> DeliveryError | None:
    """Send a marked test message. Return why it failed; after a delivery the next attempt need not wait any more."""
    now = clock()
    message = Message(f"test_{secrets.token_hex(16)}", destination.name, now, is_test=True)
    error = try_to_send(destination, message, now, send_message)
    state = catalog.notifications.read(destination.name)
    if error is None and state is not None and state.failures:
        catalog.notifications.save(replace(state, next_attempt_at=None))
    return error
