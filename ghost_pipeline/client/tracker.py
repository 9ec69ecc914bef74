"""``DiscoveryTracker``: what a hot path calls, and what it does at a fork and at the end of the program."""

import atexit
import os
import threading
import time
import weakref
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from ghost_pipeline.client.drops import Drops
from ghost_pipeline.client.pending import Model, Sighting, SightingBuffer, observe
from ghost_pipeline.client.pending_refusals import classify_cached, refusal_key
from ghost_pipeline.client.writer import Writer, open_writers
from ghost_pipeline.errors import InvalidModelId, UsageError
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug
from ghost_pipeline.lifecycle.refusals.substitution import answers_for, is_response_alias
from ghost_pipeline.lifecycle.validation import require_aware
from ghost_pipeline.settings import Settings

MAX_SPELLED_LENGTH = 1024
"""Characters of a provider or model as the caller spells it: more than the catalog accepts of either."""

CLOSE_TIMEOUT = 10.0

FORK_TIMEOUT = 10.0
"""Seconds that a fork waits at most for the writer's transaction, or its opening of the catalog, to end."""


class DiscoveryTracker:
    """Collect successful and refused requests and write them in the background; never raise, never wait.

    A sighting is written at most ``interval`` seconds after the call, one per model and interval; earlier when
    ``write_at_models`` different models are pending, on ``flush()``, on ``close()``, when the tracker's last reference
    is gone and at the end of the program. While the catalog is unavailable, sightings wait in memory and are tried
    again, less and less often. At most ``max_models`` models wait. What exceeds that, or can't be stored at all, is
    dropped, counted (``dropped``, ``dropped_by_reason``) and logged. An instant that no correct clock can show is
    clamped and counted (``clamped``). No sighting stops another.

    Safe with threads, asyncio and fork: a child starts with nothing pending, its parent writes what it collected.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        interval: float = 10.0,
        write_at_models: int = 1_000,
        max_models: int = 10_000,
    ) -> None:
        if not (interval > 0 and write_at_models > 0 and max_models > 0):
            raise UsageError("interval, write_at_models and max_models of a DiscoveryTracker must be more than 0")
        self._settings = settings
        self._interval = interval
        self._write_at_models = write_at_models
        self._max_models = max_models
        self._start_afresh()
        _trackers.add(self)

    def track_successful_inference(
        self,
        provider_id: str,
        model_id: str,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        observed_at: datetime | None = None,
        *,
        account: str | None = None,
        requested_model_id: str | None = None,
    ) -> None:
        """Collect one successful inference, and return.

        ``observed_at`` is aware; its default is the current time. The arguments are those of
        ``ModelCatalog.track_successful_inference``.
        """
        try:
            is_same = requested_model_id is None or requested_model_id == model_id
            if name is None and metadata is None and observed_at is None and is_same:
                last_used = self._last_used
                model = (provider_id, model_id) if account is None else (provider_id, model_id, account)
                if model in last_used:
                    last_used[model] = time.time()
                    return
            self._add(provider_id, model_id, name, metadata, observed_at, account)
            if requested_model_id is not None and not is_same:
                self._add_substitution(provider_id, requested_model_id, model_id, observed_at)
        except UsageError as error:
            self._drops.add("invalid", str(error))
        except Exception as error:  # noqa: BLE001 - the promise to the caller's hot path
            self._drops.add("invalid", type(error).__name__)

    def track_refused_inference(
        self,
        provider_id: str,
        model_id: str,
        *,
        status: int | None = None,
        code: str | None = None,
        message: str | None = None,
        account: str | None = None,
        observed_at: datetime | None = None,
    ) -> None:
        """Collect one refused request if its answer is evidence, and return; with the promises for successes.

        The arguments are those of ``ModelCatalog.track_refused_inference``. The message is read here and not kept.
        """
        try:
            slug, canonical, found = classify_cached(provider_id, model_id, status, code, message)
            if not found.is_evidence:
                return
            at = time.time() if observed_at is None else require_aware(observed_at).timestamp()
            key = refusal_key(slug, canonical, found, account, at)
            self._start_or_notify(self._buffer.add_refusal(key, at, found))
        except UsageError as error:
            self._drops.add("invalid", str(error))
        except Exception as error:  # noqa: BLE001 - the promise to the caller's hot path
            self._drops.add("invalid", type(error).__name__)

    def flush(self, timeout: float | None = None) -> bool:
        """Write what is pending now, and wait for that, ``timeout`` seconds at most.

        Return True if the catalog has it all. In asyncio: ``await asyncio.to_thread(tracker.flush)``.
        """
        return self._writer.flush(timeout)

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Write what is pending and end. Count as dropped, and log, what is not written in ``timeout`` seconds."""
        if not self._buffer.is_closed:
            self._writer.finish(timeout)

    @property
    def dropped(self) -> int:
        """The number of calls, and of values of metadata, that were dropped so far."""
        return sum(self.dropped_by_reason.values())

    @property
    def dropped_by_reason(self) -> dict[str, int]:
        """The number dropped for each reason; ``Reason`` in client/pending.py explains them."""
        return {str(reason): count for reason, count in self._drops.counts.items()}

    @property
    def clamped(self) -> int:
        """The number of sightings with an instant that no correct clock can show."""
        return self._writer.clamped

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        """Deliver what is pending when the last reference is gone, without waiting for it."""
        writer: Writer | None = getattr(self, "_writer", None)
        if writer is not None and not self._buffer.is_closed:
            writer.end()

    def _start_afresh(self, *, is_closed: bool = False) -> None:
        """Begin with nothing pending: at construction, and in a forked child, whose parent writes what it collected."""
        self._drops = Drops()
        self._buffer = SightingBuffer(self._max_models, self._drops)
        self._buffer.is_closed = is_closed
        self._last_used = self._buffer.last_used
        self._aliases: set[tuple[str, str, str]] = set()
        self._writer = Writer(self._settings, self._buffer, self._interval, self._write_at_models, self._max_models)

    def _add(
        self,
        provider_id: str,
        model_id: str,
        name: str | None,
        metadata: Mapping[str, Any] | None,
        observed_at: datetime | None,
        account: str | None,
    ) -> None:
        """Add a call that contains more than another use of a pending model. Raises UsageError."""
        at = time.time() if observed_at is None else require_aware(observed_at).timestamp()
        model: Model = _plain_text(provider_id), _plain_text(model_id)
        if account is not None:
            model = *model, _plain_text(account)
        sighting = Sighting(at, at, observe(name, metadata, at))
        self._start_or_notify(self._buffer.add(model, sighting, is_current=observed_at is None))

    def _add_substitution(
        self, provider_id: str, requested: str, answered_by: str, observed_at: datetime | None
    ) -> None:
        """Add that another model answered than the requested one. Raises UsageError."""
        at = time.time() if observed_at is None else require_aware(observed_at).timestamp()
        slug = provider_slug(_plain_text(provider_id))
        asked, answered = (canonical_model_id(slug, _plain_text(one)) for one in (requested, answered_by))
        key = (slug, asked, answered)
        if answers_for(asked, answered):
            # An alias is worth one report: a gateway gets the same one with nearly every response.
            if key in self._aliases or not is_response_alias(asked, answered):
                return
            if len(self._aliases) >= self._max_models:
                self._aliases.clear()
            self._aliases.add(key)
        self._start_or_notify(self._buffer.add_refusal(key, at, None))

    def _start_or_notify(self, count: int) -> None:
        """Start the writer with the first report; notify it when many are pending."""
        if count and self._writer.thread is None:
            self._writer.start()
        if count >= self._write_at_models:
            self._writer.notify()


def _plain_text(value: str) -> str:
    if not isinstance(value, str):
        raise InvalidModelId(f"providers, models and accounts are strings, not {type(value).__name__}")
    text = str.__str__(value)
    if len(text) > MAX_SPELLED_LENGTH:
        raise InvalidModelId(f"{text[:40]!r}… has {len(text):,} characters, more than any provider or model")
    return text


_trackers: "weakref.WeakSet[DiscoveryTracker]" = weakref.WeakSet()

_inherited: list[Writer] = []
"""In a forked child, the parent's writers: to collect them would close the parent's database connections."""

_held_for_fork: list[threading.Lock] = []


def _finish_all() -> None:
    for writer in list(open_writers):
        writer.finish(CLOSE_TIMEOUT)


def _before_fork() -> None:
    locks = [writer.in_database for writer in list(open_writers)]
    _held_for_fork.extend(lock for lock in locks if lock.acquire(timeout=FORK_TIMEOUT))


def _after_fork_in_parent() -> None:
    while _held_for_fork:
        _held_for_fork.pop().release()


def _after_fork_in_child() -> None:
    _held_for_fork.clear()
    _inherited.extend(open_writers)
    open_writers.clear()
    for tracker in list(_trackers):
        _inherited.append(tracker._writer)
        tracker._start_afresh(is_closed=tracker._buffer.is_closed)


atexit.register(_finish_all)
os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
