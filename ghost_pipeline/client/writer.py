"""The thread that delivers what waits."""

import queue
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SightingResult
from ghost_pipeline.catalog.sightings import record_storable
from ghost_pipeline.client.pending import LOG_AGAIN_AFTER, Buffers, DropLog, Drops, Model, Noted, Notes, log
from ghost_pipeline.errors import GhostPipelineError
from ghost_pipeline.lifecycle.records import Inference
from ghost_pipeline.lifecycle.validation import clamp_instant, require_valid_clock
from ghost_pipeline.settings import Settings

MAX_PER_TRANSACTION = 500
"""Sightings in one transaction, so that no other writer waits long."""


class Delivery:
    """Writes notes. Used by one thread at a time."""

    def __init__(self, settings: Settings | None, drops: Drops) -> None:
        self._settings = settings
        self._drops = drops
        self._catalog: ModelCatalog | None = None
        self.in_database = threading.Lock()
        """Held while the database's driver is at work. A process that forks meanwhile would give its child a driver
        whose own locks are taken for ever."""
        self.clamped = 0
        """Instants that no clock that is right can have said."""

    def write(self, notes: Mapping[Model, Noted]) -> None:
        """Write them all, except those that the database can't hold. Raises GhostPipelineError if it takes none now."""
        now = datetime.now(UTC)
        require_valid_clock(now)
        if self._catalog is None:
            with self.in_database:
                self._catalog = ModelCatalog.open(self._settings)
        inferences = [self._inference(model, noted, now) for model, noted in notes.items()]
        for begin in range(0, len(inferences), MAX_PER_TRANSACTION):
            _, refused = record_storable(
                partial(self._record, self._catalog), inferences[begin : begin + MAX_PER_TRANSACTION]
            )
            for inference, why in refused:
                self._drops.add("refused", f"{inference.model_id!r}: {why}")

    def close(self) -> None:
        """Close the connections."""
        if self._catalog is not None:
            with self.in_database:
                self._catalog.close()
            self._catalog = None

    def _inference(self, model: Model, noted: Noted, now: datetime) -> Inference:
        first_at, last_at, learned = noted
        said = [datetime.fromtimestamp(at, UTC) for at in (first_at, last_at)]
        believed = [clamp_instant(at, now) for at in said]
        self.clamped += said != believed
        if learned is not None and learned.cut:
            self._drops.add("metadata", f"{model[1]!r} has more metadata than is kept of one model", learned.cut)
        return Inference(
            *model,
            first_at=min(believed),
            last_at=max(believed),
            name=None if learned is None else learned.name,
            metadata=None if learned is None else learned.metadata,
        )

    def _record(self, catalog: ModelCatalog, inferences: Sequence[Inference]) -> list[SightingResult]:
        with self.in_database:
            return catalog.record_inferences(inferences)


FIRST_BACKOFF = 0.1
MAX_BACKOFF = 60.0
"""Seconds until a catalog that did not take the notes is tried again: twice as many each time, between these."""


@dataclass(slots=True)
class FlushRequest:
    """To write everything now. ``is_delivered`` once that is ``done``: whether the catalog has it all."""

    is_last: bool = False
    is_delivered: bool = False
    done: threading.Event = field(default_factory=threading.Event)


class Writer:
    """Collects the buffers and writes them. Its methods are for the writing thread, but for ``ask`` and ``wake``."""

    def __init__(
        self, settings: Settings | None, buffers: Buffers, interval: float, write_at_models: int, max_models: int
    ) -> None:
        self._buffers = buffers
        self._interval = interval
        self._write_at_models = write_at_models
        self._max_models = max_models
        self._requests: queue.SimpleQueue[FlushRequest | None] = queue.SimpleQueue()
        self._is_woken = False
        self._waiting = Notes(max_models, buffers.drops)
        self._delivery = Delivery(settings, buffers.drops)
        self._drop_log = DropLog()
        self._failures = 0
        self._failure_told_at = -LOG_AGAIN_AFTER
        self._written: set[Model] = set()
        """Models written in this interval: size alone does not write them again."""

    @property
    def in_database(self) -> threading.Lock:
        """Held while the database's driver is at work."""
        return self._delivery.in_database

    @property
    def clamped(self) -> int:
        """Sightings with an instant that no clock that is right can have said."""
        return self._delivery.clamped

    def wake(self) -> None:
        """Much is noted. From any thread, even from a signal's: a SimpleQueue never waits for its reader."""
        if not self._is_woken:
            self._is_woken = True
            self._requests.put(None)

    def ask(self, request: FlushRequest) -> None:
        """Have everything written. From any thread."""
        self._requests.put(request)

    def run(self) -> None:
        """Write until the last request."""
        due_at = time.monotonic() + self._interval
        while True:
            try:
                request = self._requests.get(timeout=max(0.0, due_at - time.monotonic()))
            except queue.Empty:
                self._written.clear()
                self._write_all()
                due_at = time.monotonic() + self._wait()
            else:
                self._is_woken = False
                if request is None:
                    self._write_new()
                elif self.answer(request).is_last:
                    return
            self._drop_log.tell(self._buffers.all_drops())

    def answer(self, request: FlushRequest) -> FlushRequest:
        """Write everything now, whatever came before."""
        try:
            request.is_delivered = self._write_all()
            if request.is_last:
                self._delivery.close()
                self._drop_log.tell(self._buffers.all_drops(), is_last=True)
        finally:
            request.done.set()
        return request

    def drop_the_rest(self) -> None:
        """Count what never reached the catalog."""
        left = len(self._waiting.by_model) + self._buffers.uncollected()
        if left:
            self._buffers.drops.add("undelivered", "the catalog could not be reached before the end", left)
        self._drop_log.tell(self._buffers.all_drops(), is_last=True)

    def _wait(self) -> float:
        """Seconds until the next write."""
        if not self._failures:
            return self._interval
        return min(FIRST_BACKOFF * 2.0 ** min(self._failures, 20), MAX_BACKOFF)

    def _write_all(self) -> bool:
        self._buffers.collect(self._waiting)
        return self._write(list(self._waiting.by_model))

    def _write_new(self) -> None:
        """Write the models that were not written in this interval, if there are enough of them.

        A catalog that is out of reach is left alone until the next try is due, and so is one that took enough models
        in this interval already.
        """
        self._buffers.collect(self._waiting)
        if self._failures or len(self._written) >= self._max_models:
            return
        new = [model for model in self._waiting.by_model if model not in self._written]
        if len(new) >= self._write_at_models:
            self._write(new)

    def _write(self, models: Collection[Model]) -> bool:
        if not models:
            return True
        try:
            self._delivery.write({model: self._waiting.by_model[model] for model in models})
        except Exception as error:  # noqa: BLE001 - whatever it is, the notes stay and are tried again
            self._tell_failure(error)
            return False
        self._waiting.remove(models)
        self._written.update(models)
        if self._failures:
            log.info("the catalog takes sightings again")
            self._failures = 0
        return True

    def _tell_failure(self, error: Exception) -> None:
        self._failures += 1
        now = time.monotonic()
        if now - self._failure_told_at >= LOG_AGAIN_AFTER:
            said = str(error) if isinstance(error, GhostPipelineError) else f"{type(error).__name__}: {error}"
            log.warning("sightings wait, the catalog did not take them: %s", said)
            self._failure_told_at = now
