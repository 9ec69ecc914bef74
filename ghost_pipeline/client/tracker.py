"""``DiscoveryTracker``: what a hot path calls."""

import atexit
import os
import threading
import time
import weakref
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from ghost_pipeline.client.pending import Buffers, Mine, learned
from ghost_pipeline.client.writer import FlushRequest, Writer
from ghost_pipeline.errors import InvalidModelId, UsageError
from ghost_pipeline.lifecycle.validation import require_aware
from ghost_pipeline.settings import Settings

MAX_SPELLED_LENGTH = 1024
"""Characters of a provider or model as the caller spells it: more than the catalog takes of either."""

CLOSE_TIMEOUT = 10.0

FORK_TIMEOUT = 10.0
"""How long a fork waits at most for a transaction of the writer, or its opening of the catalog, to end."""

WAKE_AT_THREADS = 256
"""The writer is woken for every so many threads that began to note: those that are over give their memory back."""


class DiscoveryTracker:
    """Notes successful inferences and writes them behind; never raises into the caller and never waits for the catalog.

    A sighting is written at most ``interval`` seconds after it was noted, once a model and interval; earlier when
    ``write_at_models`` different models are noted, on ``flush()``, on ``close()`` and at the end of the program. While
    the catalog can't be reached, notes wait in memory and are tried again, less and less often. At most ``max_models``
    models wait. What is over that, or can't be kept at all, is dropped, counted (``dropped``, ``dropped_by_reason``)
    and logged. An instant that no clock that is right can say is clamped and counted (``clamped``).

    Safe with threads, asyncio and fork: a child starts with nothing noted, its parent writes what it noted.
    """

    _buffers: Buffers
    _mine: Mine
    _writer: Writer
    _thread: threading.Thread | None
    _starting: threading.Lock
    _is_closed: bool

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
        self._is_closed = False
        self._start_afresh()
        _trackers.add(self)

    def track_successful_inference(
        self,
        provider_id: str,
        model_id: str,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        observed_at: datetime | None = None,
    ) -> None:
        """Note that a model answered, and return. ``observed_at`` is aware; without it, now."""
        try:
            if name is None and metadata is None and observed_at is None and not self._is_closed:
                by_model = self._mine.by_model
                model = (provider_id, model_id)
                noted = by_model.get(model)
                if noted is not None:
                    by_model[model] = (noted[0], time.time(), noted[2])
                    return
            self._note(provider_id, model_id, name, metadata, observed_at)
        except Exception as error:  # noqa: BLE001 - the promise to the caller's hot path
            self._mine.buffer.drops.add("invalid", type(error).__name__)

    def flush(self, timeout: float | None = None) -> bool:
        """Write what is noted now, and wait for that, ``timeout`` seconds at most.

        Gives whether the catalog has it all. In asyncio: ``await asyncio.to_thread(tracker.flush)``.
        """
        request = FlushRequest()
        self._ask(request, timeout)
        return request.is_delivered

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Write what is noted and end. What is not written in ``timeout`` seconds is counted as dropped, and logged."""
        if self._is_closed:
            return
        self._is_closed = True
        request = FlushRequest(is_last=True)
        self._ask(request, timeout)
        if not request.is_delivered:
            self._writer.drop_the_rest()

    @property
    def dropped(self) -> int:
        """How many calls, or values of metadata, were dropped so far."""
        return sum(self.dropped_by_reason.values())

    @property
    def dropped_by_reason(self) -> dict[str, int]:
        """How many for each reason; client/drops.py says what they mean."""
        return {str(reason): count for reason, count in self._buffers.all_drops().counts.items()}

    @property
    def clamped(self) -> int:
        """How many sightings had an instant that no clock that is right can say."""
        return self._writer.clamped

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start_afresh(self) -> None:
        """Begin with nothing noted: at construction, and in a forked child, whose parent writes what it noted."""
        self._buffers = Buffers(self._max_models)
        self._mine = Mine(self._buffers)
        self._writer = Writer(self._settings, self._buffers, self._interval, self._write_at_models, self._max_models)
        self._thread = None
        self._starting = threading.Lock()

    def _note(
        self,
        provider_id: str,
        model_id: str,
        name: str | None,
        metadata: Mapping[str, Any] | None,
        observed_at: datetime | None,
    ) -> None:
        """The way of a call that tells more than that a model answered again."""
        buffer = self._mine.buffer
        try:
            at = time.time() if observed_at is None else require_aware(observed_at).timestamp()
            model = _text(provider_id), _text(model_id)
            noted = (at, at, learned(name, metadata, at))
        except UsageError as error:
            buffer.drops.add("invalid", str(error))
            return
        if self._is_closed:
            buffer.drops.add("closed", "the tracker is closed")
            return
        if buffer.generation != self._buffers.generation:
            buffer.generation, buffer.notes.learned_bytes = self._buffers.generation, 0
        buffer.notes.fold(model, noted)
        if self._thread is None:
            self._start_thread()
        if len(buffer.notes.by_model) >= self._write_at_models or len(self._buffers) % WAKE_AT_THREADS == 0:
            self._writer.wake()

    def _start_thread(self) -> None:
        if not self._starting.acquire(blocking=False):
            return  # another thread is at it
        try:
            if self._thread is None:
                thread = threading.Thread(target=self._writer.run, name="ghost-pipeline-tracker", daemon=True)
                thread.start()
                self._thread = thread
        except RuntimeError:
            pass  # the interpreter ends and starts no thread any more; close() writes what is noted
        finally:
            self._starting.release()

    def _ask(self, request: FlushRequest, timeout: float | None) -> None:
        if self._thread is None:
            self._start_thread()
        if self._thread is not None and self._thread.is_alive():
            self._writer.ask(request)
            request.done.wait(timeout)
        else:
            self._writer.answer(request)


def _text(value: str) -> str:
    if not isinstance(value, str):
        raise InvalidModelId(f"providers and models are strings, not {type(value).__name__}")
    text = str.__str__(value)
    if len(text) > MAX_SPELLED_LENGTH:
        raise InvalidModelId(f"{text[:40]!r}… has {len(text):,} characters, which no provider or model has")
    return text


_trackers: "weakref.WeakSet[DiscoveryTracker]" = weakref.WeakSet()
_of_the_parent: list[tuple[Buffers, Writer]] = []
"""In a forked child: kept, because to collect them would close the parent's database connections."""


_quiet: list[threading.Lock] = []
"""Taken for the moment of a fork."""


def _close_all() -> None:
    for tracker in list(_trackers):
        tracker.close()


def _become_quiet() -> None:
    locks = [tracker._writer.in_database for tracker in list(_trackers)]
    _quiet.extend(lock for lock in locks if lock.acquire(timeout=FORK_TIMEOUT))


def _go_on() -> None:
    while _quiet:
        _quiet.pop().release()


def _start_all_afresh() -> None:
    _quiet.clear()
    for tracker in list(_trackers):
        _of_the_parent.append((tracker._buffers, tracker._writer))
        tracker._start_afresh()


atexit.register(_close_all)
os.register_at_fork(before=_become_quiet, after_in_parent=_go_on, after_in_child=_start_all_afresh)
