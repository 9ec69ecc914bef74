"""The thread that delivers pending sightings to the catalog: when, how often again, and how it ends."""

import logging
import queue
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.client.drops import LOG_AGAIN_AFTER, DropLog, Drops
from ghost_pipeline.client.pending import Model, PendingSightings, Sighting, SightingBuffer
from ghost_pipeline.client.pending_refusals import PendingRefusal, RefusalKey, to_evidence, to_instant
from ghost_pipeline.errors import GhostPipelineError
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug
from ghost_pipeline.lifecycle.records import Inference
from ghost_pipeline.lifecycle.refusals.evidence import validate_account
from ghost_pipeline.lifecycle.validation import clamp_instant, is_implausible, require_valid_clock
from ghost_pipeline.settings import Settings

log = logging.getLogger("ghost_pipeline.client")

MAX_PER_TRANSACTION = 500
"""Sightings in one transaction, so that no other writer waits long."""

FIRST_BACKOFF = 0.1
MAX_BACKOFF = 60.0
"""Seconds until delivery to an unavailable catalog is tried again: doubled each time, between these."""


class Delivery:
    """Write sightings to the catalog, from one thread at a time."""

    def __init__(self, settings: Settings | None, drops: Drops) -> None:
        self._settings = settings
        self._drops = drops
        self._catalog: ModelCatalog | None = None
        self.in_database = threading.Lock()
        """Held while the database driver is at work. A fork in that moment would leave the child a driver whose own
        locks are never released."""
        self.clamped = 0

    def write(self, sightings: Mapping[Model, Sighting]) -> None:
        """Write all sightings that the database can store, count the others. Raises GhostPipelineError if unavailable.

        After an error some may be written; writing them again has the same result.
        """
        now = datetime.now(UTC)
        require_valid_clock(now)
        inferences = self._to_inferences(sightings, now)
        with self.in_database:
            self._catalog = self._catalog or ModelCatalog.open(self._settings)
        for begin in range(0, len(inferences), MAX_PER_TRANSACTION):
            with self.in_database:
                _, refused = self._catalog.record_reported(inferences[begin : begin + MAX_PER_TRANSACTION])
            for inference, reason in refused:
                self._drops.add("refused", f"{inference.model_id!r}: {reason}")

    def write_refusals(self, taken: Mapping[RefusalKey, PendingRefusal]) -> None:
        """Write refusals and answers by other models. Raises GhostPipelineError if the catalog is unavailable.

        After an error some may be written; writing them again changes no more than their counts.
        """
        now = datetime.now(UTC)
        require_valid_clock(now)
        refusals, substitutions = to_evidence(taken, now)
        with self.in_database:
            self._catalog = self._catalog or ModelCatalog.open(self._settings)
        for begin in range(0, len(refusals), MAX_PER_TRANSACTION):
            with self.in_database:
                self._catalog.record_refusals(refusals[begin : begin + MAX_PER_TRANSACTION])
        for begin in range(0, len(substitutions), MAX_PER_TRANSACTION):
            with self.in_database:
                self._catalog.record_substitutions(substitutions[begin : begin + MAX_PER_TRANSACTION])

    def close(self) -> None:
        """Close the connections. The next write opens, and if need be upgrades, the catalog again."""
        catalog, self._catalog = self._catalog, None
        if catalog is not None:
            with self.in_database:
                catalog.close()

    def _to_inferences(self, sightings: Mapping[Model, Sighting], now: datetime) -> list[Inference]:
        inferences = []
        for model, sighting in sightings.items():
            try:
                inferences.append(self._to_inference(model, sighting, now))
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one must not stop the others
                self._drops.add("refused", f"{model[1]!r}: {type(error).__name__}: {error}")
        return inferences

    def _to_inference(self, model: Model, sighting: Sighting, now: datetime) -> Inference:
        observed = sighting.observed
        stated = [to_instant(at) for at in (sighting.first_at, sighting.last_at)]
        clamped = [clamp_instant(at, now) for at in stated]
        self.clamped += any(is_implausible(at, now) for at in stated)
        if observed is not None and observed.dropped_values:
            self._drops.add("metadata", f"{model[1]!r} has too much metadata for one model", observed.dropped_values)
        return Inference(
            model[0],
            model[1],
            account=model[2] if len(model) > 2 else "",
            first_at=min(clamped),
            last_at=max(clamped),
            name=None if observed is None else observed.name,
            metadata=None if observed is None else observed.metadata,
        )


@dataclass(slots=True, eq=False)
class FlushRequest:
    """A request to write everything now. ``is_delivered`` is valid once ``done`` is set."""

    is_delivered: bool = False
    done: threading.Event = field(default_factory=threading.Event)


open_writers: "set[Writer]" = set()
"""The writers that may still have something to deliver; ended at the end of the program."""


class Writer:
    """Take sightings from the buffer and deliver them, in a thread that starts with the first one.

    ``start``, ``notify``, ``flush``, ``end`` and ``finish`` are for any thread, the rest for the writing one.
    """

    def __init__(
        self, settings: Settings | None, buffer: SightingBuffer, interval: float, write_at_models: int, max_models: int
    ) -> None:
        self._buffer = buffer
        self._interval = interval
        self._write_at_models = write_at_models
        self._max_models = max_models
        self.thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._requests: queue.SimpleQueue[FlushRequest | None] = queue.SimpleQueue()
        self._last_request = FlushRequest()
        self._is_notified = False
        self._is_discarded = False
        self._waiting = PendingSightings(max_models, buffer.drops)
        self._delivery = Delivery(settings, buffer.drops)
        self._drop_log = DropLog()
        self._failures = 0
        self._failure_logged_at = -LOG_AGAIN_AFTER
        self._written: set[Model] = set()
        """Models written in this interval: size alone does not write them again."""
        open_writers.add(self)

    @property
    def in_database(self) -> threading.Lock:
        """The lock that is held while the database driver is at work."""
        return self._delivery.in_database

    @property
    def clamped(self) -> int:
        """The number of sightings whose instants were clamped."""
        return self._delivery.clamped

    def start(self) -> None:
        """Start the thread, unless it runs or another caller is starting it."""
        if self.thread is not None or not self._starting.acquire(blocking=False):
            return
        try:
            if self.thread is None:
                thread = threading.Thread(target=self._run, name="ghost-pipeline-tracker", daemon=True)
                thread.start()
                self.thread = thread
        except RuntimeError:
            pass  # the interpreter is ending and starts no thread; finish() writes what is pending
        finally:
            self._starting.release()

    def notify(self) -> None:
        """Report that many models are pending. Never waits, and is safe in signal handlers."""
        if not self._is_notified:
            self._is_notified = True
            self._requests.put(None)

    def flush(self, timeout: float | None) -> bool:
        """Write everything now and wait ``timeout`` seconds at most. Return True if the catalog has it all."""
        self.start()
        request = FlushRequest()
        with self._buffer.lock:  # a request behind the last one would never be completed
            is_closed, is_running = self._buffer.is_closed, self._is_running()
            if is_closed:
                request = self._last_request
            elif is_running:
                self._requests.put(request)
        if not (is_closed or is_running):
            self._complete(request)
        request.done.wait(timeout)
        return request.is_delivered

    def end(self) -> None:
        """Close the buffer and have the thread deliver what is pending, without waiting for it."""
        with self._buffer.lock:
            self._buffer.is_closed = True
            if self._is_running():
                self._requests.put(self._last_request)
            elif self._buffer.is_empty and self.thread is None:
                open_writers.discard(self)

    def finish(self, timeout: float) -> None:
        """Deliver what is pending and wait ``timeout`` seconds at most; count as dropped what is not delivered."""
        self.end()
        if not self._is_running() and not self._last_request.done.is_set():
            self._complete(self._last_request)
        self._last_request.done.wait(timeout)
        if not self._last_request.is_delivered:
            self._discard_pending()
        open_writers.discard(self)

    def _is_running(self) -> bool:
        return self.thread is not None and self.thread.is_alive()

    def _run(self) -> None:
        """Write until the last request."""
        due_at = time.monotonic() + self._interval
        while not self._last_request.done.is_set():
            try:
                request = self._requests.get(timeout=max(0.0, due_at - time.monotonic()))
            except queue.Empty:
                self._written.clear()
                self._write_all()
                due_at = time.monotonic() + self._seconds_until_next()
            else:
                self._is_notified = False
                if request is None:
                    self._write_new()
                else:
                    self._complete(request)
            self._drop_log.log_if_due(self._buffer.drops)

    def _complete(self, request: FlushRequest) -> None:
        try:
            request.is_delivered = self._write_all()
            if request is self._last_request:
                self._delivery.close()
                if not request.is_delivered:
                    self._discard_pending()
                self._drop_log.log_if_due(self._buffer.drops, is_last=True)
                open_writers.discard(self)
        finally:
            request.done.set()

    def _discard_pending(self) -> None:
        """Count what is not delivered, once."""
        with self._buffer.lock:
            is_first, self._is_discarded = not self._is_discarded, True
        models = {*self._waiting.by_model, *self._buffer.take(), *self._buffer.take_refusals()}
        if is_first and models:
            self._buffer.drops.add("undelivered", "the catalog could not be reached before the end", len(models))
        self._drop_log.log_if_due(self._buffer.drops, is_last=True)

    def _seconds_until_next(self) -> float:
        if not self._failures:
            return self._interval
        return min(FIRST_BACKOFF * 2.0 ** min(self._failures, 20), MAX_BACKOFF)

    def _collect(self) -> None:
        """Move everything from the buffer to the waiting sightings, under the catalog's names."""
        for (provider_id, model_id, *account), sighting in self._buffer.take().items():
            try:
                slug = provider_slug(provider_id)
                labels = [validate_account(label) for label in account]
                self._waiting.add((slug, canonical_model_id(slug, model_id), *labels), sighting)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one must not stop the others
                self._buffer.drops.add("invalid", str(error))

    def _write_all(self) -> bool:
        self._collect()
        return self._write(list(self._waiting.by_model)) and self._write_refusals()

    def _write_new(self) -> None:
        """Write the models that were not written in this interval, if there are enough of them.

        An unavailable catalog is left alone until the next try is due, and so is one that took ``max_models`` models
        in this interval already.
        """
        self._collect()
        if self._failures:
            return
        if self._buffer.is_crowded_with_refusals:
            self._write_refusals()
        if len(self._written) >= self._max_models:
            return
        new = [model for model in self._waiting.by_model if model not in self._written]
        if len(new) >= self._write_at_models:
            self._write(new)

    def _write(self, models: Collection[Model]) -> bool:
        if not models:
            return True
        try:
            self._delivery.write({model: self._waiting.by_model[model] for model in models})
        except Exception as error:  # noqa: BLE001 - whatever it is, the sightings stay and are tried again
            self._delivery.close()
            self._log_failure(error)
            return False
        self._waiting.remove(models)
        self._written.update(models)
        self._log_success()
        return True

    def _write_refusals(self) -> bool:
        taken = self._buffer.take_refusals()
        if not taken:
            return True
        try:
            self._delivery.write_refusals(taken)
        except Exception as error:  # noqa: BLE001 - whatever it is, the refusals stay and are tried again
            self._buffer.put_back(taken)
            self._delivery.close()
            self._log_failure(error)
            return False
        self._log_success()
        return True

    def _log_success(self) -> None:
        if self._failures:
            log.info("the catalog accepts sightings again")
            self._failures = 0

    def _log_failure(self, error: Exception) -> None:
        self._failures += 1
        now = time.monotonic()
        if now - self._failure_logged_at >= LOG_AGAIN_AFTER:
            reason = str(error) if isinstance(error, GhostPipelineError) else f"{type(error).__name__}: {error}"
            log.warning("sightings wait because the catalog did not accept them: %s", reason)
            self._failure_logged_at = now
