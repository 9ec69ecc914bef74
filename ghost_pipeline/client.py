"""What a gateway imports: saying that a model answered.

``track_successful_inference`` writes at once, for scripts. ``DiscoveryTracker`` is for hot paths: a call only notes the
sighting in memory, and a thread writes what was noted, one sighting a model, however many calls there were.
"""

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SightingResult
from ghost_pipeline.catalog.sightings import Inference
from ghost_pipeline.errors import GhostPipelineError, UsageError
from ghost_pipeline.lifecycle.identity import canonical_model_id, checked_name, provider_slug
from ghost_pipeline.lifecycle.metadata import checked_metadata
from ghost_pipeline.settings import Settings

log = logging.getLogger(__name__)

MAX_BACKOFF_SECONDS = 60.0


def track_successful_inference(
    provider_id: str,
    model_id: str,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    observed_at: datetime | None = None,
) -> SightingResult:
    """Set down in the catalog that the environment names that a model answered. Raises GhostPipelineError."""
    catalog = _shared_catalog(Settings.from_environment(), os.getpid())
    return catalog.track_successful_inference(provider_id, model_id, name, metadata, observed_at)


@lru_cache(maxsize=4)
def _shared_catalog(settings: Settings, _process: int) -> ModelCatalog:
    return ModelCatalog.open(settings)


@dataclass(slots=True)
class _Noted:
    """What is noted of one model since the last write. Instants are seconds since the epoch."""

    first_at: float
    last_at: float
    name: str | None
    metadata: dict[str, Any] | None

    def absorb(self, other: "_Noted") -> None:
        """Fold in what was noted at another time; the newer value wins."""
        older, newer = (self, other) if other.last_at >= self.last_at else (other, self)
        metadata = {**(older.metadata or {}), **(newer.metadata or {})} or None
        name = newer.name if newer.name is not None else older.name
        self.first_at = min(self.first_at, other.first_at)
        self.last_at = max(self.last_at, other.last_at)
        self.name, self.metadata = name, metadata


_Notes = dict[tuple[str, str], _Noted]


class DiscoveryTracker:
    """Notes successful inferences and writes them behind; never raises into the caller and never waits for the catalog.

    ``interval`` is in seconds. At most ``max_models`` different models are kept between two writes; what is over that,
    or can't be kept at all, is dropped, counted in ``dropped`` and logged. While the catalog can't be reached, what is
    noted stays in memory and is tried again, less and less often. Safe with threads and fork.
    """

    _notes: _Notes
    _lock: threading.Lock
    _writing: threading.Lock
    _closing: threading.Event
    _thread: threading.Thread | None
    _catalog: ModelCatalog | None

    def __init__(self, settings: Settings | None = None, *, interval: float = 1.0, max_models: int = 10_000) -> None:
        self._settings = settings
        self._interval = interval
        self._max_models = max_models
        self.dropped = 0
        self._start_afresh()
        reference = weakref.ref(self)
        atexit.register(_close_if_alive, reference)
        os.register_at_fork(after_in_child=lambda: _start_afresh_if_alive(reference))

    def track_successful_inference(
        self,
        provider_id: str,
        model_id: str,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        observed_at: datetime | None = None,
    ) -> None:
        """Note that a model answered, and return."""
        try:
            at = time.time() if observed_at is None else observed_at.timestamp()
            noted = _Noted(at, at, name, dict(metadata) if metadata else None)
            key = (provider_id, model_id)
            with self._lock:
                self._note(key, noted)
            if self._thread is None:
                self._start_thread()
        except Exception as error:  # noqa: BLE001 - the promise to the caller's hot path
            self._drop(1, f"{type(error).__name__}: {error}")

    def flush(self) -> bool:
        """Write what is noted now and wait for it. Gives whether the catalog has it all."""
        with self._writing:
            with self._lock:
                notes, self._notes = self._notes, {}
            if not notes:
                return True
            try:
                self._write(notes)
            except GhostPipelineError as error:
                log.warning("sightings wait, the catalog did not take them: %s", error)
                with self._lock:
                    for key, noted in notes.items():
                        self._note(key, noted)
                return False
            except Exception as error:  # noqa: BLE001 - what can't be written now can't be written later either
                self._drop(len(notes), f"{type(error).__name__}: {error}")
        return True

    def close(self) -> None:
        """Write what is noted, stop the thread, and log what could not be written."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        if not self.flush():
            with self._lock:
                left, self._notes = len(self._notes), {}
            self._drop(left, "the catalog could not be reached before the end")
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start_afresh(self) -> None:
        """Begin with nothing noted: at construction, and in a forked child, whose parent writes what it noted."""
        self._notes = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._closing = threading.Event()
        self._thread = None
        self._catalog = None

    def _start_thread(self) -> None:
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="ghost-pipeline-tracker", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        wait = self._interval
        while not self._closing.wait(wait):
            wait = self._interval if self.flush() else min(max(wait, 0.1) * 2, MAX_BACKOFF_SECONDS)

    def _note(self, key: tuple[str, str], noted: _Noted) -> None:
        known = self._notes.get(key)
        if known is not None:
            known.absorb(noted)
        elif len(self._notes) < self._max_models:
            self._notes[key] = noted
        else:
            self._drop(1, f"more than {self._max_models} models wait to be written")

    def _write(self, notes: _Notes) -> None:
        if self._catalog is None:
            self._catalog = ModelCatalog.open(self._settings)
        now = time.time()
        inferences = []
        for (provider_id, model_id), noted in notes.items():
            try:
                inferences.append(_inference(provider_id, model_id, noted, now))
            except UsageError as error:
                self._drop(1, str(error))
        self._catalog.record_inferences(inferences)

    def _drop(self, count: int, why: str) -> None:
        self.dropped += count
        log.warning("%d sightings dropped: %s", count, why)


def _inference(provider_id: str, model_id: str, noted: _Noted, now: float) -> Inference:
    slug = provider_slug(provider_id)
    return Inference(
        provider_id=slug,
        model_id=canonical_model_id(slug, model_id),
        first_at=datetime.fromtimestamp(min(noted.first_at, now), UTC),
        last_at=datetime.fromtimestamp(min(noted.last_at, now), UTC),
        name=checked_name(noted.name),
        metadata=checked_metadata(noted.metadata),
    )


def _close_if_alive(reference: "weakref.ref[DiscoveryTracker]") -> None:
    tracker = reference()
    if tracker is not None:
        tracker.close()


def _start_afresh_if_alive(reference: "weakref.ref[DiscoveryTracker]") -> None:
    tracker = reference()
    if tracker is not None:
        tracker._start_afresh()
